"""An invoker that does as it is told, where a test is about what calls it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from lambdactl.execution.invocation import Invocation, InvocationResult, Report


class Scripted:
    """An :class:`~lambdactl.execution.invocation.Invoker`. ``play(n)`` says how the n-th call
    (from 0) goes: "success", "error", or an exception to raise. ``calls`` holds what it was
    given, ``most`` how many calls were under way at once."""

    def __init__(self, play: Callable[[int], str | Exception] = lambda number: "success") -> None:
        self._play = play
        self.calls: list[Invocation] = []
        self.busy = 0
        self.most = 0
        self.before: Callable[[int], None] = lambda number: None

    async def invoke(self, invocation: Invocation) -> InvocationResult:
        number = len(self.calls)
        self.calls.append(invocation)
        self.busy += 1
        self.most = max(self.most, self.busy)
        try:
            self.before(number)
            await asyncio.sleep(0)
            outcome = self._play(number)
        finally:
            self.busy -= 1
        if isinstance(outcome, Exception):
            raise outcome
        return InvocationResult(
            payload=b"%d" % number,
            report=Report(invocation.request_id or "none", 1.0, 128, 64),
            function_error="Unhandled" if outcome == "error" else None,
            cold=number == 0,
        )
