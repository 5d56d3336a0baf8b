"""An image on the engine: there already, or pulled from its registry."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lambdactl.errors import EngineError, Location
from lambdactl.execution.containers import locking, platforms, references, refusals
from lambdactl.execution.containers.explaining import broken, explained
from lambdactl.execution.containers.runs import Run

if TYPE_CHECKING:
    from lambdactl.execution.containers.engine import Engine
    from lambdactl.execution.containers.settings import ContainerSettings, Progress

_PLATFORM_OF_INSPECT = (1, 49)
"""The version of the engine's API since which `inspect` takes a platform
(https://docs.docker.com/reference/api/engine/version-history/#v149-api-changes)."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an image is wanted for."""

    engine: Engine
    settings: ContainerSettings
    run: Run
    tell: Callable[[str], None]
    progress: Progress | None = None
    where: Location | None = None
    """Where the user asked for it."""


def inspect(engine: Engine, reference: str, architecture: str) -> Mapping[str, Any] | None:
    """What the engine knows of an image that it has; None if it has none of that name.

    :raises EngineError: the engine does not answer.
    """
    client = engine.client
    params = {}
    if _version(client.api_version) >= _PLATFORM_OF_INSPECT:
        system, _, machine = platforms.oci(architecture).partition("/")
        params["platform"] = json.dumps({"os": system, "architecture": machine})
    found = _inspect(engine, reference, params)
    # An engine that has the image for another architecture only says that it has none.
    return _inspect(engine, reference, {}) if found is None and params else found


def have(wanted: Wanted, reference: str, architecture: str) -> Mapping[str, Any]:
    """See that the engine has an image; returns what it knows of it.

    What is here is used when the registry can't be asked. An image that never was in a registry
    is not asked for there: somebody else's may have its name.

    :raises EngineError: it isn't here, and can't be had.
    :raises UserError: the lock file is none.
    """
    engine, settings = wanted.engine, wanted.settings
    asked = _locked(settings, reference)
    local = inspect(engine, asked, architecture)
    with wanted.run.lock((engine.url, asked, architecture)):
        if _enough(wanted, local, asked, architecture):
            assert local is not None
            found = local
        elif settings.pull == "never":
            raise EngineError(
                f"{asked} is not on the engine, and with `--pull never` no registry is asked",
                where=wanted.where,
                hint=f"get it with: docker pull --platform {platforms.oci(architecture)} {asked}",
            )
        else:
            found = _pulled(wanted, asked, architecture, local)
    if settings.lock is not None and asked == reference:
        _lock(wanted, settings.lock, reference, found)
    return found


def _enough(wanted: Wanted, local: Mapping[str, Any] | None, asked: str, architecture: str) -> bool:
    """Whether what is here need not be asked for."""
    if local is None:
        return False
    pull = wanted.settings.pull
    if pull == "never" or not local.get("RepoDigests"):
        return True
    if references.parse(asked).digest is None and pull == "always":
        return False
    return platforms.of_lambda(local["Architecture"]) == architecture


def _pulled(
    wanted: Wanted, asked: str, architecture: str, local: Mapping[str, Any] | None
) -> Mapping[str, Any]:
    """Pull it, unless this run has; fall back on what is here."""
    key = (wanted.engine.url, asked, architecture)
    if key not in wanted.run.done:
        try:
            pull(wanted, asked, architecture)
        except refusals.PullRefused as refused:
            if local is None:
                raise EngineError(
                    f"{asked} is not on the engine and can't be pulled: {refused.message}",
                    where=wanted.where,
                    hint=refused.hint,
                ) from None
            wanted.tell(f"{asked} can't be pulled: {refused.message}; the one that is here is used")
        wanted.run.done.add(key)
    found = inspect(wanted.engine, asked, architecture)
    if found is None:
        raise EngineError(f"{asked} was pulled and is gone again", where=wanted.where)
    return found


def pull(wanted: Wanted, reference: str, architecture: str) -> None:
    """Ask the registry for an image.

    :raises PullRefused: it can't be had.
    :raises EngineError: the engine does not answer.
    """
    try:
        try:
            _pull(wanted, reference, architecture, None)
        except refusals.PullRefused as refused:
            if not (refused.expired and refused.registry == "public.ecr.aws"):
                raise
            # The most frequent trouble with it; and whatever is there is there for everybody.
            wanted.tell(f"{refused.message}; asking without a login")
            _pull(wanted, reference, architecture, {})
    except BaseException:
        if wanted.progress is not None:
            wanted.progress.given_up(reference)
        raise
    if wanted.progress is not None:
        wanted.progress.pulled(reference)


def _pull(
    wanted: Wanted, reference: str, architecture: str, login: Mapping[str, str] | None
) -> None:
    import docker.errors

    name = references.parse(reference)
    shown = Layers(reference, wanted.progress)

    def ask(login: Mapping[str, str] | None) -> Iterable[Mapping[str, Any]]:
        asked: Iterable[Mapping[str, Any]] = wanted.engine.client.pull(
            name.name,
            name.digest or name.tag,
            platform=platforms.oci(architecture),
            auth_config=login,
            stream=True,
            decode=True,
        )
        return asked

    def ask_somehow() -> Iterable[Mapping[str, Any]]:
        # The SDK's words about programs that keep passwords; ours are below.
        warnings.filterwarnings("ignore", module=r"docker\.credentials")
        try:
            return ask(login)
        except docker.errors.APIError:
            raise
        except docker.errors.DockerException as error:
            # A program that keeps passwords is gone or broken; most images need none.
            wanted.tell(f"the login for {name.registry} can't be read ({error}); asking without")
            return ask({})

    try:
        for event in wanted.run.events(ask_somehow):
            if "error" in event:
                raise refusals.refused(reference, str(event["error"]))
            shown.show(event)
    except docker.errors.APIError as error:
        raise refusals.refused(reference, str(error.explanation or error)) from None
    except broken() as error:
        raise explained(error, f"pull {reference}") from error


class Layers:
    """The engine's account of a pull, as :class:`Progress` wants it."""

    def __init__(self, image: str, progress: Progress | None) -> None:
        self._image = image
        self._progress = progress
        self._totals: dict[str, int] = {}

    def show(self, event: Mapping[str, Any]) -> None:
        """Show one event (https://docs.docker.com/reference/api/engine/, ImageCreate)."""
        layer, status = event.get("id"), event.get("status", "")
        if self._progress is None or not layer:
            return
        detail = event.get("progressDetail") or {}
        if status == "Downloading":
            # Where a registry doesn't say how much there is, the total is missing or -1.
            self._totals[layer] = max(detail.get("total", 0), 0)
            self._progress.pulling(
                self._image, layer, detail.get("current", 0), self._totals[layer]
            )
        elif status in ("Pulling fs layer", "Waiting"):
            self._progress.pulling(self._image, layer, 0, 0)
        elif status in ("Download complete", "Pull complete"):
            total = self._totals.get(layer, 0)
            self._progress.pulling(self._image, layer, total, total)


def _locked(settings: ContainerSettings, reference: str) -> str:
    """The reference to ask for: by digest, where the lock file has one."""
    if settings.lock is None or references.parse(reference).digest is not None:
        return reference
    digest = locking.digest(settings.lock, reference)
    return reference if digest is None else f"{references.parse(reference).name}@{digest}"


def _lock(wanted: Wanted, lock: Path, reference: str, found: Mapping[str, Any]) -> None:
    name = references.parse(reference)
    if name.digest is not None:
        return
    for digested in found.get("RepoDigests") or ():
        one = references.parse(digested)
        if one.repository == name.repository and one.digest is not None:
            locking.record(lock, reference, one.digest)
            return
    wanted.tell(
        f"{reference} is not in {lock}: it never was in a registry, which would give it a digest"
    )


def _inspect(engine: Engine, reference: str, params: Mapping[str, str]) -> Mapping[str, Any] | None:
    client = engine.client
    try:
        answer = client.get(
            client._url("/images/{0}/json", reference), params=params, timeout=client.timeout
        )
        if answer.status_code == 404:
            return None
        client._raise_for_status(answer)
        found: Mapping[str, Any] = answer.json()
    except broken() as error:
        raise explained(error, f"look for the image {reference}") from error
    return found


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("."))
