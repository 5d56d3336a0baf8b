"""The table of AWS's base images."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

from lambdactl.execution.containers import base_images
from lambdactl.manifest import runtimes

SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["sources", "note", "without", "images"],
    "additionalProperties": False,
    "properties": {
        "sources": {
            "type": "object",
            "additionalProperties": {
                "type": "string",
                "pattern": "^https://docs[.]aws[.]amazon[.]com/lambda/latest/dg/",
            },
        },
        "note": {"type": "string"},
        "without": {"type": "array", "uniqueItems": True, "items": {"type": "string"}},
        "images": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["runtime", "image", "architectures"],
                "additionalProperties": False,
                "properties": {
                    "runtime": {"type": "string"},
                    "image": {
                        "type": "string",
                        "pattern": "^public[.]ecr[.]aws/lambda/[a-z]+:[a-z0-9.]+$",
                    },
                    "architectures": {
                        "type": "array",
                        "minItems": 1,
                        "uniqueItems": True,
                        "items": {"enum": ["x86_64", "arm64"]},
                    },
                },
            },
        },
    },
}
TABLE = json.loads(base_images.TABLE.read_text())


def test_the_table_has_its_shape() -> None:
    jsonschema.validate(TABLE, SCHEMA)
    listed = [entry["runtime"] for entry in TABLE["images"]]
    assert len(set(listed)) == len(listed)
    images = [entry["image"] for entry in TABLE["images"]]
    assert len(set(images)) == len(images)
    families = {entry["image"].rpartition("/")[2].partition(":")[0] for entry in TABLE["images"]}
    assert families == set(TABLE["sources"])


def test_every_runtime_has_an_image_or_has_none() -> None:
    listed = {entry["runtime"] for entry in TABLE["images"]}
    assert listed | set(TABLE["without"]) == set(runtimes.table())
    assert not listed & set(TABLE["without"])


@pytest.mark.parametrize(
    ("runtime", "image"),
    [
        # As AWS's pages of each language have them, in order: python-image.html, nodejs-image.html,
        # java-image.html, csharp-image.html, ruby-image.html, images-create.html.
        ("python3.13", "python:3.13"),
        ("nodejs22.x", "nodejs:22"),
        ("java21", "java:21"),
        ("java8.al2", "java:8.al2"),
        ("dotnet8", "dotnet:8"),
        ("ruby3.4", "ruby:3.4"),
        ("provided.al2023", "provided:al2023"),
        ("provided.al2", "provided:al2"),
        # Newer than the table: by the same rule.
        ("python3.99", "python:3.99"),
        ("nodejs98.x", "nodejs:98"),
        ("provided.al2030", "provided:al2030"),
    ],
)
def test_the_image_of_a_runtime(runtime: str, image: str) -> None:
    found = base_images.find(runtime)
    assert found is not None
    assert found.reference == f"public.ecr.aws/lambda/{image}"
    assert found.only("arm64") == f"public.ecr.aws/lambda/{image}-arm64"


@pytest.mark.parametrize("runtime", ["nodejs4.3", "custom", "", "cobol", "python"])
def test_a_runtime_without_an_image(runtime: str) -> None:
    assert base_images.find(runtime) is None


def test_an_image_for_one_architecture_has_one_tag() -> None:
    found = base_images.find("python3.7")
    assert found is not None
    assert found.only("x86_64") == found.reference == "public.ecr.aws/lambda/python:3.7"
