"""Whatever a template says where an API should be, it is read or refused with words."""

from __future__ import annotations

import contextlib
import json
import random
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from lambdactl import manifest
from lambdactl.errors import LambdactlError
from lambdactl.manifest.routes import apis_of
from tests.manifest.sam.conftest import Folder
from tests.manifest.sam.test_sam_apis import BESIDE, CASES

ODD = (None, "", "x", 0, 1.5, True, [], {}, ["x"], [[1]], [{"a": 1}], {"a": "b"}, "${x", "a b",
       {"Fn::ImportValue": "far"}, {"Ref": "AWS::NoValue"}, {"Ref": "Nowhere"})  # fmt: skip


class Long(yaml.SafeLoader):
    """Short forms of functions as their long forms."""


def _long(loader: Long, name: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.SequenceNode):
        return {f"Fn::{name}": loader.construct_sequence(node, deep=True)}
    if name == "Ref":
        return {"Ref": node.value}
    return {f"Fn::{name}": node.value.split(".", 1) if name == "GetAtt" else node.value}


Long.add_multi_constructor("!", _long)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    for key in value if isinstance(value, dict) else range(len(value)):
        yield (*path, key)
        if isinstance(value[key], (dict, list)):
            yield from places(value[key], (*path, key))


@pytest.mark.parametrize("seed", range(6))
def test_odd_values_are_no_crash(folder: Folder, seed: int) -> None:
    chance = random.Random(seed)
    for case in chance.sample(CASES, 12):
        text = folder.text(case.get("properties", ""), BESIDE + case.get("resources", ""))
        document = yaml.load(text, Long)
        for _ in range(chance.choice((1, 1, 2))):
            path = chance.choice([path for path in places(document) if len(path) > 2])
            parent = document
            for step in path[:-1]:
                parent = parent[step]
            parent[path[-1]] = json.loads(json.dumps(chance.choice(ODD)))
        report = manifest.examine(folder.write(json.dumps(document), "template.json"), env={})
        assert report.valid or any(problem.message for problem in report.problems)
        if report.valid and report.app is not None:
            with contextlib.suppress(LambdactlError):
                apis_of(report.app)
