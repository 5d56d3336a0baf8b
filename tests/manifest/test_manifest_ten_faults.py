"""All problems at once: as many as there are faults, each on its line, and no follow-on errors."""

from __future__ import annotations

from lambdactl.errors import Problem
from tests.manifest.conftest import Project
from tests.manifest.test_manifest_broken import errors_of

TEN = """\
service: photos
defaults:
  runtime: python3.13
  memory: 64                              # 1: too little
functions:
  upload:
    handlr: app.handler                   # 2: a misspelt field
    code: src
  resize:
    handler: app.handle                   # 3: no such function
    code: src
    timeout: 10
    timeout: 20                           # 4: given twice
  crop:
    runtime: pyhton3.12                   # 5: no such runtime
    handler: app.handler
    code: src
    layers: [imagin]                      # 6: no such layer
  label:
    handler: app.handler
    code: srcs                            # 7: no such folder
    environment:
      ONE: ${self:functions.label.environment.TWO}
      TWO: ${self:functions.label.environment.ONE}
  index:
    handler: app.handler
    code: src
    environment: {AWS_REGION: eu-west-1}  # 9: reserved
    triggers:
      - sqs: {queue: jobs, batch_size: many}  # 10: not a number
layers:
  imaging: {path: layers/imaging}
"""
TEN_LINES = [4, 7, 10, 13, 15, 18, 21, 23, 28, 30]

BROKEN_YAML = """\
service: 'photos
defaults: {runtime: python3.13}
functions:
  upload:
\thandler: app.handler
    code: src
    environment: {A_NAME: ${env:X}}
    memory: 64
  resize: *nothing
  crop:
    handler: app.handler
    code: src
    code: src
    triggers:
      - s3:
        bucket: photos
        prefix: in/
    tracing: Active
"""


def lines(problems: tuple[Problem, ...]) -> list[int | None]:
    return [problem.where.line for problem in sorted(errors_of(problems), key=place)]


def place(problem: Problem) -> int:
    return problem.where.line or 0


def test_a_tab_hides_no_later_fault(project: Project) -> None:
    """Of the ways to read the tab, the one counts that makes YAML, not the one that drops most."""
    problems = project.check(
        "functions:\n"
        "  upload:\n"
        "    runtime: python3.13\n"
        "    handler: app.handler\n"
        "    code: src\n"
        "\ttimeout: 5\n"
        "  crop:\n"
        "    runtime: python3.13\n"
        "    handler: app.handler\n"
        "    code: [src]\n"
        "layers:\n"
        "  imaging: {}\n"
    )
    assert lines(problems) == [6, 10, 12]


def test_ten_faults_are_ten_problems_each_on_its_line(project: Project) -> None:
    problems = project.check(TEN)
    assert lines(problems) == TEN_LINES
    assert len({problem.message for problem in problems}) == 10


def test_what_is_not_yaml_hides_nothing_else(project: Project) -> None:
    problems = project.check(BROKEN_YAML)
    found = [(p.where.line, p.code) for p in sorted(errors_of(problems), key=place)]
    assert found == [
        (1, "yaml-syntax"),
        (5, "tab-indentation"),
        (7, "undefined-variable"),
        (8, "out-of-range"),
        (9, "unknown-alias"),
        (13, "duplicate-key"),
        (16, "indentation"),
        (18, "invalid-value"),
    ]


def test_a_fault_of_the_defaults_is_one_problem_for_any_number_of_functions(
    project: Project,
) -> None:
    functions = "".join(f"  f{n}: {{handler: app.handler, code: src}}\n" for n in range(5))
    faulty = "{runtime: python9, logging: {level: debug}, timeot: 5, vpc: 5, tags: {aws:a: b}}"
    problems = project.check(f"defaults: {faulty}\nfunctions:\n{functions}")
    assert [p.code for p in errors_of(problems)] == [
        "unknown-runtime",
        "conflict",
        "unknown-field",
        "wrong-type",
        "malformed-name",
    ]


def test_a_fault_behind_an_alias_is_one_problem(project: Project) -> None:
    text = (
        "x-common: &common {runtime: python3.13, code: src, memory: 1}\n"
        "functions:\n"
        "  a: {<<: *common, handler: app.handler}\n"
        "  b: {<<: *common, handler: app.handler}\n"
    )
    problems = errors_of(project.check(text))
    assert [(p.where.line, p.where.column, p.code) for p in problems] == [(1, 60, "out-of-range")]


def test_problems_come_in_the_order_of_the_file(project: Project) -> None:
    report_lines = [problem.where.line for problem in project.check(TEN.replace("srcs", "src"))]
    checked_on_disk_last = report_lines[:-1]
    assert checked_on_disk_last == sorted(checked_on_disk_last)


def test_a_thousand_faults_are_found_quickly_and_each_once(project: Project) -> None:
    functions = "".join(
        f"  f{n}: {{runtime: python3.13, handler: app.handler, memory: 1, colour: red}}\n"
        for n in range(500)
    )
    problems = project.check(f"functions:\n{functions}")
    assert len([p for p in problems if p.code == "out-of-range"]) == 500
    assert len([p for p in problems if p.code == "unknown-field"]) == 500
