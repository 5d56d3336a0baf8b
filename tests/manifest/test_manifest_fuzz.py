"""Whatever is in the file: an app, or a ManifestError. Never another exception."""

from __future__ import annotations

import json

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from lambdactl import manifest
from lambdactl.errors import ManifestError, Problem
from tests.manifest.conftest import Project
from tests.manifest.test_manifest_load import WHOLE

QUICK = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
PIECES = ["\t", "  ", "- ", "{", "}", "[", "]", ": ", "'", '"', "&a ", "*a ", "<<: ", "${", "}",
          "${self:functions}", "!!int ", "~", "\n", "|\n", ">\n", "#", "0x", "1e999", "%", "@",
          "\x00", "é", "\u2028", "---\n", "? ", "x-"]  # fmt: skip


def read(project: Project, text: str | bytes) -> None:
    path = project.write(text)
    problems: tuple[Problem, ...] = ()
    try:
        manifest.check_code(manifest.load(path, env={}))
    except ManifestError as error:
        problems = error.problems
    for problem in problems:
        where = problem.where
        assert problem.message
        assert (where.line or 1) >= 1
        assert (where.column or 1) >= 1


@QUICK
@given(st.text(max_size=200))
@example("a: &a [*a]")
@example("? {a: b}\n: c")
@example("functions: {a: {handler: !!binary aGVsbG8=}}")
@example("{" * 2000)
@example("- " * 2000)
@example("functions:\n" + "\t" * 50 + "a: 1")
def test_any_text(project: Project, text: str) -> None:
    read(project, text)


@QUICK
@given(st.binary(max_size=200))
def test_any_bytes(project: Project, data: bytes) -> None:
    read(project, data)


@QUICK
@given(st.data())
def test_a_manifest_with_something_wrong_in_it(project: Project, data: st.DataObject) -> None:
    text = WHOLE
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(text)))
        cut = data.draw(st.integers(0, 12))
        text = text[:at] + data.draw(st.sampled_from(["", *PIECES])) + text[at + cut :]
    read(project, text)


YAML_VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(
                ["functions", "layers", "stages", "defaults", "a", "triggers", "s3", "sqs", "code",
                 "environment", "url", "async", "aliases", "concurrency", "provisioned", "runtime"]
            ),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=20,
)  # fmt: skip


@QUICK
@given(st.dictionaries(st.sampled_from(["functions", "layers", "stages", "defaults"]), YAML_VALUES))
def test_any_structure(project: Project, document: dict[str, object]) -> None:
    read(project, json.dumps(document))
