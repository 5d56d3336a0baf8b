"""What is shown, as far as no server is needed for it."""

from __future__ import annotations

import asyncio
import gc

import pytest

from lambdactl.cli.start_api import reporting
from lambdactl.cli.start_api_view import View
from lambdactl.triggers.http.reloading import Failed
from tests.aio import run


@pytest.mark.parametrize("debug", [False, True])
def test_a_bug_in_a_reload_is_a_short_report_and_a_traceback_on_request(
    debug: bool, capfd: pytest.CaptureFixture[str]
) -> None:
    async def main() -> None:
        view = View(output="text", logs=True, debug=debug)
        try:
            raise KeyError("ours")
        except KeyError as error:
            view.happened(Failed(error, ("orders",)), [])
        view.close()

    run(main())
    told = capfd.readouterr().err
    assert "KeyError" in told
    assert "the last code of orders goes on being served" in told
    assert ("Traceback" in told) is debug


def test_a_bug_that_only_the_event_loop_meets_is_a_short_report(
    capfd: pytest.CaptureFixture[str],
) -> None:
    async def bug() -> None:
        raise KeyError("ours")

    async def main() -> None:
        view = View(output="text", logs=True)
        asyncio.get_running_loop().set_exception_handler(reporting(view))
        task = asyncio.create_task(bug())
        await asyncio.wait([task])
        del task
        gc.collect()
        view.close()

    run(main())
    told = capfd.readouterr().err
    assert "KeyError" in told
    assert "Traceback" not in told
