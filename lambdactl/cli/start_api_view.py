"""What ``local start-api`` shows: tables and lines for people, one JSON document a line for
scripts."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import click

from lambdactl import errors
from lambdactl.cli.image_view import ImageView
from lambdactl.cli.log_view import LogView, wants_colour
from lambdactl.cli.screen import Screen
from lambdactl.cli.status import Status, milliseconds
from lambdactl.triggers.http.reloading import Built, Failed, Happening, Reloaded, Rerouted

if TYPE_CHECKING:
    from lambdactl.execution.logs import LogLine
    from lambdactl.triggers.http.exchange import Request
    from lambdactl.triggers.http.server import Mount
    from lambdactl.triggers.http.stats import Row

T = TypeVar("T")

KINDS = {
    "rest": "REST API",
    "http": "HTTP API",
    "url": "function URL",
    "alb": "load balancer",
    "websocket": "WebSocket API",
}
_MOST_ACCESS_LINES = 50
"""Requests that a terminal shows in a quarter of a second: nobody reads more."""


class Served(Protocol):
    def rows(self) -> list[Row]: ...


class View:
    """Everything that is shown, from the start to the end. Nothing in it waits for a reader.

    :param logs: show the functions' logs.
    :param debug: show the traceback of a bug of ours.
    """

    def __init__(self, *, output: str, logs: bool, debug: bool = False) -> None:
        self.logs = logs
        self._debug = debug
        self.live = sys.stderr.isatty() and os.environ.get("TERM", "dumb") != "dumb"
        self._json = output == "json"
        self._colour = wants_colour()
        self._status = Status(colour=self._colour)
        self._served: Served | None = None
        self._errors = Screen(2, status=self._status_line if self.live else None)
        self._results = Screen(1) if self._json else None
        self._log_view = LogView(self._errors.write, colour=self._colour)
        self.images = ImageView(
            write=_in_loop(self._errors.write),
            document=_in_loop(self._image_document) if self._json else None,
            shown=self.live,
        )
        """Images as they are pulled and built, in whatever thread."""
        self._mounts: list[dict[str, Any]] = []
        self._lines = 0
        self._more = 0
        self._slot = 0

    # from the server

    def log(self, line: LogLine) -> None:
        """A sink for the functions' logs."""
        if self.logs:
            self._log_view(line)

    def request(self, request: Request, status: int, seconds: float) -> None:
        """One answer was given."""
        path = f"{request.prefix}{request.path}"
        if self._json:
            self._document(
                "request",
                method=request.method,
                path=path,
                query=request.query,
                status=status,
                duration_ms=round(seconds * 1000, 3),
                function=request.function or None,
            )
            return
        if self.live and not self._has_room(request.received):
            return
        query = f"?{request.query}" if request.query else ""
        function = f" ({request.function})" if request.function else ""
        text = f"{request.method} {path}{query}"
        if not text.isprintable():
            text = text.encode("unicode_escape").decode()
        text = f"{text} -> {status}, {milliseconds(seconds * 1000)}{function}"
        if status >= 500:
            text = self._tinted(text, "red")
        elif status >= 400:
            text = self._tinted(text, "yellow")
        self._errors.write(text.encode("utf-8", "replace"))

    def tell(self, message: str) -> None:
        """A sentence for the developer."""
        if self._json:
            self._document("message", text=message)
        self._errors.write((self._tinted("warning: ", "yellow") + message).encode())

    def waiting_for_debugger(self, name: str, port: int) -> None:
        """A function will go on when a client is there."""
        from lambdactl.execution import debugging

        self._document("debugger", function=name, host=debugging.LOCALHOST, port=port)
        self._errors.write(self._tinted(debugging.waiting(name, port), "cyan").encode())

    def report(self, error: Exception) -> None:
        """A mistake of the user's, or a bug of ours."""
        from lambdactl.cli import failure

        with self._captured():
            failure.report(error, debug=self._debug)

    # from the command

    def started(self, served: Served, mounts: Sequence[Mount], *, hint: str) -> None:
        """The table of URLs, once all ports are open."""
        self._served = served
        self._table("start", mounts)
        if hint and not self._json:
            self._errors.write(hint.encode())

    def happened(self, what: Happening, mounts: Sequence[Mount]) -> None:
        """A reload, or what came of trying."""
        if isinstance(what, Failed):
            self._failed(what)
        elif isinstance(what, Rerouted):
            if not self._table("routes", mounts, path=_name(what.path)):
                self._document("routes", path=_name(what.path), apis=self._mounts)
            self._say(f"{_name(what.path) or 'the manifest'} read again", what.seconds)
        elif isinstance(what, Built):
            self._document("build", functions=what.functions, duration_ms=_ms(what.seconds))
            self._say(f"built {_names(what.functions)}", what.seconds)
        else:
            assert isinstance(what, Reloaded)
            self._document(
                "reload",
                functions=what.functions,
                path=_name(what.path),
                duration_ms=_ms(what.seconds),
                waiting=what.waiting,
            )
            because = f" ({_name(what.path)})" if what.path else ""
            fresh = tuple(name for name in what.functions if name not in what.waiting)
            if what.path is None:
                # Whoever asked for all was given all.
                self._say(f"reloaded {_names(what.functions)}", what.seconds)
            elif fresh:
                self._say(f"reloaded {_names(fresh)}{because}", what.seconds)
            else:
                # Nothing ran, so nothing took time.
                text = f"{_names(what.waiting)}{because}: the next request starts the new code"
                self._say(text, None)

    def problems(self, problems: Sequence[errors.Problem]) -> None:
        """What is doubtful in the manifest."""
        from lambdactl.cli import failure

        for problem in problems:
            self._document("warning", **_problem(problem))
        with self._captured():
            for problem in problems:
                failure.problem(problem)

    def toggle_logs(self) -> None:
        self.logs = not self.logs

    def pause(self) -> None:
        self._errors.pause()

    def resume(self) -> None:
        self._errors.resume()

    def ending(self) -> None:
        """What comes now is the end: figures that fall to nothing say nothing."""
        self._errors.end_status()

    def close(self) -> None:
        if self._results is not None:
            self._results.close()
        self._errors.close()

    # parts

    def _failed(self, what: Failed) -> None:
        error = what.error
        if self._json:
            self._document("error", functions=what.functions, **_described(error))
        self.report(error)
        if what.bare:
            self._say(f"requests to {_names(what.functions)} fail until a build succeeds", None)
            return
        last = f"code of {_names(what.functions)}" if what.functions else "good manifest"
        self._say(f"the last {last} goes on being served", None)

    @contextlib.contextmanager
    def _captured(self) -> Iterator[None]:
        """What is printed to stderr inside goes the way of everything else."""
        text = _Captured(self._colour)
        with contextlib.redirect_stderr(text):
            yield
        if text.getvalue():
            self._errors.write(text.getvalue().rstrip("\n").encode("utf-8", "replace"))

    def _table(self, event: str, mounts: Sequence[Mount], **more: Any) -> bool:
        """Show where the front doors are, unless that was the last thing shown about them."""
        rows = [_mount(mount) for mount in mounts]
        if rows == self._mounts:
            return False
        self._mounts = rows
        if self._json:
            self._document(event, **more, apis=rows)
            return True
        from lambdactl.cli.tables import table

        shown: list[tuple[str, ...]] = [
            (KINDS[row["kind"]], row["name"], row["url"], str(row["routes"])) for row in rows
        ]
        # Both streams may be one terminal.
        with self._errors.aside():
            table("Front doors", ("KIND", "NAME", "URL", "ROUTES"), shown)
            sys.stdout.flush()
        return True

    def _document(self, event: str, **fields: Any) -> None:
        if self._results is not None:
            text = json.dumps({"event": event, **fields}, ensure_ascii=False)
            self._results.write(text.encode("utf-8", "replace"))

    def _image_document(self, document: dict[str, Any]) -> None:
        self._document(**document)

    def _say(self, text: str, seconds: float | None) -> None:
        if seconds is not None:
            text += f", {milliseconds(seconds * 1000)}"
        self._errors.write(self._tinted(text, "cyan").encode())

    def _tinted(self, text: str, colour: str) -> str:
        return click.style(text, fg=colour) if self._colour else text

    def _has_room(self, now: float) -> bool:
        """Whether a terminal shows one more request now."""
        slot = int(now * 4)
        if slot != self._slot:
            self._slot, self._lines = slot, 0
            if self._more:
                self._errors.write(b"... and %d more requests" % self._more)
                self._more = 0
        self._lines += 1
        if self._lines <= _MOST_ACCESS_LINES:
            return True
        self._more += 1
        return False

    def _status_line(self, width: int) -> str:
        images = self.images.status(width)
        if images or self._served is None:
            return images
        return self._status.line(self._served.rows(), width, logs=self.logs)


