"""AWS's answers when things go wrong, from real sockets and real functions: one line a case.

Statuses, bodies and ``x-amzn-ErrorType`` of REST APIs are those of
https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html;
what the other front doors answer is on
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-troubleshooting-lambda.html,
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html,
https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html and
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-troubleshooting.html.
"""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.start_api import Served, start_api

pytestmark = pytest.mark.slow

RUNTIME = f"python3.{sys.version_info.minor}"
MB = 1024 * 1024

MANIFEST = f"""
service: wrong
defaults: {{runtime: {RUNTIME}, timeout: 20, memory: 256, code: src}}
functions:
  app:
    handler: app.handler
    url: {{auth: none}}
    triggers:
      - rest: {{path: '/do/{{what}}', method: POST, timeout: 1}}
      - rest: {{path: /keyed, api_key: true}}
      - rest: {{path: /counted, api_key: true}}
      - rest: {{path: /throttled, method: GET}}
      - rest: {{path: /token, authorizer: token}}
      - rest: {{path: /asked, authorizer: asked}}
      - rest: {{path: /iam, authorizer: iam}}
      - rest: {{path: /pool, authorizer: pool}}
      - rest: {{path: /needs, validator: {{parameters: true}}, method: GET, request_parameters:
          {{method.request.querystring.a: true, method.request.header.b: true}}}}
      - rest: {{path: /pets, method: POST, validator: {{body: true}},
          request_models: {{application/json: Pet}}}}
      - http: {{path: '/do/{{what}}', method: POST, timeout: 1}}
      - http: {{path: /throttled, method: GET}}
      - http: {{path: /asked, authorizer: asked}}
      - http: {{path: /iam, authorizer: iam}}
      - http: {{path: /jwt, authorizer: jwt}}
      - alb: {{path: /do/*}}
      - websocket: {{route: $connect, authorizer: asked}}
      - websocket: {{route: fail}}
  locked:
    handler: app.handler
    url: {{auth: iam}}
  full:
    handler: app.handler
    url: {{auth: none}}
    concurrency: {{reserved: 0}}
  check: {{handler: app.check}}
apis:
  rest:
    rest:
      authorizers:
        token: {{function: check, type: token, validation: '^[a-z]+$', ttl: 0}}
        asked: {{function: check, type: request, identity: [method.request.header.X-Who], ttl: 0}}
        pool: {{user_pool: 'arn:aws:cognito-idp:us-east-1:123456789012:userpool/us-east-1_abc',
          keys: keys.json}}
      models: {{Pet: {{type: object, required: [name], properties: {{name: {{type: string}}}}}}}}
      api_keys: {{one: {{value: key-one-key-one-key-one}}, two: {{value: key-two-key-two-key-two}}}}
      usage_plans:
        basic: {{keys: [one], throttle: {{rate: 1, burst: 1}}}}
        small: {{keys: [two], quota: {{limit: 1, period: day}}}}
      throttles: {{/throttled/GET: {{rate: 1, burst: 1}}}}
  http:
    http:
      authorizers:
        asked: {{function: check, identity: [$request.header.X-Who], ttl: 0}}
        jwt: {{issuer: 'https://issuer.example', audience: [shop], keys: keys.json}}
      throttles: {{GET /throttled: {{rate: 1, burst: 1}}}}
  alb: {{alb: {{}}}}
  websocket:
    websocket:
      authorizers: {{asked: {{function: check, identity: [route.request.querystring.who], ttl: 0}}}}
"""

