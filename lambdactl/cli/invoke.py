"""``lambdactl invoke``: run a function once, or many times, on this machine."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import select
import signal
import stat
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from lambdactl import errors
from lambdactl.cli import params

_STDIN_WAIT_S = 2.0
_SIGNALS = (signal.SIGTERM, signal.SIGHUP)
_HANDLER_FILES = (".py", ".js", ".mjs", ".cjs", ".rb")


@dataclass(frozen=True, slots=True)
class Options:
    """What the user asked for."""

    name: str | None
    manifest: Path | None
    stage: str | None
    event: str | None
    event_json: str | None
    sample: str | None
    seed: int | None
    values: tuple[str, ...]
    asynchronous: bool
    speed: float
    qualifier: str
    env: tuple[str, ...]
    env_files: tuple[Path, ...]
    parameters: Mapping[str, str]
    timeout: int | None
    client_context: str | None
    tenant_id: str | None
    repeat: int
    concurrency: int
    output: str
    logs: bool
    credentials: bool
    strict_runtime: bool


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
@click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option("--logs/--no-logs", default=None, help="Show the log [not with --repeat].")
@click.option("--credentials/--no-credentials", default=True, help="Pass your AWS credentials on.")
@click.option("--strict-runtime", is_flag=True, help="Refuse another version of the interpreter.")
@click.option("--debug", is_flag=True, help="Show the traceback of a bug of lambdactl's own.")
def invoke(watch: bool, debug: bool, logs: bool | None, repeat: int, **rest: Any) -> int:
    """Run the function NAME and print its response; the log goes to stderr.

    NAME may be left out when the manifest has one function. Without a manifest it is a file or
    a handler: `lambdactl invoke ./app.py`, `lambdactl invoke app.handler`.

    Exit codes: 0 success, 1 the function returned an error, 2 a mistake of yours, 3 the
    environment could not start.
    """
    from lambdactl.execution import isolation

    isolation.look_ahead()
    if rest["asynchronous"] and repeat > 1:
        raise errors.UserError(
            "--repeat measures calls that wait for their answer", hint="leave out --async"
        )
    options = Options(repeat=repeat, logs=repeat == 1 if logs is None else logs, **rest)
    if watch:
        return _watch(options)
    return _run(options, _payload(options))


def _run(options: Options, payload: bytes) -> int:
    from lambdactl.local import new_event_loop

    signals: list[int] = []
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    try:
        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            return runner.run(_invoke(options, payload, signals))
    except asyncio.CancelledError:
        if not signals:
            raise
    finally:
        # A closed uvloop goes on swallowing them, and --watch waits without a loop.
        for number, handler in before.items():
            signal.signal(number, handler)
    # Everything is put away; what remains is to end as a process does that a signal ends.
    raise SystemExit(128 + signals[0])


async def _invoke(options: Options, payload: bytes, signals: list[int]) -> int:
    from lambdactl.cli.log_view import LogView
    from lambdactl.execution.asynchronous import deliver
    from lambdactl.execution.clock import SystemClock
    from lambdactl.execution.invocation import Invocation
    from lambdactl.execution.invoker import LocalInvoker
    from lambdactl.execution.repetition import repeat

    _stop_on_signals(signals)
    app = _app(options)
    function = app.function(_function_name(app, options))
    invocation = Invocation(
        function=function.name,
        payload=payload,
        qualifier=options.qualifier,
        client_context=_client_context(options.client_context),
        tenant_id=options.tenant_id,
        on_chunk=_stream if options.output == "text" and options.repeat == 1 else None,
    )
    invoker = LocalInvoker(
        app,
        sink=LogView() if options.logs else None,
        warn=params.warn,
        use_credentials=options.credentials,
        strict_runtime=options.strict_runtime,
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
            _show_delivery(delivery, options)
            return errors.EXIT_OK if delivery.succeeded else errors.EXIT_FUNCTION_ERROR
        if options.repeat > 1:
            done = await repeat(
                invoker,
                invocation,
                times=options.repeat,
                concurrency=options.concurrency,
                clock=SystemClock(),
            )
            _show_repetition(done, options)
            return errors.EXIT_FUNCTION_ERROR if done.failed else errors.EXIT_OK
        result = await invoker.invoke(invocation)
        _show_result(result, options)
        return errors.EXIT_FUNCTION_ERROR if result.function_error else errors.EXIT_OK
    finally:
        await invoker.close()


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

    payload = _payload(options) if options.event == "-" or not options.event else None
    while True:
        watch = Watch(_roots(options))
        try:
            _run(options, payload if payload is not None else _payload(options))
        except errors.LambdactlError as error:
            failure.report(error, debug=False)
        try:
            click.echo("waiting for a save (Ctrl-C ends)", err=True)
            watch.wait()
        finally:
            watch.close()


def _roots(options: Options) -> list[Path]:
    """The files and folders that a run depends on."""
    from lambdactl import manifest

    roots = [Path(options.event)] if options.event and options.event != "-" else []
    roots += options.env_files
    try:
        app = _app(options, check=False)
        function = app.function(_function_name(app, options))
    except errors.LambdactlError:
        # Broken just now: wait for the manifest itself to be mended.
        return [*roots, manifest.find(options.manifest) or Path.cwd()]
    if app.source is not None:
        roots.append(app.source)
    if function.code.path is not None:
        roots.append(function.code.path)
    roots += [app.layers[name].path for name in function.layers if name in app.layers]
    return [root for root in roots if root.exists()]


# what to run


def _app(options: Options, *, check: bool = True) -> Any:
    from lambdactl import manifest
    from lambdactl.local import overridden

    env = _variables(options)
    if options.manifest is None and _is_handler(options.name):
        assert options.name is not None
        app = manifest.app_from_handler(options.name, Path.cwd())
    else:
        app = manifest.load(
            options.manifest,
            stage=options.stage,
            env_files=options.env_files,
            parameters=options.parameters,
        )
        for problem in app.warnings:
            params.warn(f"{problem.where}: {problem.message}")
        if check:
            problems = manifest.check_code(app, [app.function(options.name).name])
            if any(problem.severity == "error" for problem in problems):
                raise errors.ManifestError(problems)
    return overridden(app, env=env, timeout_s=options.timeout)


def _function_name(app: Any, options: Options) -> str | None:
    return None if app.source is None else options.name


def _is_handler(name: str | None) -> bool:
    """Whether NAME is a file or a handler rather than the name of a function in a manifest."""
    from lambdactl import manifest

    if name is None:
        return False
    if "/" in name or name.endswith(_HANDLER_FILES):
        return True
    return "." in name and manifest.find(None) is None


def _variables(options: Options) -> dict[str, str]:
    from lambdactl import manifest

    values: dict[str, str] = {}
    for path in options.env_files:
        for name, value in manifest.env_file.read(path).items():
            if name in manifest.reserved_variables():
                # The file may be for other tools too: many have AWS_REGION in it.
                params.warn(f"{path}: {name} is set by Lambda, so it is left out")
            else:
                values[name] = value
    for item in options.env:
        name, equals, value = item.partition("=")
        if not name:
            raise errors.UserError(f"--env {item!r} has no name", hint="--env NAME=value")
        if equals:
            values[name] = value
        elif name in os.environ:
            values[name] = os.environ[name]
        else:
            raise errors.UserError(
                f"--env {name}: the shell has no such variable", hint=f"--env {name}=value"
            )
    manifest.check_variable_names(values)
    return values


def _client_context(text: str | None) -> str | None:
    if text is None:
        return None
    try:
        json.loads(text)
    except ValueError as error:
        raise errors.UserError(f"--client-context is not JSON: {error}") from None
    return text


# the event


def _payload(options: Options) -> bytes:
    from lambdactl.events import given, paths
    from lambdactl.execution.invocation import MAX_EVENT_BYTES

    sources = {
        "--event": options.event,
        "--event-json": options.event_json,
        "--from": options.sample,
    }
    used = [flag for flag, value in sources.items() if value is not None]
    if len(used) > 1:
        raise errors.UserError(f"{' and '.join(used)} both give an event", hint="use one")
    values = [paths.split_assignment(text) for text in options.values]
    if options.sample is not None:
        from lambdactl import events

        service, event = events.split_name(options.sample)
        made = events.generate(service, event, set_values=values, seed=options.seed)
        return json.dumps(made, ensure_ascii=False).encode()
    if options.event_json is not None:
        data, source = options.event_json.encode(), "--event-json"
    elif options.event == "-":
        data, source = sys.stdin.buffer.read(), "standard input"
    elif options.event is not None:
        data, source = given.from_file(Path(options.event)), options.event
    else:
        data, source = _piped() or given.DEFAULT, "standard input"
    data = given.with_values(data, values, source)
    return given.checked(data, source, limit=MAX_EVENT_BYTES)


def _piped() -> bytes:
    """What another command pipes in. A pipe that nobody writes to must not hold us up for ever."""
    try:
        mode = os.fstat(0).st_mode
    except OSError:
        return b""
    if stat.S_ISREG(mode):
        return sys.stdin.buffer.read()
    if not stat.S_ISFIFO(mode):
        return b""
    if not select.select([0], [], [], _STDIN_WAIT_S)[0]:
        params.warn("nothing came on standard input; the event is {} (`-e -` waits for it)")
        return b""
    return sys.stdin.buffer.read()


# what to show


def _show_result(result: Any, options: Options) -> None:
    if options.output == "json":
        click.echo(json.dumps(_as_json(result), indent=2))
    elif not result.streamed or result.function_error:
        _write(result.payload)


def _as_json(result: Any) -> dict[str, Any]:
    """What AWS's ``Invoke`` answers, and the report."""
    try:
        response: Any = json.loads(result.payload)
    except ValueError:
        response = result.payload.decode("utf-8", "replace")
    report = dataclasses.asdict(result.report)
    return {
        "status_code": 200,
        "function_error": result.function_error,
        "executed_version": result.executed_version,
        "request_id": result.request_id,
        "response": response,
        "report": {**report, "billed_duration_ms": result.report.billed_duration_ms},
        "log_tail": result.log,
    }


