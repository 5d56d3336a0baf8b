"""Where a runtime looks for a layer's content, and a layer's sources laid out like that.

https://docs.aws.amazon.com/lambda/latest/dg/packaging-layers.html
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lambdactl.manifest.model import Layer

_TOPS = {"python": "python", "nodejs": "nodejs", "ruby": "ruby/lib", "java": "java/lib"}


def top(runtime: str) -> str | None:
    """The folder of a layer that ``runtime`` looks into for sources; None where it is /opt
    itself."""
    return _TOPS.get(runtime.rstrip("0123456789.x"))


def place(source: Path, runtime: str) -> str | None:
    """The folder of a layer that what ``source`` holds goes to; None where it is laid out like a
    layer already."""
    inside = top(runtime)
    if inside is None or not source.is_dir() or (source / inside.partition("/")[0]).exists():
        return None
    return inside


def opt(layer: Layer) -> Path:
    """What of ``layer`` comes to /opt, a folder or a zip. Where its sources have yet to be laid out
    for a runtime that is a folder of links in the user's cache, so that it is always what the user
    sees.

    :raises OSError: there is no place for the links.
    """
    build, source = layer.build, layer.path
    if build is None or build.commands or build.runtime is None:
        return source
    inside = place(source, build.runtime)
    if inside is None:
        return source
    folder = keep_folder("layers", str(source))
    inner = folder / inside
    inner.mkdir(parents=True, exist_ok=True)
    wanted = {entry.name for entry in source.iterdir()}
    there = {entry.name for entry in inner.iterdir()}
    for name in there - wanted:
        (inner / name).unlink(missing_ok=True)
    for name in wanted - there:
        with contextlib.suppress(FileExistsError):
            (inner / name).symlink_to(source / name)
    return folder


def keep_folder(kind: str, identity: str) -> Path:
    """A folder of the user's cache that belongs to ``identity`` and is there already, or made."""
    digest = hashlib.sha256(identity.encode()).hexdigest()[:20]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lambdactl"
    folder = cache / kind / digest
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        user = os.getuid() if hasattr(os, "getuid") else 0
        folder = Path(tempfile.gettempdir()) / f"lambdactl-{user}" / kind / digest
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder
