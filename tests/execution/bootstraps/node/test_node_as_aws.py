"""Our bootstrap for Node.js does what aws-lambda-ric does: requests, logs and exit codes.

aws_transcripts.json was recorded from aws-lambda-ric 3.3.0 and 4.0.2 (see record_aws.py).
"""

from __future__ import annotations

from pathlib import Path

import pytest

import lambdactl.execution
from tests.execution.bootstraps.node.cases import DIFFERENT, NODE
from tests.execution.bootstraps.transcripts import recorded
from tests.parts import need

BOOTSTRAP = Path(lambdactl.execution.__file__).parent / "bootstraps/node/bootstrap.cjs"
RECORDED = recorded(Path(__file__).parent)
RUNS = NODE.runs()
QUICK = {
    "async result object",
    "async result bigint",
    "sync result object",
    "async throw error with properties",
    "async throw string",
    "callback waits for an empty event loop",
    "fail without error",
    "never calls back",
    "keys of the context",
    "rejection nobody handles",
    "exception nobody catches",
    "logs, text",
    "logs, JSON from WARN",
    "js of a module package",
    "top-level await that never ends",
    "module that is not there",
    "handler that is not there, JSON",
    "the invoke store",
    "stream throws in the middle",
    "stream http ended with body",
}


def _params() -> list[object]:
    return [
        pytest.param(name, marks=[] if case.name in QUICK else pytest.mark.slow, id=name)
        for name, (case, _) in RUNS.items()
        if name not in DIFFERENT
    ]


@pytest.mark.node
@pytest.mark.parametrize("name", _params())
def test_does_what_the_client_of_aws_does(name: str) -> None:
    case, generation = RUNS[name]
    expected = RECORDED[name]
    exits = next(step[1] for step in expected if step[0] == "exit") is not None
    found = NODE.transcript(
        [need("node"), str(BOOTSTRAP)], case, generation, exit_patience_s=10.0 if exits else 0.0
    )
    assert found == expected


def test_every_case_is_recorded_and_every_quick_one_exists() -> None:
    assert set(RECORDED) == set(RUNS)
    assert {case.name for case, _ in RUNS.values()} >= QUICK
    assert set(RUNS) >= set(DIFFERENT)
