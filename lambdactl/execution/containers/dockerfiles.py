"""A function's Dockerfile, built into an image on the engine."""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO, Any

from lambdactl.errors import BuildError, EngineError
from lambdactl.execution.containers import platforms, pulling, refusals
from lambdactl.execution.containers.explaining import broken, explained
from lambdactl.execution.containers.pulling import Layers, Wanted
from lambdactl.manifest.model import Function

BUILT = "lambdactl.built"
"""The label of images that we have built; its value is the tag."""

_END = 40
"""Lines of a failed build that its error shows."""
_COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_FROM = re.compile(r"Step \d+/\d+ : FROM (?:--\S+ )?(\S+)", re.IGNORECASE)
_NOTHING_DONE = re.compile(
    r"step \d+/\d+ ?:|\s*-+> (?:using cache|[0-9a-f]{12,64}\b)"
    r"|commit\b|successfully|[0-9a-f]{12,64}$",
    re.IGNORECASE,
)
"""What Docker and Podman say of a step that is in the cache, and of a build."""
_VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)\})")
_NEEDS_BUILDKIT = re.compile(
    r"requires? BuildKit|supported (?:only )?(?:in|with) BuildKit"
    r"|unknown flag: (?:mount|link|parents|exclude|network|security|checksum|keep-git-dir)",
    re.IGNORECASE,
)


def tag(function: Function, root: Path) -> str:
    """The name of the image that ``function`` of the manifest in ``root`` is built into."""
    slug = re.sub(r"[^a-z0-9]+", "-", function.name.lower()).strip("-") or "function"
    mark = hashlib.sha256(f"{root}\0{function.name}".encode()).hexdigest()[:12]
    return f"lambdactl/{slug}:{mark}"


def build(wanted: Wanted, function: Function, architecture: str, *, root: Path) -> str:
    """Build the image of ``function``; returns its name. What has not changed comes from the
    engine's cache, so this is asked before each start.

    :raises BuildError: it can't be built.
    :raises EngineError: the engine does not answer.
    """
    code = function.code
    assert code.dockerfile is not None
    for path, there in ((code.dockerfile, Path.is_file), (code.context, Path.is_dir)):
        if path is not None and not there(path):
            raise BuildError(f"{function.name} can't be built: there is no {path}", b"")
    name = tag(function, root)
    if wanted.settings.pull == "never":
        _check_bases(wanted, function, code.dockerfile, architecture)
    with wanted.run.lock((wanted.engine.url, name)):
        ask = wanted.settings.pull == "always" and (name, "asked") not in wanted.run.done
        try:
            _build(wanted, function, architecture, name, pull=ask)
        except _Unreachable as error:
            if not ask:
                raise
            wanted.tell(f"{function.name}: {error.reason}; its base image is used as it is here")
            _build(wanted, function, architecture, name, pull=False)
        wanted.run.done.add((name, "asked"))
        _remove_former(wanted, name)
    return name


def _check_bases(wanted: Wanted, function: Function, dockerfile: Path, architecture: str) -> None:
    """Refuse a build that would pull: engines can't be told not to.

    :raises EngineError: a base image is not here.
    """
    text = dockerfile.read_text(encoding="utf-8", errors="replace")
    for base in bases(text, function.code.args):
        if pulling.inspect(wanted.engine, base, architecture) is None:
            raise EngineError(
                f"{base}, which {function.name} is built from, is not on the engine, and with "
                "`--pull never` no registry is asked",
                where=wanted.where,
                hint=f"get it with: docker pull --platform {platforms.oci(architecture)} {base}",
            )


def bases(dockerfile: str, args: Mapping[str, str]) -> list[str]:
    """The images that a Dockerfile starts from, as far as that can be told
    (https://docs.docker.com/reference/dockerfile/#from).

    :param args: of the build.
    """
    known: dict[str, str] = {}
    stages: set[str] = set()
    found: list[str] = []
    for line in re.sub(r"\\[ \t]*\n", " ", dockerfile).splitlines():
        instruction, _, rest = line.strip().partition(" ")
        words = [word for word in rest.split() if not word.startswith("--")]
        if instruction.upper() == "ARG" and not found and not stages:
            for word in words:
                name, _, value = word.partition("=")
                known[name] = args.get(name, value.strip("\"'"))
        elif instruction.upper() == "FROM" and words:
            image = _VARIABLE.sub(lambda match: known.get(match[1] or match[2], match[0]), words[0])
            if "$" not in image and image.lower() not in {*stages, "scratch"}:
                found.append(image)
            stages.add(words[-1].lower())
    return found


class _Unreachable(BuildError):
    """The registry of a base image can't be reached."""

    reason = ""


def _build(wanted: Wanted, function: Function, architecture: str, name: str, *, pull: bool) -> None:
    code, file = function.code, function.code.dockerfile
    assert file is not None
    shown = _Output(function.name, wanted)
    import docker.errors

    def ask() -> Iterable[Mapping[str, Any]]:
        try:
            context, dockerfile = _context(code.context or file.parent, file)
        except OSError as error:
            raise _Unreadable(error) from error
        with context:
            events: Iterable[Mapping[str, Any]] = wanted.engine.client.build(
                fileobj=context,
                custom_context=True,
                dockerfile=dockerfile,
                tag=name,
                target=code.target,
                buildargs=dict(code.args),
                labels={BUILT: name},
                platform=platforms.oci(architecture),
                rm=True,
                forcerm=True,
                pull=pull,
                decode=True,
            )
        return events

    try:
        for event in wanted.run.events(ask):
            if "error" in event:
                raise _failed(function, str(event["error"]), shown)
            shown.show(event)
    except docker.errors.APIError as error:
        raise _failed(function, str(error.explanation or error), shown) from None
    except _Unreadable as error:
        raise BuildError(f"{function.name} can't be built: {error}", b"") from None
    except broken() as error:
        shown.end()
        raise explained(error, f"build the image of {function.name}") from error


