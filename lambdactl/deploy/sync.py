"""Code that follows its sources into AWS: what a save changes is built and uploaded, and nothing
else. Settings, layers and triggers are a deployment's business."""

from __future__ import annotations

import select
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lambdactl.deploy.explaining import in_words
from lambdactl.deploy.sync_code import update_code
from lambdactl.errors import LambdactlError
from lambdactl.execution.watch import SETTLE_S, Change, Watch

if TYPE_CHECKING:
    from lambdactl.artifacts.builds import Built
    from lambdactl.artifacts.model import Artifact
    from lambdactl.deploy.model import Context
    from lambdactl.manifest.model import App, Function

_JOBS = 8
_LATE_S = 10.0
"""Of how long ago a save may be that was noticed just now."""


@dataclass(frozen=True, slots=True)
class Synced:
    """What became of one function.

    :ivar seconds: from the save to the moment when AWS runs the new code.
    :ivar size: bytes that were uploaded; None: AWS had that code already.
    """

    function: str
    seconds: float
    size: int | None = None
    error: LambdactlError | None = None


class Sync:
    """Brings the code of functions up to date.

    :param update: uploads an artifact to a function, by its name in the manifest, and waits until
        it runs; gives whether it was another one.
    """

    def __init__(
        self, context: Context, update: Callable[[Context, str, Artifact], bool] = update_code
    ) -> None:
        self.context = context
        self._update = update
        self._brought: dict[str, str] = {}
        self._layers: dict[str, str] = {}

    def bring(
        self,
        names: Iterable[str],
        built: Built,
        saved: Mapping[str, float],
        tell: Callable[[Synced], None],
    ) -> None:
        """Upload what is not in AWS as it was built, several at a time.

        :param saved: when the sources of each were saved, in seconds since the epoch.
        :param tell: told of each function, as soon as it is through.
        """
        with ThreadPoolExecutor(_JOBS, "sync") as pool:
            coming = [pool.submit(self._one, name, built.of(name), saved[name]) for name in names]
            for one in as_completed(coming):
                tell(one.result())

    def changed_layers(self, built: Built) -> list[str]:
        """Layers that have become others since they were first built here."""
        found = []
        for artifact in built.artifacts:
            if artifact.kind == "layer":
                before = self._layers.setdefault(artifact.name, artifact.sha256)
                if before != artifact.sha256:
                    self._layers[artifact.name] = artifact.sha256
                    found.append(artifact.name)
        return found

    def _one(self, name: str, artifact: Artifact, saved: float) -> Synced:
        clock = self.context.account.clock
        new, error = False, None
        if self._brought.get(name) != artifact.sha256:
            try:
                with in_words(
                    f"uploading the code of {self.context.naming.function(name)}",
                    self.context.account,
                ):
                    new = self._update(self.context, name, artifact)
                self._brought[name] = artifact.sha256
            except LambdactlError as raised:
                error = raised
        seconds = max(0.0, clock.now() - saved)
        return Synced(name, seconds, artifact.size if new else None, error)


def watched(app: App, names: Iterable[str]) -> tuple[Watch, Mapping[Path, frozenset[str]]]:
    """What the artifacts of functions are made of, watched; and for each root whose it is."""
    from lambdactl.triggers.http import builds

    owners: dict[Path, set[str]] = {}
    without: dict[Path, list[Path]] = {}
    for name in names:
        function = app.functions[name]
        outputs = builds.outputs_of(app, function)
        for root in _sources(app, function):
            owners.setdefault(root, set()).add(name)
            without.setdefault(root, []).extend(outputs)
    watch = Watch([*owners, *_manifest(app)], without=without)
    return watch, {root: frozenset(found) for root, found in owners.items()}


def saves(watch: Watch) -> list[Change]:
    """Wait for a save, and for what else comes with it."""
    found = watch.changes()
    while not found:
        select.select([watch], [], [], watch.due_s())
        found = watch.changes()
    while True:
        select.select([watch], [], [], SETTLE_S)
        more = watch.changes()
        if not more:
            return found
        found += more


def saved_at(changes: Iterable[Change], now: float) -> float:
    """When the last of ``changes`` was made; ``now`` where the files don't tell."""
    times = []
    for change in changes:
        try:
            times.append(change.path.stat().st_mtime)
        except OSError:
            continue
    plausible = [at for at in times if now - _LATE_S < at <= now]
    return max(plausible, default=now)


def _sources(app: App, function: Function) -> list[Path]:
    from lambdactl.triggers.http import artifact_builds, builds

    found = [*builds.layer_sources(app, function)]
    if function.commands is not None:
        found += builds.sources_of(function.commands)
    elif function.build is not None and function.build.commands:
        found += builds.sources_of(function.build)
    else:
        found += function.code.files
    return [*found, *artifact_builds.project_files(app, function)]


def _manifest(app: App) -> list[Path]:
    return [app.source] if app.source is not None else []
