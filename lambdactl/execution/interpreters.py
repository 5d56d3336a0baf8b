"""Which program runs a function: ``python3.13``, ``nodejs22.x`` or ``ruby3.3`` to a path.

Where it looks, in this order: the variable that names one (``LAMBDACTL_PYTHON``), the project's
own virtual environment, PATH, the folders of version managers, and for Python the interpreter
that runs lambdactl. Another version than the one asked for is taken with a warning, the nearest
first. Nothing is started to learn its version where a path, a ``pyvenv.cfg`` or a header file
tells it: a start costs 15 ms (Python) to 40 ms (Node.js), all of this less than 1 ms.

The runtimes and their names: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from lambdactl.errors import EnvironmentStartError, UserError
from lambdactl.execution.version_managers import (
    DATA_HOME,
    NODE,
    NUMBERS,
    PYTHON,
    RUBY,
    Language,
    Store,
    Version,
)


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A program that can run a function.

    :ivar version: as far as it is known without asking the program, at least what the runtime's
        name says: (3, 13) or (3, 13, 1) for Python, (22, 1, 0) for Node.js.
    :ivar source: who has it: "LAMBDACTL_PYTHON", ".venv", "PATH", "pyenv", "uv", "mise", ...
    :ivar warning: what the user must know: it isn't the version that the function asks for.
    """

    path: Path
    version: Version
    source: str
    warning: str | None = None


_RUNTIME = re.compile(r"(?:(python|ruby)(\d+\.\d+)|(nodejs)(?:(\d+)(?:\.x|\.\d+(?:-edge)?))?)")
"""The first Node.js runtimes were called ``nodejs``, ``nodejs4.3-edge`` and ``nodejs8.10``."""
_LANGUAGES = {"python": PYTHON, "nodejs": NODE, "ruby": RUBY}
_ONLY_IN_CONTAINERS = re.compile(r"(java|dotnet)[\d.]")
_VENVS = (".venv", "venv")
_PROJECT_FILES = (
    "lambdactl.yaml", "lambdactl.yml", "template.yaml", "template.yml", "serverless.yml",
    "pyproject.toml", ".git",
)  # fmt: skip
_ANSWER_TIMEOUT_S = 10


def find(
    runtime: str, *, project: Path, env: Mapping[str, str], strict: bool = False
) -> Interpreter | None:
    """The interpreter for ``runtime``; None for ``provided.*``, whose code brings its own program.

    :param project: the folder of the function's code. Its virtual environment may be there or in
        a folder above it, up to the one with the manifest.
    :param env: the user's variables: PATH, HOME, LAMBDACTL_PYTHON and those of version managers.
    :param strict: another version than the one asked for is an error, not a warning.
    :raises EnvironmentStartError: there is no interpreter, or with ``strict`` none of the version;
        or the runtime (Java, .NET) needs a container.
    :raises UserError: there is no such runtime.
    """
    if runtime.startswith("provided"):
        return None
    refused = container_needed(runtime)
    if refused is not None:
        raise refused
    match = _RUNTIME.fullmatch(runtime)
    if match is None:
        raise UserError(f"there is no runtime {runtime!r}")
    language = _LANGUAGES[match[1] or match[3]]
    asked = _numbers(match[2] or match[4] or "0")

    others: list[Interpreter] = []
    for found in _candidates(language, asked, project, env):
        if found.version < language.oldest:
            continue
        if found.version[: language.digits] == asked:
            return _beside_a_venv(found, others, language)
        others.append(found)
    if strict or not others:
        raise _missing(language, asked, others, env)
    # The project's own environment holds its dependencies; else the nearest version, of two that
    # are as near the newer, of two that are the same the one found first.
    # A version that is too old for all of them may as well have lambdactl's own copy of boto3.
    retired = language is PYTHON and asked < language.oldest
    found = min(
        others,
        key=lambda other: (
            other.source not in _VENVS,
            retired and other.version[:2] < sys.version_info[:2],
            _distance(other, asked),
        ),
    )
    runs = language.runtime.format(_text(found.version[: language.digits]))
    return replace(
        found,
        warning=f"function asks for {runtime}, running on {runs} ({found.path}): "
        + _advice(language, asked, env),
    )


def container_needed(runtime: str) -> EnvironmentStartError | None:
    """Why ``runtime`` is no matter of an interpreter, where it is none."""
    if not _ONLY_IN_CONTAINERS.match(runtime):
        return None
    return EnvironmentStartError(
        f"{runtime} needs --container",
        hint="java and dotnet run only in containers",
    )


def _beside_a_venv(
    found: Interpreter, passed_over: list[Interpreter], language: Language
) -> Interpreter:
    """``found``, with a warning when the project's own environment was of another version."""
    venv = next((other for other in passed_over if other.source in _VENVS), None)
    if venv is None:
        return found
    runs = language.runtime.format(_text(venv.version[: language.digits]))
    return replace(
        found,
        warning=f"{venv.path.parent.parent} is of {runs}, so {found.path} runs the function "
        "without the packages in it",
    )


