"""What takes its time before a function can start, and an end that comes meanwhile."""

from __future__ import annotations

import asyncio
import dataclasses
import socket
import tempfile
from pathlib import Path

import pytest

from lambdactl.errors import EnvironmentStoppedError, LambdactlError
from lambdactl.execution.invocation import Invocation
from lambdactl.execution.invoker import LocalInvoker
from lambdactl.manifest.model import App, Code, Function
from tests import aio
from tests.execution.conformance.conftest import runtime_of

ARN = "arn:aws:lambda:eu-west-1:123456789012:layer:extra:3"


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def waiting_for_a_layer(root: Path, endpoint: socket.socket) -> LocalInvoker:
    """An invoker whose function has a layer that is asked from ``endpoint``."""
    (root / "app.py").write_text("def handler(event, context):\n    return 1\n")
    function = Function(
        name="f",
        runtime=runtime_of("python"),
        handler="app.handler",
        code=Code("folder", root),
        layers=(ARN,),
    )
    shell = {
        "HOME": str(root),
        "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{endpoint.getsockname()[1]}",
    }
    return LocalInvoker(App(root=root, service="s", functions={"f": function}), shell=shell)


def test_who_waits_as_the_end_comes_gets_an_error_at_once(tmp_path: Path, temporary: Path) -> None:
    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as endpoint:
            endpoint.setblocking(False)
            invoker = waiting_for_a_layer(tmp_path, endpoint)
            calls = [asyncio.create_task(invoker.invoke(Invocation("f", b"1"))) for _ in range(2)]
            asked, _ = await asyncio.get_running_loop().sock_accept(endpoint)
            with asked:
                await invoker.close()
                for call in calls:
                    with pytest.raises(EnvironmentStoppedError, match="f was stopped before"):
                        await asyncio.wait_for(call, 5)
        # The thread goes on for a while, and has nothing to write into.
        await asyncio.sleep(0.1)

    aio.run(main())
    assert not list(temporary.iterdir())


def test_a_reload_that_waits_as_the_end_comes_ends_quietly(tmp_path: Path, temporary: Path) -> None:
    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as endpoint:
            endpoint.setblocking(False)
            invoker = waiting_for_a_layer(tmp_path, endpoint)
            app = invoker.app
            plain = {"f": dataclasses.replace(app.functions["f"], layers=())}
            invoker.adopt(App(root=app.root, service="s", functions=plain))
            assert (await invoker.invoke(Invocation("f", b"1"))).payload == b"1"
            invoker.adopt(app)
            reload = asyncio.create_task(invoker.reload(["f"]))
            asked, _ = await asyncio.get_running_loop().sock_accept(endpoint)
            with asked:
                await invoker.close()
                assert await asyncio.wait_for(reload, 5) == set()
        assert invoker.environments() == {}

    aio.run(main())
    assert not list(temporary.iterdir())


def test_after_the_end_it_can_be_used_again(tmp_path: Path, temporary: Path) -> None:
    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as endpoint:
            invoker = waiting_for_a_layer(tmp_path, endpoint)
            ask = Invocation("f", b"1")
            call = asyncio.create_task(invoker.invoke(ask))
            await aio.until(lambda: list(temporary.iterdir()))
            await invoker.close()
            with pytest.raises(EnvironmentStoppedError):
                await call
        # Now nobody listens there.
        with pytest.raises(LambdactlError, match="AWS does not answer"):
            await invoker.invoke(ask)
        await invoker.close()

    aio.run(main())
    assert not list(temporary.iterdir())