CODE = """
import os, time

ANSWERS = {
    "list": [1, 2],
    "text": "just a text",
    "number": 7,
    "no-status": {"body": "x"},
    "status": {"statusCode": "two hundred"},
    "status-range": {"statusCode": 1000},
    "headers": {"statusCode": 200, "headers": ["a", "b"]},
    "body": {"statusCode": 200, "body": {"a": 1}},
    "base64": {"statusCode": 200, "isBase64Encoded": True, "body": "?!"},
    "fine": {"statusCode": 200, "body": "fine"},
    "big": {"statusCode": 200, "body": "x" * (1024 * 1024)},
    "huge": {"statusCode": 200, "body": "x" * (6 * 1024 * 1024 + 200)},
}


def handler(event, context):
    path = event.get("rawPath") or event.get("path") or ""
    what = path.rpartition("/")[2]
    if what == "raise" or event.get("requestContext", {}).get("routeKey") == "fail":
        raise ValueError("on purpose")
    if what == "exit":
        os._exit(3)
    if what == "slow":
        time.sleep(3)
    return ANSWERS.get(what, ANSWERS["fine"])


def check(event, context):
    who = event.get("authorizationToken") or (event.get("identitySource") or [""])[0]
    who = who or (event.get("headers") or {}).get("X-Who")
    who = who or (event.get("queryStringParameters") or {}).get("who")
    if who == "nobody":
        raise Exception("Unauthorized")
    if who == "broken":
        raise ValueError("on purpose")
    if who == "odd":
        return {"what": "is this"}
    if event.get("version") == "2.0":
        return {"isAuthorized": who == "me"}
    effect = "Allow" if who == "me" else "Deny"
    statement = {"Action": "execute-api:Invoke", "Effect": effect, "Resource": event["methodArn"]}
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    return {"principalId": "p", "policyDocument": policy}
"""


@dataclass(frozen=True)
class Case:
    """``told``: words that stderr has then. ``body`` is a JSON document, or the bytes."""

    door: str
    target: str
    status: int
    body: object
    method: str = "GET"
    headers: dict[str, str] = field(default_factory=dict)
    sent: bytes | None = None
    error: str | None = None
    told: str = ""
    times: int = 1
    """The last of so many requests."""

    def __str__(self) -> str:
        headers = "".join(f" {name}: {value[:12]}" for name, value in self.headers.items())
        size = f" {len(self.sent)}" if self.sent else ""
        return f"{self.door} {self.method} {self.target}{headers}{size}"


def message(text: str | None) -> dict[str, str | None]:
    return {"message": text}


def do(door: str, what: str, status: int, body: object, told: str = "", **more: object) -> Case:
    target = f"/{what}" if door.endswith("-url") else f"/do/{what}"
    return Case(door, target, status, body, "POST", told=told, **more)  # type: ignore[arg-type]


MALFORMED = ("list", "text", "number", "status", "status-range", "headers")
REST_502 = b'{"message": "Internal server error"}'
HTTP_500 = message("Internal Server Error")
BAD_GATEWAY = re.compile(b"502 Bad Gateway")
ERROR = "InternalServerErrorException"

