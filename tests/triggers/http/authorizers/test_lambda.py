"""Lambda authorizers of REST and WebSocket APIs."""

from __future__ import annotations

import asyncio
import gc
import json
from typing import Any

import pytest

from lambdactl.errors import UserError
from lambdactl.manifest.apis import Api, Authorizer, Integration, Route
from lambdactl.triggers.http.authorizers import checker, forget
from lambdactl.triggers.http.authorizers.cache import memory
from lambdactl.triggers.http.calls import Refusal
from lambdactl.triggers.http.fields import stable_id
from lambdactl.triggers.http.websocket.connection import Connection, Connections
from lambdactl.triggers.http.websocket.event import ConnectionCall
from tests.aio import run, settle
from tests.clock import ManualClock
from tests.triggers.http import parts
from tests.triggers.http.authorizers.asking import ARN, Asking, asking, policy
from tests.triggers.http.parts import Functions

ID = stable_id("shop")
HEADER = "method.request.header.Authorization"
TOKEN = Authorizer("lambda", "guard", function="guard", type="token", identity=(HEADER,))
REQUEST = Authorizer("lambda", "guard", function="guard", identity=(HEADER,))
AUTH = {"Authorization": "secret"}


def guarded(
    play: Any = None, authorizer: Authorizer = TOKEN, **more: Any
) -> tuple[Asking, Functions]:
    """``play`` is what the authorizer returns, or a function of its event."""
    answer = policy() if play is None else play
    functions = Functions(lambda _, event: answer(event) if callable(answer) else answer)
    clock = more.pop("clock", None)
    return asking(authorizer, parts.setting(functions, clock=clock), **more), functions


def failing(message: str) -> Any:
    return parts.result({"errorMessage": message, "errorType": "Exception"}, error="Unhandled")


def changed(authorizer: Authorizer, **fields: Any) -> Authorizer:
    from dataclasses import replace

    return replace(authorizer, **fields)


def test_a_token_authorizer_is_given_token_and_arn() -> None:
    asked, functions = guarded()
    allowed = run(asked.allowed("/pets/7?a=b", AUTH))
    assert functions.events == [
        {
            "type": "TOKEN",
            "methodArn": f"{ARN}:{ID}/dev/GET/pets/7",
            "authorizationToken": "secret",
        }
    ]
    assert functions.calls[0].function == "guard"
    assert allowed.principal_id == "me"
    assert allowed.shown == {"principalId": "me", "integrationLatency": 0}


def test_the_root_of_an_api_ends_its_arn() -> None:
    asked, functions = guarded()
    run(asked.allowed("/", AUTH))
    assert functions.events[0]["methodArn"] == f"{ARN}:{ID}/dev/GET/"


def test_a_request_authorizer_is_given_the_request() -> None:
    asked, functions = guarded(authorizer=REQUEST, variables={"color": "red"})
    request = parts.request(
        "/pets?q=1&q=2", "POST", [*AUTH.items(), ("X-Api-Key", "k"), ("X-A", "1"), ("X-A", "2")]
    )
    request.body = b"not for an authorizer"
    run(asked.check(asked.call(request)))
    event = functions.events[0]
    assert list(event)[:2] == ["type", "methodArn"]
    assert event["type"] == "REQUEST"
    assert event["methodArn"] == f"{ARN}:{ID}/dev/POST/pets"
    assert (event["resource"], event["path"], event["httpMethod"]) == ("/pets", "/pets", "POST")
    assert event["headers"]["X-A"] == "2"
    assert event["multiValueHeaders"]["X-A"] == ["1", "2"]
    assert event["queryStringParameters"] == {"q": "2"}
    assert event["multiValueQueryStringParameters"] == {"q": ["1", "2"]}
    assert event["stageVariables"] == {"color": "red"}
    assert "pathParameters" in event
    assert not {"body", "isBase64Encoded"} & event.keys()
    context = event["requestContext"]
    assert context["identity"]["sourceIp"] == "203.0.113.7"
    assert context["identity"]["apiKey"] == "k"
    assert context["apiId"] == ID
    assert context["stage"] == "dev"
    assert "authorizer" not in context


