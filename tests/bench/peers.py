"""The peers, installed from PyPI and npm into a folder of their own, once.

Versions are those that docs/benchmarks.md speaks of; the emulator is AWS's own, which lies inside
``aws-sam-cli``.
"""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

PYPI = ("aws-sam-cli", "awslambdaric")
NPM = ("serverless@3", "serverless-offline@13")
IMAGE = f"public.ecr.aws/lambda/python:3.{sys.version_info.minor}"
_RIE = {"x86_64": "aws-lambda-rie-x86_64", "aarch64": "aws-lambda-rie-arm64"}


@dataclass(frozen=True)
class Peers:
    """Where their programs are. ``docker``: an engine runs here and has the image SAM asks for."""

    python: Path
    sam: Path
    emulator: Path
    modules: Path
    docker: bool

    @property
    def serverless(self) -> Path:
        return self.modules / "serverless" / "bin" / "serverless.js"


def install(folder: Path) -> Peers:
    """:raises CalledProcessError: a registry can't be reached, or npm or venv is missing."""
    venv, node = folder.absolute() / "venv", folder.absolute() / "node"
    if not (venv / "bin" / "sam").exists():
        _run([sys.executable, "-m", "venv", venv])
        _run([venv / "bin" / "python", "-m", "pip", "install", "--quiet", *PYPI])
    if not (node / "node_modules" / "serverless-offline").exists():
        node.mkdir(parents=True, exist_ok=True)
        _run(["npm", "install", "--prefix", node, "--no-audit", "--no-fund", *NPM])
    emulator = next(venv.glob(f"lib/*/site-packages/samcli/local/rapid/{_RIE[platform.machine()]}"))
    return Peers(
        python=venv / "bin" / "python",
        sam=venv / "bin" / "sam",
        emulator=emulator,
        modules=node / "node_modules",
        docker=_has_image(),
    )


def _run(argv: list[object]) -> None:
    subprocess.run([str(word) for word in argv], check=True, stdout=sys.stderr, timeout=900)


def _has_image() -> bool:
    if shutil.which("docker") is None:
        return False
    asked = subprocess.run(
        ["docker", "image", "inspect", IMAGE], capture_output=True, timeout=20, check=False
    )
    return asked.returncode == 0
