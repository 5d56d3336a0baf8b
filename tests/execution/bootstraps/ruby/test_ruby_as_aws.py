"""Our bootstrap for Ruby does what aws_lambda_ric does: requests, logs and exit codes.

aws_transcripts.json was recorded from its published source (see record_aws.py).
"""

from __future__ import annotations

from pathlib import Path

import pytest

import lambdactl.execution
from tests.execution.bootstraps.ruby.cases import DIFFERENT, RUBY
from tests.execution.bootstraps.transcripts import recorded
from tests.parts import need

BOOTSTRAP = Path(lambdactl.execution.__file__).parent / "bootstraps/ruby/bootstrap.rb"
RECORDED = recorded(Path(__file__).parent)
RUNS = RUBY.runs()
QUICK = {
    "result hash",
    "result nil",
    "raised StandardError",
    "raised NoMethodError",
    "raised SystemExit",
    "logs, JSON",
    "logs, from WARN",
    "puts",
    "context",
    "environment",
    "libraries that the runtime has loaded",
    "marshaller of one's own",
    "module method",
    "handler name with too many dots",
    "file that is not there",
}


def _params() -> list[object]:
    return [
        pytest.param(name, marks=[] if case.name in QUICK else pytest.mark.slow, id=name)
        for name, (case, _) in RUNS.items()
        if name not in DIFFERENT
    ]


@pytest.mark.ruby
@pytest.mark.parametrize("name", _params())
def test_does_what_the_client_of_aws_does(name: str) -> None:
    case, generation = RUNS[name]
    expected = RECORDED[name]
    exits = next(step[1] for step in expected if step[0] == "exit") is not None
    found = RUBY.transcript(
        [need("ruby"), str(BOOTSTRAP)], case, generation, exit_patience_s=10.0 if exits else 0.0
    )
    assert found == expected


def test_every_case_is_recorded_and_every_quick_one_exists() -> None:
    assert set(RECORDED) == set(RUNS)
    assert {case.name for case, _ in RUNS.values()} >= QUICK
    assert set(RUNS) >= set(DIFFERENT)