def test_the_context_is_passed_on_as_text() -> None:
    asked, _ = guarded(
        policy(
            context={"name": "Ann", "count": 3, "ratio": 0.5, "ok": True, "no": False},
            usageIdentifierKey="key-1",
        )
    )
    allowed = run(asked.allowed("/", AUTH))
    assert allowed.shown == {
        "name": "Ann",
        "count": "3",
        "ratio": "0.5",
        "ok": "true",
        "no": "false",
        "principalId": "me",
        "integrationLatency": 0,
    }
    assert allowed.usage_key == "key-1"


@pytest.mark.parametrize("headers", [{}, {"Authorization": ""}, {"X-Other": "secret"}])
@pytest.mark.parametrize("authorizer", [TOKEN, REQUEST])
def test_without_its_identity_it_is_not_asked(headers: Any, authorizer: Authorizer) -> None:
    asked, functions = guarded(authorizer=authorizer)
    assert run(asked.refused("/", headers)).type == "UNAUTHORIZED"
    assert functions.calls == []


@pytest.mark.parametrize(
    ("token", "may"), [("Bearer abc", True), ("Bearer abc ", False), ("x Bearer abc", False)]
)
def test_a_token_has_to_match_as_a_whole(token: str, may: bool) -> None:
    asked, functions = guarded(authorizer=changed(TOKEN, validation=r"Bearer \w+"))
    headers = {"Authorization": token}
    if may:
        run(asked.allowed("/", headers))
    else:
        assert run(asked.refused("/", headers)).type == "UNAUTHORIZED"
    assert len(functions.calls) == int(may)


def test_an_expression_that_only_java_knows_is_told_of_and_skipped() -> None:
    asked, _ = guarded(authorizer=changed(TOKEN, validation=r"\p{Alpha}+"))
    assert r"\\p{Alpha}+" in asked.told[0]
    run(asked.allowed("/", AUTH))


def test_identity_sources_of_every_kind_have_to_be_there() -> None:
    names = (
        f"{HEADER}, method.request.querystring.who",
        "stageVariables.color",
        "context.identity.sourceIp",
    )
    asked, functions = guarded(
        authorizer=changed(REQUEST, identity=names), variables={"color": "red"}
    )
    run(asked.allowed("/?who=me", AUTH))
    run(asked.refused("/?whom=me", AUTH))
    run(asked.refused("/?who=", AUTH))
    run(asked.refused("/?who=me"))
    assert len(functions.calls) == 1
    asked.api.variables.clear()
    run(asked.refused("/?who=me", AUTH))


def test_an_identity_source_that_means_nothing_is_told_of() -> None:
    asked, functions = guarded(authorizer=changed(REQUEST, identity=("method.request.body.x",)))
    assert "no identity source method.request.body.x" in asked.told[0]
    assert run(asked.refused("/", AUTH)).type == "UNAUTHORIZED"
    assert functions.calls == []


def test_an_explicit_deny_and_none_are_told_apart() -> None:
    asked, _ = guarded(policy("*", effect="Deny", context={"why": "gone"}))
    refusal = run(asked.refused("/pets", AUTH))
    assert refusal.type == "ACCESS_DENIED"
    assert refusal.message == (
        "User is not authorized to access this resource"
        " with an explicit deny in an identity-based policy"
    )
    assert refusal.context["why"] == "gone"
    assert f"{ARN}:{ID}/dev/GET/pets" in (refusal.reason or "")
    asked, _ = guarded(policy("arn:aws:execute-api:*:*:*/POST/*"))
    refusal = run(asked.refused("/pets", AUTH))
    assert refusal.type == "ACCESS_DENIED"
    assert refusal.message == (
        "User is not authorized to access this resource because no identity-based policy"
        " allows the execute-api:Invoke action"
    )


def test_a_policy_may_ask_where_a_request_comes_from() -> None:
    answer = policy()
    condition = {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}
    answer["policyDocument"]["Statement"][0]["Condition"] = condition
    asked, _ = guarded(answer)
    run(asked.refused("/", AUTH))
    condition["IpAddress"]["aws:SourceIp"] = "203.0.113.0/24"
    run(guarded(answer)[0].allowed("/", AUTH))


