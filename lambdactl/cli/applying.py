"""From a plan to its end: shown, asked for, applied under the lock, and told.

Ctrl-C is heard between steps; what failed is told at the end, each with what to do.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

from lambdactl import errors
from lambdactl.cli import deploy_options, deploy_view, failure

if TYPE_CHECKING:
    from lambdactl.deploy.lock import Lock
    from lambdactl.deploy.model import Context
    from lambdactl.deploy.plan import Applied, Plan

_SIGNALS = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM", signal.SIGHUP: "SIGHUP"}
_SHOW_CURSOR = b"\x1b[?25h\r\n"


class Stop:
    """Whether somebody wants it to end.

    :ivar reason: what it was; None: nothing.
    :ivar code: of the process then.
    """

    def __init__(self) -> None:
        self.reason: str | None = None
        self.code = errors.EXIT_INTERRUPTED
        self.say: Callable[[str], None] = lambda words: None

    def heard(self, number: int, _frame: FrameType | None) -> None:
        if self.reason is not None:
            # The next deployment completes what was under way. It needn't wait for the lock: that
            # of a process which is gone holds nobody up on the same machine.
            if sys.stderr.isatty():
                os.write(sys.stderr.fileno(), _SHOW_CURSOR)
            os._exit(128 + number)
        self.reason = _SIGNALS[signal.Signals(number)]
        self.code = 128 + number
        self.say(
            f"{self.reason}: steps under way come to their end, no other is taken; "
            "once more, and they are left as they are"
        )


@contextmanager
def listening() -> Iterator[Stop]:
    """Inside, signals end nothing by themselves."""
    stop = Stop()
    before: dict[signal.Signals, Any] = {}
    for number in _SIGNALS:
        if signal.getsignal(number) != signal.SIG_IGN:
            before[number] = signal.signal(number, stop.heard)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@dataclass(frozen=True, slots=True)
class Asked:
    """What the user asked for, beside the plan.

    :ivar command: ``deploy``.
    :ivar looking: nothing is changed.
    :ivar sure: nobody is asked.
    :ivar parallel: how much is done at a time.
    :ivar output: ``text`` or ``json``.
    """

    command: str
    parallel: int
    output: str
    looking: bool = False
    sure: bool = False
    break_lock: bool = False


def carry_out(
    context: Context, make: Callable[[], Plan], question: Callable[[Plan], str], asked: Asked
) -> tuple[Plan, int]:
    """Plan, show, ask and apply.

    :param make: makes the plan. Where something may be changed it is called under the lock, so
        that what is applied is what there was.
    :return: the plan, and the exit code of what became of it.
    :raises Abort: whoever was asked said no.
    :raises LambdactlError: there is no plan; or nobody can be asked.
    """
    from lambdactl.cli import plan_view
    from lambdactl.deploy import lock

    asking = not asked.looking and not asked.sure
    applied: Applied | None = None
    code = errors.EXIT_OK
    with contextlib.ExitStack() as stack:
        stack.enter_context(_ending_in_order())
        held = None
        sure = asked.sure and not asked.looking
        if sure or (asking and deploy_options.interactive()):
            held = stack.enter_context(lock.held(context, asked.command, break_it=asked.break_lock))
        plan = make()
        if asked.output == "text":
            plan_view.show(plan)
        elif held is not None and asking and plan.steps:
            plan_view.show(plan, stream=sys.stderr)
        if plan.steps and held is not None:
            if asking:
                deploy_options.confirm(question(plan))
            applied, stop = _apply(context, plan, held, asked.parallel)
    if plan.steps and asking and held is None:
        raise deploy_options.refuse(asked.command)
    if asked.output == "json":
        click.echo(json.dumps(deploy_view.plan_document(plan, applied), indent=2))
    elif applied is not None:
        deploy_view.results(applied)
    if applied is not None:
        code = _finish(applied, stop, command=asked.command)
    return plan, code


@contextmanager
def _ending_in_order() -> Iterator[None]:
    """Inside, what ends the process lets go of the lock first."""

    def end(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = {
        number: signal.signal(number, end)
        for number in (signal.SIGTERM, signal.SIGHUP)
        if signal.getsignal(number) != signal.SIG_IGN
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _apply(context: Context, plan: Plan, lock: Lock, parallel: int) -> tuple[Applied, Stop]:
    """Take the steps of a plan while the lock is held."""
    from lambdactl.deploy import executor

    view = deploy_view.DeployView(plan)
    try:
        with listening() as stop:
            stop.say = view.say
            applied = executor.apply(
                context,
                plan,
                view,
                jobs=parallel,
                stopped=lambda: stop.reason or lock.lost(),
            )
    finally:
        view.close()
    return applied, stop


def _finish(applied: Applied, stop: Stop, *, command: str) -> int:
    """Tell what failed and what is left to do on stderr; returns the exit code."""
    failed = [done for done in applied.done if done.error is not None]
    told: set[str] = set()
    codes: list[int] = []
    for done in failed:
        assert done.error is not None
        error = done.error if isinstance(done.error, Exception) else RuntimeError(repr(done.error))
        codes.append(getattr(error, "exit_code", errors.EXIT_BUG))
        # Of sixteen steps at a time each says the same, when it is about the session.
        topic = _topic(error)
        if topic not in told:
            told.add(topic)
            failure.report(error, debug=_debug())
    summary = deploy_view.summary(applied)
    if applied.complete:
        click.echo(summary, err=True)
        return errors.EXIT_OK
    if not failed and stop.reason is None:
        because = next(done.because for done in applied.done if done.because is not None)
        lost = errors.LockedError(
            f"{because}, so no other step was taken", hint="look who else deploys this service"
        )
        failure.report(lost, debug=False)
        codes.append(lost.exit_code)
    click.echo(f"{summary}; `lambdactl {command}` goes on from here", err=True)
    return _code(codes) if codes else stop.code


def _code(codes: list[int]) -> int:
    """That of all failures, where they agree."""
    if errors.EXIT_BUG in codes:
        return errors.EXIT_BUG
    return codes[0] if len(set(codes)) == 1 else errors.EXIT_AWS


def _topic(error: Exception) -> str:
    if isinstance(error, errors.CredentialsError):
        return error.hint or "credentials"
    return str(error)


def _debug() -> bool:
    context = click.get_current_context(silent=True)
    found = context.find_object(dict) if context is not None else None
    return bool(found and found.get("debug"))
