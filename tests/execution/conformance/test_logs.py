"""What becomes of a function's output: lines, levels, JSON."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from lambdactl.manifest.model import Logging
from tests.execution.conformance.conftest import Ran

Start = Callable[..., Ran]


def test_a_stack_trace_is_one_line(start: Start) -> None:
    ran = start("python")
    ran.invoke("raise")
    (trace,) = [line.text for line in ran.lines if b"Traceback" in line.text]
    assert trace.startswith(b"[ERROR] Custom: it broke\nTraceback")


@pytest.mark.parametrize(
    ("level", "shown", "hidden"),
    [
        ("debug", ["at debug", "at info", "printed debug", "printed plainly"], []),
        ("info", ["at info", "printed plainly"], ["at debug", "printed debug"]),
        ("error", ["at error"], ["at warning", "printed plainly", "printed debug"]),
    ],
)
def test_json_logs_are_filtered_by_level(
    start: Start, level: str, shown: list[str], hidden: list[str]
) -> None:
    ran = start("python", logging=Logging("json", level, "info"))
    ran.invoke("log")
    assert [word for word in shown if word not in ran.text] == []
    assert [word for word in hidden if word in ran.text] == []


def test_json_logs_are_json_with_lambdas_own_lines_around_them(family: str, start: Start) -> None:
    ran = start(family, logging=Logging("json", "info", "info"))
    result = ran.invoke("print")
    types = [
        line["type"]
        for line in map(json.loads, filter(lambda text: text[:1] == "{", ran.text.splitlines()))
        if "type" in line
    ]
    assert types[0] == "platform.initStart"
    assert types[-1] == "platform.report"
    assert "platform.start" in types
    assert result.request_id in ran.text
    assert "to stdout again" in ran.text
