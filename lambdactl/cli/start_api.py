"""``lambdactl local start-api``: serve every HTTP trigger of the manifest, reload on each save."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lambdactl import errors
from lambdactl.cli import params

if TYPE_CHECKING:
    import ssl

    from lambdactl.cli.keys import Keys
    from lambdactl.cli.start_api_view import View
    from lambdactl.execution.logs import LogSink
    from lambdactl.manifest.model import App
    from lambdactl.triggers.http.reloading import Happening, Reloading

STATIC = "public"
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class Options:
    """What the user asked for."""

    manifest: Path | None
    stage: str | None
    env_files: tuple[Path, ...]
    parameters: Mapping[str, str]
    env: tuple[str, ...]
    host: str
    port: tuple[str, ...]
    prefix: tuple[str, ...]
    allow_host: tuple[str, ...]
    jwks: tuple[str, ...]
    https: bool
    cert: Path | None
    key: Path | None
    static_dir: Path | None
    watch: bool
    polling: bool
    warm: bool
    output: str
    logs: bool
    credentials: bool
    strict_runtime: bool
    containers: params.ContainerOptions
    debug_port: tuple[str, ...]
    built: bool


@click.command("start-api")
@params.manifest_options
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "-p",
    "--port",
    metavar="[NAME=]PORT",
    multiple=True,
    help="Of the first front door [3000], the others get the next; NAME=3001 for one of them.",
)
@click.option(
    "--prefix", metavar="NAME=/PATH", multiple=True, help="A front door below a path of that port."
)
@click.option(
    "--allow-host", metavar="NAME", multiple=True, help="Answer this Host, too; `*` answers all."
)
@click.option(
    "--jwks",
    metavar="[NAME=]FILE|URL",
    multiple=True,
    help="Keys of JWT and Cognito authorizers, or of NAME alone, in place of the issuer's.",
)
@click.option("--https", is_flag=True, help="With --cert and --key, or a certificate made here.")
@click.option("--cert", metavar="FILE", type=click.Path(path_type=Path), help="PEM, for --https.")
@click.option("--key", metavar="FILE", type=click.Path(path_type=Path), help="Its private key.")
@click.option(
    "-s",
    "--static-dir",
    metavar="FOLDER",
    type=click.Path(path_type=Path),
    help="Files that are served where no route fits [public, if there is one].",
)
@click.option("--watch/--no-watch", default=True, help="Reload on each save [yes].")
@click.option("--polling", is_flag=True, help="Look for saves, where the system tells of none.")
@click.option("--warm", is_flag=True, help="Start an environment of each function at once.")
@click.option("--built", is_flag=True, help="Serve what `lambdactl build` makes, not the source.")
@click.option("--env", metavar="K=V", multiple=True, help="A variable; K alone takes the shell's.")
@click.option(
    "--output",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="json: one document a line for each thing that happens.",
)
@click.option("--logs/--no-logs", default=True, help="Show the functions' logs [yes].")
@click.option("--credentials/--no-credentials", default=True, help="Pass your AWS credentials on.")
@click.option("--strict-runtime", is_flag=True, help="Refuse another version of the interpreter.")
@params.container_options
@click.option(
    "--debug-port",
    metavar="[NAME=]PORT",
    multiple=True,
    help="Wait for a debugger: NAME there, or else the first function, the others on the next "
    "ports. Nothing times out.",
)
@click.option("--debug", is_flag=True, help="Show the traceback of a bug of lambdactl's own.")
def start_api(debug: bool, **rest: Any) -> int:
    """Serve every HTTP trigger of the manifest on this machine.

    REST APIs, HTTP APIs, WebSocket APIs, function URLs and load balancers, each on a port of its
    own. A save reloads the functions it belongs to, and the routes when it is the manifest.

    On a terminal: r reloads all, l shows or hides the logs, q quits.
    """
    from lambdactl.execution import isolation
    from lambdactl.local import new_event_loop

    isolation.look_ahead()
    options = Options(**rest)
    if (options.cert or options.key) and not options.https:
        raise errors.UserError("--cert and --key are for HTTPS", hint="add --https")
    if not options.host.strip():
        # To the system that is every address there is.
        raise errors.UserError("--host names no address", hint="leave it out, or --host 0.0.0.0")
    if options.key is not None and options.cert is None:
        raise errors.UserError("--key is the key of a certificate", hint="add --cert FILE")
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        received = runner.run(_main(options, debug=debug))
    if received is not None:
        raise SystemExit(128 + received)
    return errors.EXIT_OK


async def _main(options: Options, *, debug: bool) -> int | None:
    """Serve until a signal or a key ends it; returns the signal's number."""
    from lambdactl.cli.start_api_view import View

    end: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()
    _end_on_signals(end)
    view = View(output=options.output, logs=options.logs, debug=debug)
    asyncio.get_running_loop().set_exception_handler(reporting(view))
    try:
        serving = asyncio.create_task(_serve(options, view, end))
        end.add_done_callback(lambda _: serving.cancel())
        with contextlib.suppress(asyncio.CancelledError):
            await serving
        return end.result() if end.done() else None
    finally:
        view.close()


