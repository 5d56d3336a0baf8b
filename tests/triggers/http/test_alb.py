"""The door of a load balancer:
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdactl.errors import ThrottledError
from lambdactl.manifest.apis import (
    Api,
    HealthCheck,
    Integration,
    IntegrationResponse,
    Route,
    Wanted,
)
from lambdactl.triggers.http.alb import AlbDoor
from lambdactl.triggers.http.doors import door
from lambdactl.triggers.http.exchange import Request, Response
from tests.aio import other_tasks, run
from tests.clock import ManualClock
from tests.triggers.http.parts import FakeWire, Functions, request, result, setting

OK = Functions(lambda invocation, event: {"statusCode": 200})


def rule(name: str = "hello", **conditions: Any) -> Route:
    return Route("/*", Integration(function=name), **conditions)


def answered(
    came: Request, *routes: Route, functions: Functions = OK, told: list[str] | None = None
) -> Response:
    async def work() -> Response:
        given = setting(functions)
        front = door(Api("balancer", "alb", routes or (rule(),)), given)
        answer = await front.handle(came)
        await front.close()
        if told is not None:
            told.extend(given.kept["told"])
        assert answer is not None
        return answer

    return run(work())


def event_of(came: Request, **conditions: Any) -> dict[str, Any]:
    functions = Functions(lambda invocation, event: {"statusCode": 200})
    answered(came, rule(**conditions), functions=functions)
    event: dict[str, Any] = functions.events[0]
    return event


def full_request() -> Request:
    return request(
        "/a%20b?&myKey=val1&myKey=val2&enc%5B%5D=a%20b+c&flag",
        "POST",
        [
            *(("Host", "lb.example.com"), ("Cookie", "name1=value1"), ("cookie", "name2=value2")),
            *(("Content-Type", "text/plain"), ("X-Forwarded-For", "192.0.2.1")),
        ],
        b"request_body",
        wire=FakeWire(("72.21.198.66", 1), scheme="https"),
    )


def test_the_event_with_single_values() -> None:
    event = event_of(full_request())
    trace = event["headers"].pop("x-amzn-trace-id")
    arn = event["requestContext"]["elb"]["targetGroupArn"]
    assert trace.startswith("Root=1-")
    assert arn.startswith("arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/hello/")
    assert len(arn.rpartition("/")[2]) == 16
    assert event == {
        "requestContext": {"elb": {"targetGroupArn": arn}},
        "httpMethod": "POST",
        "path": "/a%20b",
        "queryStringParameters": {"myKey": "val2", "enc%5B%5D": "a%20b+c", "flag": ""},
        "headers": {
            "host": "lb.example.com",
            "cookie": "name2=value2",
            "content-type": "text/plain",
            "x-forwarded-for": "192.0.2.1, 72.21.198.66",
            "x-forwarded-port": "443",
            "x-forwarded-proto": "https",
        },
        "body": "request_body",
        "isBase64Encoded": False,
    }


def test_the_event_with_multi_values() -> None:
    event = event_of(full_request(), multi_value_headers=True)
    assert not {"headers", "queryStringParameters"} & event.keys()
    assert event["multiValueHeaders"]["cookie"] == ["name1=value1", "name2=value2"]
    assert event["multiValueHeaders"]["x-forwarded-proto"] == ["https"]
    assert event["multiValueQueryStringParameters"] == {
        "myKey": ["val1", "val2"],
        "enc%5B%5D": ["a%20b+c"],
        "flag": [""],
    }


def test_an_event_without_a_body_or_a_query_string() -> None:
    event = event_of(request("/"))
    assert event["queryStringParameters"] == {}
    assert (event["body"], event["isBase64Encoded"]) == ("", False)


@pytest.mark.parametrize(
    ("kind", "binary"),
    [("text/html; charset=utf-8", False), ("application/json", False), ("image/png", True)],
)
def test_bodies(kind: str, binary: bool) -> None:
    event = event_of(request("/", "POST", {"Content-Type": kind}, b"abc"))
    assert (event["body"], event["isBase64Encoded"]) == ("YWJj" if binary else "abc", binary)


def returned(value: Any, *, multi: bool = False, told: list[str] | None = None) -> Response:
    functions = Functions(lambda invocation, event: value)
    return answered(request("/x"), rule(multi_value_headers=multi), functions=functions, told=told)


def test_a_response() -> None:
    answer = returned(
        {
            "isBase64Encoded": True,
            "statusCode": 201,
            "statusDescription": "201 Made To Measure",
            "headers": {"Set-cookie": "cookies", "Content-Type": "text/css"},
            "multiValueHeaders": {"X-Ignored": ["1"]},
            "body": "AP8=",
        }
    )
    assert (answer.status, answer.reason, answer.body) == (201, "Made To Measure", b"\x00\xff")
    assert answer.headers == [
        ("Set-cookie", "cookies"),
        ("Content-Type", "text/css"),
        ("Server", "awselb/2.0"),
    ]


def test_a_response_with_multi_values() -> None:
    answer = returned(
        {
            "statusCode": 200,
            "headers": {"X-Ignored": "1"},
            "multiValueHeaders": {"Set-cookie": ["a", "b"], "Content-Type": ["text/css"]},
        },
        multi=True,
    )
    assert answer.headers[:2] == [("Set-cookie", "a"), ("Set-cookie", "b")]
    assert "X-Ignored" not in dict(answer.headers)
    assert answer.reason is None


@pytest.mark.parametrize(
    ("value", "multi", "words"),
    [
        ("text", False, "not an object with a `statusCode`"),
        ({"body": "a"}, False, "not an object with a `statusCode`"),
        ({"statusCode": "x"}, False, "`statusCode`"),
        ({"statusCode": 200, "body": {}}, False, "`body`"),
        ({"statusCode": 200, "headers": []}, False, None),
        ({"statusCode": 200, "headers": ["a"]}, False, "`headers`"),
        # https://github.com/aws/aws-lambda-go/pull/207
        ({"statusCode": 200, "headers": None}, False, "`headers` that are null"),
        ({"statusCode": 200, "headers": {}, "multiValueHeaders": None}, False, None),
        # https://github.com/jeremydaly/lambda-api/issues/117
        ({"statusCode": 200, "headers": {"A": True}}, False, "`A` that is not text"),
        ({"statusCode": 200, "multiValueHeaders": {"A": [1]}}, True, "`A` that is not text"),
        ({"statusCode": 200, "multiValueHeaders": {"A": "b"}}, True, "not a list"),
        (b"not json", False, "not JSON"),
        ({"statusCode": 200, "body": "a" * 1024 * 1024}, False, "1048576"),
        (result({"errorMessage": "boom"}, error="Unhandled"), False, "boom"),
        (ThrottledError("no concurrency left", reason="R"), False, "no concurrency left"),
    ],
)
def test_what_goes_wrong_is_a_page_and_words(value: Any, multi: bool, words: str | None) -> None:
    told: list[str] = []
    answer = returned(value, multi=multi, told=told)
    if words is None:
        assert (answer.status, told) == (200, [])
        return
    assert answer.status == 502
    assert answer.headers == [("Server", "awselb/2.0"), ("Content-Type", "text/html")]
    # A load balancer's page for 502 has 122 bytes.
    assert len(answer.body) == 122
    assert b"<title>502 Bad Gateway</title>" in answer.body
    assert told[0].startswith("GET /x: ")
    assert words in told[0]


@pytest.mark.parametrize(
    ("came", "status"),
    [
        (request("/", headers={"Upgrade": "WebSocket", "Connection": "Upgrade"}), 400),
        (request("/", "TRACE"), 405),
        (request("/", "POST", body=b"\0" * (1024 * 1024 + 1)), 413),
        (request("/", "POST", body=b"\0" * 1024 * 1024), 200),
        (request("/other"), 404),
    ],
)
def test_what_it_answers_itself(came: Request, status: int) -> None:
    answer = answered(came, rule(paths=("/",)))
    assert answer.status == status
    assert dict(answer.headers)["Server"] == "awselb/2.0"


@pytest.mark.parametrize(
    ("conditions", "target", "headers", "matches"),
    [
        ({"paths": ("/img/*",)}, "/img/picture.jpg?a", {}, True),
        ({"paths": ("/img/*",)}, "/IMG/picture.jpg", {}, False),
        ({"paths": ("/img/*",)}, "/img", {}, False),
        ({"paths": ("/a?c", "/b")}, "/abc", {}, True),
        ({"paths": ("/a?c", "/b")}, "/ac", {}, False),
        ({"paths": ("/a.c",)}, "/abc", {}, False),
        ({"paths": ("/[ab]",)}, "/a", {}, False),
        ({"paths": ("/*",)}, "/any/thing", {}, True),
        ({"hosts": ("*.example.com",)}, "/", {"Host": "TEST.example.com:8080"}, True),
        ({"hosts": ("*.example.com",)}, "/", {"Host": "example.com"}, False),
        ({"methods": ("GET",)}, "/", {}, True),
        ({"methods": ("get", "POST")}, "/", {}, False),
        (
            {"headers": {"User-Agent": ("*Chrome*", "*Safari*")}},
            "/",
            {"user-agent": "a chrome/1"},
            True,
        ),
        ({"headers": {"User-Agent": ("*Chrome*",)}}, "/", {"User-Agent": "Firefox"}, False),
        ({"headers": {"X-A": ("1",), "X-B": ("2",)}}, "/", {"X-A": "1"}, False),
        ({"query": (("version", "v1"), (None, "*example*"))}, "/?Version=V1", {}, True),
        ({"query": (("version", "v1"), (None, "*example*"))}, "/?x=anexample", {}, True),
        ({"query": (("version", "v1"), (None, "*example*"))}, "/?version=v2", {}, False),
        ({"query": ((None, "1"),), "also": (Wanted(query=(("b", "2"),)),)}, "/?a=1&b=2", {}, True),
        ({"query": ((None, "1"),), "also": (Wanted(query=(("b", "2"),)),)}, "/?b=2", {}, False),
        ({"query": ((None, "1"),), "also": (Wanted(query=(("b", "2"),)),)}, "/?a=1", {}, False),
        ({"also": (Wanted({"X-A": ("*2",)}),)}, "/", {"x-a": "12"}, True),
        ({"also": (Wanted({"X-A": ("*2",)}),)}, "/", {"x-a": "13"}, False),
        ({"source_ips": ("203.0.113.0/24", "2001:db8::/32")}, "/", {}, True),
        ({"source_ips": ("198.51.100.10/32",)}, "/", {}, False),
        ({"paths": ("/a",), "methods": ("POST",)}, "/a", {}, False),
    ],
)
def test_conditions(
    conditions: dict[str, Any], target: str, headers: dict[str, str], matches: bool
) -> None:
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-condition-types.html"""
    front = door(Api("balancer", "alb", (rule(**conditions),)), setting())
    assert front.knows(request(target, headers=headers)) is matches


