"""For every test: a marked part is there or the test says so; nothing leaks in from the shell."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

from tests import parts

# A quarter of the examples on each save, all of them where it counts. How long one takes says
# something about the machine and nothing about the code.
settings.register_profile("quick", max_examples=25, deadline=None)
# In CI the examples are the same in every run of the same tests: what is new there is a change's
# doing. The developers' runs are what looks for more.
settings.register_profile("thorough", max_examples=100, deadline=None, derandomize=True)
settings.load_profile("thorough" if os.environ.get("CI") else "quick")


# Read here: no test sees such a variable.
EXHAUSTIVE = bool(os.environ.get("LAMBDACTL_EXHAUSTIVE"))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is only run before a release."""
    if EXHAUSTIVE:
        return
    left_out = [item for item in items if item.get_closest_marker("exhaustive") is not None]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item.get_closest_marker("exhaustive") is None]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    for part in parts.PARTS:
        if item.get_closest_marker(part) is not None:
            parts.need(part)


@pytest.fixture
def need():
    """``need("node")`` gives the path of Node.js, skips without it, fails without it in CI."""
    return parts.need


@pytest.fixture(autouse=True)
def _no_settings_of_the_developer(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a developer has exported for lambdactl must not change a test's outcome."""
    for name in os.environ:
        if name.startswith("LAMBDACTL_"):
            monkeypatch.delenv(name)