def reporting(view: View) -> Callable[[asyncio.AbstractEventLoop, dict[str, Any]], None]:
    """For the event loop: a bug of ours that only it has met is reported like any other."""

    def failed(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if isinstance(error, Exception):
            view.report(error)
        else:
            loop.default_exception_handler(context)

    return failed


async def _serve(options: Options, view: View, end: asyncio.Future[int | None]) -> None:
    """Serve until cancelled, and put everything away."""
    from lambdactl.cli import running_built
    from lambdactl.execution import debugging
    from lambdactl.triggers.http import builds
    from lambdactl.triggers.http.reloading import Failed, Reloading, read
    from lambdactl.triggers.http.serving import Serving

    load = _Loader(options, view.tell)
    reading = read(load)
    app = reading.app
    if app is None:
        assert reading.error is not None
        raise reading.error
    view.problems(load.doubts())
    base, ports = _ports(options.port)
    containers = params.containers(options.containers, app.root)
    params.check_containers(options.containers, app.functions.values(), view.tell)
    # Without a terminal nobody can ask for the logs later.
    sink: LogSink | None = view.log if options.logs or view.live else None
    debug_ports = debugging.ports(options.debug_port, app.functions) or None
    if debug_ports is not None:
        sink = debugging.announcing(sink, debug_ports, view.waiting_for_debugger)
    begun: list[tuple[tuple[str, ...], Exception]] = []
    artifacts = running_built.artifacts(containers, view.images, view.tell, every=options.built)
    served = await artifacts.applied(app, lambda *what: begun.append(what))
    serving = Serving(
        served,
        host=options.host,
        port=base,
        ports=ports,
        prefixes=_prefixes(options.prefix),
        allow_hosts=options.allow_host,
        jwks=_jwks(options.jwks),
        tls=_tls(options),
        static=_static(options, app),
        sink=sink,
        tell=view.tell,
        on_request=view.request,
        on_bug=view.report,
        credentials=options.credentials,
        strict_runtime=options.strict_runtime,
        containers=containers,
        progress=view.images,
        debug_port=debug_ports,
    )

    def happened(what: Happening) -> None:
        view.problems(load.doubts())
        view.happened(what, serving.mounts)

    def failed(names: tuple[str, ...], error: Exception) -> None:
        happened(Failed(error, names, bare=not builds.built_before(app, names)))

    reloading: Reloading | None = None
    keys = None
    try:
        for names, error in begun:
            happened(Failed(error, names, bare=True))
        await builds.build_all(app, failed, artifacts)
        if options.watch:
            reloading = Reloading(
                serving,
                load,
                happened=happened,
                warn=view.tell,
                apart=[*options.env_files, *([app.source] if app.source else [])],
                artifacts=artifacts,
                polling=options.polling,
            )
        watching = asyncio.ensure_future(reloading.start(reading)) if reloading else None
        mounts = await serving.start()
        if watching is not None:
            await watching
        keys = _keys(view, reloading, end)
        view.started(serving, mounts, hint=_hint(options))
        _collect_as_a_server()
        if options.warm:
            await serving.warm()
        await asyncio.get_running_loop().create_future()
    finally:
        view.ending()
        if keys is not None:
            keys.close()
        if reloading is not None:
            await reloading.close()
        await serving.close()


def _collect_as_a_server() -> None:
    """What has been loaded stays: it need not be looked at again. What comes and goes with requests
    does: the thresholds of a command (cli/__init__.py) would let megabytes of it gather."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(2_000, 20, 20)


def _keys(view: View, reloading: Reloading | None, end: asyncio.Future[int | None]) -> Keys:
    """Listen to the terminal, where there is one."""
    from lambdactl.cli.keys import Keys

    def pressed(key: str) -> None:
        if key in ("q", "Q", "\x04") and not end.done():
            end.set_result(None)
        elif key in ("l", "L"):
            view.toggle_logs()
        elif key in ("r", "R"):
            if reloading is not None:
                reloading.reload_all()
            else:
                view.tell("r reloads where saves are watched; this was started with --no-watch")

    keys = Keys(pressed, stopping=view.pause, resumed=view.resume)
    keys.open()
    return keys


class _Loader:
    """Reads the manifest as the options say; called again after each save of it."""

    def __init__(self, options: Options, warn: Callable[[str], None]) -> None:
        self._options = options
        self._warn = warn
        self._doubts: list[errors.Problem] = []
        self._told: set[tuple[str, str]] = set()

    def doubts(self) -> list[errors.Problem]:
        """What the last reading found doubtful and the one before did not."""
        doubts, self._doubts = self._doubts, []
        return doubts

    def __call__(self) -> App:
        from lambdactl import manifest
        from lambdactl.cli import invoke_input
        from lambdactl.local import overridden

        options = self._options
        variables = invoke_input.variables(options.env_files, options.env, self._warn)
        # Once is enough.
        self._warn = lambda message: None
        app = manifest.load(
            options.manifest,
            stage=options.stage,
            env_files=options.env_files,
            parameters=options.parameters,
        )
        app = overridden(app, env=variables, runner=options.containers.runner)
        doubts = {(one.code, one.message): one for one in _doubts(app, built=options.built)}
        self._doubts = [one for key, one in doubts.items() if key not in self._told]
        self._told = set(doubts)
        return app


def _doubts(app: App, *, built: bool) -> list[errors.Problem]:
    """What is doubtful in the manifest, code that is not there and functions that can't run here:
    they answer with their error, which is no reason not to serve the others.

    :param built: artifacts are served, which may have the handlers that sources have not.
    """
    from dataclasses import replace

    from lambdactl import manifest
    from lambdactl.execution.runtimes import unable
    from lambdactl.manifest.routes import apis_of

    found = list(manifest.check_code(app, list(app.functions)))
    if built:
        found = [problem for problem in found if problem.code != "handler-not-found"]
    served = {route.integration.function for api in apis_of(app) for route in api.routes}
    for function in app.functions.values():
        refused = unable(function) if function.name in served else None
        where = function.places.get("code") or function.where
        if refused is not None and where is not None:
            message = f"routes to {function.name} fail here: {refused.message}"
            found.append(errors.Problem(message, where, refused.hint, code="not-supported"))
    warnings = [one for one in app.warnings if not (built and one.code == "not-built")]
    return [*warnings, *(replace(problem, severity="warning") for problem in found)]


def _ports(given: tuple[str, ...]) -> tuple[int, dict[str, int]]:
    """The base port and those of single front doors.

    :raises UserError: one is no port.
    """
    from lambdactl.triggers.http.serving import PORT

    base, ports = PORT, {}
    for text in given:
        name, equals, number = text.rpartition("=")
        if not number.isascii() or not number.isdigit() or int(number) > 65535:
            raise errors.UserError(
                f"--port {text!r} is no port", hint="--port 3000, or --port NAME=3001"
            )
        if equals:
            ports[name] = int(number)
        else:
            base = int(number)
    return base, ports


def _prefixes(given: tuple[str, ...]) -> dict[str, str]:
    prefixes = {}
    for text in given:
        name, _, path = text.partition("=")
        if not name or not path.strip("/"):
            raise errors.UserError(f"--prefix {text!r} is no prefix", hint="--prefix NAME=/path")
        prefixes[name] = "/" + path.strip("/")
    return prefixes


def _jwks(given: tuple[str, ...]) -> dict[str, str]:
    """Where the keys of authorizers are.

    :raises UserError: one is neither a URL nor a file with keys.
    """
    found = {}
    for text in given:
        # A URL or a path may have a `=` too, but not before its first `/`.
        name, equals, place = text.partition("=")
        if not equals or "/" in name:
            name, place = "", text
        if not place.startswith(("http://", "https://")):
            from lambdactl.triggers.http.authorizers import keys

            try:
                keys.check_file(Path(place))
            except keys.KeysError as error:
                raise errors.UserError(
                    f"--jwks: {error}", hint='a JWKS document: {"keys": [{"kty": "RSA", ...}]}'
                ) from error
            place = str(Path(place).absolute())
        found[name] = place
    return found


def _tls(options: Options) -> ssl.SSLContext | None:
    if not options.https:
        return None
    from lambdactl.triggers.http import tls

    if options.cert is not None:
        return tls.server_context(options.cert, options.key)
    return tls.local_context(*tls.names_for(options.host, options.allow_host))


def _static(options: Options, app: App) -> Path | None:
    """:raises UserError: the folder that was named is none."""
    if options.static_dir is None:
        usual = app.root / STATIC
        return usual if usual.is_dir() else None
    # SAM counts from the template's folder.
    for folder in (options.static_dir, app.root / options.static_dir):
        if folder.is_dir():
            return folder
    raise errors.UserError(f"--static-dir: there is no folder {options.static_dir}")


def _hint(options: Options) -> str:
    ends = "Ctrl-C ends"
    if sys.stdin.isatty():
        ends = "r reloads all, l toggles the logs, q quits"
    return f"watching for saves; {ends}" if options.watch else ends


def _end_on_signals(end: asyncio.Future[int | None]) -> None:
    """End in good order when asked to, and when the terminal is closed; ``nohup`` still holds."""

    def stop(number: int) -> None:
        if not end.done():
            end.set_result(number)

    for number in _SIGNALS:
        if signal.getsignal(number) != signal.SIG_IGN:
            asyncio.get_running_loop().add_signal_handler(number, stop, number)
