"""Pipfile.lock: pinned requirements with their hashes.

https://pipenv.pypa.io/en/latest/pipfile.html
"""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lambdactl.artifacts.dependencies.python_uv import Platform
from lambdactl.artifacts.dependencies.python_wanted import Local, Wanted, digest, normalised
from lambdactl.errors import UserError

_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")


def read(found: Path, platform: Platform, shell: Mapping[str, str]) -> Wanted:
    """What the default group of a lock file asks for.

    :raises UserError: it is not readable, or there is a Pipfile alone.
    """
    if found.name == "Pipfile":
        raise UserError(f"{found} has no Pipfile.lock beside it", hint="pipenv lock")
    data = _data(found)
    lines: list[str] = []
    local: list[Local] = []
    builds: list[str] = []
    try:
        for name, package in data.get("default", {}).items():
            _add(name, package, found.parent, lines, local, builds)
        sources = [
            (str(source.get("name", "")), _expanded(str(source["url"]), shell))
            for source in data.get("_meta", {}).get("sources", ())
        ]
    except (KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{found} is not a lock file of pipenv's", hint="pipenv lock") from error
    return Wanted(
        found,
        found.parent,
        tuple(lines),
        direct=_direct(found),
        locals=tuple(local),
        builds=tuple(builds),
        indexes=tuple(one for one in sources if "//pypi.org/" not in one[1]),
        exact=not builds,
        closed=True,
    )


def key(found: Path) -> bytes:
    total = hashlib.sha256()
    if found.name == "Pipfile":
        return total.digest()
    data = _data(found)
    decides = [data.get("default"), data.get("_meta", {}).get("sources")]
    total.update(json.dumps(decides, sort_keys=True).encode())
    for package in data.get("default", {}).values():
        if isinstance(package, dict) and (path := package.get("path") or package.get("file")):
            total.update(digest(found.parent / str(path)))
    return total.digest()


def _add(
    name: str,
    package: Mapping[str, Any],
    folder: Path,
    lines: list[str],
    local: list[Local],
    builds: list[str],
) -> None:
    marker = str(package.get("markers", ""))
    suffix = f" ; {marker}" if marker else ""
    extras = f"[{','.join(package['extras'])}]" if package.get("extras") else ""
    path = package.get("path") or package.get("file")
    if "git" in package:
        part = package.get("subdirectory")
        lines.append(
            f"{name}{extras} @ git+{str(package['git']).removeprefix('git+')}@{package['ref']}"
            f"{(part and f'#subdirectory={part}') or ''}{suffix}"
        )
        builds.append(normalised(name))
    elif path is not None and "://" in str(path):
        lines.append(f"{name}{extras} @ {path}{suffix}")
    elif path is not None and str(path).endswith(".whl"):
        lines.append(f"{name}{extras} @ {(folder / str(path)).resolve().as_uri()}{suffix}")
    elif path is not None:
        local.append(Local((folder / str(path)).resolve(), extras, marker))
    else:
        hashes = "".join(f" --hash={one}" for one in package.get("hashes", ()))
        lines.append(f"{name}{extras}{package['version']}{suffix}{hashes}")


def _direct(found: Path) -> frozenset[str]:
    try:
        data = tomllib.loads(found.with_name("Pipfile").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return frozenset()
    return frozenset(normalised(name) for name in data.get("packages", {}))


def _data(found: Path) -> Mapping[str, Any]:
    try:
        data = json.loads(found.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"can't read {found}: {(error.strerror or str(error)).lower()}") from error
    except ValueError as error:
        raise UserError(f"{found} is not JSON: {error}", hint="pipenv lock") from error
    if not isinstance(data, dict):
        raise UserError(f"{found} is not a lock file of pipenv's", hint="pipenv lock")
    return data


def _expanded(url: str, shell: Mapping[str, str]) -> str:
    """pipenv expands variables in the URLs of sources."""
    return _VARIABLE.sub(lambda match: shell.get(match[1] or match[2], match[0]), url)
