"""Parameter mapping:
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-parameter-mapping.html"""

from __future__ import annotations

import pytest

from lambdactl.manifest.apis import Api, Integration, Route
from lambdactl.triggers.http.calls import Allowed, Call
from lambdactl.triggers.http.exchange import Request, Response
from lambdactl.triggers.http.http_api.parameters import request_mapping, response_mapping
from tests.triggers.http.parts import request, setting


def call() -> Call:
    route = Route("/pets/{petId}", Integration(function="hello"), method="POST")
    api = Api("shop", "http", (route,), variables={"environmentId": "blue"})
    made = request(
        "/pets/7?page=1&page=2&Sort=up",
        "POST",
        [("Host", "h"), ("Header1", "value1"), ("header1", "value2"), ("User-Agent", "agent")],
        b'{"owner": {"names": ["Ann", "Bo"]}, "n": 3}',
    )
    found = Call(setting(), api, route, made, {"petId": "7"})
    found.allowed = Allowed({"jwt": {"claims": {"sub": "me"}}})
    return found


def mapped(**parameters: str) -> Request:
    told: list[str] = []
    mapping = request_mapping(
        {key.replace("_", ":", 1).replace("_", "."): value for key, value in parameters.items()},
        told.append,
    )
    assert mapping is not None
    assert not told
    return mapping(call())


@pytest.mark.parametrize(
    ("value", "result"),
    [
        ("$request.header.HEADER1", "value1,value2"),
        ("$request.querystring.page", "1,2"),
        ("$request.querystring.sort", None),
        ("$request.body.owner.names[1]", "Bo"),
        ("$request.body.owner['names'][0]", "Ann"),
        ("$request.body.n", "3"),
        ("$request.body.owner.names", '["Ann","Bo"]'),
        ("$request.body.nothing", None),
        ("$request.body", '{"owner": {"names": ["Ann", "Bo"]}, "n": 3}'),
        ("$request.path", "/pets/7"),
        ("$request.path.petId", "7"),
        ("$context.routeKey", "POST /pets/{petId}"),
        ("$context.identity.sourceIp", "203.0.113.7"),
        ("$context.authorizer.claims.sub", "me"),
        ("$context.unheardOf", None),
        ("$stageVariables.environmentId", "blue"),
        ("static", "static"),
        ("'$5'", "'$5'"),
        ("${request.path.petId}-${stageVariables.environmentId}!", "7-blue!"),
    ],
)
def test_sources(value: str, result: str | None) -> None:
    assert mapped(overwrite_header_X=value).header("x") == result


def test_requests_are_changed() -> None:
    made = mapped(
        append_header_header1="value3",
        overwrite_querystring_page="${request.querystring.page},9 9",
        remove_querystring_Sort="''",
        overwrite_path="/animals/$7 up",
    )
    assert made.header("header1") == "value1,value2,value3"
    assert made.query == "page=1%2C2%2C9+9"
    assert made.path == "/animals/$7%20up"
    assert made.body
    assert made.method == "POST"


def test_a_header_is_renamed() -> None:
    made = mapped(append_header_header2="$request.header.header1", remove_header_header1="''")
    assert made.header("header2") == "value1,value2"
    assert made.header("header1") is None


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("append:header.X-Amzn-Trace-Id", "reserves"),
        ("overwrite:header.Authorization", "reserves"),
        ("remove:header.access-control-allow-origin", "reserves"),
        ("append:path", "can be mapped"),
        ("overwrite:statuscode", "can be mapped"),
        ("overwrite:header", "can be mapped"),
        ("header.x", "is not an action"),
    ],
)
def test_what_aws_refuses_is_told_and_left_out(key: str, words: str) -> None:
    told: list[str] = []
    assert request_mapping({key: "x"}, told.append) is None
    assert len(told) == 1
    assert words in told[0]
    assert key in told[0]


def test_answers_are_changed_by_their_status() -> None:
    mapping = response_mapping(
        {
            "500": {"append:header.header1": "$context.requestId", "overwrite:statuscode": "403"},
            "404": {
                "append:header.error": "$stageVariables.environmentId",
                "overwrite:header.X-A": "${response.body.why}/${response.header.x-b}",
                "remove:header.x-b": "",
            },
        },
        lambda words: pytest.fail(words),
    )
    assert mapping is not None
    found = call()
    answer = Response(500, [("X-A", "1")])
    mapping(found, answer)
    assert (answer.status, answer.headers) == (
        403,
        [("X-A", "1"), ("header1", found.extended_id)],
    )
    answer = Response(404, [("x-a", "1"), ("X-B", "2")], b'{"why": "gone"}')
    mapping(found, answer)
    assert answer.status == 404
    assert answer.headers == [("error", "blue"), ("X-A", "gone/2")]
    answer = Response(200, [("X-A", "1")])
    mapping(found, answer)
    assert (answer.status, answer.headers) == (200, [("X-A", "1")])