class _Unreadable(Exception):
    """A file that a build needs can't be read."""

    def __init__(self, error: OSError) -> None:
        # The SDK puts an error of its own before the system's, with the path in its words.
        cause = error.__cause__ if isinstance(error.__cause__, OSError) else error
        place = f"{cause.filename}: " if cause.filename else ""
        super().__init__(place + (cause.strerror or str(cause)).lower())


def _context(folder: Path, dockerfile: Path) -> tuple[IO[bytes], str]:
    """The files that a build sees, and the name of the Dockerfile among them. What a
    ``.dockerignore`` leaves out stays here; one that is named after the Dockerfile comes first
    (https://docs.docker.com/build/concepts/context/#dockerignore-files).

    :raises OSError: one can't be read.
    """
    from docker.utils import tar

    own = dockerfile.with_name(f"{dockerfile.name}.dockerignore")
    ignore = own if own.is_file() else folder / ".dockerignore"
    patterns: list[str] = []
    if ignore.is_file():
        lines = (
            line.strip()
            for line in ignore.read_text(encoding="utf-8", errors="replace").splitlines()
        )
        patterns = [line for line in lines if line and not line.startswith("#")]
    if dockerfile.is_relative_to(folder):
        name, text = dockerfile.relative_to(folder).as_posix(), None
    else:
        # Taken along under a name that hides nothing, and left out of what is copied.
        name, text = (
            f".dockerfile.{hashlib.sha256(bytes(dockerfile)).hexdigest()}",
            dockerfile.read_text(encoding="utf-8", errors="replace"),
        )
    context: IO[bytes] = tar(str(folder), exclude=patterns, dockerfile=(name, text))
    return context, name


class _Output:
    """What a build prints, by the line. Nothing is shown of one that does nothing: with each call
    and each save a function's image is built, and nearly always all of it is in the cache."""

    def __init__(self, function: str, wanted: Wanted) -> None:
        self._function = function
        self._progress = wanted.progress
        self._begun = ""
        self._lines: list[str] = []
        self._held: list[str] | None = []
        self._base: Layers | None = None
        self._pulls = False
        self.image = ""
        """The base image that was last asked for."""

    def show(self, event: Mapping[str, Any]) -> None:
        if "stream" in event:
            *lines, self._begun = (self._begun + str(event["stream"])).split("\n")
            for line in lines:
                self._line(line)
        elif "status" in event and self._base is not None:
            self._pulls = True
            self._base.show(event)

    def end(self) -> bytes:
        """The last lines, of a build that failed."""
        if self._pulls and self._progress is not None:
            self._progress.given_up(self.image)
        if self._begun:
            begun, self._begun = self._begun, ""
            self._line(begun)
        return "\n".join(self._lines).encode()

    def _line(self, line: str) -> None:
        # Of a line that is written over and over, like a progress bar, the last counts.
        line = _COLOUR.sub("", line).rstrip("\r").rsplit("\r", 1)[-1].rstrip()
        if not line:
            return
        if self._pulls and self._progress is not None:
            self._progress.pulled(self.image)
        self._pulls = False
        base = _FROM.match(line)
        if base:
            self.image = base[1]
            self._base = Layers(base[1], self._progress)
        self._lines = [*self._lines[1 - _END :], line]
        if self._held is not None:
            self._held.append(line)
            if _NOTHING_DONE.match(line):
                return
            held, self._held = self._held, None
        else:
            held = [line]
        if self._progress is not None:
            for one in held:
                self._progress.building(self._function, one)


def _failed(function: Function, text: str, shown: _Output) -> BuildError:
    """What an engine's words about a build mean."""
    reason = " ".join(text.split()).removeprefix("Error response from daemon: ")
    if _NEEDS_BUILDKIT.search(reason):
        hint = (
            "build it with `docker buildx build --load -t NAME` and set `image: NAME`: "
            "over its API the engine builds without BuildKit"
        )
        return BuildError(f"{function.name} can't be built: {reason}", shown.end(), hint=hint)
    output = shown.end()
    if re.search(r"\b(pull|manifest|registry|lookup|dial tcp|no such host)\b", reason):
        refused = refusals.refused(shown.image or "the base image", reason)
        kind = _Unreachable if refused.unreachable else BuildError
        image = f" {shown.image}" if shown.image else ""
        message = f"{function.name} can't be built: its base image{image}: {refused.message}"
        error = kind(message, output, hint=refused.hint)
        if isinstance(error, _Unreachable):
            error.reason = refused.message
        return error
    no_emulator = (
        "the build ran for another architecture than the engine's, and there is no emulator: "
        + platforms.install(function.architecture)
        if "exec format error" in reason + output.decode()
        else None
    )
    return BuildError(f"{function.name} can't be built: {reason}", output, hint=no_emulator)


def _remove_former(wanted: Wanted, name: str) -> None:
    """Remove the images that had this name before and that no container needs any more."""
    import docker.errors
    import requests

    client = wanted.engine.client
    filters = {"dangling": True, "label": f"{BUILT}={name}"}
    with contextlib.suppress(docker.errors.DockerException, requests.RequestException):
        for image in client.images(filters=filters):
            with contextlib.suppress(docker.errors.APIError):
                client.remove_image(image["Id"])
