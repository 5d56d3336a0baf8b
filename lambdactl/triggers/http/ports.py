"""A port that is taken: by whom, and which one is free."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import socket
from collections.abc import Iterator
from pathlib import Path

from lambdactl.errors import UserError

_LISTEN = "0A"
_TRIES = 100


def in_use(host: str, port: int) -> UserError:
    """The error for a port that another socket listens on."""
    free = next_free(host, port)
    return UserError(
        f"port {port} is in use by {port_holder(port)}",
        hint=f"lambdactl local start-api --port {free}" if free else "choose another with --port",
    )


def refused(host: str, port: int, error: OSError) -> UserError:
    """The error for an address that can't be listened on."""
    # asyncio puts words of its own around those of the system, whose errors are positive.
    words = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
    hint = "choose another with --host or --port"
    if error.errno == errno.EACCES:
        hint = "ports below 1024 are for administrators; choose another with --port"
    shown = f"[{host}]" if ":" in host else host
    return UserError(f"cannot listen on {shown}:{port}: {words or error}", hint=hint)


def next_free(host: str, port: int) -> int | None:
    """The first port above ``port`` that can be listened on; None when the next hundred can't."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for number in range(port + 1, min(port + 1 + _TRIES, 65536)):
        with socket.socket(family) as trial, contextlib.suppress(OSError):
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind((host, number))
            return number
    return None


def port_holder(port: int) -> str:
    """Who listens on a TCP port of this machine, in words: ``python (pid 123)``.

    What other users run is theirs: of such a process only the user is known, if that.
    """
    import psutil  # Only a port that is taken pays for it.

    pid, user = _listener(port)
    if pid is None:
        return f"a process of the user {user}" if user else "another process"
    try:
        return f"{psutil.Process(pid).name()} (pid {pid})"
    except psutil.Error:
        return f"the process {pid}"


def _listener(port: int) -> tuple[int | None, str | None]:
    """The process that listens on ``port``; failing that, the user it belongs to."""
    if not Path("/proc/net/tcp").exists():
        return _listener_elsewhere(port), None
    uid = None
    for inode, owner in _sockets(port):
        uid = owner
        pid = _owner_of(inode)
        if pid is not None:
            return pid, None
    return None, _user(uid) if uid is not None else None


def _sockets(port: int) -> Iterator[tuple[str, int]]:
    """Inode and user id of each listening socket on ``port``; the columns are those of
    https://docs.kernel.org/networking/proc_net_tcp.html."""
    for table in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/net/{table}").read_text("ascii").splitlines()[1:]:
                fields = line.split()
                local, state = fields[1], fields[3]
                if state == _LISTEN and int(local.rpartition(":")[2], 16) == port:
                    yield fields[9], int(fields[7])


def _owner_of(inode: str) -> int | None:
    wanted = f"socket:[{inode}]"
    for process in Path("/proc").iterdir():
        if not re.fullmatch(r"\d+", process.name):
            continue
        with contextlib.suppress(OSError), os.scandir(process / "fd") as descriptors:
            for descriptor in descriptors:
                with contextlib.suppress(OSError):
                    if str(Path(descriptor.path).readlink()) == wanted:
                        return int(process.name)
    return None


def _listener_elsewhere(port: int) -> int | None:
    """Without /proc: ask psutil about each process that is ours."""
    import psutil

    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            for connection in process.net_connections("tcp"):
                if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port:
                    return int(process.pid)
    return None


def _user(uid: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
