"""The states of a runtime: which calls are refused in which, and the JSON then given.

The refusals are compared with AWS's emulator, internal/lambda/core/states.go and
internal/lambda/rapi (https://github.com/aws/aws-lambda-runtime-interface-emulator).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

import pytest

from lambdactl.execution.invocation import MAX_PAYLOAD_BYTES
from tests.aio import run, until
from tests.execution.wire import INIT_ERROR, NEXT, error_of, event, response_of, served

ERROR_TYPE = "Lambda-Runtime-Function-Error-Type"
INVOCATION_ID = "Lambda-Runtime-Invocation-Id"
UNKNOWN_ID = (400, "InvalidRequestID", "Invalid request ID")


def refused(current: str, wanted: str) -> tuple[int, str, str]:
    return (
        403,
        "InvalidStateTransition",
        f"State transition from {current} to {wanted} failed for runtime. "
        "Error: State transition is not allowed",
    )


def test_a_runtime_that_asks_twice_is_given_the_same_event_again() -> None:
    async def work() -> None:
        async with served() as api:
            client = await api.invoked()
            again = await client.call("GET", NEXT)
            assert again.headers["lambda-runtime-aws-request-id"] == "one"
            assert (await client.call("POST", response_of("one"), b"{}")).status == 202
            assert api.heard.heard == ["ready", "answer"]

    run(work())


@pytest.mark.parametrize("action", [response_of, error_of])
def test_only_the_current_request_id_is_answered(action: Callable[[str], str]) -> None:
    async def work() -> None:
        async with served() as api:
            client = await api.connect()
            path = action("one")
            assert (await client.call("POST", path, b"{}")).error == UNKNOWN_ID  # nothing runs yet
            client = await api.invoked()
            wrong = action("two")
            assert (await client.call("POST", wrong, b"{}")).error == UNKNOWN_ID
            assert (await client.call("POST", path, b"{}")).status == 202
            await client.send(client.request("GET", NEXT))
            await until(lambda: api.heard.heard == ["ready", "answer", "ready"])
            other = await api.connect()
            assert (await other.call("POST", path, b"{}")).error == UNKNOWN_ID  # long over
            assert api.heard.heard == ["ready", "answer", "ready"]

    run(work())


@pytest.mark.parametrize(
    ("action", "state"),
    [(response_of, "InvocationResponse"), (error_of, "InvocationErrorResponse")],
)
def test_an_invocation_is_answered_once(action: Callable[[str], str], state: str) -> None:
    async def work() -> None:
        async with served() as api:
            client = await api.invoked()
            await client.call("POST", response_of("one"), b"{}")
            again = await client.call("POST", action("one"), b"{}")
            assert again.error == refused("ResponseSent", state)
            assert api.heard.heard == ["ready", "answer"]

    run(work())


def test_an_event_that_nobody_fetched_cannot_be_answered() -> None:
    async def work() -> None:
        async with served() as api:
            client = await api.connect()
            api.api.dispatch(event())
            reply = await client.call("POST", response_of("one"), b"{}")
            assert reply.error == refused("Started", "InvocationResponse")
            reply = await client.call("POST", error_of("one"), b"{}")
            assert reply.error == refused("Started", "InvocationErrorResponse")
            assert api.heard.heard == []

    run(work())


def test_init_error_ends_the_runtime_and_every_later_call_is_refused() -> None:
    async def work() -> None:
        async with served() as api:
            client = await api.connect()
            body = b'{"errorMessage":"no","errorType":"ImportError"}'
            reply = await client.call(
                "POST", INIT_ERROR, body, {ERROR_TYPE: "Runtime.ImportModuleError"}
            )
            assert (reply.status, reply.json()) == (202, {"status": "OK"})
            (answer,) = api.heard.answers
            assert (answer.payload, answer.error_type) == (body, "Runtime.ImportModuleError")
            assert (await client.call("GET", NEXT)).error == refused("InitError", "Ready")
            again = await client.call("POST", INIT_ERROR, body)
            assert again.error == refused("InitError", "InitError")
            assert api.heard.heard == ["init error"]

    run(work())


def test_init_is_over_after_the_first_next() -> None:
    async def work() -> None:
        async with served() as api:
            client = await api.connect()
            await client.send(client.request("GET", NEXT))
            await until(lambda: api.heard.heard == ["ready"])
            other = await api.connect()
            reply = await other.call("POST", INIT_ERROR, b"{}")
            assert reply.error == refused("Ready", "InitError")
            api.api.dispatch(event())
            await client.receive()
            reply = await other.call("POST", INIT_ERROR, b"{}")
            assert reply.error == refused("Running", "InitError")
            await client.call("POST", response_of("one"), b"{}")
            reply = await other.call("POST", INIT_ERROR, b"{}")
            assert reply.error == refused("ResponseSent", "InitError")

    run(work())


def test_a_reset_makes_a_new_runtime_start_from_the_beginning() -> None:
    async def work() -> None:
        async with served() as api:
            old = await api.invoked()
            api.api.reset()
            with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
                await old.call("POST", response_of("one"), b"late")
            assert api.heard.answers == []
            client = await api.connect()
            assert (await client.call("POST", response_of("one"), b"{}")).error == UNKNOWN_ID
            assert (await client.call("POST", INIT_ERROR, b"{}")).status == 202

    run(work())


@pytest.mark.parametrize("action", [response_of, error_of])
def test_six_megabytes_pass_and_a_byte_more_is_too_much(action: Callable[[str], str]) -> None:
    assert MAX_PAYLOAD_BYTES == 6_291_556

    async def work() -> None:
        async with served() as api:
            path = action("one")
            client = await api.invoked()
            assert (await client.call("POST", path, bytes(6_291_556))).status == 202
            assert api.heard.answers[-1].payload == bytes(6_291_556)
            client = await api.invoked()
            assert (await client.call("POST", path, bytes(6_291_557))).error == (
                413,
                "RequestEntityTooLarge",
                "Exceeded maximum allowed payload size (6291556 bytes).",
            )
            answer = api.heard.answers[-1]
            assert answer.error_type == "Function.ResponseSizeTooLarge"
            assert json.loads(answer.payload) == {
                "errorType": "Function.ResponseSizeTooLarge",
                "errorMessage": "Response payload size (6291557 bytes) exceeded maximum allowed "
                "payload size (6291556 bytes).",
            }
            # The runtime goes on as after any answer.
            await client.send(client.request("GET", NEXT))
            await until(lambda: api.heard.heard[-1] == "ready")

    run(work())


def test_an_init_error_has_the_same_bound() -> None:
    async def work() -> None:
        async with served() as api:
            client = await api.connect()
            assert (await client.call("POST", INIT_ERROR, bytes(6_291_557))).status == 413
            answer = api.heard.answers[-1]
            assert json.loads(answer.payload)["errorType"] == "Function.ResponseSizeTooLarge"

    run(work())


@pytest.mark.parametrize("action", [response_of, error_of])
def test_an_attempt_that_timed_out_is_gone(action: Callable[[str], str]) -> None:
    async def work() -> None:
        async with served() as api:
            client = await api.invoked(invocation_id="attempt-2")
            path = action("one")
            reply = await client.call("POST", path, b"{}", {INVOCATION_ID: "attempt-1"})
            assert (reply.status, reply.json()["errorType"]) == (410, "ErrorRuntimeInvokeTimeout")
            assert api.heard.answers == []
            reply = await client.call("POST", path, b"{}", {INVOCATION_ID: "attempt-2"})
            assert reply.status == 202

    run(work())


def test_an_unknown_response_mode_fails_the_invocation() -> None:
    async def work() -> None:
        async with served() as api:
            client = await api.invoked()
            mode = {"Lambda-Runtime-Function-Response-Mode": "buffered"}
            reply = await client.call("POST", response_of("one"), b"{}", mode)
            assert reply.error == (
                400,
                "InvalidFunctionResponseMode",
                "Invalid function response mode",
            )
            (answer,) = api.heard.answers
            assert answer.error_type == "Runtime.InvalidResponseModeHeader"
            api.api.dispatch(event(request_id="two"))
            given = await client.call("GET", NEXT)
            assert given.headers["lambda-runtime-aws-request-id"] == "two"

    run(work())
