"""Where a runtime looks for a layer's content.

https://docs.aws.amazon.com/lambda/latest/dg/packaging-layers.html
"""

from __future__ import annotations

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


def missing_place(layer: Layer) -> str | None:
    """The folder of /opt that the sources of ``layer`` have yet to be put into for a run; None
    where there is nothing to do."""
    build = layer.build
    if build is None or build.commands or build.runtime is None:
        return None
    return place(layer.path, build.runtime)


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
