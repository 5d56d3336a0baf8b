"""The architecture that a function's image is for, where the engine has another."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from lambdactl.manifest.model import Function

if TYPE_CHECKING:
    from lambdactl.execution.containers.engine import Engine

_OCI = {"x86_64": "amd64", "arm64": "arm64"}
"""https://docs.docker.com/build/building/multi-platform/"""
_LAMBDA = {"amd64": "x86_64", "arm64": "arm64", "aarch64": "arm64", "x86_64": "x86_64"}
_BINFMT = Path("/proc/sys/fs/binfmt_misc")
_EMULATORS = {"x86_64": ("qemu-x86_64", "rosetta", "FEX-x86_64"), "arm64": ("qemu-aarch64",)}
_WITH_EMULATORS = frozenset(
    {"docker-desktop", "rancher-desktop", "colima", "finch", "lima", "orbstack"}
)
"""Engines whose virtual machine brings emulators along."""


class Choice(NamedTuple):
    """The architecture to run, and what the user should know about it."""

    architecture: str
    warning: str | None = None


def oci(architecture: str) -> str:
    """Lambda's architecture as engines write it: ``linux/amd64``."""
    return f"linux/{_OCI.get(architecture, architecture)}"


def of_lambda(architecture: str) -> str:
    """An engine's word for an architecture as Lambda writes it: ``amd64`` is ``x86_64``."""
    return _LAMBDA.get(architecture, architecture)


def emulates(engine: Engine, architecture: str) -> bool | None:
    """Whether ``engine`` runs programs for another architecture; None where nobody can tell."""
    if engine.product in _WITH_EMULATORS:
        return True
    if not engine.shares_kernel or not (_BINFMT / "status").exists():
        return None
    return any((_BINFMT / name).exists() for name in _EMULATORS.get(architecture, ()))


def install(architecture: str) -> str:
    """The command that gives an engine an emulator
    (https://docs.docker.com/build/building/multi-platform/#install-qemu-manually)."""
    name = _OCI.get(architecture, architecture)
    return f"docker run --privileged --rm tonistiigi/binfmt --install {name}"


def choose(engine: Engine, function: Function) -> Choice:
    """The architecture that ``function`` runs on here: its own where the engine can."""
    wanted, here = function.architecture, engine.architecture
    if wanted == here:
        return Choice(wanted)
    if emulates(engine, wanted):
        return Choice(wanted, slow(function.name, wanted, here))
    return Choice(
        here,
        f"{function.name} is for {wanted} and this engine is {here}: it runs on {here} here; "
        f"with an emulator ({install(wanted)}) it runs on {wanted}",
    )


def slow(name: str, architecture: str, here: str) -> str:
    """What emulation means, in words."""
    return (
        f"{name} is for {architecture} and this engine is {here}: it runs in an emulator, "
        f"several times slower; `architecture: {here}` runs at full speed"
    )
