"""Python packages, installed through uv: wheels for Lambda's system, whatever machine this is."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from lambdactl.artifacts.dependencies import python_packages, python_requirements, python_uv
from lambdactl.artifacts.dependencies.python_index import settings
from lambdactl.artifacts.dependencies.python_wanted import Wanted
from lambdactl.artifacts.model import Installed, Target, Work

FILES = ("requirements.txt",)
"""What names dependencies, the more exact first where a folder has several."""


def find(source: Path, root: Path) -> Path | None:
    """The file that names the dependencies of the code in ``source``: in its folder, or in the
    nearest one above it, up to ``root``."""
    source, root = source.absolute(), root.absolute()
    folders = [source, *source.parents] if source.is_relative_to(root) else [source]
    for folder in folders:
        for name in FILES:
            if (folder / name).is_file():
                return folder / name
        if folder == root:
            break
    return None


def key(found: Path) -> bytes:
    """What decides what is installed: the file, and what it refers to on this machine."""
    return python_requirements.key(found)


def install(found: Path, target: Target, into: Path, work: Work) -> Installed:
    """Install what ``found`` names into ``into``, an empty folder or none yet.

    :raises UserError: a file can't be read.
    :raises BuildError: a package has no wheel for the target, is not there, or does not fit others.
    :raises EnvironmentStartError: no uv, no network.
    """
    platform = python_uv.platform(target)
    wanted = python_requirements.read(found)
    into.mkdir(parents=True, exist_ok=True)
    if wanted.empty:
        return Installed(into, ())
    scratch = Path(tempfile.mkdtemp(prefix="python-", dir=work.scratch))
    try:
        _install(wanted, platform, into, scratch, work)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    python_packages.tidy(into)
    return Installed(into, python_packages.packages(into, platform, wanted.direct))


def _install(
    wanted: Wanted, platform: python_uv.Platform, into: Path, scratch: Path, work: Work
) -> None:
    requirements = scratch / "requirements.txt"
    requirements.write_text("".join(f"{line}\n" for line in wanted.lines), encoding="utf-8")
    given = settings(work.shell, wanted.folder, pips=wanted.pips)
    arguments = [
        "pip",
        "install",
        *("--target", str(into)),
        *("--python", python_uv.interpreter()),
        *("--python-platform", platform.name),
        *("--python-version", platform.version),
        *("--only-binary", ":all:"),
        # A link would let a function that writes to its code write into uv's cache.
        *("--link-mode", "copy"),
        *wanted.options,
        *given.options,
        *("--requirements", str(requirements)),
    ]
    if wanted.exact:
        # Hashes leave nothing to ask an index for; uv would ask it all the same.
        answer = python_uv.run([*arguments, "--offline"], folder=wanted.folder, shell=given.shell)
        if answer.code == 0:
            return
    answer = python_uv.run(arguments, folder=wanted.folder, shell=given.shell, tell=work.tell)
    if answer.code != 0:
        raise python_uv.explained(answer.output, wanted.file, platform)
