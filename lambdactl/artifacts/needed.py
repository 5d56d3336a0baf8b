"""Which functions can't run from their source."""

from __future__ import annotations

from pathlib import Path

from lambdactl.manifest.model import Function
from lambdactl.manifest.runtimes import guess

_COMPILED = frozenset({"dotnet", "go", "java", "provided"})


def is_needed(function: Function, root: Path) -> bool:
    """Whether ``function`` runs from its artifact even where its source is asked for: a bundle,
    what is made in a container, and sources that a compiler wants.

    :param root: the manifest's folder.
    """
    code = function.code.path
    if function.needs_artifact:
        return True
    if function.code.kind != "folder" or code is None or function.commands is not None:
        return False
    if guess(function.runtime or "").family not in _COMPILED or (code / "bootstrap").exists():
        return False
    from lambdactl.artifacts import compiled

    project = compiled.find(code, function.runtime, root=root)
    # What lies above may have been compiled into this folder.
    return project is not None and project.manifest.parent == code