CASES = [
    # 502: the function's fault
    *(do("rest", what, 502, REST_502, "`statusCode`", error=ERROR) for what in MALFORMED[:5]),
    do("rest", "headers", 502, REST_502, "`headers` is a list", error=ERROR),
    do("rest", "body", 502, REST_502, "`body`", error=ERROR),
    do("rest", "raise", 502, REST_502, "ValueError: on purpose", error=ERROR),
    do("rest", "exit", 502, REST_502, "Runtime.ExitError", error=ERROR),
    do("rest", "huge", 502, REST_502, "", error=ERROR),
    *(do("http", what, 500, HTTP_500, "response") for what in ("status", "headers")),
    do("http", "raise", 500, HTTP_500, "ValueError: on purpose"),
    do("http", "exit", 500, HTTP_500, "Runtime.ExitError"),
    *(do("app-url", what, 502, b"Internal Server Error", "response") for what in ("status",)),
    do("app-url", "raise", 502, b"Internal Server Error", "ValueError: on purpose"),
    do("app-url", "exit", 502, b"Internal Server Error", "Runtime.ExitError"),
    *(do("alb", what, 502, BAD_GATEWAY, "response") for what in MALFORMED),
    do("alb", "raise", 502, BAD_GATEWAY, "ValueError: on purpose"),
    do("alb", "exit", 502, BAD_GATEWAY, "Runtime.ExitError"),
    do("alb", "big", 502, BAD_GATEWAY, "a load balancer takes 1048576"),
    # 504: too slow
    do("rest", "slow", 504, message("Endpoint request timed out"), error=ERROR),
    do("http", "slow", 504, message("Gateway Timeout")),
    # No route
    Case(
        "rest",
        "/nowhere",
        403,
        message("Missing Authentication Token"),
        error="MissingAuthenticationTokenException",
    ),
    Case("rest", "/do/fine", 403, message("Missing Authentication Token")),
    Case("http", "/nowhere", 404, message("Not Found")),
    Case("http", "/do/fine", 404, message("Not Found")),
    Case("alb", "/nowhere", 404, re.compile(b"")),
    # 413: too large
    do("rest", "fine", 413, message("Request Too Long"), sent=bytes(10 * MB + 1)),
    do("rest", "fine", 413, message("Request Too Long"), sent=b"x" * (7 * MB)),
    do("http", "fine", 413, message("Request Entity Too Large"), sent=bytes(10 * MB + 1)),
    do("http", "fine", 413, message("Request Entity Too Large"), sent=b"x" * (7 * MB)),
    do(
        "app-url",
        "fine",
        413,
        re.compile(b"smaller than 6291456 bytes"),
        sent=bytes(7 * MB),
    ),
    do("alb", "fine", 413, re.compile(b"413 "), sent=bytes(MB + 1)),
    # 429: too many
    Case(
        "rest",
        "/throttled",
        429,
        message("Too Many Requests"),
        times=3,
        error="TooManyRequestsException",
    ),
    Case(
        "rest",
        "/keyed",
        429,
        message("Too Many Requests"),
        headers={"X-Api-Key": "key-one-key-one-key-one"},
        times=3,
    ),
    Case(
        "rest",
        "/counted",
        429,
        message("Limit Exceeded"),
        headers={"X-Api-Key": "key-two-key-two-key-two"},
        times=2,
        error="LimitExceededException",
    ),
    Case("http", "/throttled", 429, message("Too Many Requests"), times=3),
    Case("full-url", "/", 429, re.compile(b"Rate Exceeded")),
    # API keys
    Case("rest", "/keyed", 403, message("Forbidden"), error="ForbiddenException"),
    Case("rest", "/keyed", 403, message("Forbidden"), headers={"X-Api-Key": "another"}),
    # 401 and 403: authorizers
    Case("rest", "/token", 401, message("Unauthorized"), error="UnauthorizedException"),
    Case("rest", "/token", 401, message("Unauthorized"), headers={"Authorization": "NOT 1"}),
    Case("rest", "/token", 401, message("Unauthorized"), headers={"Authorization": "nobody"}),
    Case(
        "rest",
        "/token",
        403,
        message(
            "User is not authorized to access this resource with an explicit deny"
            " in an identity-based policy"
        ),
        headers={"Authorization": "other"},
        error="AccessDeniedException",
    ),
    Case(
        "rest",
        "/token",
        500,
        message(None),
        headers={"Authorization": "broken"},
        error="AuthorizerFailureException",
        told="on purpose",
    ),
    Case(
        "rest",
        "/token",
        500,
        message(None),
        headers={"Authorization": "odd"},
        error="AuthorizerConfigurationException",
    ),
    Case("rest", "/asked", 401, message("Unauthorized")),
    Case("rest", "/pool", 401, message("Unauthorized")),
    Case("rest", "/pool", 401, message("Unauthorized"), headers={"Authorization": "a.b.c"}),
    Case("rest", "/iam", 403, message("Missing Authentication Token")),
    Case("http", "/asked", 401, message("Unauthorized")),
    Case("http", "/asked", 403, message("Forbidden"), headers={"X-Who": "other"}),
    Case("http", "/asked", 401, message("Unauthorized"), headers={"X-Who": "nobody"}),
    Case("http", "/asked", 500, HTTP_500, headers={"X-Who": "broken"}, told="on purpose"),
    Case("http", "/jwt", 401, message("Unauthorized")),
    Case("http", "/jwt", 401, message("Unauthorized"), headers={"Authorization": "Bearer a.b.c"}),
    Case("http", "/iam", 403, message("Forbidden")),
    Case(
        "locked-url",
        "/",
        403,
        {
            "Message": "Forbidden. For troubleshooting Function URL authorization issues, see:"
            " https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html"
        },
        error="AccessDeniedException",
    ),
    # 400: validators
    Case(
        "rest",
        "/needs",
        400,
        message("Missing required request parameters: [b, a]"),
        error="BadRequestException",
    ),
    Case(
        "rest",
        "/needs?a=1",
        400,
        message("Missing required request parameters: [b]"),
    ),
    Case(
        "rest",
        "/pets",
        400,
        message("Invalid request body"),
        "POST",
        {"Content-Type": "application/json"},
        b'{"name": 7}',
        error="BadRequestException",
    ),
    Case(
        "rest",
        "/pets",
        400,
        message("Invalid request body"),
        "POST",
        {"Content-Type": "application/json"},
        b"{",
    ),
    # Upgrades
    Case(
        "alb",
        "/do/fine",
        400,
        re.compile(b"400 Bad Request"),
        headers={
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
            "Sec-WebSocket-Version": "13",
        },
    ),
    Case("websocket", "/prod", 426, message("Upgrade Required")),
]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("errors")
    (folder / "src").mkdir()
    (folder / "src" / "app.py").write_text(CODE)
    (folder / "keys.json").write_text('{"keys": []}')
    (folder / "lambdactl.yaml").write_text(MANIFEST)
    with start_api(folder, "--warm") as server:
        # What is not warm yet would be slower than a second.
        server.ask("/do/fine", of="http", method="POST")
        yield server


