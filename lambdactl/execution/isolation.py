"""How a process environment is fenced in here: its own ``/tmp``, ``/opt`` and end of life.

On Linux the runtime is started through ``unshare`` (util-linux), which gives it a mount
namespace of its own: there ``/tmp`` is a private folder and ``/opt`` the function's layers, as
on Lambda, without root where the kernel allows user namespaces. Where it doesn't, and on macOS,
the folder is private through ``TMPDIR`` alone. ``setpriv`` ties the runtime's life to ours, so
that not even ``kill -9`` of lambdactl leaves one behind.
"""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

TMP = Path("/tmp")  # noqa: S108 - the folder that Lambda promises
OPT = Path("/opt")

# $1 is the cgroup's list of members (or -), then pairs of folders to mount, then the command.
# The signal of a file that outgrows its limit is ignored so that the write fails instead.
_SCRIPT = """
trap "" XFSZ
[ "$1" = - ] || echo $$ > "$1"
shift
while [ "$1" != -- ]; do
  [ -d "$2" ] || mkdir -p "$2"
  mount --rbind "$1" "$2" || exit 125
  shift 2
done
shift
exec "$@"
"""


@dataclass(frozen=True, slots=True)
class Fence:
    """What this machine allows. ``prefix`` starts a command in its own mount namespace."""

    prefix: tuple[str, ...] = ()
    mounts: bool = False


@functools.cache
def available() -> Fence:
    """Find out, once for this process, which fences work here (some milliseconds)."""
    if not sys.platform.startswith("linux"):
        return Fence()
    user = () if os.geteuid() == 0 else ("--user", "--map-current-user", "--keep-caps")
    namespace = ("unshare", *user, "--mount")
    leash = ("setpriv", "--pdeathsig", "KILL")
    mount = ("sh", "-c", "mount --rbind /tmp /tmp")
    # The usual case first: every trial costs some milliseconds.
    if _works((*namespace, *leash, *mount)):
        return Fence((*namespace, *leash), mounts=True)
    if _works((*namespace, *mount)):
        return Fence(namespace, mounts=True)
    return Fence(leash if _works((*leash, "true")) else ())


def look_ahead() -> None:
    """Begin to find out, while the caller does something else."""
    threading.Thread(target=available, daemon=True).start()


def command(
    fence: Fence,
    argv: tuple[str, ...],
    *,
    private_tmp: Path,
    layers: Path | None,
    keep: tuple[Path, ...],
    members: Path | None,
) -> list[str]:
    """The whole command line that runs ``argv`` inside the fence.

    :param private_tmp: the folder that becomes ``/tmp``.
    :param layers: the folder that becomes ``/opt``.
    :param keep: folders that the runtime needs (code, interpreter, bootstrap): whichever of them
        lies under ``/tmp`` or ``/opt`` stays visible at its own path.
    :param members: the cgroup's ``cgroup.procs`` to join first.
    """
    mounts: list[str] = []
    if opt_is_private(fence, layers, keep):
        mounts += [str(layers), str(OPT)]
    if tmp_is_private(fence, keep):
        for folder in sorted({path for path in keep if path.is_relative_to(TMP)}):
            mounts += [str(folder), str(private_tmp / folder.relative_to(TMP))]
        # Last, because it hides whatever was under /tmp.
        mounts += [str(private_tmp), str(TMP)]
    return [
        *fence.prefix,
        "sh",
        "-c",
        _SCRIPT,
        "lambdactl",
        str(members) if members else "-",
        *mounts,
        "--",
        *argv,
    ]


def tmp_is_private(fence: Fence, keep: tuple[Path, ...]) -> bool:
    """Whether the runtime sees its private folder as ``/tmp`` itself."""
    return fence.mounts and TMP not in keep


def opt_is_private(fence: Fence, layers: Path | None, keep: tuple[Path, ...]) -> bool:
    """Whether the runtime sees its layers as ``/opt`` itself."""
    return (
        fence.mounts
        and layers is not None
        and OPT.is_dir()
        and not any(path.is_relative_to(OPT) for path in keep)
    )


def _works(argv: tuple[str, ...]) -> bool:
    try:
        done = subprocess.run(
            argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=5, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
