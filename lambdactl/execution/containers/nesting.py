"""lambdactl in a container itself, with the engine's socket mounted into it.

Then it shares the engine with the functions it starts, and no longer the engine's files and
addresses: the engine looks for a folder on its own machine, and containers reach us at our address
on a network that we are both on.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lambdactl.errors import EngineError

if TYPE_CHECKING:
    import docker

MOUNTS = Path("/proc/self/mountinfo")
_ID = re.compile(r"/(?:overlay-)?containers/([0-9a-f]{64})/\S*hostname ")
"""Engines mount a file of the container's own folder at /etc/hostname (proc(5), mountinfo)."""


@dataclass(frozen=True, slots=True)
class Nest:
    """The container that we are in.

    :ivar networks: its networks, the first one first; of each our IPv4 address on it, and that of
        its gateway, which is the engine's machine.
    :ivar shares_host: it is on the network of the engine's machine.
    :ivar mounts: folders of the engine's machine: ``(in here, there)``, the deepest first.
    """

    name: str
    networks: Mapping[str, tuple[str, str]]
    shares_host: bool
    mounts: tuple[tuple[Path, Path], ...]


def find(client: docker.APIClient, *, mounts: Path = MOUNTS) -> Nest | None:
    """The container of this engine in which we run, None where we don't."""
    if not sys.platform.startswith("linux"):
        return None
    try:
        match = _ID.search(mounts.read_text("utf-8", "replace"))
    except OSError:
        return None
    if match is None:
        return None
    import docker.errors

    try:
        found: Mapping[str, Any] = client.inspect_container(match[1])
    except docker.errors.NotFound:
        # Of another engine: this one runs in the container beside us.
        return None
    networks = (found.get("NetworkSettings") or {}).get("Networks") or {}
    binds = [
        (Path(one["Destination"]), Path(one["Source"]))
        for one in found.get("Mounts") or []
        if one.get("Source") and one.get("Destination")
    ]
    return Nest(
        name=str(found.get("Name", match[1][:12])).removeprefix("/"),
        networks={
            name: (str(one["IPAddress"]), str(one.get("Gateway") or one["IPAddress"]))
            for name, one in networks.items()
            if one.get("IPAddress")
        },
        shares_host=(found.get("HostConfig") or {}).get("NetworkMode") == "host",
        mounts=tuple(sorted(binds, key=lambda bind: len(bind[0].parts), reverse=True)),
    )


def outside(nest: Nest, path: Path) -> Path:
    """Where the engine finds a file or folder of ours.

    :raises EngineError: it doesn't see it.
    """
    for here, there in nest.mounts:
        if path.is_relative_to(here):
            return there / path.relative_to(here)
    raise EngineError(
        f"lambdactl runs in the container {nest.name!r}, and the engine doesn't see {path} in it",
        hint="mount its folder from the engine's machine (`docker run -v /FOLDER:/FOLDER`); for "
        "temporary files say with TMPDIR where that is",
    )
