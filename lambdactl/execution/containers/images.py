"""The image that a function runs in: AWS's base image, its own, or one that is built here.

What an image says (``ENTRYPOINT``, ``CMD``, ``WORKDIR``) and what a function's ``ImageConfig``
puts in its place: https://docs.aws.amazon.com/lambda/latest/dg/images-create.html#images-parms
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from lambdactl.errors import EngineError, EnvironmentStartError
from lambdactl.execution.containers import base_images, dockerfiles, platforms, pulling, runs
from lambdactl.execution.containers.pulling import Wanted
from lambdactl.manifest.model import Function

if TYPE_CHECKING:
    from lambdactl.execution.containers.engine import Engine
    from lambdactl.execution.containers.settings import ContainerSettings, Progress

_CLIENTS = "https://docs.aws.amazon.com/lambda/latest/dg/images-create.html#images-ric"
_ENTRYPOINT = "/lambda-entrypoint.sh"
"""What AWS's base images start with; it wants the handler as its argument."""
_NO_RUNTIME = frozenset(
    {"sh", "bash", "ash", "dash", "zsh", "python", "python2", "python3"}
    | {"node", "irb", "ruby", "java", "jshell", "dotnet", "true"}
)
"""Alone and without arguments none of these is a function: images of languages and systems have
such a command for people who try them out."""


@dataclass(frozen=True, slots=True)
class Image:
    """An image on the engine, and how a function is started in it.

    :ivar reference: as it was asked for, for people.
    :ivar id: for the engine; ``reference`` may stand for another image by now.
    :ivar entrypoint: the function's own, else the image's.
    :ivar command: the function's own (for a runtime: the handler), else the image's.
    :ivar working_directory: the function's own, else the image's; empty: the root.
    :ivar user: as the image says; empty: root.
    :ivar variables: the image's environment variables.
    :ivar architecture: Lambda's word for what it is made for: "x86_64" or "arm64".
    """

    reference: str
    id: str
    entrypoint: tuple[str, ...]
    command: tuple[str, ...]
    working_directory: str
    user: str
    variables: Mapping[str, str]
    architecture: str


def find(
    engine: Engine,
    function: Function,
    *,
    root: Path,
    settings: ContainerSettings,
    tell: Callable[[str], None],
    progress: Progress | None,
    owner: Path,
) -> Image:
    """See that the engine has the image of ``function``: pull it or build it where it must be.

    :param root: the manifest's folder.
    :param tell: takes a sentence for the user (no terminal's escapes, no line end); the same one
        comes once a run.
    :param owner: the work folder of the invoker, which stands for the run: ``pull: always`` asks
        a registry once a run.
    :raises EngineError: the image can't be had, or the engine does not answer.
    :raises BuildError: its Dockerfile can't be built.
    :raises EnvironmentStartError: nothing in the image can run a function.
    """
    run = runs.of(owner)
    tell = run.once(tell)
    wanted = Wanted(engine, settings, run, tell, progress, function.where)
    choice = platforms.choose(engine, function)
    if function.code.kind == "dockerfile":
        reference = dockerfiles.build(wanted, function, choice.architecture, root=root)
        found = pulling.inspect(engine, reference, choice.architecture)
        if found is None:
            raise EngineError(f"{function.name} was built and its image is gone again")
    elif function.code.kind == "image":
        assert function.code.image is not None
        reference = function.code.image
        found = pulling.have(wanted, reference, choice.architecture)
    else:
        base = _base(function)
        architecture = _made(base, choice.architecture)
        reference = _reference(engine, base, architecture)
        found = pulling.have(wanted, reference, architecture)
    image = _read(reference, found)
    _check_platform(engine, function, image, choice, tell)
    return _checked(function, _with_own(function, image))


def stop(owner: Path) -> None:
    """Give up what is being pulled and built for a run, at its end: :func:`find` raises
    :class:`~lambdactl.errors.EnvironmentStoppedError` at once, whatever the engine does.

    :param owner: as given to :func:`find`.
    """
    runs.end(owner)


def _base(function: Function) -> base_images.BaseImage:
    runtime = function.runtime or ""
    base = base_images.find(runtime)
    if base is None:
        raise EngineError(
            f"AWS makes no base image for {runtime or 'a function without a runtime'}",
            where=function.places.get("runtime", function.where),
            hint="`runner: process` runs it without an image",
        )
    return base


def _made(base: base_images.BaseImage, architecture: str) -> str:
    """The architecture, or the only one that there is an image for."""
    return architecture if architecture in base.architectures else base.architectures[0]


def _reference(engine: Engine, base: base_images.BaseImage, architecture: str) -> str:
    """The tag for all architectures, which everybody knows; but an engine keeps one architecture
    under a tag, and what it has for its own must not be lost to a function for another."""
    only = base.only(architecture)
    here = pulling.inspect(engine, base.reference, architecture)
    if here is not None and platforms.of_lambda(here["Architecture"]) == architecture:
        return base.reference
    if here is None and architecture == engine.architecture:
        there = pulling.inspect(engine, only, architecture)
        return base.reference if there is None else only
    return only