def test_the_error_unauthorized_is_401_and_every_other_500() -> None:
    asked, _ = guarded(failing("Unauthorized"))
    assert run(asked.refused("/", AUTH)).type == "UNAUTHORIZED"
    for message in ("unauthorized", "Unauthorized: expired", "list index out of range"):
        asked, _ = guarded(failing(message))
        refusal = run(asked.refused("/", AUTH))
        assert refusal.type == "AUTHORIZER_FAILURE"
        assert message in (refusal.reason or "")


def test_an_authorizer_that_can_not_run_is_500() -> None:
    asked, _ = guarded(UserError("there is no function 'guard'"))
    refusal = run(asked.refused("/", AUTH))
    assert refusal.type == "AUTHORIZER_FAILURE"
    assert "there is no function 'guard'" in (refusal.reason or "")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"", "did not return JSON"),
        (b"null", "returned null, not an object"),
        (b'"yes"', "returned text"),
        ({}, "no principalId"),
        ({"principalId": 7, "policyDocument": policy()["policyDocument"]}, "it is a number"),
        ({"principalId": "me"}, "no policyDocument"),
        ({"principalId": "me", "policyDocument": {}}, "no Statement"),
        (policy(effect="allow"), "'allow'"),
        (policy(context=["a"]), "its context is not an object"),
        (policy(context={"a": [1]}), "the value of a in its context is an array"),
        (policy(context={"a": {}}), "is an object"),
        (policy(context={"a": None}), "is null"),
    ],
)
def test_a_malformed_answer_is_500_and_said_in_words(answer: Any, words: str) -> None:
    asked, _ = guarded(answer)
    refusal = run(asked.refused("/", AUTH))
    assert refusal.type == "AUTHORIZER_CONFIGURATION_ERROR"
    assert words in (refusal.reason or "")
    assert "guard" in (refusal.reason or "")


def test_a_policy_is_kept_for_its_ttl_by_identity() -> None:
    async def main() -> None:
        clock = ManualClock()
        asked, functions = guarded(clock=clock)
        await asked.allowed("/", AUTH)
        await asked.allowed("/other", AUTH)
        assert len(functions.calls) == 1
        await asked.allowed("/", {"Authorization": "another"})
        assert len(functions.calls) == 2
        clock.spend(301)
        await asked.allowed("/", AUTH)
        assert len(functions.calls) == 3

    run(main())


def test_what_is_kept_is_the_policy_and_not_the_decision() -> None:
    async def main() -> None:
        asked, functions = guarded(lambda event: policy(event["methodArn"]))
        await asked.allowed("/one", AUTH)
        refusal = await asked.refused("/two", AUTH)
        assert refusal.type == "ACCESS_DENIED"
        assert "within the last 300 s" in (refusal.reason or "")
        assert len(functions.calls) == 1

    run(main())


def test_routes_of_an_api_share_what_is_kept_and_other_apis_do_not() -> None:
    async def main() -> None:
        asked, functions = guarded()
        await asked.allowed("/", AUTH)
        again = checker(changed(TOKEN), asked.api, asked.setting)
        await again(asked.call(parts.request("/", headers=AUTH)))
        assert len(functions.calls) == 1
        other = Api(name="other", kind="rest", stage="dev")
        await checker(TOKEN, other, asked.setting)(asked.call(parts.request("/", headers=AUTH)))
        assert len(functions.calls) == 2
        forget(asked.setting, "another")
        await asked.allowed("/", AUTH)
        assert len(functions.calls) == 2
        forget(asked.setting, "guard")
        await asked.allowed("/", AUTH)
        assert len(functions.calls) == 3

    run(main())


def test_many_saves_of_an_authorizer_leave_one_cache() -> None:
    asked, _ = guarded()
    for number in range(50):
        edited = changed(TOKEN, validation=str(number))
        asked.check = checker(edited, asked.api, asked.setting)
    gc.collect()
    assert [authorizer for *_, authorizer in memory(asked.setting).caches] == [edited]


