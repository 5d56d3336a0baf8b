"""What a build makes, and what it is made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from lambdactl.artifacts.children import Children


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of an artifact.

    :ivar name: its path in the archive: relative, with ``/``, never ``..``.
    :ivar source: where its content is.
    :ivar size: bytes of that.
    :ivar executable: whether it may be run.
    """

    name: str
    source: Path
    size: int
    executable: bool = False


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What of a source tree does not enter the artifact, and why (``.lambdaignore:3``, ``a virtual
    environment``, ``a private key``). A folder stands for all that is in it.

    :ivar secret: the user must be told: leaving it in would have shown it to others.
    """

    name: str
    why: str
    secret: bool = False


@dataclass(frozen=True, slots=True)
class Tree:
    """The files of an artifact, sorted by name, each name once."""

    entries: tuple[Entry, ...]
    left_out: tuple[LeftOut, ...] = ()

    @property
    def size(self) -> int:
        """Bytes, unzipped."""
        return sum(entry.size for entry in self.entries)


@dataclass(frozen=True, slots=True)
class Package:
    """A dependency as it was installed.

    :ivar size: bytes of its files, unzipped.
    :ivar requires: names of other packages that it pulls in.
    :ivar direct: the project itself asks for it.
    """

    name: str
    version: str
    size: int
    requires: tuple[str, ...] = ()
    direct: bool = False


@dataclass(frozen=True, slots=True)
class Target:
    """What dependencies are installed for, whatever machine this is.

    :ivar runtime: as ``python3.13``.
    :ivar architecture: ``x86_64`` or ``arm64``.
    """

    runtime: str
    architecture: str


@dataclass(frozen=True, slots=True)
class Installed:
    """Dependencies, installed into a folder of their own: what is in it goes beside the code.

    :ivar folder: for Python what comes on ``sys.path``; for Node.js the parent of
        ``node_modules``; for Ruby the parent of ``vendor``.
    """

    folder: Path
    packages: tuple[Package, ...]


@dataclass(frozen=True, slots=True)
class Artifact:
    """What Lambda takes.

    :ivar name: of the function or the layer.
    :ivar path: the zip; None for an image.
    :ivar image: the image's reference.
    :ivar size: bytes of the zip (or of the image).
    :ivar unzipped: bytes.
    :ivar sha256: of the zip, as Lambda's ``CodeSha256``: Base64
        (https://docs.aws.amazon.com/lambda/latest/api/API_FunctionConfiguration.html); of an image
        its id.
    :ivar layers: names of layers of this build, and ARNs, in order.
    :ivar cached: it was there already.
    :ivar handler: the function's, where the build has moved it (a bundle).
    """

    name: str
    kind: Literal["function", "layer", "image"]
    sha256: str
    size: int
    unzipped: int
    path: Path | None = None
    image: str | None = None
    runtime: str | None = None
    architecture: str = "x86_64"
    layers: tuple[str, ...] = ()
    packages: tuple[Package, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    warnings: tuple[str, ...] = ()
    handler: str | None = None
    cached: bool = False
    seconds: float = field(default=0.0, compare=False)


@dataclass(frozen=True, slots=True)
class Work:
    """Where a build works, and whom it tells.

    :ivar cache: the folder for what survives builds (downloads of package managers have their own).
    :ivar scratch: a folder of this build's own, on the same file system as ``cache``; removed
        with all that is in it.
    :ivar shell: the user's environment variables: builds are the user's own tools and see them all.
    :ivar tell: takes one line at a time of what a tool prints. Called in any thread.
    :ivar children: starts tools, so that they end when the build is given up.
    """

    cache: Path
    scratch: Path
    shell: Mapping[str, str]
    tell: Callable[[str], None] = lambda line: None
    children: Children = field(default_factory=Children, compare=False)
