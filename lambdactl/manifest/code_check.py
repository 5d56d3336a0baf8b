"""Whether what a manifest names is on disk: code folders, layers, handlers.

Nothing is run and nothing is imported. A handler counts as missing only when that is certain;
where a file can define names in ways that reading doesn't show, it counts as there, and the
runtime will tell.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from lambdactl.errors import Location, Problem, did_you_mean
from lambdactl.manifest import build, handlers, runtimes
from lambdactl.manifest.handlers import Files, Finder
from lambdactl.manifest.model import App, Function

_COMPILED = ("go.mod", "Cargo.toml")
"""What a build compiles by itself, before the function runs."""
_BUILD_FILES = {
    "CMakeLists.txt": "cmake --build",
    "Makefile": "make",
}

_LAYER_FOLDERS = ("", "python", "nodejs", "nodejs/node_modules", "ruby/lib")


def check_code(app: App, names: Sequence[str] | None = None) -> tuple[Problem, ...]:
    """Problems with code folders, layers and handlers of the functions ``names`` (all of them and
    all layers and state machines, without names).

    :raises UserError: there is no function of such a name.
    """
    functions = [app.function(name) for name in (app.functions if names is None else names)]
    layers = dict.fromkeys(
        app.layers if names is None else (layer for f in functions for layer in f.layers)
    )
    problems = [problem for name in layers for problem in _layer(app, name)]
    if names is None:
        problems += _definitions(app)
        problems += check_releases(app, [one.name for one in functions])
        if app.apis:
            problems += _files_of_apis(app)
    for function in functions:
        problems += _function(app, function)
    unique = dict.fromkeys(problems)
    return tuple(sorted(unique, key=lambda p: (p.where.line or 0, p.where.column or 0)))


def _place(app: App, function: Function, field: str) -> Location:
    place = function.places.get(field) or function.where
    return place or Location(str(app.source or app.root))


def _layer(app: App, name: str) -> list[Problem]:
    layer = app.layers.get(name)
    if layer is None or layer.path.exists() or (layer.build and layer.build.commands):
        return []
    where = layer.places.get("path") or layer.where or Location(str(app.source or app.root))
    message = f"the layer `{name}` has no folder or file {_shown(layer.path, app.root)}"
    return [Problem(message, where, _close_path(layer.path), code="layer-missing")]


def _definitions(app: App) -> list[Problem]:
    found = []
    for machine in app.state_machines.values():
        if machine.path is not None and not machine.path.is_file():
            where = machine.where or Location(str(app.source or app.root))
            shown = _shown(machine.path, app.root)
            message = f"the state machine `{machine.name}` has no file {shown}"
            hint = _close_path(machine.path)
            found.append(Problem(message, where, hint, code="definition-missing"))
    return found


def _files_of_apis(app: App) -> list[Problem]:
    from lambdactl.manifest.api_parts import files

    found = []
    for section in app.apis.values():
        for written, place in files(section):
            path = build.path_under(app.root, written)
            if not path.is_file():
                where = place or Location(str(app.source or app.root))
                message = f"the API `{section.name}` has no file {_shown(path, app.root)}"
                found.append(Problem(message, where, _close_path(path), code="definition-missing"))
    return found


def check_releases(app: App, names: Sequence[str]) -> list[Problem]:
    """Events that releases of the functions ``names`` begin with, and that are not there.

    :raises UserError: there is no function of such a name.
    """
    return [problem for name in names for problem in _smoke(app, app.function(name))]


def _smoke(app: App, function: Function) -> list[Problem]:
    if function.release is None or function.release.smoke is None:
        return []
    path = build.path_under(app.root, function.release.smoke)
    if path.is_file():
        return []
    message = f"the release of `{function.name}` has no file {_shown(path, app.root)}"
    hint = _close_path(path) or "`lambdactl generate-event` makes one"
    place = _place(app, function, "release")
    return [Problem(message, place, hint, code="definition-missing")]


def _function(app: App, function: Function) -> list[Problem]:
    if function.build is not None and function.build.commands:
        return []  # Its code is made when it is needed.
    code = function.code
    where = _place(app, function, "code")
    for path, what in ((code.path, "folder or file"), (code.dockerfile, "file")):
        if path is not None and not path.exists():
            message = f"`{function.name}` has no code: there is no {what} {_shown(path, app.root)}"
            return [Problem(message, where, _close_path(path), code="code-missing")]
    if code.context is not None and not code.context.is_dir():
        message = f"there is no folder {_shown(code.context, app.root)} to build from"
        return [Problem(message, where, _close_path(code.context), code="code-missing")]
    if code.path is None or function.handler is None or function.needs_artifact:
        return []
    try:
        files = handlers.open_files(code.path)
    except OSError as error:
        message = f"can't read {_shown(code.path, app.root)} as a .zip: {error}"
        hint = "`code` is a folder or a .zip"
        return [Problem(message, where, hint, code="code-unreadable")]
    return _handler(app, function, files)


def _handler(app: App, function: Function, files: Files) -> list[Problem]:
    handler = function.handler or ""
    where = _place(app, function, "handler")
    runtime = runtimes.find(function.runtime) if function.runtime else None
    if runtime is not None and runtime.family == "provided":
        return _bootstrap(app, function, files, where)
    if "." not in handler:
        return []  # Malformed, which is a problem of the manifest's own.
    if runtime is None:
        # The runtime is a problem of its own; whatever it is meant to be, there must be a file.
        if "::" in handler:
            return []
        finders = list(handlers.FINDERS.values())
    elif runtime.family in handlers.FINDERS:
        finders = [handlers.FINDERS[runtime.family]]
    else:
        return []
    folder = _shown(function.code.path or app.root, app.root)
    found = [finder(files, handler) for finder in finders]
    if any(result.good for result in found):
        return []
    if all(result.file is None for result in found) and _in_layers(app, function, finders):
        return []
    best = max(found, key=lambda result: result.file is not None)
    if best.file is None:
        wanted = best.wanted if len(finders) == 1 else f"file for `{handler}`"
        message = f"`handler`: there is no {wanted} in {folder}"
    else:
        message = f"`handler`: {best.file} has no `{best.name}`"
    return [Problem(message, where, best.hint, code="handler-not-found")]


def _in_layers(app: App, function: Function, finders: Sequence[Finder]) -> bool:
    """Whether a layer has the handler, as those of observability tools do, or may have it
    (https://docs.aws.amazon.com/lambda/latest/dg/packaging-layers.html)."""
    handler = (function.handler or "").removeprefix("/opt/")
    for name in function.layers:
        layer = app.layers.get(name)
        if layer is None or not layer.path.is_dir():
            return True
        for folder in _LAYER_FOLDERS:
            files = handlers.Folder(layer.path / folder)
            if any(finder(files, handler).good for finder in finders):
                return True
    return False


def _bootstrap(app: App, function: Function, files: Files, where: Location) -> list[Problem]:
    """``provided`` runtimes run ``bootstrap`` of the code, or of a layer
    (https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html)."""
    if not files.has("bootstrap") and any(files.has(name) for name in _COMPILED):
        return []
    folder = _shown(function.code.path or app.root, app.root)
    if files.has("bootstrap"):
        if files.executable("bootstrap"):
            return []
        message = f"`bootstrap` in {folder} may not be executed"
        return [Problem(message, where, "chmod +x bootstrap", code="handler-not-found")]
    for name in function.layers:
        layer = app.layers.get(name)
        if layer is None or not layer.path.is_dir() or (layer.path / "bootstrap").exists():
            return []
    where = function.places.get("code") or where
    message = f"`{function.name}` has no executable `bootstrap` in {folder}"
    build = next((command for name, command in _BUILD_FILES.items() if files.has(name)), None)
    hint = f"build it: {build}" if build else "a provided runtime runs the file `bootstrap`"
    return [Problem(message, where, hint, code="handler-not-found")]


def _shown(path: Path, root: Path) -> str:
    relative = os.path.relpath(path, root)
    if relative == ".":
        return "the manifest's folder"
    return str(path) if relative.startswith("..") else relative


def _close_path(path: Path) -> str | None:
    """A sibling with a similar name, of the first folder on the way that is not there."""
    while not path.parent.is_dir() and path.parent != path:
        path = path.parent
    try:
        names = sorted(entry.name for entry in path.parent.iterdir())
    except OSError:
        return None
    return did_you_mean(path.name, names)
