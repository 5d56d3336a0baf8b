"""Whether a folder's file system tells of changes, or must be looked at again and again."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

_SILENT = frozenset(
    {
        "9p",
        "afs",
        "beegfs",
        "ceph",
        "cifs",
        "drvfs",
        "gfs2",
        "glusterfs",
        "gpfs",
        "lustre",
        "ncpfs",
        "nfs",
        "nfs4",
        "ocfs2",
        "prl_fs",
        "smb3",
        "smbfs",
        "vboxsf",
        "virtiofs",
        "vmhgfs",
    }
)
"""File systems whose files others change too, of which the kernel here hears nothing: shares of
the network, of a virtual machine's host, of Windows under WSL."""

_TELLING_FUSE = frozenset({"fuse.fuse-overlayfs", "fuse.bindfs", "fuse.lxcfs", "fuse.unionfs"})


def is_silent(folder: Path, mounts: str | None = None) -> bool:
    """Whether changes in ``folder`` may come without an event.

    :param mounts: what /proc/mounts says; where there is none, no folder is silent.
    """
    if mounts is None:
        try:
            mounts = Path("/proc/self/mounts").read_text("utf-8", errors="surrogateescape")
        except OSError:
            return False
    kind = _type_of(folder, mounts.splitlines())
    return kind in _SILENT or (kind.startswith("fuse.") and kind not in _TELLING_FUSE)


def _type_of(folder: Path, mounts: Iterable[str]) -> str:
    """The file system type of the mount that ``folder`` is on; of two on one place the later."""
    longest, kind = -1, ""
    for line in mounts:
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        place = Path(re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), fields[1]))
        depth = len(place.parts)
        if depth >= longest and folder.is_relative_to(place):
            longest, kind = depth, fields[2]
    return kind
