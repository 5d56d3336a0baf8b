"""Wheels of what is no wheel yet: projects in folders and repositories, as long as nothing in them
is compiled."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from lambdactl.artifacts.dependencies import python_uv
from lambdactl.artifacts.dependencies.python_wanted import Local, Wanted
from lambdactl.artifacts.model import Work
from lambdactl.errors import BuildError, UserError

_TAG = re.compile(r"^Tag: *(\S+)", re.MULTILINE)


def variables(shell: Mapping[str, str], scratch: Path) -> dict[str, str]:
    """``shell`` for builds that leave nothing in the user's folders.

    setuptools would put its ``build`` folder there, and what an earlier build left in it into the
    wheel (https://setuptools.pypa.io/en/latest/deprecated/distutils/configfile.html,
    ``DIST_EXTRA_CONFIG``). The times of files in a wheel are those of SOURCE_DATE_EPOCH.
    """
    extra = scratch / "setuptools.cfg"
    information = scratch / "egg-info"
    information.mkdir(exist_ok=True)
    extra.write_text(
        f"[build]\nbuild_base = {scratch / 'build'}\n[egg_info]\negg_base = {information}\n",
        encoding="utf-8",
    )
    return {"SOURCE_DATE_EPOCH": "315532800", **shell, "DIST_EXTRA_CONFIG": str(extra)}


def wheels(wanted: Wanted, scratch: Path, shell: Mapping[str, str], work: Work) -> dict[str, str]:
    """Requirements for the wheels of ``wanted.locals``, which are made in ``scratch``, by their
    normalised names.

    :raises UserError: one is not there.
    :raises BuildError: one can't be built, or has parts that are compiled for this machine.
    """
    return dict(
        _wheel(local, scratch / f"wheel-{number}", shell, work)
        for number, local in enumerate(wanted.locals)
    )


def _wheel(local: Local, folder: Path, shell: Mapping[str, str], work: Work) -> tuple[str, str]:
    from packaging.utils import parse_wheel_filename

    if not local.path.exists():
        raise UserError(f"{local.path} does not exist")
    words = [
        "build",
        "--wheel",
        "--no-build-logs",
        "--out-dir",
        str(folder),
        "--python",
        python_uv.interpreter(),
    ]
    answer = python_uv.run(
        [*words, str(local.path)], folder=folder.parent, shell=shell, tell=work.tell
    )
    made = sorted(folder.glob("*.whl")) if folder.is_dir() else []
    if answer.code != 0 or not made:
        raise BuildError(
            f"can't make a wheel of {local.path}: {python_uv.summary(answer.output)}",
            answer.output.encode(),
        )
    name, _, _, tags = parse_wheel_filename(made[0].name)
    if any(tag.platform != "any" for tag in tags):
        raise _compiled(str(local.path))
    marker = f" ; {local.marker}" if local.marker else ""
    return name, f"{name}{local.extras} @ {made[0].as_uri()}{marker}"


def check(installed: Path, wanted: Wanted) -> None:
    """Refuse what uv has built for this machine and not for Lambda's.

    :raises BuildError: a package of ``wanted.builds`` has compiled parts.
    """
    from packaging.utils import canonicalize_name

    for information in installed.glob("*.dist-info"):
        name = information.name.split("-", 1)[0]
        if canonicalize_name(name) not in wanted.builds:
            continue
        tags = _TAG.findall((information / "WHEEL").read_text(encoding="utf-8"))
        if not all(tag.endswith("-any") for tag in tags):
            shutil.rmtree(installed)
            raise _compiled(name)


def _compiled(name: str) -> BuildError:
    return BuildError(
        f"{name} has parts that are compiled, and a compiler here makes them for this machine",
        b"",
        hint=python_uv.CONTAINER,
    )