def _candidates(
    language: Language, asked: Version, project: Path, env: Mapping[str, str]
) -> Iterator[Interpreter]:
    if env.get(language.variable):
        yield _named(env[language.variable], language, env)
        return
    if language is PYTHON:
        yield from _venvs(project)
    yield from _on_path(language, asked, env)
    for store in language.stores:
        yield from _in_store(store, env)
    if language is PYTHON and sys.executable:
        yield Interpreter(Path(sys.executable), sys.version_info[:3], "lambdactl")


def _venvs(project: Path) -> Iterator[Interpreter]:
    for folder in _project_folders(project):
        for name in _VENVS:
            python = folder / name / "bin/python"
            if not _is_program(python):
                continue
            version = _pyvenv_version(folder / name)
            if version:
                yield Interpreter(python, version, name)


def _project_folders(start: Path) -> list[Path]:
    """``start`` and the folders above it up to the project's top; without a top only ``start``."""
    folders: list[Path] = []
    for folder in (start, *start.parents):
        folders.append(folder)
        if any(_is(folder / name, Path.exists) for name in _PROJECT_FILES):
            return folders
    return [start]


def _on_path(language: Language, asked: Version, env: Mapping[str, str]) -> Iterator[Interpreter]:
    folders = [folder for folder in env.get("PATH", "").split(os.pathsep) if folder]
    for program in language.programs:
        name = program.format(_text(asked))
        for folder in dict.fromkeys(folders):
            path = Path(folder, name)
            # A shim starts a version manager, which takes 50 ms and may refuse; the real programs
            # are in the manager's own folder.
            if path.parent.name == "shims" or not _is_program(path):
                continue
            version = _version_of(path, language, env)
            if version:
                yield Interpreter(path, version, "PATH")


def _in_store(store: Store, env: Mapping[str, str]) -> Iterator[Interpreter]:
    folder = _folder(store, env)
    try:
        entries = list(folder.iterdir())
    except OSError:
        return
    pattern = re.compile(store.name)
    versions = [
        (_numbers(m[1]), entry) for entry in entries if (m := pattern.fullmatch(entry.name))
    ]
    for version, entry in sorted(versions, reverse=True):
        path = entry / store.binary
        if _is_program(path):
            yield Interpreter(path, version, store.source)


def _folder(store: Store, env: Mapping[str, str]) -> Path:
    root = (env.get(store.variable) if store.variable else None) or store.default
    if root.startswith(DATA_HOME) and env.get("XDG_DATA_HOME"):
        root = env["XDG_DATA_HOME"] + root[len(DATA_HOME) :]
    if root.startswith("~"):
        root = str(_home(env)) + root[1:]
    return Path(root, store.below)


def _named(text: str, language: Language, env: Mapping[str, str]) -> Interpreter:
    program = re.sub(r"^~(?=/)", str(_home(env)), text)
    path = shutil.which(program, path=env.get("PATH", ""))
    if path is None:
        raise EnvironmentStartError(
            f"{language.variable} is {text!r}, and there is no such program",
            hint=f"give the path of a {language.name} interpreter, or unset {language.variable}",
        )
    version = _version_of(Path(path), language, env, trust_name=False)
    if version is None:
        raise EnvironmentStartError(
            f"{language.variable} is {text!r}, which doesn't tell its version",
            hint=f"give the path of a {language.name} interpreter",
        )
    if version < language.oldest:
        raise EnvironmentStartError(
            f"{language.variable} is {text!r}, which is {language.name} {_text(version)}",
            hint=_too_old(language),
        )
    return Interpreter(Path(path).absolute(), version, language.variable)


# versions


def _version_of(
    path: Path, language: Language, env: Mapping[str, str], *, trust_name: bool = True
) -> Version | None:
    """The version of the program at ``path``; None for a shim, or if it doesn't tell."""
    real = Path(os.path.realpath(path))
    if trust_name and not real.name.startswith(language.stem):
        return None
    return (
        (_pyvenv_version(path.parent.parent) if language is PYTHON else None)
        or _version_in_name(real, language)
        or _version_beside(real, language)
        or _version_by_asking(path, language, env)
    )


def _version_in_name(real: Path, language: Language) -> Version | None:
    """From ``/usr/bin/python3.11``, or ``~/.nvm/versions/node/v22.1.0/bin/node``."""
    if match := re.fullmatch(rf"{language.stem}(\d+\.\d+)", real.name):
        return _numbers(match[1])
    if language is PYTHON:
        return None
    folders = [re.fullmatch(rf"(?:v|{language.stem}-)?{NUMBERS}", name) for name in real.parts]
    versions = [_numbers(match[1]) for match in folders if match]
    return versions[-1] if versions else None


