"""What a compiled file (ELF) says of the machines that it runs on."""

from __future__ import annotations

import re
from pathlib import Path

from lambdactl.artifacts.model import Target
from lambdactl.manifest.runtimes import find, guess

_MACHINES = {"x86_64": 62, "arm64": 183}
"""``e_machine``: EM_X86_64 and EM_AARCH64."""
_GLIBC = re.compile(rb"\bGLIBC_2\.(\d+)\b")
_SYSTEMS = {"Amazon Linux 2": 26, "Amazon Linux 2023": 34}
"""The minor version of glibc 2
(https://docs.aws.amazon.com/linux/al2023/ug/compare-with-al2.html)."""


def is_for(file: Path, target: Target) -> bool:
    """Whether a file is ELF, of the target's machine."""
    with file.open("rb") as opened:
        head = opened.read(20)
    return (
        head[:4] == b"\x7fELF"
        and int.from_bytes(head[18:20], "little") == _MACHINES[target.architecture]
    )


def too_new(file: Path, target: Target) -> str | None:
    """The version of glibc that a file asks for, where the runtime's system has an older one:
    what is compiled here is linked with what is here."""
    runtime = find(target.runtime) or guess(target.runtime)
    has = _SYSTEMS.get(runtime.os)
    versions = (int(found) for found in _GLIBC.findall(file.read_bytes()))
    asked = max(versions, default=0)
    return f"2.{asked}" if has is not None and asked > has else None
