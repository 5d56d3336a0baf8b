"""Where packages come from: uv's own settings, and where there are none, pip's.

uv reads nothing of pip's (https://docs.astral.sh/uv/pip/compatibility/#configuration-files-and-environment-variables);
who has told pip of a private index, a mirror or a proxy's certificate has told it once.
"""

from __future__ import annotations

import configparser
import os
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_INDEX = ("UV_INDEX", "UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS")
_INDEX_KEYS = ("index", "index-url", "extra-index-url", "find-links", "no-index")
_NAME = re.compile(r"[A-Za-z0-9._-]+")
_PIPS = {
    "cert": "SSL_CERT_FILE",
    "client-cert": "SSL_CLIENT_CERT",
    "proxy": "ALL_PROXY",
    "trusted-host": "UV_INSECURE_HOST",
    "timeout": "UV_HTTP_TIMEOUT",
    "default-timeout": "UV_HTTP_TIMEOUT",
    "keyring-provider": "UV_KEYRING_PROVIDER",
}
_NOT_OURS = frozenset(
    [
        "UV_COMPILE_BYTECODE",
        "UV_FROZEN",
        "UV_ISOLATED",
        "UV_LINK_MODE",
        "UV_LOCKED",
        "UV_NO_BINARY",
        "UV_NO_BINARY_PACKAGE",
        "UV_NO_BUILD",
        "UV_NO_BUILD_PACKAGE",
        "UV_NO_DEV",
        "UV_NO_EDITABLE",
        "UV_NO_PROGRESS",
        "UV_PROJECT",
        "UV_PROJECT_ENVIRONMENT",
        "UV_PYTHON",
        "UV_REQUIRE_HASHES",
        "UV_SYSTEM_PYTHON",
        "UV_TORCH_BACKEND",
        "UV_WORKING_DIR",
        "UV_WORKING_DIRECTORY",
    ]
)
"""How the user's environments are made, which these are none of."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The variables that uv runs with, and options where it has no variable."""

    shell: Mapping[str, str]
    options: tuple[str, ...] = ()


def settings(
    shell: Mapping[str, str],
    folder: Path,
    *,
    indexes: Sequence[tuple[str, str]] = (),
    pips: bool = False,
) -> Settings:
    """What uv runs with in ``folder``.

    :param indexes: names and URLs of more of them: those of a lock file, whose hashes say which
        package is meant, wherever it is found.

    :param pips: indexes in the file itself have pip's meaning too: the best version of all counts.
        uv's is the first index that has the package at all.
    """
    result = {name: value for name, value in shell.items() if name not in _NOT_OURS}
    result["UV_PYTHON_DOWNLOADS"] = "never"
    result["PYTHONDONTWRITEBYTECODE"] = "1"
    options: list[str] = []
    given = pip_settings(shell)
    for name, variable in _PIPS.items():
        if name in given:
            result.setdefault(variable, " ".join(given[name].split()))
    if not has_index(shell, folder):
        found = {
            "UV_DEFAULT_INDEX": given.get("index-url"),
            "UV_INDEX": given.get("extra-index-url"),
            "UV_FIND_LINKS": given.get("find-links"),
        }
        for variable, value in found.items():
            if value and value.split():
                separator = "," if variable == "UV_FIND_LINKS" else " "
                result[variable] = separator.join(value.split())
        if given.get("no-index", "").lower() in ("1", "true", "yes", "on"):
            options.append("--no-index")
        pips = pips or "UV_INDEX" in result
    if indexes:
        more = [f"{name}={url}" if _NAME.fullmatch(name) else url for name, url in indexes]
        result["UV_INDEX"] = " ".join(filter(None, (result.get("UV_INDEX"), *more)))
        for name, _ in indexes:
            _poetrys_credentials(name, result)
    if pips or indexes:
        result.setdefault("UV_INDEX_STRATEGY", "unsafe-best-match")
    return Settings(result, tuple(options))


def _poetrys_credentials(name: str, variables: dict[str, str]) -> None:
    """https://python-poetry.org/docs/repositories/#configuring-credentials"""
    word = re.sub(r"[^A-Z0-9]", "_", name.upper())
    for kind in ("USERNAME", "PASSWORD"):
        given = variables.get(f"POETRY_HTTP_BASIC_{word}_{kind}")
        if given is not None:
            variables.setdefault(f"UV_INDEX_{word}_{kind}", given)


def has_index(shell: Mapping[str, str], folder: Path) -> bool:
    """Whether uv has been told of an index: in a variable or in a file that it reads."""
    if any(shell.get(name) for name in _INDEX):
        return True
    for path in _uv_files(shell, folder):
        try:
            data: Any = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if path.name == "pyproject.toml":
            data = data.get("tool", {}).get("uv", {})
        pip = data.get("pip", {}) if isinstance(data, dict) else {}
        if any(name in data or name in pip for name in _INDEX_KEYS):
            return True
    return False


def _uv_files(shell: Mapping[str, str], folder: Path) -> Iterator[Path]:
    """https://docs.astral.sh/uv/concepts/configuration-files/"""
    if given := shell.get("UV_CONFIG_FILE"):
        yield Path(given)
        return
    for parent in (folder, *folder.parents):
        yield parent / "uv.toml"
        yield parent / "pyproject.toml"
    yield _config_home(shell) / "uv" / "uv.toml"
    for given in (shell.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(":"):
        yield Path(given) / "uv" / "uv.toml"
    yield Path("/etc/uv/uv.toml")


def pip_settings(shell: Mapping[str, str]) -> dict[str, str]:
    """pip's options for ``install``: of its files, then of its variables
    (https://pip.pypa.io/en/stable/topics/configuration/). Names as in its files."""
    found: dict[str, str] = {}
    if shell.get("PIP_CONFIG_FILE") != os.devnull:
        sections: dict[str, dict[str, str]] = {"global": {}, "install": {}}
        for path in _pip_files(shell):
            parser = configparser.RawConfigParser(strict=False)
            try:
                parser.read_string(path.read_text(encoding="utf-8"))
            except (OSError, ValueError, configparser.Error):
                continue
            for section, options in sections.items():
                if parser.has_section(section):
                    options.update(
                        {name.replace("_", "-"): value for name, value in parser.items(section)}
                    )
        found = {**sections["global"], **sections["install"]}
    for name, value in shell.items():
        if name.startswith("PIP_") and value:
            found[name.removeprefix("PIP_").lower().replace("_", "-")] = value
    return found


def _pip_files(shell: Mapping[str, str]) -> Iterator[Path]:
    home = Path(shell.get("HOME") or Path.home())
    if sys.platform == "darwin":
        yield Path("/Library/Application Support/pip/pip.conf")
    for given in (shell.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(":"):
        yield Path(given) / "pip" / "pip.conf"
    yield Path("/etc/pip.conf")
    yield home / ".pip" / "pip.conf"
    if sys.platform == "darwin":
        yield home / "Library" / "Application Support" / "pip" / "pip.conf"
    yield _config_home(shell) / "pip" / "pip.conf"
    if shell.get("VIRTUAL_ENV"):
        yield Path(shell["VIRTUAL_ENV"]) / "pip.conf"
    if shell.get("PIP_CONFIG_FILE"):
        yield Path(shell["PIP_CONFIG_FILE"])


def _config_home(shell: Mapping[str, str]) -> Path:
    given = Path(shell.get("XDG_CONFIG_HOME") or ".")
    home = Path(shell.get("HOME") or Path.home())
    return given if given.is_absolute() else home / ".config"
