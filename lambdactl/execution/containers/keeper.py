"""The first process of a container: a few lines for the image's own shell.

It does what Lambda's own init does and Docker has no word for. It starts the image's entrypoint
when it is told to, so that a started container can stand by. It kills all that runs without
ending the container, so that ``/tmp`` outlives a timeout and the next start takes milliseconds.
And it ends with lambdactl: an order that can't come any more ends the container.

Orders come on its standard input, one a line. The function's output is what it has as standard
output; on standard error it reports, one line each: ``up``, ``exit N``, ``killed``.
A mark is written to the output.
"""

from __future__ import annotations

import signal
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from lambdactl.execution.failures import Exit

if TYPE_CHECKING:
    from lambdactl.execution.containers.engine import Engine
    from lambdactl.execution.containers.images import Image

SHELL = "/bin/sh"
TELEMETRY_FD = 3
"""The runtime's own log channel (``_LAMBDA_TELEMETRY_LOG_FD``) leads where its output goes."""

RUN, KILL, MARK = b"run\n", b"kill\n", b"mark "
UP, KILLED, EXIT = "up", "killed", "exit "

# Nowhere but in a container's own tree of processes: kill -1 is everybody but the first process and
# the caller. So the orders are read by the second process, and the first one only waits: which
# also takes in what daemons leave, that would fill the table of processes. Whoever is left of a
# runtime that has ended is killed by the order that follows it. `killed` is said when nobody is
# left, not even dying: who is, has memory. The inner shell keeps what the outer one says of a
# killed child ("Killed") out of the function's output.
SCRIPT = """
[ $$ = 1 ] || exit 125
exec 4<&0 </dev/null
{
  echo up >&2
  while read -r order mark; do
    case $order in
      mark) echo "$mark" ;;
      run) { (exec "$@" </dev/null 2>&1 3>&1); echo "exit $?" >&2; } & ;;
      kill) while kill -9 -1 2>/dev/null; do wait; done; echo killed >&2 ;;
    esac
  done
} <&4 4<&- &
exec 4<&-
wait
"""

PIPES = "/run/lambdactl"
"""Where the named pipes are in a container."""
# Opened both ways first: who opens one end alone waits for the other, and lambdactl may have been
# killed since it asked for the container.
_ENDS = ("orders", "output", "reports")
_REDIRECTED = (
    f"exec {' '.join(f'{n}<>{PIPES}/{name}' for n, name in enumerate(_ENDS, 5))} "
    f"<{PIPES}/orders >{PIPES}/output 2>{PIPES}/reports 5>&- 6>&- 7>&- || exit 125\n"
    + SCRIPT.lstrip()
)

_BY_ENGINES = ("HOME", "HOSTNAME")

_AWS_ENTRYPOINT = "/lambda-entrypoint.sh"
_with_shell: dict[str, bool] = {}
"""What is known of images, by their id."""

_SIGNALLED = 128
"""A shell's status of a command that a signal ended, less the signal's number."""
_SIGNALS = frozenset(signal.valid_signals())


def entrypoint(
    command: tuple[str, ...], *, pipes: bool, declared: Iterable[str] = _BY_ENGINES
) -> list[str]:
    """The container's entrypoint, which runs ``command`` on order.

    :param pipes: orders and output go through the named pipes in :data:`PIPES`.
    :param declared: names of variables that somebody has set; what the engine sets of its own
        accord, and Lambda does not, is taken away.
    """
    surplus = [name for name in _BY_ENGINES if name not in declared]
    script = _REDIRECTED if pipes else SCRIPT.lstrip()
    if surplus:
        script = f"unset {' '.join(surplus)}\n{script}"
    return [SHELL, "-c", script, "lambdactl", *command]


def fits(engine: Engine, image: Image, labels: Mapping[str, str]) -> bool:
    """Whether the image has the shell. Blocks.

    :param labels: of the container that is made (and not started) to find out.
    :raises EngineError: the engine does not answer.
    """
    if image.entrypoint[:1] == (_AWS_ENTRYPOINT,):
        # A shell script itself.
        return True
    if image.id not in _with_shell:
        _with_shell[image.id] = _look(engine, image, labels)
    return _with_shell[image.id]


def _look(engine: Engine, image: Image, labels: Mapping[str, str]) -> bool:
    from docker.errors import NotFound

    from lambdactl.execution.containers.engine import explained

    try:
        made = engine.client.create_container(image.id, command=["true"], labels=dict(labels))
        try:
            engine.client.get_archive(made["Id"], SHELL)[0].close()
        except NotFound:
            return False
        finally:
            engine.client.remove_container(made["Id"], force=True)
    except Exception as error:
        raise explained(error, f"look into {image.reference}") from error
    return True


def exit_of(report: str) -> Exit:
    """What ``exit N`` says of how the runtime ended."""
    return how(int(report.removeprefix(EXIT)))


def how(status: int) -> Exit:
    """What a shell's, or the engine's, status of a process says of how it ended."""
    number = status - _SIGNALLED
    return Exit(signal=number) if number in _SIGNALS else Exit(status=status)
