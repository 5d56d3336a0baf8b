"""What tests of kinds have in common."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lambdactl.deploy.account import Account
from lambdactl.deploy.model import Context
from lambdactl.manifest.model import App
from tests.deploy.kinds.shop import Shop


@pytest.fixture
def shop(
    account: Account, app_of: Callable[..., App], context_of: Callable[[App], Context]
) -> Shop:
    return Shop(account, app_of, context_of)
