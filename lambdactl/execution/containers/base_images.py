"""Which of AWS's base images a runtime is run in: the table ``images.json``.

The images and their tags:
https://docs.aws.amazon.com/lambda/latest/dg/images-create.html#runtimes-images-lp and the page of
each language (``sources`` in the table).
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lambdactl.manifest import runtimes

TABLE = Path(__file__).with_name("images.json")
_REPOSITORY = "public.ecr.aws/lambda"
_BOTH = ("x86_64", "arm64")


@dataclass(frozen=True, slots=True)
class BaseImage:
    """A base image: its reference without an architecture, and the architectures it is made for."""

    reference: str
    architectures: tuple[str, ...]

    def only(self, architecture: str) -> str:
        """The reference that stands for one architecture, on every machine.

        AWS tags these beside the ones for all: ``python:3.13-arm64``
        (https://github.com/aws/aws-lambda-base-images/issues/37).
        """
        if len(self.architectures) == 1:
            return self.reference
        return f"{self.reference}-{architecture}"


@functools.cache
def _document() -> Mapping[str, Any]:
    document: Mapping[str, Any] = json.loads(TABLE.read_text(encoding="utf-8"))
    return document


@functools.cache
def table() -> Mapping[str, BaseImage]:
    """All base images by runtime."""
    return {
        entry["runtime"]: BaseImage(entry["image"], tuple(entry["architectures"]))
        for entry in _document()["images"]
    }


def find(runtime: str) -> BaseImage | None:
    """The base image of a runtime; None where AWS makes none.

    A runtime that AWS has added since is looked for under the name that it would have.
    """
    known = table().get(runtime)
    if known is not None or runtime in _document()["without"]:
        return known
    new = runtimes.guess(runtime)
    if new.family == "custom" or not new.version:
        return None
    return BaseImage(f"{_REPOSITORY}/{new.family}:{new.version}", _BOTH)
