"""``lambdactl invoke``: run a function once, or many times, on this machine.

What a run begins with is in ``invoke_input.py``, what it shows in ``invoke_output.py``.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lambdactl import errors
from lambdactl.cli import aws, invoke_input, invoke_output, params
from lambdactl.cli.invoke_input import Options

if TYPE_CHECKING:
    from lambdactl.cli.image_view import ImageView
    from lambdactl.execution.logs import LogSink
    from lambdactl.manifest.model import App, Function

_SIGNALS = (signal.SIGTERM, signal.SIGHUP)


@click.command()
@click.argument("name", required=False, shell_complete=params.complete_function)
@params.manifest_options
@click.option("-e", "--event", metavar="FILE", help="The event; `-` reads standard input.")
@click.option("--event-json", metavar="JSON", help="The event itself.")
@click.option("--from", "sample", metavar="SERVICE:EVENT", help="A sample event, as s3:put.")
@click.option("--seed", type=int, help="Make the sample event the same each time.")
@click.option(
    "--set", "values", metavar="PATH=VALUE", multiple=True, help="Set a value in the event."
)
@click.option("--async", "asynchronous", is_flag=True, help="As an event: retried when it fails.")
@click.option("--remote", is_flag=True, help="The deployed function, in AWS.")
@click.option("--dry-run", is_flag=True, help="With --remote: may you? Nothing runs.")
@aws.aws_options
@click.option(
    "--speed",
    type=click.FloatRange(min=0, min_open=True),
    default=60.0,
    show_default=True,
    help="How many times faster than AWS the waits of --async pass.",
)
@click.option("--qualifier", default="$LATEST", show_default=True, help="A version or an alias.")
@click.option("--env", metavar="K=V", multiple=True, help="A variable; K alone takes the shell's.")
@click.option("--timeout", type=click.IntRange(1, 900), help="Seconds, instead of the function's.")
@click.option("--client-context", metavar="JSON", help="What context.client_context shows.")
@click.option("--tenant-id", metavar="ID", help="For functions that isolate their tenants.")
@click.option("--watch", is_flag=True, help="Run again on each save.")
@click.option("--repeat", type=click.IntRange(min=1), default=1, help="Run N times; say how fast.")
@click.option("--concurrency", type=click.IntRange(min=1), default=1, help="How many at once.")
@click.option("--built", is_flag=True, help="Run what `lambdactl build` makes, not the source.")
@click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option("--logs/--no-logs", default=None, help="Show the log [not with --repeat].")
@click.option("--credentials/--no-credentials", default=True, help="Pass your AWS credentials on.")
@click.option("--strict-runtime", is_flag=True, help="Refuse another version of the interpreter.")
@params.container_options
@click.option(
    "--debug-port",
    metavar="PORT",
    help="Wait for a debugger on this port. Nothing times out.",
)
@click.option("--debug", is_flag=True, help="Show the traceback of a bug of lambdactl's own.")
def invoke(watch: bool, debug: bool, logs: bool | None, repeat: int, **rest: Any) -> int:
    """Run the function NAME and print its response; the log goes to stderr.

    It runs on this machine; with --remote, where it was deployed to.

    NAME may be left out when the manifest has one function. Without a manifest it is a file or
    a handler: `lambdactl invoke ./app.py`, `lambdactl invoke app.handler`.

    Exit codes: 0 success, 1 the function returned an error, 2 a mistake of yours, 3 the
    environment could not start.
    """
    if rest["asynchronous"] and repeat > 1:
        raise errors.UserError(
            "--repeat measures calls that wait for their answer", hint="leave out --async"
        )
    options = Options(repeat=repeat, logs=repeat == 1 if logs is None else logs, **rest)
    if options.remote or options.only_remote:
        from lambdactl.cli import remote

        remote.check(options, watch=watch)
        return remote.invoke(options, invoke_input.payload(options))
    from lambdactl.execution import isolation

    isolation.look_ahead()
    if watch:
        return _watch(options)
    return _run(options, invoke_input.payload(options))


def _run(options: Options, payload: bytes, built: Callable[[], object] = lambda: None) -> int:
    """:param built: called after the function's build, if it has one."""
    from lambdactl.local import new_event_loop

    signals: list[int] = []
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    try:
        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            return runner.run(_invoke(options, payload, signals, built))
    except asyncio.CancelledError:
        if not signals:
            raise
    finally:
        # A closed uvloop goes on swallowing them, and --watch waits without a loop.
        for number, handler in before.items():
            signal.signal(number, handler)
    # Everything is put away; what remains is to end as a process does that a signal ends.
    raise SystemExit(128 + signals[0])


