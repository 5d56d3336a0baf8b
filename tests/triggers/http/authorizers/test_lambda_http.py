"""Lambda authorizers of HTTP APIs."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from lambdactl.manifest.apis import Authorizer
from lambdactl.triggers.http.fields import stable_id
from tests.aio import run, settle
from tests.clock import ManualClock
from tests.triggers.http import parts
from tests.triggers.http.authorizers.asking import ARN, Asking, asking, policy
from tests.triggers.http.parts import Functions

ID = stable_id("shop")
SIMPLE = Authorizer(
    "lambda", "guard", function="guard", identity=("$request.header.Authorization",)
)
POLICY = replace(SIMPLE, simple=False)
V1 = replace(SIMPLE, payload="v1", simple=False)
AUTH = {"authorization": "secret"}


def guarded(play: Any, authorizer: Authorizer = SIMPLE, **more: Any) -> tuple[Asking, Functions]:
    functions = Functions(lambda _, event: play(event) if callable(play) else play)
    setting = parts.setting(functions, clock=more.pop("clock", None))
    return asking(authorizer, setting, kind="http", stage="$default", **more), functions


def test_format_2_is_the_request_with_its_identity() -> None:
    sources = (
        "$request.header.authorization",
        "$request.querystring.who",
        "$context.routeKey",
        "$stageVariables.color",
    )
    asked, functions = guarded(
        {"isAuthorized": True}, replace(SIMPLE, identity=sources), variables={"color": "red"}
    )
    request = parts.request("/pets/7?who=a&who=b", "POST", AUTH, b"hidden")
    call = asked.call(request, resource="/pets/{id}", method="POST")
    run(asked.check(call))
    event = functions.events[0]
    assert list(event)[:4] == ["version", "type", "routeArn", "identitySource"]
    assert event["version"] == "2.0"
    assert event["type"] == "REQUEST"
    assert event["routeArn"] == f"{ARN}:{ID}/$default/POST/pets/7"
    assert event["identitySource"] == ["secret", "a,b", "POST /pets/{id}", "red"]
    assert event["routeKey"] == "POST /pets/{id}"
    assert event["rawPath"] == "/pets/7"
    assert event["rawQueryString"] == "who=a&who=b"
    assert event["headers"]["authorization"] == "secret"
    assert event["requestContext"]["http"]["method"] == "POST"
    assert event["requestContext"]["apiId"] == ID
    assert event["stageVariables"] == {"color": "red"}
    assert not {"body", "isBase64Encoded"} & event.keys()


def test_format_1_has_single_values_and_the_token() -> None:
    asked, functions = guarded(policy(), V1)
    run(asked.allowed("/pets?a=1", AUTH))
    event = functions.events[0]
    assert event["version"] == "1.0"
    assert event["type"] == "REQUEST"
    assert event["methodArn"] == f"{ARN}:{ID}/$default/GET/pets"
    assert event["identitySource"] == event["authorizationToken"] == "secret"
    assert event["queryStringParameters"] == {"a": "1"}
    assert event["httpMethod"] == "GET"
    assert "multiValueHeaders" not in event
    assert "authorizer" not in event["requestContext"]


def test_without_identity_sources_the_function_is_always_asked() -> None:
    asked, functions = guarded({"isAuthorized": True}, replace(SIMPLE, identity=()))
    for _ in range(2):
        run(asked.allowed("/"))
    assert [event["identitySource"] for event in functions.events] == [None, None]


def test_the_context_is_passed_on_as_it_is() -> None:
    context = {"n": 1, "ok": True, "list": ["a", 1], "map": {"a": {"b": None}}}
    asked, _ = guarded({"isAuthorized": True, "context": context})
    assert run(asked.allowed("/", AUTH)).shown == {"lambda": context}
    asked, _ = guarded(policy(context=context), POLICY)
    allowed = run(asked.allowed("/", AUTH))
    assert allowed.shown == {"lambda": context}
    assert allowed.principal_id == "me"
    asked, _ = guarded({"isAuthorized": True})
    assert run(asked.allowed("/", AUTH)).shown == {"lambda": None}


def test_what_is_not_authorized_is_403() -> None:
    asked, _ = guarded({"isAuthorized": False})
    refusal = run(asked.refused("/", AUTH))
    assert refusal.type == "ACCESS_DENIED"
    assert "isAuthorized: false" in (refusal.reason or "")
    asked, _ = guarded(policy(effect="Deny"), POLICY)
    assert run(asked.refused("/", AUTH)).type == "ACCESS_DENIED"
    asked, _ = guarded(policy(f"{ARN}:{ID}/$default/GET/a"), V1)
    run(asked.allowed("/a", AUTH))
    assert run(asked.refused("/b", AUTH)).type == "ACCESS_DENIED"


def test_a_policy_is_taken_where_simple_responses_are() -> None:
    asked, _ = guarded(policy())
    run(asked.allowed("/", AUTH))


def test_without_identity_it_is_401_and_not_asked() -> None:
    asked, functions = guarded({"isAuthorized": True})
    assert run(asked.refused("/")).type == "UNAUTHORIZED"
    assert functions.calls == []


def test_errors() -> None:
    def failed(message: str) -> Any:
        return parts.result({"errorMessage": message}, error="Unhandled")

    asked, _ = guarded(failed("Unauthorized"))
    assert run(asked.refused("/", AUTH)).type == "UNAUTHORIZED"
    asked, _ = guarded(failed("boom"))
    assert run(asked.refused("/", AUTH)).type == "AUTHORIZER_FAILURE"


@pytest.mark.parametrize(
    ("authorizer", "answer", "words"),
    [
        (SIMPLE, {}, "no isAuthorized"),
        (SIMPLE, {"isAuthorized": "true"}, "no isAuthorized that is a boolean (it is text)"),
        (SIMPLE, {"isAuthorized": True, "context": "x"}, "context is not an object"),
        (POLICY, {"isAuthorized": True}, "simple responses"),
        (V1, {"isAuthorized": True}, "payload format 2.0"),
        (V1, {"principalId": "me"}, "no policyDocument"),
        (V1, [], "an array"),
    ],
)
def test_a_malformed_answer_is_500(authorizer: Authorizer, answer: Any, words: str) -> None:
    asked, _ = guarded(answer, authorizer)
    refusal = run(asked.refused("/", AUTH))
    assert refusal.type == "AUTHORIZER_CONFIGURATION_ERROR"
    assert words in (refusal.reason or "")


def test_a_simple_response_is_kept_for_all_routes_and_a_policy_looked_at_for_each() -> None:
    async def main() -> None:
        asked, functions = guarded({"isAuthorized": True})
        await asked.allowed("/a", AUTH)
        await asked.allowed("/b", AUTH)
        assert len(functions.calls) == 1
        asked, functions = guarded(lambda event: policy(event["routeArn"]), POLICY)
        await asked.allowed("/a", AUTH)
        await asked.refused("/b", AUTH)
        assert len(functions.calls) == 1

    run(main())


def test_the_route_key_as_a_source_keeps_routes_apart() -> None:
    async def main() -> None:
        sources = ("$request.header.Authorization", "$context.routeKey")
        asked, functions = guarded({"isAuthorized": True}, replace(SIMPLE, identity=sources))
        await asked.allowed("/a", AUTH)
        await asked.allowed("/b", AUTH)
        assert len(functions.calls) == 2

    run(main())


def test_it_has_ten_seconds() -> None:
    async def main() -> None:
        clock = ManualClock()

        async def never() -> Any:
            await asyncio.Event().wait()

        asked, _ = guarded(lambda event: never(), clock=clock)
        waiting = asyncio.create_task(asked.refused("/", AUTH))
        await settle()
        await clock.advance(10.1)
        refusal = await waiting
        assert refusal.type == "AUTHORIZER_FAILURE"
        assert "10 seconds" in (refusal.reason or "")

    run(main())