def _show_delivery(delivery: Any, options: Options) -> None:
    if options.output == "json":
        document = {
            "status_code": 202,
            "request_id": delivery.request_id,
            "condition": delivery.condition,
            "attempts": [_as_json(result) for result in delivery.attempts],
        }
        click.echo(json.dumps(document, indent=2))
    else:
        click.echo(f"{delivery.condition} after {len(delivery.attempts)} attempt(s)", err=True)


def _show_repetition(done: Any, options: Options) -> None:
    if options.output == "json":
        latencies = {
            kind: dataclasses.asdict(latency) if latency else None
            for kind, latency in (("cold", done.cold), ("warm", done.warm))
        }
        document = {
            "invocations": options.repeat,
            "concurrency": options.concurrency,
            "failed": done.failed,
            "seconds": round(done.seconds, 6),
            **latencies,
            "last": _as_json(done.last),
        }
        click.echo(json.dumps(document, indent=2))
        return
    _write(done.last.payload)
    rate = options.repeat / done.seconds
    rows: list[Sequence[str]] = [("", "count", "min", "p50", "p90", "p99", "max")]
    for kind, latency in (("cold", done.cold), ("warm", done.warm)):
        if latency is not None:
            _, *times = dataclasses.astuple(latency)
            rows.append((kind, str(latency.count), *(f"{ms:.2f} ms" for ms in times)))
    for row in rows:
        click.echo("".join(f"{cell:>12}" for cell in row), err=True)
    click.echo(
        f"{options.repeat} invocations, {options.concurrency} at a time: "
        f"{done.seconds:.2f} s, {rate:.0f} a second, {done.failed} failed",
        err=True,
    )


def _stream(_content_type: str, chunk: bytes) -> None:
    """A piece of a streamed response, as it comes."""
    sys.stdout.buffer.write(chunk)
    sys.stdout.buffer.flush()


def _write(payload: bytes) -> None:
    """The response and only that; a line end is added where it has none."""
    stream = sys.stdout.buffer
    stream.write(payload)
    if not payload.endswith(b"\n"):
        stream.write(b"\n")
    stream.flush()
