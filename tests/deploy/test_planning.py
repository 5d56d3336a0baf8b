"""What is a difference, and in which order steps stand."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdactl.deploy.model import Live, Ref, Resource, digest, resolve
from lambdactl.deploy.ordering import in_order
from lambdactl.deploy.plan import Change, Step
from lambdactl.deploy.planning import differences


def changes(wanted: dict[str, Any], there: dict[str, Any], **more: Any) -> tuple[Change, ...]:
    resource = Resource("queue", "mails", wanted, secrets=more.pop("secrets", frozenset()))
    return differences(resource, Live("queue", "mails", there, **more))


def test_equal_is_no_difference_whatever_else_there_is() -> None:
    assert changes({"a": [1, {"b": "c"}]}, {"a": [1, {"b": "c"}], "other": 1}) == ()
    assert changes({"a": (1, 2)}, {"a": [1, 2]}) == ()


def test_a_difference_names_the_path_in_mappings_and_the_whole_list() -> None:
    found = changes({"a": {"x": 1, "y": {"z": 2}}, "l": [1]}, {"a": {"x": 1, "w": 3}, "l": [2]})
    assert [(one.path, one.before, one.after) for one in found] == [
        ("a.y", None, {"z": 2}),
        ("a.w", 3, None),
        ("l", [2], [1]),
    ]


def test_what_somebody_else_changed_is_marked() -> None:
    wanted = {"timeout_s": 3}
    (found,) = changes(wanted, {"timeout_s": 9}, hash=digest(wanted))
    assert found.drift
    (found,) = changes(wanted, {"timeout_s": 9}, hash=digest({"timeout_s": 9}))
    assert not found.drift


def test_what_is_secret_is_marked_below_its_path() -> None:
    found = changes(
        {"environment": {"TOKEN": "b", "LEVEL": "x"}},
        {"environment": {"TOKEN": "a", "LEVEL": "y"}},
        secrets=frozenset({"environment.TOKEN"}),
    )
    assert {one.path: one.secret for one in found} == {
        "environment.TOKEN": True,
        "environment.LEVEL": False,
    }


def test_a_value_that_is_not_known_yet_is_a_difference() -> None:
    (found,) = changes({"layers": [Ref("layer:shared")]}, {"layers": ["arn:1"]})
    assert found.unknown
    assert found.after == ["layer:shared.arn"]


def test_references_become_values() -> None:
    value = {"a": [Ref("api:x", "id", "arn:{}/*")], "b": Ref("api:y")}
    assert resolve(value, {"api:x": {"id": "7"}}) == {"a": ["arn:7/*"], "b": Ref("api:y")}


def steps(edges: dict[str, list[str]]) -> list[Step]:
    return [
        Step(
            "create",
            after=tuple(f"create queue:{one}" for one in after),
            resource=Resource("queue", name, {}),
        )
        for name, after in edges.items()
    ]


@given(
    st.integers(1, 12).flatmap(
        lambda size: st.lists(
            st.tuples(st.integers(0, size - 1), st.integers(0, size - 1)), max_size=30
        ).map(lambda pairs: (size, pairs))
    )
)
def test_steps_stand_after_what_they_wait_for(case: tuple[int, list[tuple[int, int]]]) -> None:
    size, pairs = case
    edges: dict[str, list[str]] = {str(number): [] for number in range(size)}
    for one, other in pairs:
        if one != other:
            edges[str(max(one, other))].append(str(min(one, other)))
    found = in_order(steps(edges))
    assert sorted(step.name for step in found) == sorted(edges)
    place = {step.id: number for number, step in enumerate(found)}
    for step in found:
        assert set(step.after) == {f"create queue:{one}" for one in edges[step.name]}
        assert all(place[one] < place[step.id] for one in step.after)


def test_a_circle_is_broken() -> None:
    found = in_order(steps({"a": ["b"], "b": ["a"], "c": ["b"]}))
    assert [(step.name, step.after) for step in found] == [
        ("a", ()),
        ("b", ("create queue:a",)),
        ("c", ("create queue:b",)),
    ]


def test_what_is_deleted_stands_behind_what_is_made() -> None:
    gone = Step("delete", live=Live("queue", "a", {}))
    made = Step("create", resource=Resource("queue", "z", {}))
    assert [step.action for step in in_order([gone, made])] == ["create", "delete"]


@pytest.mark.parametrize("value", [{}, {"a": 1}, {"a": [Ref("x:y")]}])
def test_a_digest_is_of_what_there_is_in_any_order(value: dict[str, Any]) -> None:
    assert digest({"z": 1, **value}) == digest({**value, "z": 1})
    assert digest(value) != digest({**value, "z": 1})