def _in_loop(call: Callable[[T], None]) -> Callable[[T], None]:
    """``call``, made in the running loop soon, for whoever is in another thread."""
    loop = asyncio.get_running_loop()

    def soon(argument: T) -> None:
        # A loop that is closed has nobody left to show it to.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(call, argument)

    return soon


class _Captured(io.StringIO):
    def __init__(self, colour: bool) -> None:
        super().__init__()
        self._colour = colour

    def isatty(self) -> bool:
        return self._colour


def _mount(mount: Mount) -> dict[str, Any]:
    return {
        "name": mount.api.name,
        "kind": mount.api.kind,
        "url": mount.url,
        "host": mount.host,
        "port": mount.port,
        "prefix": mount.prefix,
        "routes": len(mount.api.routes),
    }


def _problem(problem: errors.Problem) -> dict[str, Any]:
    return {
        "message": problem.message,
        "where": str(problem.where),
        "hint": problem.hint,
        "severity": problem.severity,
        "code": problem.code,
    }


def _described(error: Exception) -> dict[str, Any]:
    if isinstance(error, errors.ManifestError):
        problems = [_problem(problem) for problem in error.problems]
        return {"message": error.message, "problems": problems}
    if isinstance(error, errors.LambdactlError):
        where = str(error.where) if error.where else None
        found: dict[str, Any] = {"message": error.message, "where": where, "hint": error.hint}
        if isinstance(error, errors.BuildError):
            found["output"] = error.output.decode("utf-8", "replace")
        return found
    return {"message": repr(error)}


def _name(path: Path | None) -> str | None:
    """A path as the user would write it."""
    if path is None:
        return None
    with contextlib.suppress(ValueError, OSError):
        return str(path.relative_to(Path.cwd()))
    return str(path)


def _names(functions: Sequence[str]) -> str:
    if len(functions) <= 3:
        return ", ".join(functions)
    return f"{', '.join(functions[:2])} and {len(functions) - 2} more"


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 1)
