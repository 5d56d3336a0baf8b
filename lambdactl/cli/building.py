"""Builds, for the commands that ask for them: where they work, and what else they need."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Collection, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from lambdactl import errors
from lambdactl.cli import failure, params

if TYPE_CHECKING:
    from lambdactl.artifacts.builds import Built, Report
    from lambdactl.artifacts.contained_engine import ContainerBuilds
    from lambdactl.artifacts.model import Artifact, LeftOut
    from lambdactl.execution.containers.settings import ContainerSettings, Progress
    from lambdactl.manifest.model import App

T = TypeVar("T")

FOLDER = ".lambdactl"
"""Beside the manifest: what lambdactl makes for a project."""
_SHOWN = 8
_EXPECTED = (
    "byte code",
    "output of a tool",
    "a file of the desktop",
    "settings of",
    "the manifest",
)
"""What is left out, as artifacts/ignore.py says it, and missed by nobody."""
_SIGNALS = (signal.SIGTERM, signal.SIGHUP)


def folder(app: App) -> Path:
    """The project's own folder; git leaves it alone.

    :raises UserError: it can't be written.
    """
    found = app.root / FOLDER
    ignore = found / ".gitignore"
    try:
        if not ignore.exists():
            found.mkdir(exist_ok=True)
            ignore.write_text("# Made by lambdactl; all of it can be made again.\n*\n")
    except OSError as error:
        raise errors.UserError(
            f"can't write {found}: {(error.strerror or str(error)).lower()}",
            hint="builds write to it, beside the manifest",
        ) from error
    return found


async def build(
    app: App,
    names: Collection[str] = (),
    *,
    settings: ContainerSettings,
    progress: Progress | None = None,
    report: Report | None = None,
    warn: Callable[[str], None] = params.warn,
    jobs: int | None = None,
    use_cache: bool = True,
    container: bool = False,
) -> Built:
    """:func:`lambdactl.artifacts.builds.build` for the project of ``app``, with a container engine
    where one is needed."""
    from lambdactl.artifacts import builds

    engine = Engine(app, settings, progress, warn)
    try:
        return await builds.build(
            app,
            names,
            folder=folder(app),
            shell=os.environ,
            jobs=jobs,
            use_cache=use_cache,
            container=container,
            engine=engine,
            report=report,
        )
    finally:
        await asyncio.to_thread(engine.close)


class Engine:
    """The container engine of one build, looked for when it is first called, in any thread."""

    def __init__(
        self,
        app: App,
        settings: ContainerSettings,
        progress: Progress | None,
        warn: Callable[[str], None],
    ) -> None:
        import threading

        self._app = app
        self._settings = settings
        self._progress = progress
        self._warn = warn
        self._lock = threading.Lock()
        self._builds: ContainerBuilds | None = None
        self._error: errors.LambdactlError | None = None

    def __call__(self) -> ContainerBuilds:
        """:raises EngineError: there is none."""
        with self._lock:
            if self._error is not None:
                raise self._error
            if self._builds is None:
                from lambdactl.execution.containers.building import Builds

                try:
                    self._builds = Builds(
                        self._settings,
                        root=self._app.root,
                        shell=os.environ,
                        tell=self._warn,
                        progress=self._progress,
                    )
                except errors.LambdactlError as error:
                    # To look once more would take as long, for each function.
                    self._error = error
                    raise
            return self._builds

    def close(self) -> None:
        with self._lock:
            if self._builds is not None:
                self._builds.close()


def run(work: Coroutine[None, None, T]) -> T:
    """Run ``work`` until it is through, or a signal ends it in good order."""

    async def main() -> T:
        task = asyncio.current_task()
        assert task is not None
        for number in _SIGNALS:
            if signal.getsignal(number) != signal.SIG_IGN:
                asyncio.get_running_loop().add_signal_handler(number, stop, task, number)
        return await work

    def stop(task: asyncio.Task[T], number: int) -> None:
        received.append(number)
        task.cancel()

    received: list[int] = []
    try:
        return asyncio.run(main())
    except asyncio.CancelledError:
        if not received:
            raise
        raise SystemExit(128 + received[0]) from None


def tell(built: Built, warn: Callable[[str], None] = params.warn) -> None:
    """Say what is worth knowing of artifacts."""
    for artifact in built.artifacts:
        for doubt in _doubts(artifact):
            warn(doubt)
    for note in built.notes:
        warn(note)


def _doubts(artifact: Artifact) -> list[str]:
    """What the user should know of an artifact: its warnings, and what was left out of it and why.

    Of what was left out the last time, too, only secrets are named again.
    """
    found = [f"{artifact.name}: {warning}" for warning in artifact.warnings]
    left_out = [out for out in artifact.left_out if out.secret]
    if not artifact.cached:
        left_out += [out for out in artifact.left_out if not out.secret and _surprises(out)]
    if left_out:
        shown = ", ".join(f"{out.name} ({out.why})" for out in left_out[:_SHOWN])
        more = f" and {len(left_out) - _SHOWN} more" if len(left_out) > _SHOWN else ""
        found.append(f"{artifact.name}: left out {shown}{more}")
    return found


def _surprises(out: LeftOut) -> bool:
    """Whether somebody may have expected it to be in: not what the user's own rules name, nor what
    nobody looks for."""
    return ".lambdaignore" not in out.why and not out.why.startswith(_EXPECTED)


def others(failed: list[tuple[str, errors.LambdactlError]], raised: BaseException) -> None:
    """Tell of builds that failed beside the one that ends the command."""
    for name, error in failed:
        if error is not raised and str(error) != str(raised):
            click.echo(f"{name}:", err=True)
            failure.report(error, debug=False)
