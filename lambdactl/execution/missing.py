"""What a function lacks that could not import a module, and the command that installs it.

Lambda's own runtimes bring the AWS SDK along, this machine does not
(https://docs.aws.amazon.com/lambda/latest/dg/nodejs-package.html,
https://docs.aws.amazon.com/lambda/latest/dg/ruby-package.html); and SAM installs in its build what
``requirements.txt``, ``package.json`` and ``Gemfile`` ask for
(https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/serverless-sam-cli-using-build.html).
"""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_PYTHON = re.compile(r"No module named '([\w.]+)'")
_NODE = re.compile(r"Cannot find (?:module|package) '((?:@[\w.-]+/)?\w[\w.-]*)[^'\n]*'")
_RUBY = re.compile(r"cannot load such file -- (\w[\w./-]*)")
_WORDS = (
    b"No module named",
    b"Cannot find module",
    b"Cannot find package",
    b"cannot load such file",
)
_BROUGHT_ALONG = {
    "nodejs": re.compile(r"aws-sdk$|@aws-sdk/|@smithy/"),
    "ruby": re.compile(r"aws-(?:sdk|sigv4|partitions|eventstream)"),
}
_IMPORTED = re.compile(rb"""['"](aws-sdk|@(?:aws-sdk|smithy)/[a-z0-9-]+)['"/]""")
_SOURCES = (".js", ".mjs", ".cjs", ".ts", ".mts")
_MOST_FILES = 200
_MOST_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where a function looks for packages.

    :ivar handler: as the manifest has it.
    :ivar family: python, nodejs or ruby.
    :ivar task: the folder of its code.
    :ivar root: the manifest's folder.
    :ivar program: the interpreter; ``version`` is its ``3.1``.
    :ivar layers: the folders of its layers, before they are merged.
    :ivar source: where the code is made from, if it is built.
    """

    function: str
    handler: str
    family: str
    task: Path
    root: Path
    program: Path
    version: str
    layers: tuple[Path, ...] = ()
    source: Path | None = None


def lacks(payload: bytes) -> bool:
    """Whether ``payload`` may be the error of a function that could not import a module: a quick
    look, for errors that are many."""
    return any(words in payload for words in _WORDS)


def advice(payload: bytes, about: Surroundings) -> str | None:
    """What to install, in a sentence, where ``payload`` tells of a package that is not there.

    It reads files. None where it is no such error, or the module is one of the function's own.
    """
    words = {"python": _PYTHON, "nodejs": _NODE, "ruby": _RUBY}.get(about.family)
    match = words.search(_message(payload)) if words is not None else None
    if match is None:
        return None
    name = match[1]
    if re.split(r"[./]", about.handler)[0] == re.split(r"[./]", name)[0]:
        return None  # Its own file is not where the handler says.
    if about.family == "python":
        return _python(name.partition(".")[0], about)
    return _nodejs(name, about) if about.family == "nodejs" else _ruby(name, about)


def _message(payload: bytes) -> str:
    try:
        document = json.loads(payload)
    except ValueError:
        return ""
    return str(document.get("errorMessage", "")) if isinstance(document, dict) else ""


def _python(name: str, about: Surroundings) -> str | None:
    if (about.task / name).is_dir() or (about.task / f"{name}.py").is_file():
        return None
    venv = about.program.parent.parent
    wanted = _asking(about, "requirements.txt", name)
    what = f"-r {_shown(wanted)}" if wanted is not None else name.replace("_", "-")
    if (venv / "pyvenv.cfg").is_file():
        command = f"{_shown(about.program)} -m pip install {what}"
    else:
        own = _shown(about.root / ".venv")
        python = _shown(about.program)
        command = f"{python} -m venv {own} && {own}/bin/python -m pip install {what}"
    return f"{about.function} needs {name}, which is not installed here: {command}"


def _nodejs(name: str, about: Surroundings) -> str | None:
    folder = next(
        (each for each in _upwards(about.task, about.root) if (each / "package.json").is_file()),
        about.root,
    )
    into = f"npm install --prefix {_shown(folder)}"
    if not _BROUGHT_ALONG["nodejs"].match(name):
        wanted = _asking(about, "package.json", name)
        if wanted is not None:
            return f"{about.function} needs {name}, which is not installed here: " + (
                f"npm install --prefix {_shown(wanted.parent)}"
            )
        return f"{about.function} needs {name}, which is not installed here: {into} {name}"
    names = sorted({name, *_imported(about, of=name)})
    return (
        f"{about.function} needs {name}: Lambda's Node.js runtimes bring the AWS SDK along, this "
        f"machine doesn't: {into} --save-dev {' '.join(names)}"
    )


def _ruby(name: str, about: Surroundings) -> str | None:
    if (about.task / f"{name}.rb").is_file():
        return None
    # The folder of a user's own gems is none of those that a function sees.
    gems = about.task / f"vendor/bundle/ruby/{about.version}.0"
    install = f"gem install --install-dir {_shown(gems)}"
    if _BROUGHT_ALONG["ruby"].match(name):
        return (
            f"{about.function} needs {name}: Lambda's Ruby runtimes bring the AWS SDK along, this "
            f"machine doesn't: {install} {name}"
        )
    gemfile = next(
        (each for each in _upwards(about.task, about.root) if (each / "Gemfile").is_file()), None
    )
    if gemfile is None:
        return (
            f"{about.function} needs {name}, which is not installed here: "
            f"{install} {name.partition('/')[0]}"
        )
    there = _shown(gemfile)
    # Bundler takes it from the Gemfile's folder.
    bundle = shlex.quote(os.path.relpath(about.task / "vendor/bundle", gemfile))
    return (
        f"{about.function} needs {name}, which is not installed here: "
        f"{f'cd {there} && ' if there != '.' else ''}BUNDLE_PATH={bundle} bundle install"
    )


def _asking(about: Surroundings, file: str, name: str) -> Path | None:
    """The list of packages that names ``name``, else the closest one that there is."""
    folders = [*([about.source] if about.source else []), *_upwards(about.task, about.root)]
    for layer in about.layers:
        # Sources that a build lays out, or laid out as layers are.
        folders += [layer, layer / "python", layer / "nodejs"]
    found = [path.resolve() for each in folders if (path := each / file).is_file()]
    plain = re.sub("[-_.]+", "[-_.]+", re.escape(name).replace(r"\-", "-").replace(r"\.", "."))
    for path in found:
        try:
            if re.search(plain, path.read_text(encoding="utf-8"), re.IGNORECASE):
                return path
        except (OSError, UnicodeDecodeError):
            continue
    return found[0] if found and file == "requirements.txt" else None


def _upwards(folder: Path, root: Path) -> list[Path]:
    """``folder`` and those above it, to the manifest's."""
    if not folder.is_relative_to(root):
        return [folder]
    above = [folder, *folder.parents]
    return above[: above.index(root) + 1]


def _imported(about: Surroundings, of: str) -> set[str]:
    """The packages of the AWS SDK that the code names, of the generation of ``of``."""
    names: set[str] = set()
    for file in _files(about.source or about.task):
        try:
            with file.open("rb") as opened:
                names |= {found.decode() for found in _IMPORTED.findall(opened.read(_MOST_BYTES))}
        except OSError:
            continue
    return {name for name in names if (name == "aws-sdk") == (of == "aws-sdk")}


def _files(folder: Path) -> Iterator[Path]:
    seen = 0
    for parent, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name != "node_modules" and name[0] != "."]
        for name in files:
            if name.endswith(_SOURCES):
                yield Path(parent, name)
                seen += 1
                if seen >= _MOST_FILES:
                    return


def _shown(path: Path) -> str:
    """As a shell takes it; from here, where that is shorter."""
    return shlex.quote(min(str(path), os.path.relpath(path), key=len))
