"""What a plan looks like, and the table at the end of a deployment."""

from __future__ import annotations

import io
from typing import Any

import click
import pytest

from lambdactl.cli import deploy_view, plan_view
from lambdactl.deploy import showing
from lambdactl.deploy.model import Live, Resource
from lambdactl.deploy.plan import Action, Applied, Change, Done, Plan, Step


def plan(*steps: Step, unchanged: tuple[str, ...] = (), warnings: tuple[str, ...] = ()) -> Plan:
    return Plan("shop", "prod", "123456789012", "eu-west-1", steps, unchanged, {}, warnings)


def update(
    *changes: Change, kind: str = "function", action: Action = "update", **live: Any
) -> Step:
    resource = Resource(kind, "hello", {}, secrets=frozenset({"environment.TOKEN"}))
    return Step(action, changes, (), resource, Live(kind, "hello", live))


def text(found: Plan, width: int = 100) -> str:
    return click.unstyle("\n".join(plan_view.lines(found, width=width)))


def test_what_there_is_to_do_is_counted() -> None:
    found = plan(
        Step("create", (), (), Resource("queue", "jobs", {})),
        update(Change("memory_mb", 128, 256)),
        Step("delete", live=Live("role", "old", {})),
        unchanged=("function:a", "function:b"),
        warnings=("the state machine x is not deployed",),
    )
    lines = text(found).splitlines()
    assert lines[0] == "shop, stage prod, in account 123456789012, eu-west-1"
    assert lines[1] == "warning: the state machine x is not deployed"
    assert lines[-1] == "Plan: 1 to create, 1 to update, 1 to delete, 2 unchanged."
    assert "  - role old" in lines
    assert text(plan()).splitlines()[-1] == "Nothing to do: nothing is there."
    same = plan(unchanged=("function:a",))
    assert text(same).splitlines()[-1] == "Nothing to do: 1 unchanged."


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (Change("memory_mb", 128, 256), "memory_mb: 128 -> 256"),
        (Change("description", None, "new one"), "+ description: new one"),
        (Change("environment.OLD", "x", None), "- environment.OLD: x"),
        (Change("description", "a", " b\n"), 'description: a -> " b\\n"'),
        (Change("enabled", True, False, drift=True), "enabled: true -> false  changed by hand"),
        (Change("to", "1", "version:hello.version", unknown=True), "-> <version:hello.version>"),
        (Change("events", ["a", "b"], ["b", "a"]), "events: in another order"),
        (Change("environment.TOKEN", "x", "y"), "environment.TOKEN: (secret) -> another"),
        (Change("environment.TOKEN", None, "y"), "+ environment.TOKEN: (secret)"),
        (Change("environment.KEY", "x", "y", secret=True), "environment.KEY: (secret) -> another"),
    ],
)
def test_a_change_is_a_line(change: Change, line: str) -> None:
    assert line in text(plan(update(change)))


def test_of_a_list_only_what_comes_and_goes_is_shown() -> None:
    shown = text(plan(update(Change("statements", [{"a": 1}, {"b": 2}], [{"a": 1}, {"c": 3}]))))
    assert '        - {"b": 2}' in shown
    assert '        + {"c": 3}' in shown
    assert '{"a": 1}' not in shown


def test_why_something_is_replaced() -> None:
    changes = (Change("package", "zip", "image"), Change("memory_mb", 128, 256))
    found = update(*changes, action="replace")
    assert "-/+ function hello  (package can't be changed)" in text(plan(found))


def test_a_secret_inside_what_changes_as_a_whole() -> None:
    change = Change("environment", None, {"LEVEL": "info", "TOKEN": "sesame"})
    shown = text(plan(update(change)))
    assert "sesame" not in shown
    assert "info" in shown


def test_a_secret_that_only_aws_still_has() -> None:
    step = update(
        Change("environment.DB_PASSWORD", "sesame", None),
        environment={"DB_PASSWORD": "sesame"},
    )
    assert "sesame" not in text(plan(step))
    assert "sesame" not in str(showing.document(plan(step)))


def test_something_new_is_shown_in_short() -> None:
    properties = {
        "description": "x" * 100 + " end",
        "routes": {f"GET /{name}": {"method": "POST", "ms": 3} for name in "abcdef"},
        "environment": dict.fromkeys("ABCDEFGH", "1"),
    }
    changes = [Change("description", None, properties["description"])]
    for root in ("routes", "environment"):
        for name, value in properties[root].items():  # type: ignore[attr-defined]
            if isinstance(value, dict):
                changes += [Change(f"{root}.{name}.{key}", None, one) for key, one in value.items()]
            else:
                changes.append(Change(f"{root}.{name}", None, value))
    shown = text(plan(Step("create", tuple(changes), (), Resource("http_api", "a", properties))))
    assert "routes: GET /a, GET /b" in shown
    assert "GET /a.method" not in shown
    assert "environment.H: 1" in shown
    assert "…" in shown
    assert max(map(len, shown.splitlines())) <= 100


def test_of_very_much_that_is_new_only_the_names_are_shown() -> None:
    new = [
        Step("create", (Change("a", None, "x"),), (), Resource("queue", f"q{number}", {}))
        for number in range(100)
    ]
    shown = text(plan(*new, update(Change("memory_mb", 128, 256))))
    assert "+ queue q99" in shown
    assert "a: x" not in shown
    assert "memory_mb: 128 -> 256" in shown
    assert "`--output json` has them" in shown


def test_no_colours_where_nobody_sees_them(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    plan_view.show(plan(update(Change("a", 1, 2))), stream=stream)
    assert "\x1b" not in stream.getvalue()


def test_the_table_at_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    made = Step("create", (), (), Resource("http_api", "shop", {}))
    found = Applied(
        plan(made),
        (Done(made, 1.25),),
        {
            "http_api:shop": {"arn": "arn:api", "url": "https://x.example", "id": "x"},
            "function:hello": {"arn": "arn:hello"},
            "role:hello": {"arn": "arn:role"},
            "permission:hello/a": {},
        },
        2.0,
    )
    deploy_view.results(found)
    assert capsys.readouterr().out.splitlines() == [
        "",
        "Deployed",
        "  function  hello  unchanged  arn:hello",
        "  HTTP API  shop       1.2 s  https://x.example",
        "                              arn:api",
    ]


def test_steps_are_lines_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    one = Step("create", (), (), Resource("queue", "jobs", {}))
    two = Step("update", (), (), Resource("function", "hello", {}))
    view = deploy_view.DeployView(plan(one, two))
    view.started(one)
    view.told(one, "waiting for it")
    view.told(one, "waiting for it")
    view.finished(Done(one, 3.0))
    view.finished(Done(two, because=one.id))
    view.finished(Done(one, 3.0, RuntimeError()))
    view.finished(Done(two, because="Ctrl-C"))
    view.close()
    assert capsys.readouterr().err.splitlines() == [
        "    queue jobs: waiting for it",
        "  + queue jobs created (3.0 s)",
        "    function hello not updated: jobs failed",
        "  ! queue jobs failed",
        "    function hello not updated: Ctrl-C",
    ]


def test_the_end_in_one_line() -> None:
    one = Step("create", (), (), Resource("queue", "jobs", {}))
    results = (Done(one), Done(one, error=RuntimeError()), Done(one, because="Ctrl-C"))
    found = Applied(plan(one), results, {}, 75.0)
    assert deploy_view.summary(found) == "1 of 3 steps done in 1 min 15 s, 1 failed, 1 not taken"