def _version_beside(real: Path, language: Language) -> Version | None:
    """From what is installed with the program."""
    prefix = real.parent.parent
    if language is PYTHON:
        found = [
            _numbers(match[1])
            for folder in prefix.glob("lib/python3.*/os.py")
            if (match := re.fullmatch(r"python(\d+\.\d+)", folder.parent.name))
        ]
        return found[0] if len(found) == 1 else None
    if language is NODE:
        try:
            header = (prefix / "include/node/node_version.h").read_text("utf-8")
        except OSError:
            return None
        defined = dict(re.findall(r"#define NODE_(M\w+|PATCH)_VERSION (\d+)", header))
        if {"MAJOR", "MINOR", "PATCH"} <= defined.keys():
            return tuple(int(defined[part]) for part in ("MAJOR", "MINOR", "PATCH"))
    return None


def _version_by_asking(path: Path, language: Language, env: Mapping[str, str]) -> Version | None:
    """Start the program. What Node.js and Ruby, which are slow, answer is kept in the user's cache
    folder for the next time."""
    if language is PYTHON:
        return _ask(path, language, env)
    try:
        status = path.stat()
    except OSError:
        return None
    fingerprint = [status.st_mtime_ns, status.st_size]
    cache = Path(env.get("XDG_CACHE_HOME") or _home(env) / ".cache", "lambdactl/interpreters.json")
    try:
        known = json.loads(cache.read_bytes())
        *kept, text = known[str(path)]
        if kept == fingerprint:
            return _numbers(text)
    except (OSError, ValueError, KeyError, TypeError):
        known = {}
    version = _ask(path, language, env)
    if version is not None:
        with contextlib.suppress(OSError):
            cache.parent.mkdir(parents=True, exist_ok=True)
            draft = cache.with_suffix(f".{os.getpid()}")
            draft.write_text(json.dumps({**known, str(path): [*fingerprint, _text(version)]}))
            draft.replace(cache)
    return version


def _ask(path: Path, language: Language, env: Mapping[str, str]) -> Version | None:
    try:
        answer = subprocess.run(
            [path, *language.question],
            capture_output=True,
            text=True,
            timeout=_ANSWER_TIMEOUT_S,
            env=dict(env),
            check=False,
        )
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
    match = re.fullmatch(rf"v?{NUMBERS}\S*\s*", answer.stdout)
    return _numbers(match[1]) if match else None


def _pyvenv_version(venv: Path) -> Version | None:
    try:
        text = (venv / "pyvenv.cfg").read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    match = re.search(rf"^version(?:_info)?\s*=\s*{NUMBERS}", text, re.MULTILINE)
    return _numbers(match[1]) if match else None


def _numbers(text: str) -> Version:
    return tuple(int(number) for number in text.split("."))


def _text(version: Version) -> str:
    return ".".join(map(str, version))


def _distance(found: Interpreter, asked: Version) -> tuple[int, ...]:
    steps = [ours - theirs for ours, theirs in zip(found.version, asked, strict=False)]
    return (*(abs(step) for step in steps), -steps[-1])


# what the user is told


def _missing(
    language: Language,
    asked: Version,
    others: list[Interpreter],
    env: Mapping[str, str],
) -> EnvironmentStartError:
    runtime = language.runtime.format(_text(asked))
    seen = {_text(other.version[: language.digits]): None for other in others}
    places = [language.variable, *(_VENVS if language is PYTHON else ()), "PATH"]
    places += [
        f"{store.source} ({_folder(store, env)})"
        for store in language.stores
        if _is(_folder(store, env), Path.is_dir)
    ]
    return EnvironmentStartError(
        f"there is no {language.name} {_text(asked)} for the runtime {runtime}"
        + (f", only {', '.join(seen)}" if seen else "")
        + f"; looked in {', '.join(places)}",
        hint=f"{_advice(language, asked, env)}, or set {language.variable} to its path",
    )


def _advice(language: Language, asked: Version, env: Mapping[str, str]) -> str:
    if asked < language.oldest:
        return _too_old(language)
    folders = {store.source: _folder(store, env) for store in language.stores}
    for manager, command in language.installers:
        in_use = manager in folders and _is(folders[manager], Path.is_dir)
        if in_use or shutil.which(manager, path=env.get("PATH", "")):
            return f"install it with `{command.format(_text(asked))}`"
    return f"install it: {language.download}"


def _too_old(language: Language) -> str:
    return f"lambdactl runs {language.name} {_text(language.oldest)} and newer"


def _home(env: Mapping[str, str]) -> Path:
    return Path(env.get("HOME") or Path.home())


def _is_program(path: Path) -> bool:
    return _is(path, Path.is_file) and os.access(path, os.X_OK)


def _is(path: Path, what: Callable[[Path], bool]) -> bool:
    """``what`` of a path that somebody else's folders may be on: PATH outlives a ``su``."""
    try:
        return what(path)
    except OSError:
        return False
