"""What lambdactl makes in an engine carries its name, so that nothing is left behind.

A label says whose each object is: the work folder of an invoker, whose lock the kernel gives back
however its owner ends (:mod:`~lambdactl.execution.work`). An engine may also be used from other
machines, and from containers that each run lambdactl and have a ``/tmp`` of their own: what they
own can't be seen from here. A second label says where the owner's folder is to be looked for, and
what belongs elsewhere is left alone.
"""

from __future__ import annotations

import contextlib
import hashlib
import platform
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from lambdactl.execution.containers.explaining import explained, said_by
from lambdactl.execution.work import is_alive

if TYPE_CHECKING:
    import docker

    from lambdactl.execution.containers.engine import Engine

OWNER = "lambdactl.owner"
FUNCTION = "lambdactl.function"
MARK = "lambdactl.mark"
_AT_ONCE = 8
_GONE_S = 30

Kind = Literal["container", "network", "volume"]
_KINDS: tuple[Kind, ...] = ("container", "network", "volume")
"""In the order in which they can be removed: containers use all the others."""


@dataclass(frozen=True, slots=True)
class Leftover:
    """An object in the engine that lambdactl made.

    :ivar id: by which the engine knows it; of a volume its name.
    :ivar owner: the work folder of its owner.
    """

    kind: Kind
    id: str
    name: str
    function: str
    owner: Path


def labels(owner: Path, function: str) -> dict[str, str]:
    """The labels of whatever is made in an engine.

    :param owner: the invoker's work folder.
    :param function: the function that it is for.
    """
    return {OWNER: str(owner), FUNCTION: function, MARK: _mark(owner.parent)}


def leftovers(engine: Engine, *, everyone: bool = False) -> list[Leftover]:
    """What is there of owners that are no longer alive, in the order in which it can be removed.

    Images are not among them: what a build was making when its lambdactl was killed the engine
    removes itself, and what was built makes the next start fast.

    :param everyone: also what belongs to the living and to other machines.
    :raises EngineError: the engine doesn't answer.
    """
    alive: dict[Path, bool] = {}
    found = []
    for one, mark in _labelled(engine, OWNER):
        if one.owner not in alive:
            alive[one.owner] = not _is_dead(one.owner, mark)
        if everyone or not alive[one.owner]:
            found.append(one)
    return found


def remove(engine: Engine, found: Iterable[Leftover]) -> dict[Leftover, str]:
    """Remove all of ``found`` and wait until it is gone.

    :return: what could not be removed, with the reason.
    :raises EngineError: the engine doesn't answer.
    """
    kept: dict[Leftover, str] = {}
    waiting = list(found)
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="lambdactl-remove") as threads:
        for kind in _KINDS:
            these = [one for one in waiting if one.kind == kind]
            reasons = threads.map(lambda one: _remove(engine, one), these)
            kept |= {one: why for one, why in zip(these, reasons, strict=True) if why is not None}
    return kept


def sweep(engine: Engine) -> list[Leftover]:
    """Remove what the dead have left; returns what is gone.

    :raises EngineError: the engine doesn't answer.
    """
    found = leftovers(engine)
    kept = remove(engine, found)
    return [one for one in found if one not in kept]


def remove_owned(engine: Engine, owner: Path) -> dict[Leftover, str]:
    """Remove all that the owner of a work folder has made; returns what is still there and why.

    :raises EngineError: the engine doesn't answer.
    """
    return remove(engine, [one for one, _ in _labelled(engine, f"{OWNER}={owner}")])


def remove_container(client: docker.APIClient, container: str) -> None:
    """Kill and remove it; returns when it is gone, whoever removes it. Blocks.

    :raises Exception: what the docker SDK raises, but for a container that is gone already.
    """
    import docker.errors

    with contextlib.suppress(docker.errors.NotFound):
        try:
            client.remove_container(container, force=True, v=True)
        except docker.errors.APIError as error:
            # The engine itself is at it, because the container has ended.
            if "already in progress" not in str(error.explanation):
                raise
            client.wait(container, timeout=_GONE_S, condition="removed")


def _labelled(engine: Engine, label: str) -> list[tuple[Leftover, str]]:
    """All objects with a label, each with its mark."""
    client, only = engine.client, {"label": [label]}
    listings: dict[Kind, Any] = {
        "container": lambda: client.containers(all=True, filters=only),
        "network": lambda: client.networks(filters=only),
        "volume": lambda: client.volumes(filters=only)["Volumes"] or [],
    }
    try:
        return [_read(kind, entry) for kind in _KINDS for entry in listings[kind]()]
    except Exception as error:
        raise explained(error, "list what lambdactl has made in the engine") from error


def _read(kind: Kind, entry: Mapping[str, Any]) -> tuple[Leftover, str]:
    given: Mapping[str, str] = entry.get("Labels") or {}
    names = entry.get("Names") or [entry.get("Name") or entry.get("Id", "")]
    id_ = str(entry["Name"] if kind == "volume" else entry["Id"])
    name = str(names[0]).removeprefix("/")
    owner = Path(given.get(OWNER, ""))
    return Leftover(kind, id_, name, given.get(FUNCTION, ""), owner), given.get(MARK, "")


def _remove(engine: Engine, one: Leftover) -> str | None:
    """Returns why it is still there, if it is."""
    import docker.errors
    import requests.exceptions

    client = engine.client
    try:
        if one.kind == "container":
            remove_container(client, one.id)
        elif one.kind == "network":
            client.remove_network(one.id)
        else:
            client.remove_volume(one.id, force=True)
    except docker.errors.NotFound:
        return None
    except docker.errors.APIError as error:
        return said_by(error)
    except requests.exceptions.Timeout as error:
        return explained(error, f"remove the {one.kind} {one.name}").message
    except Exception as error:
        raise explained(error, f"remove the {one.kind} {one.name}") from error
    return None


def _is_dead(owner: Path, mark: str) -> bool:
    """Whether the owner is known to be gone: it ran here, and its lock is free."""
    machine, boot, folder = [*mark.split("/"), "", ""][:3]
    here_machine, here_boot, here_folder = _mark(owner.parent).split("/")
    if not machine or machine != here_machine:
        return False
    if boot != here_boot:
        # Of this machine before it was started anew.
        return True
    return folder == here_folder and not is_alive(owner)


def _mark(folder: Path) -> str:
    """``machine/boot/folder``: where an owner runs, and which folder has its work folder.

    A path means another folder in another container, so a folder is known by its file system and
    its number there (``st_dev``, ``st_ino``).
    """
    try:
        found = folder.stat()
    except OSError:
        return f"{_machine()}/{_boot()}/"
    return f"{_machine()}/{_boot()}/{found.st_dev:x}-{found.st_ino:x}"


@cache
def _machine() -> str:
    # machine-id(5); it should not be shown, so it goes through a hash.
    parts = (_first_line("/etc/machine-id"), platform.node())
    return hashlib.sha256("\0".join(("lambdactl", *parts)).encode()).hexdigest()[:16]


@cache
def _boot() -> str:
    """random(4); "0" where a system has none, as its temporary folders tell enough."""
    return _first_line("/proc/sys/kernel/random/boot_id") or "0"


def _first_line(path: str) -> str:
    try:
        return Path(path).read_text("ascii", "replace").strip()
    except OSError:
        return ""
