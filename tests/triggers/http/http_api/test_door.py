"""The door of an HTTP API, from request to answer."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from lambdactl.errors import EventError, ThrottledError, UserError
from lambdactl.execution.invocation import Invocation
from lambdactl.manifest.apis import Api, Authorizer, Integration, Route, Throttle
from lambdactl.manifest.features import Cors
from lambdactl.triggers.http.doors import door
from lambdactl.triggers.http.exchange import Request, Response
from tests.aio import run
from tests.clock import ManualClock
from tests.triggers.http.parts import FakeWire, Functions, request, result, setting


def hello(**changes: Any) -> Integration:
    return Integration(function="hello", **changes)


ECHO = Functions(lambda invocation, event: event)
"""Answers with the event itself: no statusCode, so all of it is the body."""


def answered(
    routes: tuple[Route, ...],
    *requests: Request,
    functions: Functions = ECHO,
    clock: ManualClock | None = None,
    told: list[str] | None = None,
    **api: Any,
) -> list[Response]:
    """The answers to ``requests``, one after the other."""

    async def work() -> list[Response]:
        given = setting(functions, clock=clock)
        front = door(Api("shop", "http", routes, **api), given)
        answers = []
        for each in requests:
            answer = await front.handle(each)
            if answer is None:
                assert isinstance(each.wire, FakeWire)
                answer = each.wire.sent[0]
            answers.append(answer)
        await front.close()
        if told is not None:
            told.extend(given.kept["told"])
        return answers

    return run(work())


def message(answer: Response) -> tuple[int, Any]:
    headers = dict(answer.headers)
    assert headers["Content-Type"] == "application/json"
    assert headers["Apigw-Requestid"].endswith("=")
    return answer.status, json.loads(answer.body)


def test_the_function_is_called_and_its_answer_passed_on() -> None:
    (answer,) = answered((Route("/pets/{id}", hello(), "GET"),), request("/pets/a%20b"))
    event = json.loads(answer.body)
    assert answer.status == 200
    assert event["routeKey"] == "GET /pets/{id}"
    assert event["pathParameters"] == {"id": "a b"}
    assert dict(answer.headers)["Apigw-Requestid"] == event["requestContext"]["requestId"]


def test_format_1_0_on_request() -> None:
    play = Functions(lambda invocation, event: {"statusCode": 201, "body": event["version"]})
    route = Route("/", hello(payload="v1"), "GET")
    (answer,) = answered((route,), request("/"), functions=play)
    assert (answer.status, answer.body) == (201, b"1.0")


@pytest.mark.parametrize(
    ("method", "path", "key"),
    [
        ("GET", "/pets/dog/1", "GET /pets/dog/1"),
        ("GET", "/pets/dog/2", "GET /pets/dog/{id}"),
        ("GET", "/pets/cat", "GET /pets/{proxy+}"),
        ("POST", "/pets/cat", "ANY /{proxy+}"),
        ("DELETE", "/", "$default"),
    ],
)
def test_the_priority_of_routes(method: str, path: str, key: str) -> None:
    """The example of
    https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html"""
    routes = (
        Route("$default", hello()),
        Route("/{proxy+}", hello(), "ANY"),
        Route("/pets/{proxy+}", hello(), "GET"),
        Route("/pets/dog/{id}", hello(), "GET"),
        Route("/pets/dog/1", hello(), "GET"),
    )
    (answer,) = answered(routes, request(path, method))
    assert json.loads(answer.body)["routeKey"] == key


def test_no_route() -> None:
    (answer,) = answered((Route("/pets", hello(), "GET"),), request("/pets", "POST"))
    assert message(answer) == (404, {"message": "Not Found"})


@pytest.mark.parametrize(
    ("outcome", "status", "words", "reason"),
    [
        (result({"errorType": "E", "errorMessage": "no"}, error="Unhandled"), 500, None, "E: no"),
        ({"statusCode": "many"}, 500, None, "`statusCode`"),
        (UserError("no function is called `hello`"), 500, None, "no function"),
        (ThrottledError("busy", reason="R"), 500, None, "busy"),
        (EventError("the event has too many bytes"), 413, "Request Entity Too Large", "too many"),
    ],
)
def test_what_goes_wrong(outcome: Any, status: int, words: str | None, reason: str) -> None:
    told: list[str] = []
    routes = (Route("$default", hello()),)
    play = Functions(lambda invocation, event: outcome)
    (answer,) = answered(routes, request("/x"), functions=play, told=told)
    assert message(answer) == (status, {"message": words or "Internal Server Error"})
    assert len(told) == 1
    assert told[0].startswith("GET /x: ")
    assert reason in told[0]


def test_a_body_beyond_10_mb() -> None:
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html"""
    big = request("/", "POST", body=b"\0" * (10 * 1024 * 1024 + 1))
    (answer,) = answered((Route("$default", hello()),), big, functions=Functions(never))
    assert message(answer) == (413, {"message": "Request Entity Too Large"})


def never(invocation: Invocation, event: Any) -> Any:
    raise AssertionError("the function is not to be called")


async def _slow() -> dict[str, int]:
    await asyncio.sleep(0.05)
    return {"statusCode": 200}


def test_an_integration_that_takes_too_long() -> None:
    """https://repost.aws/knowledge-center/api-gateway-504-errors"""
    told: list[str] = []
    slow = Functions(lambda invocation, event: _slow())
    route = Route("$default", hello(timeout_s=0.01))
    came = request("/")
    (answer,) = answered((route,), came, functions=slow, told=told)
    assert message(answer) == (504, {"message": "Gateway Timeout"})
    assert told == ["GET /: the integration has not answered within 0.01 s"]
    assert isinstance(came.wire, FakeWire)
    assert len(came.wire.sent) == 1


