"""Where a runtime looks for a layer's content, and a layer's sources laid out like that.

https://docs.aws.amazon.com/lambda/latest/dg/packaging-layers.html
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from pathlib import Path

_TOPS = {"python": "python", "nodejs": "nodejs", "ruby": "ruby/lib", "java": "java/lib"}


def top(runtime: str) -> str | None:
    """The folder of a layer that ``runtime`` looks into for sources; None where it is /opt
    itself."""
    return _TOPS.get(runtime.rstrip("0123456789.x"))


def laid_out(source: Path, runtime: str) -> Path:
    """A folder in which what ``source`` holds stands where ``runtime`` looks for it: by links, so
    that it is always what the user sees. ``source`` itself where it is like that already."""
    inside = top(runtime)
    if inside is None or not source.is_dir() or (source / inside.partition("/")[0]).exists():
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
