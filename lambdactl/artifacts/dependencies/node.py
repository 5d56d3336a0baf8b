"""Node.js dependencies: what package.json and its lock file name, through the project's own
package manager, for Lambda's machine whatever machine this is."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from lambdactl.artifacts.dependencies import (
    node_managers,
    node_native,
    node_project,
    node_tree,
)
from lambdactl.artifacts.dependencies.node_project import Project
from lambdactl.artifacts.model import Installed, Target, Work

find = node_project.find


def key(found: Path) -> bytes:
    """Everything that decides what :func:`install` installs.

    :raises UserError: a file of the project can't be read.
    """
    return node_project.key(node_project.read(found))


def install(
    found: Path,
    target: Target,
    into: Path,
    work: Work,
    *,
    only: frozenset[str] | None = None,
) -> Installed:
    """Install the production dependencies of a package.json. Blocking.

    :param into: a folder; ``node_modules`` comes into it, without links, without notes of the
        package manager, with what fits ``target``.
    :param only: of the packages that the project asks for, these with all that they need.
    :raises UserError: a file of the project can't be read.
    :raises BuildError: the package manager refuses, or a package has to be compiled and can't be.
    :raises EnvironmentStartError: there is no package manager.
    """
    project = node_project.read(found)
    into.mkdir(parents=True, exist_ok=True)
    modules = into / node_tree.MODULES
    if project.lock is None:
        work.tell(f"warning: {found} has no lock file: its versions may change from day to day")
    with tempfile.TemporaryDirectory(dir=work.scratch, prefix="node-") as made:
        base = Path(made)
        _stage(project, base)
        stage = base / project.root.relative_to(project.base)
        node_managers.install(project, stage, target, work)
        plain = project.manager == "npm" and not project.members and not project.local
        if plain and only is None:
            if (stage / node_tree.MODULES).is_dir():
                (stage / node_tree.MODULES).rename(modules)
        else:
            folder = base / project.folder.relative_to(project.base)
            node_tree.lay_out(folder, modules, target, only)
    node_tree.clean(modules, target)
    node_native.check(project, modules, target, work)
    return Installed(into, node_tree.described(modules, project.direct))


def _stage(project: Project, base: Path) -> None:
    """Copy what the package manager needs: it writes where it works."""
    for file in node_project.files(project):
        copy = base / file.relative_to(project.base)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, copy)
