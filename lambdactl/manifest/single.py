"""An app from one file and no manifest: ``lambdactl invoke ./app.py``, ``invoke app.handler``."""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from lambdactl.errors import UserError, did_you_mean
from lambdactl.manifest import handlers, runtimes
from lambdactl.manifest.model import App, Code, Function

_FAMILIES = {".py": "python", ".js": "nodejs", ".mjs": "nodejs", ".cjs": "nodejs", ".rb": "ruby"}


def app_from_handler(
    target: str,
    cwd: Path | None = None,
    *,
    environment: Mapping[str, str] | None = None,
    timeout_s: int = 30,
    memory_mb: int = 128,
) -> App:
    """An app of one function, called after its file.

    :param target: a file (``./app.py``, ``src/index.mjs``, ``./bootstrap``), a file and a
        function (``./app.py:handler``), or a handler (``app.handler``, ``src/app.handler``).
    :raises UserError: no such file, no such function, or nothing says which function it is.
    """
    folder = (cwd or Path.cwd()).absolute()
    path, handler, runtime = _read(target, folder)
    function = Function(
        name=re.sub("[^a-zA-Z0-9_-]", "-", handler.rpartition(".")[0] or handler)[-64:],
        code=Code("folder", path=path),
        runtime=runtime,
        handler=handler,
        memory_mb=memory_mb,
        timeout_s=timeout_s,
        environment=dict(environment or {}),
        architecture="arm64" if os.uname().machine in ("arm64", "aarch64") else "x86_64",
    )
    return App(service=path.name or "app", root=path, functions={function.name: function})


def _read(target: str, folder: Path) -> tuple[Path, str, str]:
    """The code folder, the handler and the runtime."""
    file, _, function = target.partition(":")
    path = folder / Path(file).expanduser()
    if path.is_file():
        return _from_file(path.resolve(), function.lstrip(":"))
    if path.suffix in _FAMILIES or (function and not path.exists()):
        raise UserError(f"there is no file {file}", hint=_close_file(path))
    if path.is_dir():
        raise UserError(
            f"{target} is a folder, not a handler", hint="name a file in it, such as ./app.py"
        )
    return _from_handler(target, folder)


def _from_file(path: Path, function: str) -> tuple[Path, str, str]:
    family = _FAMILIES.get(path.suffix)
    if family is None:
        if os.access(path, os.X_OK):
            if path.name != "bootstrap":
                raise UserError(
                    f"a provided runtime runs a file called `bootstrap`, not {path.name}",
                    hint="rename it, or write a manifest",
                )
            return path.parent, "bootstrap", "provided.al2023"
        raise UserError(
            f"{path.name} is neither Python, Node.js or Ruby nor an executable bootstrap"
        )
    folder, stem = path.parent, path.stem
    while family == "python" and (folder / "__init__.py").is_file() and folder != folder.parent:
        stem, folder = f"{folder.name}/{stem}", folder.parent
    function = function or _usual_function(path, family)
    return folder, f"{stem}.{function}", _runtime(family)


def _from_handler(handler: str, folder: Path) -> tuple[Path, str, str]:
    files = handlers.Folder(folder)
    if "." not in handler.rpartition("/")[2]:
        raise UserError(
            f"{handler!r} is neither a file nor a handler",
            hint="write ./app.py, or app.handler for `handler` in app.py",
        )
    searches = {family: finder(files, handler) for family, finder in handlers.FINDERS.items()}
    for family, found in searches.items():
        if found.good:
            return folder, handler, _runtime(family)
    for found in searches.values():
        if found.file is not None:
            raise UserError(f"{found.file} has no `{found.name}`", hint=found.hint)
    wanted = searches["python"].wanted
    hint = next((found.hint for found in searches.values() if found.hint), None)
    raise UserError(f"there is no {wanted} in {folder}", hint=hint)


def _usual_function(path: Path, family: str) -> str:
    """``handler``, ``lambda_handler`` or ``main``; failing these, the only public function."""
    source = handlers.Folder(path.parent).read(path.name)
    names: set[str] | None
    if family == "python":
        names = handlers.python_names(source)
    elif family == "nodejs":
        names = handlers.javascript_names(source, "handler")
    else:
        names = set(re.findall(r"^def\s+(?:self\.)?(\w+)", source or "", re.MULTILINE))
    if names is None:
        return "handler"
    for name in handlers.USUAL_NAMES:
        if name in names:
            return name
    public = _functions(source or "") if family == "python" else sorted(names)
    if len(public) == 1:
        return public[0]
    raise UserError(
        f"{path.name} has no `handler`, and nothing says which function it is",
        hint=f"name one: {path.name}:{public[0]}" if public else "add a function `handler`",
    )


def _functions(source: str) -> list[str]:
    pattern = r"^(?:async\s+)?def\s+([A-Za-z]\w*)"
    return list(dict.fromkeys(re.findall(pattern, source, re.MULTILINE)))


def _close_file(path: Path) -> str | None:
    try:
        names = [entry.name for entry in path.parent.iterdir()]
    except OSError:
        return f"there is no folder {path.parent}"
    return did_you_mean(path.name, names)


def _runtime(family: str) -> str:
    """The runtime that the interpreter at hand is nearest to: its own version where AWS has it."""
    at_hand = _version_at_hand(family)
    known = [r for r in runtimes.table().values() if r.family == family and not r.preview]
    for runtime in known:
        if runtime.version == at_hand:
            return runtime.identifier
    older = [r for r in known if at_hand and _order(r.version) < _order(at_hand)]
    best = max(older or known, key=lambda runtime: _order(runtime.version))
    return best.identifier


def _order(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())


@functools.cache
def _version_at_hand(family: str) -> str | None:
    if family == "python":
        return f"{sys.version_info.major}.{sys.version_info.minor}"
    program = {"nodejs": "node", "ruby": "ruby"}[family]
    if shutil.which(program) is None:
        return None
    try:
        output = subprocess.run(
            [program, "--version"], capture_output=True, text=True, timeout=10, check=False
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.search(r"(\d+)\.(\d+)", output)
    if match is None:
        return None
    return match[1] if family == "nodejs" else f"{match[1]}.{match[2]}"