@pytest.mark.parametrize(
    "authorizer", [changed(TOKEN, ttl_s=0), changed(REQUEST, identity=())], ids=["ttl", "identity"]
)
def test_without_a_ttl_or_an_identity_nothing_is_kept(authorizer: Authorizer) -> None:
    async def main() -> None:
        asked, functions = guarded(authorizer=authorizer)
        for _ in range(3):
            await asked.allowed("/", AUTH)
        assert len(functions.calls) == 3

    run(main())


def test_errors_are_not_kept() -> None:
    async def main() -> None:
        answers = [failing("Unauthorized"), b"null", policy()]
        asked, functions = guarded(lambda event: answers[len(functions.calls) - 1])
        assert (await asked.refused("/", AUTH)).type == "UNAUTHORIZED"
        assert (await asked.refused("/", AUTH)).type == "AUTHORIZER_CONFIGURATION_ERROR"
        await asked.allowed("/", AUTH)

    run(main())


def test_requests_at_the_same_time_are_one_question() -> None:
    async def main() -> None:
        gate = asyncio.Event()

        async def slow() -> Any:
            await gate.wait()
            return policy()

        asked, functions = guarded(lambda event: slow())
        waiting = [asyncio.create_task(asked.allowed("/", AUTH)) for _ in range(4)]
        await settle()
        gate.set()
        await asyncio.gather(*waiting)
        assert len(functions.calls) == 1

    run(main())


def test_one_that_takes_too_long_is_500_and_runs_on() -> None:
    async def main() -> None:
        clock, gate, ended = ManualClock(), asyncio.Event(), []

        async def slow() -> Any:
            await gate.wait()
            ended.append("run to its end")
            return policy()

        asked, _ = guarded(lambda event: slow(), clock=clock)
        waiting = asyncio.create_task(asked.refused("/", AUTH))
        await settle()
        await clock.advance(28.9)
        assert not waiting.done()
        await clock.advance(0.2)
        assert (await waiting).type == "AUTHORIZER_FAILURE"
        gate.set()
        await settle()
        assert ended

    run(main())


def test_a_client_that_leaves_cancels_a_question_that_is_only_its_own() -> None:
    async def main() -> None:
        cancelled = []

        async def slow() -> Any:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                cancelled.append(True)
                raise

        asked, _ = guarded(lambda event: slow(), authorizer=changed(TOKEN, ttl_s=0))
        waiting = asyncio.create_task(asked.allowed("/", AUTH))
        await settle()
        waiting.cancel()
        await settle()
        assert cancelled

    run(main())


# WebSocket APIs


def connecting(answer: Any, target: str = "/", headers: Any = None) -> tuple[Any, Functions]:
    functions = Functions(lambda _, event: answer)
    setting = parts.setting(functions)
    authorizer = Authorizer(
        "lambda", "guard", function="guard", identity=("route.request.querystring.token",)
    )
    route = Route(path="$connect", integration=Integration(), authorizer=authorizer)
    api = Api(name="chat", kind="websocket", stage="dev", routes=(route,))
    connection = Connection(
        parts.request(target, headers=headers or {}), Connections(), setting.clock
    )
    call = ConnectionCall(setting, api, route, connection)
    return (call, checker(authorizer, api, setting)), functions


def test_connect_is_asked_for_with_its_own_arn_and_event() -> None:
    (call, check), functions = connecting(policy(context={"name": "Ann"}), "/?token=t")
    run(check(call))
    event = functions.events[0]
    assert event["type"] == "REQUEST"
    assert event["methodArn"] == f"{ARN}:{stable_id('chat')}/dev/$connect"
    assert event["queryStringParameters"] == {"token": "t"}
    context = event["requestContext"]
    assert context["eventType"] == "CONNECT"
    assert context["routeKey"] == "$connect"
    assert context["connectionId"] == call.connection.id
    assert "body" not in event
    assert call.allowed is not None
    assert call.allowed.shown["name"] == "Ann"
    assert call.allowed.shown["principalId"] == "me"


def test_connect_without_identity_is_refused() -> None:
    (call, check), functions = connecting(policy())
    with pytest.raises(Refusal) as caught:
        run(check(call))
    assert caught.value.type == "UNAUTHORIZED"
    assert functions.calls == []
    json.dumps(caught.value.context)
