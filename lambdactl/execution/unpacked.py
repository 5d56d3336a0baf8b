"""What of a function lies where on this machine: the folders that stand for /var/task and /opt."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from lambdactl.artifacts import lay_out, merge, unpack
from lambdactl.errors import UserError
from lambdactl.manifest import layouts
from lambdactl.manifest.model import App, Function, Layer


def task(function: Function, folder: Path) -> Path | None:
    """The folder with the code; None for what has none (an image).

    :param folder: where an archive is unpacked, if it has not been yet.
    :raises UserError: it is not there.
    """
    code = function.code
    if code.kind == "folder" and code.path is not None:
        if not code.path.is_dir():
            raise UserError(
                f"the code folder of {function.name} does not exist: {code.path}",
                where=function.where,
            )
        return code.path.resolve()
    if code.kind == "zip" and code.path is not None:
        if not code.path.is_file():
            raise UserError(
                f"the archive of {function.name} does not exist: {code.path}",
                where=function.where,
            )
        if not folder.is_dir():
            _unpack(code.path, folder)
        return folder
    return None


def _unpack(archive: Path, folder: Path) -> None:
    folder.parent.mkdir(exist_ok=True)
    # What is half unpacked must not pass for the code.
    half = Path(tempfile.mkdtemp(prefix=".", dir=folder.parent))
    try:
        unpack(archive, half)
        half.chmod(0o755)
        half.rename(folder)
    except BaseException:
        shutil.rmtree(half, ignore_errors=True)
        if not folder.is_dir():
            raise


def has_remote_layers(function: Function, app: App) -> bool:
    """Whether layers of it are in AWS."""
    return any(name not in app.layers for name in function.layers)


def is_laid_out(function: Function, app: App) -> bool:
    """Whether layers of it are sources that are copied to where the runtime looks for them."""
    layers = (app.layers[name] for name in function.layers if name in app.layers)
    return any(layouts.missing_place(layer) is not None for layer in layers)


def _local(layer: Layer, folder: Path) -> Path:
    place = layouts.missing_place(layer)
    return layer.path if place is None else lay_out(layer.path, place, folder)


def opt(
    function: Function,
    app: App,
    folder: Path,
    *,
    shell: Mapping[str, str],
    tell: Callable[[str], None],
) -> Path | None:
    """The folder with all layers; None without any. Blocks while layers are downloaded.

    :param folder: where several are merged; what has to be laid out is so beside it.
    :raises UserError: one is not there, or can't be had from AWS.
    """
    if not function.layers:
        return None
    found: list[Path] = []
    for name in function.layers:
        if name in app.layers:
            found.append(_local(app.layers[name], folder.with_name(f"{folder.name}-{len(found)}")))
            continue
        from lambdactl.artifacts import layer_store

        found.append(
            layer_store.fetch(
                name,
                function=function.name,
                shell=shell,
                where=function.places.get("layers") or function.where,
                tell=tell,
            )
        )
        for warning in layer_store.warnings(name, function, shell=shell):
            tell(warning)
    return merge(found, folder)