def _read(reference: str, found: Mapping[str, Any]) -> Image:
    config = found.get("Config") or {}
    variables = (str(entry).partition("=") for entry in config.get("Env") or ())
    return Image(
        reference=reference,
        id=found["Id"],
        entrypoint=_words(config.get("Entrypoint")),
        command=_words(config.get("Cmd")),
        working_directory=config.get("WorkingDir") or "",
        user=config.get("User") or "",
        variables={name: value for name, _, value in variables},
        architecture=platforms.of_lambda(found.get("Architecture", "")),
    )


def _words(value: Any) -> tuple[str, ...]:
    # Podman writes one word as a string.
    return (value,) if isinstance(value, str) else tuple(value or ())


def _with_own(function: Function, image: Image) -> Image:
    """The image with the function's ``ImageConfig``; each part replaces one of the image's."""
    code = function.code
    if code.kind not in ("image", "dockerfile"):
        return dataclasses.replace(
            image, command=(function.handler,) if function.handler else image.command
        )
    return dataclasses.replace(
        image,
        entrypoint=code.entrypoint or image.entrypoint,
        command=code.command or image.command,
        working_directory=code.working_directory or image.working_directory,
    )


def _check_platform(
    engine: Engine,
    function: Function,
    image: Image,
    choice: platforms.Choice,
    tell: Callable[[str], None],
) -> None:
    """Say what is not as it would be on Lambda; what can't run at all is an error."""
    if image.architecture == function.architecture == engine.architecture:
        return
    if image.architecture == engine.architecture:
        if choice.warning is not None and choice.architecture == engine.architecture:
            tell(choice.warning)
        elif function.code.kind in ("image", "dockerfile"):
            tell(
                f"{function.name} is for {function.architecture} and {image.reference} is for "
                f"{image.architecture}: it runs here, and would not on Lambda; set "
                f"`architecture: {image.architecture}`, or use another image"
            )
        else:
            tell(
                f"{function.name} is for {function.architecture}, and AWS makes "
                f"{image.reference} for {image.architecture} only: it runs on that here"
            )
        return
    if platforms.emulates(engine, image.architecture) is False:
        raise EnvironmentStartError(
            f"{image.reference} is for {image.architecture} and this engine is "
            f"{engine.architecture}, without an emulator",
            where=function.where,
            hint=f"use an image for {engine.architecture}, or install an emulator: "
            + platforms.install(image.architecture),
        )
    tell(platforms.slow(function.name, image.architecture, engine.architecture))


def _checked(function: Function, image: Image) -> Image:
    """Refuse what is known to end before it asks for a call.

    :raises EnvironmentStartError: nothing in the image can run a function.
    """
    started = (*image.entrypoint, *image.command)
    if not started:
        raise EnvironmentStartError(
            f"{image.reference} has neither ENTRYPOINT nor CMD: nothing in it asks Lambda's "
            "Runtime API for calls",
            where=function.where,
            hint=f"build it from an AWS base image, or add a runtime interface client: {_CLIENTS}",
        )
    if image.entrypoint == (_ENTRYPOINT,) and not image.command:
        raise EnvironmentStartError(
            f"{image.reference} does not say which handler to call: it has no CMD",
            where=function.where,
            hint='CMD ["app.handler"] in its Dockerfile, or `command` in the manifest',
        )
    name = PurePosixPath(started[-1]).name
    helped = [word for word in started if PurePosixPath(word).name != "docker-entrypoint.sh"]
    if len(helped) == 1 and name in _NO_RUNTIME:
        raise EnvironmentStartError(
            f"{image.reference} starts `{name}` and nothing else, which does not ask Lambda's "
            "Runtime API for calls",
            where=function.where,
            hint=f"add a runtime interface client and set ENTRYPOINT and CMD: {_CLIENTS}",
        )
    return image


def explain_silent_exit(image: Image, *, code: int | None, output: bytes = b"") -> str:
    """Why the entrypoint of ``image`` may have ended before it ever asked the Runtime API.

    :param code: how it ended: a status, above 128 a signal's number and 128; None if unknown.
    :param output: what it printed last.
    """
    started = " ".join((*image.entrypoint, *image.command))
    text = output.decode("utf-8", "replace").lower()
    if "exec format error" in text or "wrong elf class" in text:
        return (
            f"`{started}` is a program for another architecture than {image.architecture}, or a "
            "script without a #! line"
        )
    if code == _NO_HANDLER and image.entrypoint[:1] == (_ENTRYPOINT,):
        return f"{_ENTRYPOINT} wants one argument, the handler, and was started as `{started}`"
    if code == _NOT_FOUND or "no such file or directory" in text:
        return f"`{started}`: there is no such program in {image.reference}, or it needs one"
    if code == _NOT_EXECUTABLE:
        return f"`{started}`: it is not executable in {image.reference}"
    ended = "ended" if code is None else f"ended with status {code}"
    return (
        f"`{started}` {ended} and never asked Lambda's Runtime API for a call; an image needs a "
        f"runtime interface client: {_CLIENTS}"
    )


def explain_silence(image: Image) -> str:
    """Why the entrypoint of ``image`` may run and never ask the Runtime API."""
    started = " ".join((*image.entrypoint, *image.command))
    return (
        f"`{started}` runs and never asked Lambda's Runtime API for a call; an image needs a "
        f"runtime interface client: {_CLIENTS}"
    )


_NO_HANDLER = 142
"""How AWS's entrypoint ends without a handler."""
_NOT_FOUND = 127
_NOT_EXECUTABLE = 126
