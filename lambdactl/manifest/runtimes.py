"""Lambda's runtimes: identifier, language family, version, and the end of AWS's support.

The table is ``runtimes.json`` (https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html).
An identifier that the installed botocore knows and the table does not is accepted: AWS adds
runtimes faster than lambdactl is released.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

TABLE = Path(__file__).with_name("runtimes.json")
_NAME = re.compile(r"(python|nodejs|ruby|java|dotnet|provided|go)(.*)")


class Runtime(NamedTuple):
    """One runtime. ``family`` is python, nodejs, ruby, java, dotnet, go, provided or custom;
    ``version`` is the language's ("3.13", "22"), or the system's for provided ("al2023").
    Dates are ISO dates, None where AWS announced none."""

    identifier: str
    family: str
    version: str
    os: str = "Amazon Linux 2023"
    deprecated: bool = False
    deprecation_date: str | None = None
    block_create: str | None = None
    block_update: str | None = None
    preview: bool = False


@functools.cache
def table() -> Mapping[str, Runtime]:
    """All runtimes of the table, newest of each family first."""
    data = json.loads(TABLE.read_text(encoding="utf-8"))
    return {entry["identifier"]: Runtime(**entry) for entry in data["runtimes"]}


def find(identifier: str) -> Runtime | None:
    """The runtime of that name, from the table or from botocore; None if AWS has no such one."""
    known = table().get(identifier)
    if known is None and identifier in botocore_enum():
        return guess(identifier)
    return known


def guess(identifier: str) -> Runtime:
    """A runtime made from its name alone: ``python3.99`` is Python 3.99."""
    match = _NAME.fullmatch(identifier)
    if match is None:
        return Runtime(identifier, "custom", "")
    return Runtime(identifier, match[1], match[2].removesuffix(".x").lstrip("."))


def container_only(code: str, runtime: str | None) -> bool:
    """Whether a function runs on this machine in a container or not at all: images, and languages
    whose runtime interface is in AWS's image and nowhere else.

    :param code: the kind of its code, as in :class:`~lambdactl.manifest.settings.Code`.
    """
    return code in ("image", "dockerfile") or guess(runtime or "").family in ("java", "dotnet")


def supported(family: str) -> tuple[Runtime, ...]:
    """Runtimes of a family that AWS supports today, newest first."""
    return tuple(
        runtime
        for runtime in table().values()
        if runtime.family == family and not runtime.deprecated and not runtime.preview
    )


@functools.cache
def botocore_enum() -> frozenset[str]:
    """The runtimes that the installed botocore's service model of Lambda lists. Its data file is
    read directly: importing botocore costs more than everything else here."""
    import gzip
    import importlib.util

    spec = importlib.util.find_spec("botocore")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        for path in sorted(Path(folder, "data", "lambda").glob("*/service-2.json*"), reverse=True):
            raw = path.read_bytes()
            model: Any = json.loads(gzip.decompress(raw) if path.suffix == ".gz" else raw)
            return frozenset(model["shapes"]["Runtime"]["enum"])
    return frozenset()