def test_throttles_of_routes_and_of_the_stage() -> None:
    clock = ManualClock()
    routes = (Route("/a", hello(), "GET"), Route("/b", hello(), "GET"))
    throttles = {"GET /a": Throttle(1, 1), "*": Throttle(1, 2)}
    targets = ["/a", "/a", "/b", "/b", "/b"]
    answers = answered(
        routes, *(request(target) for target in targets), clock=clock, throttles=throttles
    )
    assert [answer.status for answer in answers] == [200, 429, 200, 200, 429]
    assert message(answers[1]) == (429, {"message": "Too Many Requests"})


def test_a_throttle_lets_the_next_one_pass_in_time() -> None:
    clock = ManualClock()

    def play(invocation: Invocation, event: Any) -> Any:
        clock.spend(0.6)
        return "ok"

    three = (request("/"), request("/"), request("/"))
    answers = answered(
        (Route("$default", hello()),),
        *three,
        functions=Functions(play),
        clock=clock,
        throttles={"*": Throttle(2, 1)},
    )
    assert [answer.status for answer in answers] == [200, 200, 200]


def test_parameters_are_mapped_both_ways() -> None:
    integration = hello(
        request_parameters={"overwrite:path": "/v2${request.path}", "append:header.x-a": "1"},
        response_parameters={"200": {"overwrite:statuscode": "202"}},
    )
    came = request("/pets")
    (answer,) = answered((Route("$default", integration),), came)
    event = json.loads(answer.body)
    assert answer.status == 202
    assert event["rawPath"] == "/v2/pets"
    assert event["headers"]["x-a"] == "1"
    assert came.function == "hello"


CORS = Cors(allow_origins=("https://a.example",), allow_methods=("GET",))
PREFLIGHT = {"Origin": "https://a.example", "Access-Control-Request-Method": "GET"}


@pytest.mark.parametrize("path", ["/pets", "/nothing"])
def test_preflights_are_answered_without_a_route_and_without_the_function(path: str) -> None:
    routes = (Route("/pets", hello(), "ANY"),)
    (answer,) = answered(
        routes, request(path, "OPTIONS", PREFLIGHT), functions=Functions(never), cors=CORS
    )
    assert (answer.status, answer.body) == (204, b"")
    assert ("Access-Control-Allow-Origin", "https://a.example") in answer.headers
    assert "Apigw-Requestid" in dict(answer.headers)


def test_errors_have_cors_headers_too() -> None:
    origin = {"Origin": "https://a.example"}
    (answer,) = answered((), request("/", headers=origin), cors=CORS)
    assert answer.status == 404
    assert ("Access-Control-Allow-Origin", "https://a.example") in answer.headers


def authorized(verdict: Callable[[Any], Any], *requests: Request, **api: Any) -> list[Response]:
    def play(invocation: Invocation, event: Any) -> Any:
        return verdict(event) if invocation.function == "guard" else event

    guard = Authorizer(
        "lambda", function="guard", identity=("$request.header.Authorization",), ttl_s=0
    )
    routes = (Route("$default", hello(), authorizer=guard),)
    return answered(routes, *requests, functions=Functions(play), **api)


TOKEN = {"Authorization": "secret"}


def test_an_authorizer_lets_pass_refuses_and_fails() -> None:
    (answer,) = authorized(
        lambda event: {"isAuthorized": True, "context": {"tenant": "t"}},
        request("/", headers=TOKEN),
    )
    context = json.loads(answer.body)["requestContext"]
    assert context["authorizer"] == {"lambda": {"tenant": "t"}}
    (answer,) = authorized(lambda event: {"isAuthorized": False}, request("/", headers=TOKEN))
    assert message(answer) == (403, {"message": "Forbidden"})
    (answer,) = authorized(lambda event: {"isAuthorized": True}, request("/"))
    assert message(answer) == (401, {"message": "Unauthorized"})
    (answer,) = authorized(lambda event: "yes", request("/", headers=TOKEN))
    assert message(answer) == (500, {"message": "Internal Server Error"})


def test_an_authorizer_stands_before_preflights_of_its_route() -> None:
    """ "To support unauthorized OPTIONS requests, add an OPTIONS /{proxy+} route"
    (https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html)."""
    (answer,) = authorized(
        lambda event: {"isAuthorized": True}, request("/", "OPTIONS", PREFLIGHT), cors=CORS
    )
    assert answer.status == 401


def test_what_does_not_run_here() -> None:
    told: list[str] = []
    sqs = Integration("unavailable", uri="SQS-SendMessage")
    (answer,) = answered((Route("$default", sqs),), request("/"), told=told)
    assert message(answer) == (500, {"message": "Internal Server Error"})
    assert told == ["GET /: SQS-SendMessage does not run on this machine"]


def test_knows_its_routes() -> None:
    front = door(Api("shop", "http", (Route("/pets", hello(), "GET"),)), setting())
    assert front.knows(request("/pets"))
    assert not front.knows(request("/pets", "POST"))


@pytest.mark.parametrize("path", ["/pets", "/prod/pets"])
def test_a_path_may_start_with_the_stage_as_it_does_at_aws(path: str) -> None:
    functions = Functions(lambda invocation, event: event["rawPath"])
    front = door(Api("shop", "http", (Route("/pets", hello(), "GET"),), "prod"), setting(functions))
    answer = run(front.handle(request(path)))
    assert answer is not None
    assert (answer.status, answer.body) == (200, b"/prod/pets")
    assert front.knows(request(path))
    assert not front.knows(request("/production/pets"))
