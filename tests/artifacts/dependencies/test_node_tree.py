"""Packages behind links, laid out in one folder: each must find what it found before."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdactl.artifacts.dependencies import node_tree
from lambdactl.artifacts.model import Target
from lambdactl.errors import UserError

TARGET = Target("nodejs20.x", "arm64")
NAMES = ("a", "b", "@c/d", "e")
PACKAGES = [(name, version) for name in NAMES for version in ("1", "2")]
NEEDS = st.dictionaries(st.sampled_from(NAMES), st.sampled_from(["1", "2"]), max_size=3)


def _store(root: Path, top: dict[str, str], graph: dict[tuple[str, str], dict[str, str]]) -> Path:
    """As pnpm lays packages out: each in a folder of its own with links to what it needs."""

    def home(name: str, version: str) -> Path:
        return root / ".pnpm" / f"{name.replace('/', '+')}@{version}" / "node_modules"

    def written(folder: Path, name: str, version: str, needs: dict[str, str]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        described = {"name": name, "version": version, "dependencies": needs}
        (folder / "package.json").write_text(json.dumps(described))

    def linked(modules: Path, needs: dict[str, str]) -> None:
        for name, version in needs.items():
            link = modules / name
            link.parent.mkdir(parents=True, exist_ok=True)
            if not link.exists():
                link.symlink_to(home(name, version) / name)

    for (name, version), needs in graph.items():
        written(home(name, version) / name, name, version, needs)
    for (name, version), needs in graph.items():
        linked(home(name, version), needs)
    written(root / "project", "project", "1", top)
    linked(root / "project" / "node_modules", top)
    return root / "project"


def _finds(modules: Path, package: Path, name: str) -> Path:
    """Node.js's rule."""
    while True:
        if (found := package / "node_modules" / name).is_dir():
            return found
        if package == modules.parent:
            raise AssertionError(f"{name} is not found")
        package = package.parent


@pytest.mark.slow
@given(NEEDS, st.fixed_dictionaries(dict.fromkeys(PACKAGES, NEEDS)))
def test_each_finds_what_it_found_before(
    top: dict[str, str], graph: dict[tuple[str, str], dict[str, str]]
) -> None:
    # A package does not need another version of itself: it would find itself.
    graph = {
        (name, version): {other: wanted for other, wanted in needs.items() if other != name}
        for (name, version), needs in graph.items()
    }
    with tempfile.TemporaryDirectory() as made:
        root = Path(made).resolve()
        modules = root / "out" / "node_modules"
        try:
            node_tree.lay_out(_store(root, top, graph), modules, TARGET)
        except UserError:
            assert any(one in _reached(graph[one], graph) for one in _reached(top, graph))
            return
        assert not modules.exists() or not [p for p in modules.rglob("*") if p.is_symlink()]
        for name, version in top.items():
            described = json.loads((modules / name / "package.json").read_text())
            assert described["version"] == version
        seen = set()
        for package in node_tree.packages_in(modules):
            described = json.loads((package / "package.json").read_text())
            seen.add((described["name"], described["version"]))
            for name, wanted in described["dependencies"].items():
                found = _finds(modules, package, name)
                assert json.loads((found / "package.json").read_text())["version"] == wanted
        assert seen == _reached(top, graph)


def _reached(
    needs: dict[str, str], graph: dict[tuple[str, str], dict[str, str]]
) -> set[tuple[str, str]]:
    """Everything that is needed, and what that needs."""
    reached = set(needs.items())
    while more := {need for one in reached for need in graph[one].items()} - reached:
        reached |= more
    return reached


def test_versions_that_need_each_other_without_end_are_refused(tmp_path: Path) -> None:
    graph: dict[tuple[str, str], dict[str, str]] = {
        ("a", "1"): {"b": "2"},
        ("b", "2"): {"a": "2"},
        ("a", "2"): {"b": "1"},
        ("b", "1"): {"a": "1"},
    }
    project = _store(tmp_path, {"a": "1", "b": "1"}, graph)
    with pytest.raises(UserError, match=r"b@1 and a@1 need each other in several versions"):
        node_tree.lay_out(project, tmp_path / "out" / "node_modules", TARGET)
