"""The way of a request through a REST API."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest

from lambdactl.errors import EventError, ThrottledError
from lambdactl.manifest.apis import Authorizer, Integration, IntegrationResponse, Validator
from lambdactl.triggers.http.rest.door import MAX_BODY_BYTES
from tests.aio import run, until
from tests.triggers.http.parts import FakeWire, Functions, request, result, setting
from tests.triggers.http.rest.serving import HELLO, Served, api, header, route


def test_a_request_reaches_its_function_and_comes_back():
    served = Served(
        api(route("/pets/{id}"), route("/pets", "POST", integration=replace(HELLO, qualifier="3"))),
        {"statusCode": 202, "body": "hi", "headers": {"Content-Type": "text/plain"}},
    )
    made = served.ask("/pets/7?x=1")
    assert (made.status, made.body) == (202, b"hi")
    assert served.event["resource"] == "/pets/{id}"
    call = served.functions.calls[0]
    assert (call.function, call.qualifier) == ("hello", "$LATEST")
    assert call.trace_id == served.event["headers"]["X-Amzn-Trace-Id"]
    assert header(made, "X-Amzn-Trace-Id") == call.trace_id
    assert header(made, "x-amzn-RequestId") == served.event["requestContext"]["requestId"]
    assert header(made, "x-amz-apigw-id") == served.event["requestContext"]["extendedRequestId"]
    assert served.ask("/pets", "POST").status == 202
    assert served.functions.calls[1].qualifier == "3"


@pytest.mark.parametrize("target", ["/prod/pets", "/pets"])
def test_the_stage_may_stand_before_the_path(target):
    served = Served(api())
    assert served.ask(target).status == 200
    assert served.event["path"] == "/pets"
    assert served.event["requestContext"]["path"] == "/prod/pets"


def test_a_route_is_preferred_to_the_stage():
    served = Served(api(route("/prod/pets"), route("/pets"), route("/")))
    served.ask("/prod/pets")
    assert served.event["resource"] == "/prod/pets"
    served.ask("/prod")
    assert (served.event["resource"], served.event["path"]) == ("/", "/")
    assert served.ask("/products").status == 403


def test_head_and_options_are_methods_like_others():
    served = Served(api(route(), route("/any", "ANY")))
    assert served.ask("/pets", "HEAD").status == 403
    assert served.ask("/pets", "OPTIONS").status == 403
    for method in ("HEAD", "OPTIONS", "PATCH"):
        assert served.ask("/any", method).status == 200
        assert served.event["httpMethod"] == method


def test_a_body_of_more_than_10_mb():
    served = Served(api(route("/pets", "POST")))
    made = served.ask("/pets", "POST", body=b"x" * (MAX_BODY_BYTES + 1))
    assert (made.status, made.body) == (413, b'{"message":"Request Too Long"}')
    assert served.functions.calls == []


def test_a_function_that_fails():
    error = {"errorType": "KeyError", "errorMessage": "'id'"}
    served = Served(api(), lambda invocation, event: result(error, error="Unhandled"))
    made = served.ask()
    assert (made.status, made.body) == (502, b'{"message": "Internal server error"}')
    assert served.told == [
        "GET /pets: hello failed: KeyError: 'id' (answered 502)",
    ]


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ThrottledError("no concurrency left", reason="CallerRateLimitExceeded"), 500),
        (EventError("the event is too large"), 413),
    ],
)
def test_a_function_that_is_not_run(error, status):
    served = Served(api(), lambda invocation, event: error)
    assert served.ask().status == status
    assert str(error) in served.told[0]


@pytest.mark.parametrize("outcome", [{"statusCode": 200}, b"malformed"])
def test_the_function_runs_on_behind_a_timeout(outcome):
    async def main():
        release, wire = asyncio.Event(), FakeWire()

        async def play(invocation, event):
            await release.wait()
            return outcome

        integration = replace(HELLO, timeout_s=0.02)
        served = Served(api(route(integration=integration)), play)
        asked = request("/pets", wire=wire)
        handling = asyncio.create_task(served.door.handle(asked))
        await until(lambda: wire.sent)
        assert not handling.done()
        release.set()
        late = await handling
        if late is not None:
            asked.answer(late)
        assert len(wire.sent) == 1
        return wire.sent[0], served

    made, served = run(main())
    assert (made.status, made.body) == (504, b'{"message": "Endpoint request timed out"}')
    assert served.told == [
        "GET /pets: no answer within 0.02 s; the function runs on (answered 504)"
    ]


def test_an_authorizer_refuses_or_is_seen_by_the_function():
    guard = Authorizer(
        "lambda",
        name="guard",
        function="guard",
        type="token",
        identity=("method.request.header.Authorization",),
        ttl_s=0,
    )

    def play(invocation, event):
        if invocation.function != "guard":
            return {"statusCode": 200}
        effect = "Allow" if event["authorizationToken"] == "good" else "Deny"
        statement = {
            "Action": "execute-api:Invoke",
            "Effect": effect,
            "Resource": event["methodArn"],
        }
        return {
            "principalId": "me",
            "policyDocument": {"Version": "2012-10-17", "Statement": [statement]},
            "context": {"level": 3},
        }

    served = Served(api(route(authorizer=guard), route("/cats", authorizer=guard)), play)
    assert served.ask().status == 401
    made = served.ask(headers={"Authorization": "bad"})
    assert made.status == 403
    assert "explicit deny" in json.loads(made.body)["message"]
    assert served.ask("/cats", headers={"Authorization": "good"}).status == 200
    assert served.event["requestContext"]["authorizer"]["principalId"] == "me"
    assert served.event["requestContext"]["authorizer"]["level"] == "3"


def test_a_validator_comes_before_the_function():
    models = {"Pet": {"type": "object", "required": ["name"]}}
    made = api(
        route(
            "/pets",
            "POST",
            validator=Validator(body=True),
            request_models={"application/json": "Pet"},
        ),
        models=models,
    )
    served = Served(made)
    kind = {"Content-Type": "application/json"}
    refused = served.ask("/pets", "POST", headers=kind, body=b"{}")
    assert (refused.status, refused.body) == (400, b'{"message":"Invalid request body"}')
    assert served.functions.calls == []
    assert served.ask("/pets", "POST", headers=kind, body=b'{"name": "Rex"}').status == 200


def test_a_mock_answers_without_a_function():
    mock = Integration(
        kind="mock",
        request_templates={"application/json": '{"statusCode": 200}'},
        responses=(IntegrationResponse(200, templates={"application/json": '{"ok": true}'}),),
    )
    served = Served(api(route(integration=mock)))
    made = served.ask()
    assert (made.status, made.body) == (200, b'{"ok": true}')
    assert header(made, "x-amzn-RequestId")
    assert served.functions.calls == []


def test_a_service_of_aws_fails_and_is_named():
    service = Integration(kind="unavailable", uri="arn:aws:apigateway:eu-west-1:sqs:path/1/queue")
    served = Served(api(route(integration=service)))
    made = served.ask()
    assert (made.status, made.body) == (504, b'{"message": "Internal server error"}')
    assert "sqs:path/1/queue does not run on this machine" in served.told[0]


def test_doors_are_made_by_kind():
    from lambdactl.triggers.http.doors import door
    from lambdactl.triggers.http.rest import RestDoor

    made = door(api(), setting(Functions(lambda invocation, event: None)))
    assert isinstance(made, RestDoor)
    run(made.close())
