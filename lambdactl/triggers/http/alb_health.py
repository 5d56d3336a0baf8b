"""Health checks of a load balancer's Lambda targets.

Off unless the manifest turns them on. "After your target is registered, it must pass one health
check to be considered healthy"; then so many failures in a row make it unhealthy, and so many
successes healthy again
(https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html).
A target group with a Lambda function has no other target, so requests go on to an unhealthy one:
"if a target group contains only unhealthy registered targets, the load balancer routes requests to
all those targets".
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import orjson

from lambdactl.errors import LambdactlError
from lambdactl.execution.invocation import Invocation, InvocationResult
from lambdactl.execution.tasks import within
from lambdactl.manifest.apis import Api, HealthCheck, Route
from lambdactl.triggers.http import alb_event
from lambdactl.triggers.http.calls import Refusal, Setting
from lambdactl.triggers.http.faults import described


class Health:
    """The health checks of every function behind a load balancer.

    :ivar state: function to "initial", "healthy" or "unhealthy".
    """

    def __init__(self, api: Api, check: HealthCheck, setting: Setting) -> None:
        self.state: dict[str, str] = {}
        self._api = api
        self._check = check
        self._setting = setting
        try:
            self._passes = _codes(check.codes)
        except ValueError:
            setting.tell(
                f"{api.name}: health check: {check.codes!r} are no status codes; 200 is taken"
            )
            self._passes = _codes("200")
        self._tasks: list[asyncio.Task[None]] = []
        self._probes: set[asyncio.Task[InvocationResult]] = set()

    def start(self) -> None:
        """Begin to check; needs a running event loop. Starting twice starts once."""
        if self._tasks:
            return
        for route in self._api.routes:
            function = route.integration.function
            if function and function not in self.state:
                self.state[function] = "initial"
                self._tasks.append(asyncio.create_task(self._watch(function, route)))

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        for late in self._probes:
            late.cancel()

    async def _watch(self, function: str, route: Route) -> None:
        check = self._check
        good = bad = 0
        while True:
            problem = await self._probe(function, route)
            good, bad = (good + 1, 0) if problem is None else (0, bad + 1)
            state = self.state[function]
            needed = 1 if state == "initial" else check.healthy
            if problem is None and state != "healthy" and good >= needed:
                self._change(function, "healthy", f"{check.path} passed")
            elif problem is not None and state != "unhealthy" and bad >= check.unhealthy:
                self._change(function, "unhealthy", f"{check.path}: {problem}")
            await self._setting.clock.sleep(check.interval_s)

    def _change(self, function: str, state: str, why: str) -> None:
        self.state[function] = state
        self._setting.tell(f"{self._api.name}: health check: {function} is {state} ({why})")

    async def _probe(self, function: str, route: Route) -> str | None:
        """What is wrong with the function; None when it passed."""
        multi = route.multi_value_headers
        arn = alb_event.arn_of(self._setting, self._api, route)
        payload = orjson.dumps(alb_event.health_event(arn, self._check.path, multi=multi))
        invocation = Invocation(function, payload, qualifier=route.integration.qualifier)
        try:
            work = self._setting.invoker.invoke(invocation)
            result = await within(work, self._check.timeout_s, self._setting.clock, self._probes)
            if result.function_error is not None:
                return described(function, result.payload)
            answer = alb_event.response(result.payload, multi=multi)
        except TimeoutError:
            return f"no answer within {self._check.timeout_s:g} s"
        except LambdactlError as error:
            return str(error)
        except Refusal as refusal:
            return refusal.reason
        return None if self._passes(answer.status) else f"status {answer.status}"


def _codes(text: str) -> Callable[[int], bool]:
    """``200``, ``200,202`` or ``200-299``
    (https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_Matcher.html)."""
    ranges: list[tuple[int, int]] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        ranges.append((int(first), int(last or first)))
    return lambda status: any(first <= status <= last for first, last in ranges)
