"""What tests of kinds have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from lambdactl.deploy.account import Account
from lambdactl.deploy.model import Context
from lambdactl.manifest.model import App
from tests.deploy.kinds.shop import Shop
from tests.deploy.strict_gateway import strict


@pytest.fixture
def shop(
    account: Account, app_of: Callable[..., App], context_of: Callable[[App], Context]
) -> Shop:
    return Shop(account, app_of, context_of)


@pytest.fixture
def context_for(
    app_of: Callable[..., App], context_of: Callable[[App], Context]
) -> Callable[..., Context]:
    """Makes the context of the text of a manifest: ``context_for(text, stage="prod")``."""

    def make(text: str, stage: str | None = None) -> Context:
        return context_of(app_of(text, stage=stage))

    return make


@pytest.fixture(params=["moto", pytest.param("strict", marks=pytest.mark.exhaustive)])
def gateways(
    request: pytest.FixtureRequest, aws: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """AWS with an API Gateway that takes everything, and with one that takes what AWS's takes."""
    if request.param == "moto":
        yield
        return
    with strict(aws) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        yield
