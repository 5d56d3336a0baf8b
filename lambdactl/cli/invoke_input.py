"""What a run of ``lambdactl invoke`` begins with: the app, its variables, the event."""

from __future__ import annotations

import json
import os
import select
import stat
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lambdactl import errors
from lambdactl.cli import params
from lambdactl.cli.aws import AwsOptions
from lambdactl.manifest.model import App

_STDIN_WAIT_S = 2.0
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
    containers: params.ContainerOptions
    debug_port: str | None
    built: bool
    remote: bool
    dry_run: bool
    aws: AwsOptions

    @property
    def only_remote(self) -> list[str]:
        """Options that were given, and that are for functions in AWS."""
        return self.aws.given + (["--dry-run"] if self.dry_run else [])


def app(options: Options, *, check: bool = True) -> App:
    """The app to run, with the user's variables.

    :param check: look for the function's code and handler too, and warn of what is doubtful.
    :raises ManifestError: with all problems.
    :raises UserError: a variable or a name is malformed.
    """
    from lambdactl import manifest
    from lambdactl.local import overridden

    env = variables(options.env_files, options.env)
    if options.manifest is None and _is_handler(options.name):
        assert options.name is not None
        found = manifest.app_from_handler(options.name, Path.cwd())
    else:
        found = manifest.load(
            options.manifest,
            stage=options.stage,
            env_files=options.env_files,
            parameters=options.parameters,
        )
        if check:
            name = found.function(options.name).name
            for problem in found.warnings:
                if options.built and problem.code == "not-built":
                    continue
                if _owner(found, problem) in (None, name):
                    params.warn(f"{problem.where}: {problem.message}")
            problems = manifest.check_code(found, [name])
            if options.built:
                # Its artifact is what must have the handler.
                problems = tuple(one for one in problems if one.code != "handler-not-found")
            if any(problem.severity == "error" for problem in problems):
                raise errors.ManifestError(problems)
    runner = options.containers.runner
    return overridden(found, env=env, timeout_s=options.timeout, runner=runner)


def _owner(app: App, problem: errors.Problem) -> str | None:
    """The function in whose lines a problem is; None where it concerns all of them."""
    owner, begins = None, 0
    for name, function in app.functions.items():
        line = function.where.line if function.where else None
        if line is not None and begins < line <= (problem.where.line or 0):
            owner, begins = name, line
    return owner


def function_name(app: App, options: Options) -> str | None:
    """The function that was named; an app of one file has just one."""
    return None if app.source is None else options.name


def _is_handler(name: str | None) -> bool:
    """Whether NAME is a file or a handler rather than the name of a function in a manifest."""
    from lambdactl import manifest

    if name is None:
        return False
    if "/" in name or name.endswith(_HANDLER_FILES):
        return True
    return "." in name and manifest.find(None) is None


def variables(
    env_files: Sequence[Path], env: Sequence[str], warn: Callable[[str], None] = params.warn
) -> dict[str, str]:
    """What ``--env-file`` and ``--env`` set.

    :raises UserError: a name or a file is malformed.
    """
    from lambdactl import manifest

    values: dict[str, str] = {}
    for path in env_files:
        for name, value in manifest.env_file.read(path).items():
            if name in manifest.reserved_variables():
                # The file may be for other tools too: many have AWS_REGION in it.
                warn(f"{path}: {name} is set by Lambda, so it is left out")
            else:
                values[name] = value
    for item in env:
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


def client_context(text: str | None) -> str | None:
    """:raises UserError: it isn't JSON."""
    if text is None:
        return None
    try:
        json.loads(text)
    except ValueError as error:
        raise errors.UserError(f"--client-context is not JSON: {error}") from None
    return text


def payload(options: Options) -> bytes:
    """The event that was asked for, as bytes.

    :raises UserError: there is none of that kind, or more than one.
    """
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
        return given.to_bytes(made)
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
