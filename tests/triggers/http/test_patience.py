"""Functions that are debugged have all the time it takes, whatever calls them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from websockets.asyncio.client import connect

from lambdactl.execution.invocation import Invocation
from lambdactl.manifest.apis import Api, Authorizer, HealthCheck, Integration, Route
from lambdactl.triggers.http.alb import AlbDoor
from lambdactl.triggers.http.doors import door
from tests.aio import run, settle
from tests.clock import ManualClock
from tests.triggers.http.parts import FakeWire, Functions, request, setting
from tests.triggers.http.websocket import parts as websocket

OK = {"statusCode": 200, "body": "here"}


@pytest.mark.parametrize("patient", [False, True])
@pytest.mark.parametrize("kind", ["rest", "http"])
def test_an_integration_waits(kind: Any, patient: bool) -> None:
    async def play(invocation: Invocation, event: Any) -> Any:
        await asyncio.sleep(0.1)
        return OK

    async def work() -> int:
        given = setting(Functions(play))
        given.patient = patient
        slow = Integration(function="slow", timeout_s=0.02)
        front = door(Api("shop", kind, (Route("/slow", slow, "GET"),)), given)
        wire = FakeWire()
        asked = request("/slow", wire=wire)
        answer = await front.handle(asked)
        if answer is not None:
            asked.answer(answer)
        await front.close()
        (sent,) = wire.sent
        return sent.status

    assert run(work()) == (200 if patient else 504)


@pytest.mark.parametrize("patient", [False, True])
@pytest.mark.parametrize("kind", ["rest", "http"])
def test_an_authorizer_waits(kind: Any, patient: bool) -> None:
    clock = ManualClock()

    async def play(invocation: Invocation, event: Any) -> Any:
        if invocation.function != "guard":
            return OK
        await clock.sleep(60)
        effect = {"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": "*"}
        document = {"Version": "2012-10-17", "Statement": [effect]}
        return {"principalId": "me", "policyDocument": document}

    async def work() -> int:
        given = setting(Functions(play), clock=clock)
        given.patient = patient
        guard = Authorizer("lambda", name="guard", function="guard", ttl_s=0)
        route = Route("/", Integration(function="slow"), "GET", authorizer=guard)
        front = door(Api("shop", kind, (route,)), given)
        answering = asyncio.create_task(front.handle(request("/", headers={"Authorization": "me"})))
        await settle()
        await clock.advance(61)
        answer = await answering
        await front.close()
        assert answer is not None
        return answer.status

    assert run(work()) == (200 if patient else 500)


def test_no_health_check_stops_at_a_breakpoint() -> None:
    functions = Functions(lambda invocation, event: OK)

    async def work() -> None:
        given = setting(functions)
        given.patient = True
        route = Route("/*", Integration(function="slow"))
        front = door(Api("lb", "alb", (route,), health_check=HealthCheck(enabled=True)), given)
        assert isinstance(front, AlbDoor)
        await settle()
        assert functions.calls == []
        answer = await front.handle(request("/"))
        assert answer is not None
        assert answer.status == 200
        await front.close()

    run(work())


def test_a_websocket_waits() -> None:
    async def slow(event: Any) -> Any:
        await asyncio.sleep(0.1)
        return {"statusCode": 200, "body": "late"}

    slowly = Integration(function="slow", timeout_s=0.02)
    routes = (Route("$connect", slowly), Route("$default", slowly, response=True))

    async def work() -> None:
        async with websocket.serving(
            websocket.api(routes=routes), websocket.Functions(slow=slow)
        ) as served:
            served.setting.patient = True
            async with connect(served.url) as client:
                await client.send("x")
                assert await client.recv() == "late"

    run(work())
