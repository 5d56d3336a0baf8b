"""The bill of a build."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path

from lambdactl.artifacts.bill import bill
from tests.artifacts.dependencies import wheels
from tests.artifacts.projects import WITH_WHEEL, Project


def test_it_says_what_there_is_to_ship(tmp_path: Path) -> None:
    project = Project(tmp_path / "project")
    wheels.wheel(project.wheels, "one", "2.5")
    project.put({"src/app.py": WITH_WHEEL, "src/requirements.txt": "one\n", "shared/x": "shared"})
    arn = "arn:aws:lambda:eu-west-1:123456789012:layer:other:1"
    functions = {"hello": {"layers": ["shared", arn], "architecture": "arm64"}}
    project.manifest(functions, layers={"shared": {"path": "shared"}})
    document = json.loads(json.dumps(bill(project.build())))
    hello, shared = document["functions"]["hello"], document["layers"]["shared"]
    data = Path(hello["file"]).read_bytes()
    digest = base64.b64encode(hashlib.sha256(data).digest()).decode()
    assert (hello["size"], hello["sha256"]) == (len(data), digest)
    assert hello["unzipped"] > len(WITH_WHEEL)
    assert (hello["runtime"], hello["architecture"]) == ("python3.13", "arm64")
    assert hello["layers"] == ["shared", arn]
    assert hello["packages"]["one"]["version"] == "2.5"
    assert (shared["unzipped"], shared["runtime"], shared["packages"]) == (6, None, {})
    assert bill(project.build()) == document