def test_rules_are_tried_in_the_order_of_their_priority() -> None:
    routes = (
        rule("default"),
        rule("late", paths=("/a*",), priority=20),
        rule("early", paths=("/a*",), priority=3),
    )
    for target, name in (("/abc", "early"), ("/b", "default")):
        functions = Functions(lambda invocation, event: {"statusCode": 200})
        answered(request(target), *routes, functions=functions)
        assert functions.calls[0].function == name


def test_a_condition_that_makes_no_sense_is_told() -> None:
    told: list[str] = []
    answer = answered(request("/"), rule(source_ips=("here",)), told=told)
    assert answer.status == 404
    assert "'here'" in told[0]


@given(st.text("ab*?.[(", max_size=8), st.text("ab.[(\n", max_size=8))
def test_wildcards_are_those_of_a_simple_matcher(pattern: str, text: str) -> None:
    def simple(pattern: str, text: str) -> bool:
        if not pattern:
            return not text
        if pattern[0] == "*":
            return any(simple(pattern[1:], text[at:]) for at in range(len(text) + 1))
        return bool(text) and pattern[0] in ("?", text[0]) and simple(pattern[1:], text[1:])

    front = door(Api("balancer", "alb", (rule(paths=(f"/x{pattern}",)),)), setting())
    assert front.knows(request(f"/x{text}")) is simple(pattern, text)


