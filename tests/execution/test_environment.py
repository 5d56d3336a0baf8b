"""The life of one environment, with a runtime that costs nothing."""

from __future__ import annotations

import asyncio
import json

import pytest

from lambdactl.errors import EnvironmentStartError, EnvironmentStoppedError
from lambdactl.execution.environment import Environment, Status
from lambdactl.manifest.model import Logging
from tests.aio import other_tasks, run, until
from tests.execution.in_process import Machine, asking


def stops_cleanly(machine: Machine, environment: Environment) -> bool:
    return (
        environment.status is Status.STOPPED
        and not machine.running
        and machine.closed == 1
        and not other_tasks()
    )


def test_init_once_invoke_many() -> None:
    async def work() -> None:
        machine = Machine()
        environment = machine.environment()
        await environment.initialize()
        assert environment.status is Status.READY
        first = await environment.invoke(asking(request_id="one"))
        second = await environment.invoke(asking(request_id="two"))
        assert (first.cold, second.cold) == (True, False)
        assert first.report.init_duration_ms is not None
        assert second.report.init_duration_ms is None
        assert second.request_id == "two"
        assert first.json()["event"] == {"do": "echo"}
        assert machine.starts == 1
        first_words = " ".join(line.split(" ")[0] for line in machine.text)
        assert first_words == "INIT_START imported START do END REPORT START do END REPORT"
        await environment.stop()
        assert stops_cleanly(machine, environment)

    run(work())


def test_the_tail_is_the_log_of_this_invocation_only() -> None:
    async def work() -> None:
        machine = Machine()
        environment = machine.environment()
        await environment.initialize()
        await environment.invoke(asking(request_id="one"))
        result = await environment.invoke(asking("fail", request_id="two"))
        assert result.log.startswith("START RequestId: two Version: $LATEST\ndo fail\nEND ")
        assert "one" not in result.log
        assert result.function_error == "Unhandled"
        assert environment.status is Status.READY
        await environment.stop()

    run(work())


@pytest.mark.parametrize("how", ["exit", "fail", "hang"])
def test_an_init_that_failed_is_tried_again_in_the_invocation(
    how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lambdactl.execution.environment.INIT_TIMEOUT_S", 0.05)

    async def work() -> None:
        machine = Machine(init=lambda number: how if number == 0 else "ready")
        environment = machine.environment()
        await environment.initialize()
        assert environment.status is Status.RESET
        result = await environment.invoke(asking())
        assert result.function_error is None
        # Its time is part of the duration, as on Lambda.
        assert result.report.init_duration_ms is None
        assert machine.starts == 2
        (told,) = [line for line in machine.text if line.startswith("INIT_REPORT")]
        assert ("Status: timeout" if how == "hang" else "Status: error\tError Type: ") in told
        await environment.stop()
        assert stops_cleanly(machine, environment)

    run(work())


def test_an_init_that_fails_again_is_the_result_of_the_invocation() -> None:
    async def work() -> None:
        machine = Machine(init=lambda number: "fail")
        environment = machine.environment()
        await environment.initialize()
        result = await environment.invoke(asking())
        assert result.function_error == "Unhandled"
        assert result.json() == {"errorType": "ImportError", "errorMessage": "no module"}
        assert environment.status is Status.RESET
        await environment.stop()
        assert stops_cleanly(machine, environment)

    run(work())


@pytest.mark.parametrize("moment", ["during", "between"])
def test_a_runtime_that_ends_is_started_again(moment: str) -> None:
    async def work() -> None:
        machine = Machine()
        environment = machine.environment()
        await environment.initialize()
        if moment == "during":
            result = await environment.invoke(asking("exit"))
            assert result.json()["errorType"] == "Runtime.ExitError"
        else:
            (sandbox,) = machine.running
            sandbox.crash()
            await until(lambda: environment.status is not Status.READY)
        assert environment.status is Status.RESET
        assert (await environment.invoke(asking())).function_error is None
        assert machine.starts == 2
        await environment.stop()
        assert stops_cleanly(machine, environment)

    run(work())


def test_a_timeout_resets_the_environment() -> None:
    async def work() -> None:
        machine = Machine()
        environment = machine.environment(timeout_s=0)
        await environment.initialize()
        result = await environment.invoke(asking("hang", request_id="one"))
        assert result.json()["errorType"] == "Sandbox.Timedout"
        assert result.report.status == "timeout"
        assert "one Task timed out after 0.00 seconds" in result.log
        assert environment.status is Status.RESET
        assert not machine.running
        await environment.stop()
        assert stops_cleanly(machine, environment)

    run(work())


def test_what_cannot_be_started_is_raised() -> None:
    async def work() -> None:
        machine = Machine(init=lambda number: "refuse")
        environment = machine.environment()
        with pytest.raises(EnvironmentStartError):
            await environment.initialize()
        await environment.stop()
        assert stops_cleanly(machine, environment)

    run(work())


@pytest.mark.parametrize("moment", ["init", "invoke", "init again"])
def test_stopping_it_in_the_middle_ends_the_call(moment: str) -> None:
    async def work() -> None:
        machine = Machine(
            init=lambda number: (
                {"init": "hang", "invoke": "ready", "init again": "exit"}[moment]
                if number == 0
                else "hang"
            )
        )
        environment = machine.environment(timeout_s=900)
        call = asyncio.create_task(environment.initialize())
        if moment != "init":
            await call
            call = asyncio.create_task(environment.invoke(asking("hang")))  # type: ignore[arg-type]
        await until(lambda: machine.busy if moment == "invoke" else machine.running)
        await asyncio.sleep(0.01)
        await environment.stop()
        with pytest.raises(EnvironmentStoppedError):
            await call
        assert stops_cleanly(machine, environment)

    run(work())


def test_json_logs_at_the_debug_level_tell_of_the_init_too() -> None:
    async def work() -> None:
        machine = Machine()
        environment = machine.environment(logging=Logging(format="json", system_level="debug"))
        await environment.initialize()
        await environment.invoke(asking())
        told = [json.loads(line) for line in machine.text if line.startswith("{")]
        types = " ".join(event["type"].removeprefix("platform.") for event in told)
        assert types == "initStart initRuntimeDone initReport start runtimeDone report"
        await environment.stop()

    run(work())
