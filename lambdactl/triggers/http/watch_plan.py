"""What a watch over an app looks at, and what each file is part of."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from lambdactl.manifest.model import App, Function
from lambdactl.triggers.http.artifact_builds import Artifacts
from lambdactl.triggers.http.builds import Job, Key, layer_sources

_SUFFIXES = (".py", ".js", ".mjs", ".cjs", ".rb")


class Plan(NamedTuple):
    """What to watch, and what each root is part of."""

    code: dict[Path, list[str]]
    """Root to functions."""
    sources: dict[Path, list[Key]]
    """Root to builds."""
    files: frozenset[Path]
    keep: frozenset[Path]
    without: dict[Path, list[Path]]

    @property
    def roots(self) -> list[Path]:
        return list(dict.fromkeys([*self.code, *self.sources, *self.files]))


def plan(
    app: App, files: frozenset[Path], jobs: dict[Key, Job], artifacts: Artifacts | None
) -> Plan:
    """:param app: as it is written.
    :param files: the manifest's own.
    """
    code: dict[Path, list[str]] = {}
    keep: set[Path] = set()
    for function in app.functions.values():
        if not is_artifact(app, function.name, artifacts):
            for root in _made_of(app, function):
                code.setdefault(root, []).append(function.name)
        keep |= _handler_files(function)
    sources: dict[Path, list[Key]] = {}
    without: dict[Path, list[Path]] = {}
    for key, job in jobs.items():
        for root in job.roots:
            sources.setdefault(root, []).append(key)
            if root not in code:
                without.setdefault(root, []).extend(job.outputs)
    return Plan(code, sources, files, frozenset(keep), without)


def is_artifact(app: App, name: str, artifacts: Artifacts | None) -> bool:
    """Whether function ``name`` of ``app`` is served from its artifact."""
    function = app.functions.get(name)
    return artifacts is not None and function is not None and artifacts.has(app, function)


def _made_of(app: App, function: Function) -> list[Path]:
    """The files and folders that a function's environments read."""
    roots = layer_sources(app, function)
    if function.commands is not None:
        # Built code is read again when a build is through, and only then: half of it is none.
        return roots
    roots += function.code.files
    code = function.code.path
    if function.code.kind == "folder" and code is not None and "/" in (function.handler or ""):
        # Named by the manifest, so it is code even where git ignores it (dist/index.handler).
        roots.append((code / (function.handler or "")).parent)
    return roots


def _handler_files(function: Function) -> set[Path]:
    """The file that the handler is in, whatever git thinks of it."""
    if function.code.kind != "folder" or function.code.path is None:
        return set()
    stem = (function.handler or "").rpartition(".")[0]
    names = [stem + suffix for suffix in _SUFFIXES] if stem else []
    return {function.code.path / name for name in (*names, "bootstrap")}