def itself(status: int, location: str | None = None, **templates: str) -> Route:
    """A rule by which the load balancer answers by itself."""
    parameters = {"method.response.header.Location": location} if location else {}
    kinds = {name.replace("_", "/"): text for name, text in templates.items()}
    response = IntegrationResponse(status, parameters=parameters, templates=kinds)
    return Route("/*", Integration("mock", responses=(response,)))


def test_a_fixed_response() -> None:
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-action-types.html"""
    answer = answered(request("/"), itself(503, text_plain="down"))
    assert (answer.status, answer.body) == (503, b"down")
    assert answer.headers == [("Server", "awselb/2.0"), ("Content-Type", "text/plain")]
    assert answered(request("/"), itself(204)).headers == [("Server", "awselb/2.0")]


@pytest.mark.parametrize(
    ("location", "target", "goes_to"),
    [
        (
            "https://#{host}:443/#{path}?#{query}",
            "/a%20b/c?x=1",
            "https://shop.example:443/a%20b/c?x=1",
        ),
        (
            "#{protocol}://#{host}:#{port}/new/#{path}?#{query}",
            "/",
            "http://shop.example:8080/new/",
        ),
        ("'https://other.example/'", "/a", "https://other.example/"),
    ],
)
def test_a_redirect(location: str, target: str, goes_to: str) -> None:
    came = request(target, headers={"Host": "shop.example:8080"})
    answer = answered(came, itself(301, location))
    assert answer.status == 301
    assert dict(answer.headers)["Location"] == goes_to
    assert b"301 Moved Permanently" in answer.body


CHECK = HealthCheck(
    enabled=True, path="/health?deep=1", interval_s=35, timeout_s=30, healthy=3, unhealthy=2
)


def health(statuses: list[Any], *, seconds: float, multi: bool = False) -> tuple[Any, list[str]]:
    """The state and what was told after ``seconds``, with a function that answers ``statuses``."""

    async def work() -> tuple[Any, list[str]]:
        clock, left = ManualClock(), list(statuses)

        async def late() -> Any:
            await clock.sleep(100)
            return {"statusCode": 200}

        def play(invocation: Any, event: Any) -> Any:
            status = left.pop(0) if len(left) > 1 else left[0]
            if status == "late":
                return late()
            return {"statusCode": status} if isinstance(status, int) else status

        functions = Functions(play)
        given = setting(functions, clock=clock)
        api = Api("lb", "alb", (rule(multi_value_headers=multi),), health_check=CHECK)
        front = door(api, given)
        assert isinstance(front, AlbDoor)
        assert front.health is not None
        await clock.advance(seconds)
        state = dict(front.health.state)
        await front.close()
        await asyncio.sleep(0)
        assert not other_tasks()
        return (state, functions.events), given.kept["told"]

    return run(work())


def test_health_checks_are_events_at_intervals() -> None:
    (state, events), told = health([200], seconds=71)
    assert state == {"hello": "healthy"}
    assert told == ["lb: health check: hello is healthy (/health?deep=1 passed)"]
    assert len(events) == 3
    arn = events[0]["requestContext"]["elb"]["targetGroupArn"]
    assert events[0] == {
        "requestContext": {"elb": {"targetGroupArn": arn}},
        "httpMethod": "GET",
        "path": "/health",
        "queryStringParameters": {"deep": "1"},
        "headers": {"user-agent": "ELB-HealthChecker/2.0"},
        "body": "",
        "isBase64Encoded": False,
    }
    (_, events), _ = health([200], seconds=1, multi=True)
    assert events[0]["multiValueHeaders"] == {"user-agent": ["ELB-HealthChecker/2.0"]}


def test_thresholds_of_health() -> None:
    """One success makes a new target healthy, two failures in a row unhealthy, and three successes
    healthy again."""
    outcomes: list[Any] = [200, 500, 200, 500, 404, 200, 200, 200]
    for passed, state in enumerate([*("healthy",) * 4, *("unhealthy",) * 3, "healthy"]):
        (found, _), told = health(outcomes, seconds=35 * passed + 1)
        assert found == {"hello": state}, passed
    assert [words.partition("hello is ")[2] for words in told] == [
        "healthy (/health?deep=1 passed)",
        "unhealthy (/health?deep=1: status 404)",
        "healthy (/health?deep=1 passed)",
    ]


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        (result({"errorMessage": "boom"}, error="Unhandled"), "hello failed: boom"),
        (ThrottledError("busy", reason="R"), "busy"),
        ("text", "the function's response is not an object"),
        ("late", "no answer within 30 s"),
    ],
)
def test_why_a_target_is_unhealthy(outcome: Any, words: str) -> None:
    (state, _), told = health([outcome], seconds=200)
    assert state == {"hello": "unhealthy"}
    assert words in told[0]
    assert len(told) == 1


def test_no_health_checks_unless_enabled() -> None:
    front = door(Api("lb", "alb", (rule(),), health_check=HealthCheck()), setting())
    assert isinstance(front, AlbDoor)
    assert front.health is None
