"""``lambdactl sync``: the code of deployed functions follows each save."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lambdactl import errors
from lambdactl.cli import build, build_view, failure, params
from lambdactl.cli.aws import AwsOptions, aws_options
from lambdactl.cli.deploy_options import ManifestOptions, manifest_options

if TYPE_CHECKING:
    from lambdactl.deploy.model import Context
    from lambdactl.deploy.sync import Sync, Synced
    from lambdactl.execution.watch import Change
    from lambdactl.manifest.model import App


@click.command()
@click.argument("names", metavar="[NAME]...", nargs=-1, shell_complete=params.complete_function)
@manifest_options
@params.build_options
@click.option("--once", is_flag=True, help="Bring the code up to date, and end.")
@aws_options
@click.option(
    "--output",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Lines for people, or one JSON object for each upload.",
)
def sync(
    names: tuple[str, ...],
    source: ManifestOptions,
    options: params.BuildOptions,
    once: bool,
    aws: AwsOptions,
    output: str,
) -> int:
    """Upload the code of the deployed functions NAME, or of all, on each save.

    Only code: other settings, layers and triggers change with `lambdactl deploy`. Aliases and
    versions stay; the new code is $LATEST.
    """
    from lambdactl.deploy.sync import Sync

    context = source.context(aws)
    app = context.naming.app
    chosen = [app.function(name).name for name in names] or _syncable(app)
    session = _Session(Sync(context), options, output)
    if once:
        failed = session.bring(app, chosen)
        return failed[0].exit_code if failed else errors.EXIT_OK
    return session.follow(app, chosen, lambda: source.context(aws))


def _syncable(app: App) -> list[str]:
    """All functions whose code is on this disk.

    :raises UserError: there is none.
    """
    found = [name for name, function in app.functions.items() if function.code.files]
    if not found:
        raise errors.UserError("no function of the manifest has its code on this machine")
    return found


class _Session:
    """Builds, uploads and tells."""

    def __init__(self, sync: Sync, options: params.BuildOptions, output: str) -> None:
        self.sync = sync
        self._options = options
        self._json = output == "json"

    def bring(
        self, app: App, names: Collection[str], saved: Mapping[str, float] | None = None
    ) -> list[errors.LambdactlError]:
        """Build and upload; what fails is told, and returned.

        :param saved: when the sources of each were saved; None: just now.
        """
        now = self.sync.context.account.clock.now()
        failed: list[errors.LambdactlError] = []

        def tell(one: Synced) -> None:
            if one.error is not None:
                failed.append(one.error)
            self._tell(one)

        try:
            built = build.make(app, tuple(names), self._options, lines=False)
        except errors.LambdactlError as error:
            failure.report(error, debug=False)
            return [error]
        self.sync.bring(names, built, saved or dict.fromkeys(names, now), tell)
        for layer in self.sync.changed_layers(built):
            params.warn(f"layer {layer} has changed: `lambdactl deploy` publishes it")
        return failed

    def follow(self, app: App, names: list[str], read: Callable[[], Context]) -> int:
        """Until Ctrl-C; returns the exit code where it can't even begin."""
        from lambdactl.deploy import sync

        begun = False
        while True:
            # What is saved while it builds is seen, too.
            watch, owners = sync.watched(app, names)
            try:
                failed = self.bring(app, names)
                if failed and not begun:
                    # What fails at the very beginning is no slip of a moment.
                    return failed[0].exit_code
                begun = True
                self._say(f"watching {', '.join(names)} (Ctrl-C ends)")
                while True:
                    changes = sync.saves(watch)
                    if any(change.root == app.source for change in changes):
                        break
                    self._saved(app, changes, owners)
            finally:
                watch.close()
            app = self._reread(app, names, read)

    def _saved(
        self, app: App, changes: list[Change], owners: Mapping[Path, frozenset[str]]
    ) -> None:
        from lambdactl.deploy.sync import saved_at

        now = self.sync.context.account.clock.now()
        theirs: dict[str, list[Change]] = {}
        for change in changes:
            for name in owners.get(change.root, ()):
                theirs.setdefault(name, []).append(change)
        if theirs:
            saved = {name: saved_at(some, now) for name, some in theirs.items()}
            self.bring(app, sorted(theirs), saved)

    def _reread(self, app: App, names: list[str], read: Callable[[], Context]) -> App:
        """The manifest as it is now; as it was, where it is broken."""
        try:
            context = read()
            fresh = context.naming.app
            for name in names:
                fresh.function(name)
        except errors.LambdactlError as error:
            failure.report(error, debug=False)
            return app
        if fresh.functions != app.functions:
            params.warn("the manifest has changed: `lambdactl deploy` brings its settings to AWS")
        self.sync.context = context
        return fresh

    def _tell(self, one: Synced) -> None:
        if self._json:
            document = {
                "function": one.function,
                "uploaded": one.size is not None,
                "bytes": one.size,
                "seconds": round(one.seconds, 3),
                "error": str(one.error) if one.error is not None else None,
            }
            click.echo(json.dumps(document))
            sys.stdout.flush()
        elif one.error is not None:
            failure.report(one.error, debug=False)
        elif one.size is None:
            self._say(f"{one.function} is up to date")
        else:
            self._say(
                f"{one.function} is live after {one.seconds:.1f} s ({build_view.size(one.size)})"
            )

    def _say(self, words: str) -> None:
        if not self._json:
            click.echo(words)
