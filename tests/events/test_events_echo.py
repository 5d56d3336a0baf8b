"""Every sample event goes through a real function and comes back as it was."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lambdactl import Local
from lambdactl.events import catalog, generate
from lambdactl.local import BlockingLocal
from lambdactl.manifest.model import App, Code, Function

EVENTS = [(service.name, event.name) for service in catalog() for event in service.events]


@pytest.fixture(scope="module")
def echo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BlockingLocal]:
    folder = tmp_path_factory.mktemp("echo")
    (folder / "echo.py").write_text("def handler(event, context):\n    return event\n")
    function = Function(
        name="echo",
        code=Code("folder", Path(folder)),
        runtime=f"python{sys.version_info.major}.{sys.version_info.minor}",
        handler="echo.handler",
        timeout_s=30,
    )
    with Local(App("echo", folder, {"echo": function}), credentials=False) as fn:
        yield fn


def test_there_are_events_of_every_kind() -> None:
    assert len(EVENTS) > 200


@pytest.mark.parametrize(("service", "event"), EVENTS)
def test_an_event_comes_back_unchanged(service: str, event: str, echo: BlockingLocal) -> None:
    made = generate(service, event)
    result = echo.invoke("echo", made)
    assert result.function_error is None
    assert result.json() == made