def told(served: Served, before: int, words: str) -> str:
    """The line that has ``words``, once it is written: nothing waits for it to be."""
    deadline = time.monotonic() + 10
    while True:
        for line in served.told()[before:].splitlines():
            if words in line and line.startswith("warning: "):
                return line
        assert time.monotonic() < deadline, served.told()[before:]
        time.sleep(0.02)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_what_aws_answers(served: Served, case: Case) -> None:
    before = len(served.told())
    for _ in range(case.times):
        answer = served.ask(
            case.target, of=case.door, method=case.method, body=case.sent, headers=case.headers
        )
    assert answer.status == case.status, (answer, served.told()[before:])
    if isinstance(case.body, dict):
        assert answer.json() == case.body
        assert answer.headers["content-type"] == "application/json"
    elif isinstance(case.body, bytes):
        assert answer.body == case.body
        assert answer.headers["content-type"] == "application/json"
    else:
        assert isinstance(case.body, re.Pattern)
        assert case.body.search(answer.body), answer.body
    if case.error is not None:
        assert answer.headers["x-amzn-errortype"] == case.error
    if case.door == "rest":
        assert answer.headers["x-amzn-requestid"]
    elif case.door == "http":
        assert answer.headers["apigw-requestid"]
    if case.told:
        told(served, before, case.told)
    # The function's own words are for the developer.
    assert b"on purpose" not in answer.body


def test_the_reason_stands_on_stderr_in_words(served: Served) -> None:
    before = len(served.told())
    served.ask("/do/status", of="rest", method="POST")
    line = told(served, before, "statusCode")
    assert line.startswith("warning: POST /do/status: ")
    assert line.endswith("(answered 502)")


def test_a_websocket_client_is_refused(served: Served) -> None:
    url = served.urls["websocket"] + "/prod"
    for query, status in (("", 401), ("?who=other", 403), ("?who=nobody", 401), ("?who=odd", 500)):
        with pytest.raises(InvalidStatus) as refused:
            connect(url + query)
        assert refused.value.response.status_code == status, query
    with connect(f"{url}?who=me") as client:
        for sent in ('{"action": "nothing"}', "no json"):
            client.send(sent)
            said = json.loads(client.recv(10))
            assert said["message"] == "Forbidden"
        client.send('{"action": "fail"}')
        said = json.loads(client.recv(10))
        assert said["message"] == "Internal server error"
        assert {"connectionId", "requestId"} <= said.keys()
        # A message is at most 128 KB, in frames of at most 32 KB.
        client.send("x" * (128 * 1024 + 1))
        with pytest.raises(Exception, match="1009"):
            client.recv(10)
