"""How a function waits for a debugger: debugpy (Python), the inspector (Node.js), JDWP (Java).

The runtime listens before it reads the function's code and goes on when a client is there, so that
a breakpoint in the init phase is met, too. Every environment does so anew: after a crash or a
reload the next one waits again, on the same port.

A function under a debugger has all the time there is: neither the init phase nor an invocation
nor the integration of a front door times out.
"""

from __future__ import annotations

import asyncio
import functools
import re
import socket
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from lambdactl.errors import EnvironmentStartError, UserError, did_you_mean
from lambdactl.execution.logs import LogLine, LogSink
from lambdactl.manifest.model import Function
from lambdactl.manifest.runtimes import guess

PATIENCE_S = 86_400.0
"""What stands for no timeout: a deadline must be some time, and Node's timers end at 24 days."""

MEMORY_MB = 256
"""What a debugger takes of its own is not taken from the function's memory."""

LOCALHOST = "127.0.0.1"
_ANYWHERE = "0.0.0.0"  # noqa: S104 - inside a container, which publishes it on 127.0.0.1 alone

Ports = int | Mapping[str, int]
"""One port for whatever runs, or the ports of single functions, by name."""

_SCRIPTS = Path(__file__).parent / "bootstraps" / "debug"
_PLACE = "/var/lambdactl"

_FAMILIES = {"python": "Python", "nodejs": "Node.js", "java": "Java"}
_PACKAGE = "debugpy"
_MISSING = "pip install 'lambdactl[debug]', or add debugpy to the function's own packages"

_LISTENS = re.compile(rb"Debugger listening on |Listening for transport dt_socket at address: ")


@dataclass(frozen=True, slots=True)
class Debugging:
    """What a container needs so that its runtime waits for a debugger.

    :ivar variables: set over the function's own variables of the same names.
    :ivar binds: files and folders of this machine, and where the container has them (read-only).
    """

    variables: Mapping[str, str] = field(default_factory=dict)
    binds: Mapping[Path, str] = field(default_factory=dict)


class Turn:
    """One environment's use of a port that is for one at a time; without a ``lock``, of none."""

    def __init__(self, lock: asyncio.Lock | None = None) -> None:
        self._lock = lock
        self._held = False

    async def come(self) -> None:
        """Return when the port is free for us."""
        if self._lock is not None:
            await self._lock.acquire()
            self._held = True

    def end(self) -> None:
        """Let the next one have it. Does nothing where there is nothing to let go of."""
        if self._lock is not None and self._held:
            self._held = False
            self._lock.release()


def in_container(function: Function, port: int, *, host: str = _ANYWHERE) -> Debugging:
    """Let the runtime of ``function`` wait for a debugger in its container.

    Python through AWS's hook for wrapper scripts
    (https://docs.aws.amazon.com/lambda/latest/dg/runtimes-modify.html#runtime-wrapper), after
    which the function's own wrapper still runs; Node.js and Java through their own variables
    (https://nodejs.org/api/cli.html#node_optionsoptions,
    https://docs.aws.amazon.com/lambda/latest/dg/java-customization.html).
    An image says nothing of what runs in it, so it gets all of them.

    :param port: inside the container; publishing it is left to the caller.
    :param host: where the runtime listens. A container that shares the network of this machine
        must not listen on every address of it: give it 127.0.0.1.
    :raises UserError: there is no debugger for this runtime here.
    """
    check(function)
    family = guess(function.runtime or "").family if function.runtime else None
    environment = function.environment
    variables: dict[str, str] = {}
    binds: dict[Path, str] = {}
    if family in ("python", None):
        binds[_SCRIPTS] = f"{_PLACE}/debug"
        variables |= {
            "AWS_LAMBDA_EXEC_WRAPPER": f"{_PLACE}/debug/wrapper",
            "_LAMBDACTL_DEBUG": f"{host}:{port}",
        }
        own = environment.get("AWS_LAMBDA_EXEC_WRAPPER")
        if own:
            variables["_LAMBDACTL_WRAPPER"] = own
        given = _given()
        if given is not None:
            binds[given / _PACKAGE] = f"{_PLACE}/packages/{_PACKAGE}"
            variables["_LAMBDACTL_DEBUGPY"] = f"{_PLACE}/packages"
    if family in ("nodejs", None):
        # An image that was pulled long ago may have a Node.js 20 that is older than --inspect-wait.
        version = guess(function.runtime or "").version
        waits = version.isdigit() and int(version) >= _WAITS_FROM
        flag = f"{'--inspect-wait' if waits else '--inspect-brk'}={host}:{port}"
        variables["NODE_OPTIONS"] = _joined(environment.get("NODE_OPTIONS"), flag)
    if family in ("java", None):
        # Java 8 listens on every address when it is given none, and does not know the asterisk.
        everywhere = "" if (function.runtime or "").startswith("java8") else "*:"
        address = f"{everywhere if host == _ANYWHERE else f'{host}:'}{port}"
        agent = f"-agentlib:jdwp=transport=dt_socket,server=y,suspend=y,address={address}"
        variables["JAVA_TOOL_OPTIONS"] = _joined(environment.get("JAVA_TOOL_OPTIONS"), agent)
    return Debugging(variables, binds)


