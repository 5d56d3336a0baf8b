"""``lambdactl invoke --remote``: the function in AWS in place of the one on this machine."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import click

from lambdactl import errors
from lambdactl.cli import invoke_input, invoke_output
from lambdactl.cli.deploy_options import ManifestOptions
from lambdactl.cli.invoke_input import Options

if TYPE_CHECKING:
    from lambdactl.deploy.remote import RemoteInvoker
    from lambdactl.manifest.model import App, Function

_FLAGS = {
    "env": "--env",
    "timeout": "--timeout",
    "strict_runtime": "--strict-runtime",
    "debug_port": "--debug-port",
    "built": "--built",
}
"""Options that say how a function runs on this machine."""


def check(options: Options, *, watch: bool) -> None:
    """:raises UserError: options go with a run on this machine, or with one in AWS only."""
    if not options.remote:
        raise errors.UserError(
            f"{options.only_remote[0]} is for functions in AWS", hint="give --remote, too"
        )
    local = [flag for name, flag in _FLAGS.items() if getattr(options, name)]
    local += options.containers.given + (["--watch"] if watch else [])
    if options.containers.runner is not None:
        local.append("--container")
    if local:
        raise errors.UserError(
            f"{local[0]} is for functions on this machine", hint="leave it out, or --remote"
        )
    if options.asynchronous and options.dry_run:
        raise errors.UserError("--async and --dry-run are two kinds of calls", hint="use one")


def invoke(options: Options, payload: bytes) -> int:
    """Call the function; returns the exit code."""
    from lambdactl.deploy.remote import RemoteInvoker

    source = ManifestOptions(options.manifest, options.stage, options.env_files, options.parameters)
    context = source.context(options.aws, quiet=True)
    app = context.naming.app
    function = app.function(options.name)
    invoker = RemoteInvoker(context.account, context.naming, streamed=_streaming(app))
    return asyncio.run(_invoke(invoker, function, options, payload))


async def _invoke(
    invoker: RemoteInvoker, function: Function, options: Options, payload: bytes
) -> int:
    from lambdactl.execution.clock import SystemClock
    from lambdactl.execution.invocation import Invocation
    from lambdactl.execution.repetition import repeat

    invocation = Invocation(
        function=function.name,
        payload=payload,
        qualifier=options.qualifier,
        client_context=invoke_input.client_context(options.client_context),
        tenant_id=options.tenant_id,
        on_chunk=invoke_output.stream if options.output == "text" and options.repeat == 1 else None,
    )
    if options.dry_run:
        _told(options, 204, await invoker.check(invocation), "may be invoked")
        return errors.EXIT_OK
    if options.asynchronous:
        _told(options, 202, await invoker.send(invocation), "has the event")
        return errors.EXIT_OK
    if options.repeat > 1:
        done = await repeat(
            invoker,
            invocation,
            times=options.repeat,
            concurrency=options.concurrency,
            clock=SystemClock(),
        )
        invoke_output.show_repetition(done, options)
        return errors.EXIT_FUNCTION_ERROR if done.failed or done.throttled else errors.EXIT_OK
    result = await invoker.invoke(invocation)
    if options.logs and result.log_tail:
        click.echo(result.log.rstrip("\n"), err=True)
    invoke_output.show_result(result, options)
    return errors.EXIT_FUNCTION_ERROR if result.function_error else errors.EXIT_OK


def _told(options: Options, status: int, request_id: str, words: str) -> None:
    if options.output == "json":
        click.echo(json.dumps({"status_code": status, "request_id": request_id}, indent=2))
    else:
        click.echo(f"{options.name or 'the function'} {words} (request {request_id})", err=True)


def _streaming(app: App) -> frozenset[str]:
    """The functions whose answers come in pieces, as the manifest says."""
    from lambdactl.manifest.routes import apis_of

    found = {
        name
        for name, function in app.functions.items()
        if function.url is not None and function.url.invoke_mode == "response_stream"
    }
    for api in apis_of(app):
        for route in api.routes:
            if route.integration.stream and route.integration.function is not None:
                found.add(route.integration.function)
    return frozenset(found)
