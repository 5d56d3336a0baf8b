"""Layers as Lambda lays them out: all of them in one ``/opt``, in order, the last one wins.

https://docs.aws.amazon.com/lambda/latest/dg/chapter-layers.html
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from lambdactl.artifacts.unpack import unpack
from lambdactl.errors import UserError


def merge(layers: Sequence[Path], folder: Path) -> Path:
    """Bring ``layers`` (folders or zips) together; returns the folder that stands for ``/opt``.

    A single folder is used where it lies; otherwise the files are copied into ``folder``.

    :raises UserError: a layer is missing or is not readable as one.
    """
    for layer in layers:
        if not layer.exists():
            raise UserError(f"the layer {layer} does not exist")
    if len(layers) == 1 and layers[0].is_dir():
        return layers[0]
    folder.mkdir(parents=True, exist_ok=True)
    for layer in layers:
        if layer.is_dir():
            _overlay(layer, folder)
            continue
        with tempfile.TemporaryDirectory(dir=folder.parent) as unpacked:
            unpack(layer, Path(unpacked))
            _move(Path(unpacked), folder)
    return folder


def lay_out(source: Path, place: str, folder: Path) -> Path:
    """Copy the sources of a layer to where a runtime looks for them, ``place`` in ``folder``;
    returns ``folder``. Links would lead nowhere in a container.

    :raises UserError: they can't be read.
    """
    (folder / place).mkdir(parents=True, exist_ok=True)
    _overlay(source, folder / place)
    return folder


def _overlay(layer: Path, folder: Path) -> None:
    """Copy ``layer`` over ``folder``; where a file meets a folder, the later one replaces it."""
    try:
        _copy(layer, folder)
    except OSError as error:
        name = error.filename or layer
        raise UserError(f"cannot read the layer: {name}: {error.strerror or error}") from error


def _copy(layer: Path, folder: Path) -> None:
    def fail(error: OSError) -> None:
        raise error

    for current, names, files in os.walk(layer, onerror=fail):
        target = folder / Path(current).relative_to(layer)
        if target.is_symlink() or target.is_file():
            target.unlink()
        target.mkdir(parents=True, exist_ok=True)
        links = [name for name in names if (Path(current) / name).is_symlink()]
        for name in [*files, *links]:
            _replace(Path(current) / name, target / name)


def _move(layer: Path, folder: Path) -> None:
    """As :func:`_copy`, but nobody needs ``layer`` afterwards: a layer of an archive has thousands
    of files, and to rename a folder takes no longer than one of them."""
    with os.scandir(layer) as entries:
        for entry in entries:
            target = folder / entry.name
            if entry.is_dir(follow_symlinks=False) and target.is_dir() and not target.is_symlink():
                _move(Path(entry.path), target)
            else:
                _remove(target)
                Path(entry.path).rename(target)


def _replace(source: Path, target: Path) -> None:
    _remove(target)
    shutil.copy2(source, target, follow_symlinks=False)


def _remove(target: Path) -> None:
    if target.is_dir() and not target.is_symlink():
        shutil.rmtree(target)
    elif target.is_symlink() or target.exists():
        target.unlink()