def in_process(
    family: str, version: tuple[int, ...], port: int, command: tuple[str, ...]
) -> tuple[tuple[str, ...], dict[str, str], tuple[Path, ...]]:
    """The same for a process: its command, more variables, and folders that it must see.

    :param family: python or nodejs.
    :param version: of the interpreter.
    :param command: the interpreter and its arguments.
    """
    program, *arguments = command
    address = f"{LOCALHOST}:{port}"
    if family == "nodejs":
        return (program, f"{inspect_flag(version)}={address}", *arguments), {}, ()
    given = _given()
    variables = {"_LAMBDACTL_DEBUG": address}
    if given is not None:
        variables["_LAMBDACTL_DEBUGPY"] = str(given)
    start = str(_SCRIPTS / "start.py")
    return (program, start, *arguments), variables, ((given,) if given is not None else ())


_WAITS_FROM = 22
"""The first of Lambda's Node.js runtimes whose every version knows ``--inspect-wait``: it came with
22.2 and 20.15 (https://nodejs.org/api/cli.html#--inspect-waithostport)."""


def inspect_flag(version: tuple[int, ...]) -> str:
    """The flag that lets Node.js of ``version`` wait for a client. Older ones can only do so by
    stopping at their first line."""
    major, minor = (*version, 0, 0)[:2]
    waits = major > _WAITS_FROM or minor >= {22: 2, 20: 15}.get(major, minor + 1)
    return "--inspect-wait" if waits else "--inspect-brk"


def check(function: Function) -> None:
    """:raises UserError: there is no debugger for the runtime of ``function`` here."""
    if not _can_wait(function):
        raise UserError(
            f"{function.name} runs on {function.runtime}, for which --debug-port has no debugger",
            where=function.where,
            hint=f"it debugs {', '.join(_FAMILIES.values())}",
        )


def _can_wait(function: Function) -> bool:
    return not function.runtime or guess(function.runtime).family in _FAMILIES


def port_of(ports: Ports | None, name: str) -> int | None:
    """The port on which function ``name`` waits; None if it doesn't."""
    if ports is None or isinstance(ports, int):
        return ports
    return ports.get(name)


def ports(words: Iterable[str], functions: Mapping[str, Function]) -> dict[str, int]:
    """What ``--debug-port [NAME=]PORT`` means. A port alone is for every function: the first one
    that can be debugged gets it, and the others those that follow. With names, for those alone.

    :raises UserError: it is no port, is not free, or there is no such function.
    """
    found: dict[str, int] = {}
    for word in words:
        name, equals, number = word.rpartition("=")
        if not number.isascii() or not number.isdigit() or not 0 < int(number) <= _LAST_PORT:
            raise UserError(f"--debug-port: {number!r} is no port", hint="5678, or NAME=5678")
        if not equals:
            able = [one.name for one in functions.values() if _can_wait(one)]
            for at, one in enumerate(able):
                found.setdefault(one, int(number) + at)
            if not able:
                raise UserError(
                    "--debug-port: no function runs on a runtime that has a debugger here",
                    hint=f"it debugs {', '.join(_FAMILIES.values())}",
                )
            continue
        if name not in functions:
            raise UserError(
                f"--debug-port: there is no function {name!r}",
                hint=did_you_mean(name, functions) or f"there is: {', '.join(functions)}",
            )
        check(functions[name])
        found[name] = int(number)
    for name, port in found.items():
        twice = next((one for one, other in found.items() if other == port and one != name), None)
        if twice is not None:
            raise UserError(f"--debug-port: {name} and {twice} can't both wait on port {port}")
        _check_free(name, port)
    return found


_LAST_PORT = 65_535


def _check_free(name: str, port: int) -> None:
    if port > _LAST_PORT:
        raise UserError(
            f"--debug-port: no port is left for {name}",
            hint="begin with a lower one, or name the function: NAME=PORT",
        )
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((LOCALHOST, port))
        except OSError as error:
            raise UserError(
                f"--debug-port: {name} can't wait on port {port}: {error.strerror}",
                hint="stop what listens there, or take another port",
            ) from error


def announcing(
    sink: LogSink | None, ports: Ports, say: Callable[[str, int], None]
) -> Callable[[LogLine], None]:
    """``sink``, and ``say`` (a function's name, and its port) whenever a runtime begins to wait.

    Every debugger says so in the function's own output, and only there: whoever connects to find
    out is taken for a client.
    """

    def take(line: LogLine) -> None:
        if sink is not None:
            sink(line)
        if line.source == "function" and _LISTENS.match(line.text):
            port = ports if isinstance(ports, int) else ports.get(line.function)
            if port is not None:
                say(line.function, port)

    return take


def waiting(name: str, port: int) -> str:
    """The words for that."""
    return f"{name}: waiting for a debugger on {LOCALHOST}:{port}"


def require_debugpy(function: Function, interpreter: Path, task: Path, opt: Path | None) -> None:
    """See that a Python process will find its debugger, before one is started.

    :raises EnvironmentStartError: there is none.
    """
    folders = [task, *(sorted(opt.glob("python/**/")) if opt is not None else [])]
    if _given() is not None or any((folder / _PACKAGE).is_dir() for folder in folders):
        return
    import subprocess

    asked = [str(interpreter), "-c", f"import {_PACKAGE}"]
    if subprocess.run(asked, capture_output=True, check=False, cwd=task).returncode:
        raise EnvironmentStartError(
            f"{function.name} can't wait for a debugger: debugpy is missing", hint=_MISSING
        )


@functools.cache
def _given() -> Path | None:
    """The folder of lambdactl's own debugpy, if it was installed with one."""
    spec = find_spec(_PACKAGE)
    return Path(spec.origin).parent.parent if spec is not None and spec.origin else None


def _joined(own: str | None, more: str) -> str:
    return f"{own} {more}" if own else more
