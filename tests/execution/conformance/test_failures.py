"""What Lambda says when a function fails, in every language, and that the next call works."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest

from tests.execution.conformance.conftest import Ran

Start = Callable[..., Ran]


def test_an_exception_is_an_unhandled_error_with_type_and_message(
    family: str, start: Start
) -> None:
    ran = start(family)
    result = ran.invoke("raise")
    assert result.function_error == "Unhandled"
    assert result.json()["errorMessage"] == "it broke"
    assert "Custom" in result.json()["errorType"]
    assert "Status:" not in ran.lines[-1].text.decode()
    assert ran.invoke("count").json() == 2


@pytest.mark.slow
def test_a_timeout_kills_the_runtime_and_says_so(family: str, start: Start) -> None:
    ran = start(family, timeout_s=2)
    result = ran.invoke("sleep", seconds=30)
    assert result.function_error == "Unhandled"
    assert result.json() == {
        "errorType": "Sandbox.Timedout",
        "errorMessage": f"RequestId: {result.request_id} Error: Task timed out after 2.00 seconds",
    }
    assert f"{result.request_id} Task timed out after 2.00 seconds" in ran.text
    assert ran.lines[-1].text.endswith(b"\tStatus: timeout")
    assert 2000 <= result.report.duration_ms < 2500
    again = ran.invoke("count")
    assert again.json() == 1, "the runtime was started anew"
    assert again.report.init_duration_ms is None, "a suppressed init counts as duration"


def test_an_exit_is_runtime_exit_error(family: str, start: Start) -> None:
    ran = start(family)
    result = ran.invoke("exit", status=5)
    assert result.function_error == "Unhandled"
    assert result.json() == {
        "errorType": "Runtime.ExitError",
        "errorMessage": f"RequestId: {result.request_id} "
        "Error: Runtime exited with error: exit status 5",
    }
    assert "\tStatus: error\tError Type: Runtime.ExitError" in ran.lines[-1].text.decode()
    assert ran.invoke("count").json() == 1


def test_an_exit_with_status_zero_gives_no_reason(family: str, start: Start) -> None:
    result = start(family).invoke("exit", status=0)
    assert result.json()["errorMessage"] == (
        f"RequestId: {result.request_id} Error: Runtime exited without providing a reason"
    )


def test_a_fatal_signal_is_named(family: str, start: Start) -> None:
    ran = start(family)
    result = ran.invoke("kill", signal="SIGKILL")
    assert result.json()["errorType"] == "Runtime.ExitError"
    assert result.json()["errorMessage"].endswith("Runtime exited with error: signal: killed")
    assert ran.invoke("count").json() == 1


@pytest.mark.slow
def test_too_much_memory_is_a_kill(family: str, start: Start) -> None:
    ran = start(family, memory_mb=128)
    result = ran.invoke("allocate", mb=600)
    assert result.json()["errorType"] == "Runtime.ExitError"
    assert result.json()["errorMessage"].endswith("Runtime exited with error: signal: killed")
    assert result.report.max_memory_used_mb == 128
    assert ran.invoke("count").json() == 1


def test_a_response_beyond_six_megabytes_is_refused(family: str, start: Start) -> None:
    ran = start(family, memory_mb=512)
    result = ran.invoke("large", bytes=6_291_556)
    assert result.function_error == "Unhandled"
    assert result.json() == {
        "errorType": "Function.ResponseSizeTooLarge",
        "errorMessage": "Response payload size (6291558 bytes) exceeded maximum allowed payload "
        "size (6291556 bytes).",
    }
    assert ran.invoke("echo").function_error is None


def test_a_failing_init_is_tried_again_with_the_invocation(family: str, start: Start) -> None:
    ran = start(family, environment={"INIT": "raise"})
    result = ran.invoke("echo")
    assert result.function_error == "Unhandled"
    assert "no init today" in json.dumps(result.json())
    assert ran.text.count("module loaded") == 2
    assert "INIT_REPORT Init Duration: " in ran.text
    assert "\tPhase: init\tStatus: error\tError Type: " in ran.text
    assert "\tPhase: invoke\tStatus: error\tError Type: " in ran.text


def test_an_exit_during_init_is_runtime_exit_error(family: str, start: Start) -> None:
    result = start(family, environment={"INIT": "exit"}).invoke("echo")
    assert result.json() == {
        "errorType": "Runtime.ExitError",
        "errorMessage": f"RequestId: {result.request_id} "
        "Error: Runtime exited with error: exit status 7",
    }


@pytest.mark.slow
def test_an_init_that_takes_more_than_ten_seconds_is_tried_again_under_the_timeout(
    start: Start,
) -> None:
    ran = start("python", environment={"INIT": "sleep"}, timeout_s=1)
    begun = time.monotonic()
    result = ran.invoke("echo")
    assert 11 <= time.monotonic() - begun < 13
    assert result.json()["errorType"] == "Sandbox.Timedout"
    assert "\tPhase: init\tStatus: timeout" in ran.text
    assert "\tPhase: invoke\tStatus: timeout" in ran.text