async def _invoke(
    options: Options, payload: bytes, signals: list[int], built: Callable[[], object]
) -> int:
    from lambdactl.artifacts import needed
    from lambdactl.cli.log_view import LogView
    from lambdactl.execution import runtimes
    from lambdactl.execution.asynchronous import deliver
    from lambdactl.execution.clock import SystemClock
    from lambdactl.execution.invocation import Invocation
    from lambdactl.execution.invoker import LocalInvoker
    from lambdactl.execution.repetition import repeat

    _stop_on_signals(signals)
    app = invoke_input.app(options)
    function = app.function(invoke_input.function_name(app, options))
    containers = params.containers(options.containers, app.root)
    if options.built or needed.is_needed(function, app.root):
        from lambdactl.cli import running_built

        app = await running_built.one(app, function.name, containers)
        function = app.function(function.name)
    else:
        await _run_commands(app, function)
    built()
    invocation = Invocation(
        function=function.name,
        payload=payload,
        qualifier=options.qualifier,
        client_context=invoke_input.client_context(options.client_context),
        tenant_id=options.tenant_id,
        on_chunk=invoke_output.stream if options.output == "text" and options.repeat == 1 else None,
    )
    params.check_containers(options.containers, [function], params.warn)
    progress = _progress() if runtimes.contained(function) else None
    sink: LogSink | None = LogView() if options.logs else None
    debug_ports = None
    if options.debug_port is not None:
        from lambdactl.execution import debugging

        name, _, port = options.debug_port.rpartition("=")
        if name not in ("", function.name):
            raise errors.UserError(
                f"--debug-port {options.debug_port}: it is {function.name} that is invoked"
            )
        debug_ports = debugging.ports([f"{function.name}={port}"], app.functions)
        sink = debugging.announcing(
            sink,
            debug_ports,
            lambda name, port: click.echo(debugging.waiting(name, port), err=True),
        )
    invoker = LocalInvoker(
        app,
        sink=sink,
        warn=params.warn,
        use_credentials=options.credentials,
        strict_runtime=options.strict_runtime,
        containers=containers,
        progress=progress,
        debug_port=debug_ports,
    )
    try:
        if options.asynchronous:
            clock = SystemClock(options.speed)
            delivery = await deliver(
                invoker,
                invocation,
                retries=function.async_.retries,
                max_age_s=function.async_.max_age_s,
                clock=clock,
                on_wait=lambda attempt, seconds: click.echo(
                    f"attempt {attempt} failed; the next is in {seconds:.0f} s "
                    f"({seconds / options.speed:.1f} s at --speed {options.speed:g})",
                    err=True,
                ),
            )
            invoke_output.show_delivery(delivery, options)
            return errors.EXIT_OK if delivery.succeeded else errors.EXIT_FUNCTION_ERROR
        if options.repeat > 1:
            done = await repeat(
                invoker,
                invocation,
                times=options.repeat,
                concurrency=options.concurrency,
                clock=SystemClock(),
            )
            invoke_output.show_repetition(done, options)
            failed = done.failed or done.throttled
            return errors.EXIT_FUNCTION_ERROR if failed else errors.EXIT_OK
        result = await invoker.invoke(invocation)
        invoke_output.show_result(result, options)
        return errors.EXIT_FUNCTION_ERROR if result.function_error else errors.EXIT_OK
    finally:
        await invoker.close()
        if progress is not None:
            progress.close()


async def _run_commands(app: App, function: Function) -> None:
    """Have the code of a function, and its layers, made that are not as they are written."""
    layers = [app.layers[name] for name in function.layers if name in app.layers]
    wanted = [build for build in (function.commands, *(one.commands for one in layers)) if build]
    if wanted:
        from lambdactl.artifacts import building

        for build in wanted:
            await building.run(build)


def _progress() -> ImageView:
    from lambdactl.cli.image_view import ImageView

    # stdout is the function's, whatever the output.
    return ImageView("text")


def _stop_on_signals(received: list[int]) -> None:
    """End in good order when asked to, and when the terminal is closed; ``nohup`` still holds."""
    task = asyncio.current_task()
    assert task is not None

    def stop(number: int) -> None:
        received.append(number)
        task.cancel()

    for number in _SIGNALS:
        if signal.getsignal(number) != signal.SIG_IGN:
            asyncio.get_running_loop().add_signal_handler(number, stop, number)


def _watch(options: Options) -> int:
    """Run now and after each save, until Ctrl-C."""
    from lambdactl.cli import failure
    from lambdactl.execution.watch import Watch

    payload = invoke_input.payload(options) if options.event == "-" or not options.event else None
    while True:
        roots, without = _roots(options)
        watch = Watch(roots, without=dict.fromkeys(roots, without), every_save=True)
        try:
            given = payload if payload is not None else invoke_input.payload(options)
            # What the build has written is no save.
            _run(options, given, built=watch.changes)
        except errors.LambdactlError as error:
            failure.report(error, debug=False)
        try:
            click.echo("waiting for a save (Ctrl-C ends)", err=True)
            watch.wait()
        finally:
            watch.close()


def _roots(options: Options) -> tuple[list[Path], list[Path]]:
    """The files and folders that a run depends on, and what of them a build writes."""
    from lambdactl import manifest
    from lambdactl.artifacts import needed
    from lambdactl.triggers.http import artifact_builds, builds

    roots = [Path(options.event)] if options.event and options.event != "-" else []
    roots += options.env_files
    try:
        app = invoke_input.app(options, check=False)
        function = app.function(invoke_input.function_name(app, options))
    except errors.LambdactlError:
        # Broken just now: wait for the manifest itself to be mended.
        return [*roots, manifest.find(options.manifest) or Path.cwd()], []
    if app.source is not None:
        roots.append(app.source)
    roots += builds.layer_sources(app, function)
    outputs = builds.outputs_of(app, function)
    if function.commands is not None:
        roots += builds.sources_of(function.commands)
    else:
        roots += function.code.files
    if options.built or needed.is_needed(function, app.root):
        roots += artifact_builds.project_files(app, function)
    return roots, outputs
