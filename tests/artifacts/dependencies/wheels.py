"""Wheels made by hand, and a folder of them to install from without a network."""

from __future__ import annotations

import base64
import hashlib
import os
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from lambdactl.artifacts.dependencies import python
from lambdactl.artifacts.model import Installed, Target, Work


def wheel(
    folder: Path,
    name: str,
    version: str = "1.0",
    *,
    requires: Sequence[str] = (),
    files: Mapping[str, str] | None = None,
    tag: str = "py3-none-any",
    entry_points: str = "",
    extras: Sequence[str] = (),
) -> str:
    """Write a wheel; returns its hash as requirements have it."""
    folder.mkdir(parents=True, exist_ok=True)
    module = name.replace("-", "_")
    information = f"{module}-{version}.dist-info"
    contents = {f"{module}/__init__.py": f"VERSION = {version!r}\n"} if files is None else {**files}
    contents[f"{information}/METADATA"] = "".join(
        (
            f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
            *(f"Provides-Extra: {one}\n" for one in extras),
            *(f"Requires-Dist: {one}\n" for one in requires),
        )
    )
    contents[f"{information}/WHEEL"] = (
        f"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: {tag}\n"
    )
    if entry_points:
        contents[f"{information}/entry_points.txt"] = entry_points
    path = folder / f"{module}-{version}-{tag}.whl"
    record = []
    with zipfile.ZipFile(path, "w") as archive:
        for inside, text in contents.items():
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest())
            record.append(f"{inside},sha256={digest.rstrip(b'=').decode()},{len(text.encode())}")
            archive.writestr(zipfile.ZipInfo(inside), text)
        record.append(f"{information}/RECORD,,")
        archive.writestr(zipfile.ZipInfo(f"{information}/RECORD"), "\n".join(record) + "\n")
    return f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"


def shell(wheels: Path | None = None, **more: str) -> dict[str, str]:
    """Variables of a user who has no index but a folder of wheels, and no settings of his own."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    caches = {name: value for name, value in os.environ.items() if name == "UV_CACHE_DIR"}
    found = {"UV_FIND_LINKS": str(wheels), "UV_OFFLINE": "1"} if wheels is not None else {}
    return {**kept, **caches, "PIP_CONFIG_FILE": os.devnull, **found, **more}


def install(
    project: Path,
    variables: Mapping[str, str],
    *,
    runtime: str = "python3.13",
    architecture: str = "x86_64",
    told: list[str] | None = None,
) -> Installed:
    """Find what ``project`` asks for and install it into a new folder."""
    found = python.find(project, project)
    assert found is not None
    scratch = Path(tempfile.mkdtemp(dir=project.parent))
    work = Work(scratch, scratch, variables, (told if told is not None else []).append)
    return python.install(found, Target(runtime, architecture), scratch / "installed", work)


def names(folder: Path) -> list[str]:
    """Of all files, in order."""
    return sorted(
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()
    )
