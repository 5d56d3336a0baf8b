"""A route with an authorizer, and what becomes of a request to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from lambdactl.manifest.apis import Api, Authorizer, Integration, Route
from lambdactl.triggers.http.authorizers import Check, checker
from lambdactl.triggers.http.calls import Allowed, Call, Refusal, Setting
from lambdactl.triggers.http.exchange import Request
from tests.triggers.http import parts

ARN = "arn:aws:execute-api:us-east-1:123456789012"


@dataclass
class Asking:
    """``refused`` or ``allowed`` is what a request comes to."""

    setting: Setting
    api: Api
    check: Check
    told: list[str]

    def call(self, request: Request, **route: Any) -> Call:
        path = request.path
        return Call(
            self.setting,
            self.api,
            Route(path=route.pop("resource", path), integration=Integration(), **route),
            request,
            {},
        )

    async def allowed(self, target: str = "/", headers: Any = None, **more: Any) -> Allowed:
        call = self.call(parts.request(target, headers=headers), **more)
        await self.check(call)
        assert call.allowed is not None
        return call.allowed

    async def refused(self, target: str = "/", headers: Any = None, **more: Any) -> Refusal:
        with pytest.raises(Refusal) as caught:
            await self.allowed(target, headers, **more)
        assert caught.value.reason, "the developer is told nothing"
        return caught.value


def asking(authorizer: Authorizer, setting: Setting, kind: Any = "rest", **api: Any) -> Asking:
    made = Api(name="shop", kind=kind, stage=api.pop("stage", "dev"), **api)
    return Asking(setting, made, checker(authorizer, made, setting), setting.kept["told"])


def policy(*resources: str, effect: str = "Allow", **more: Any) -> dict[str, Any]:
    """What a Lambda authorizer returns."""
    return {
        "principalId": "me",
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": effect,
                    "Action": "execute-api:Invoke",
                    "Resource": list(resources) or "*",
                }
            ],
        },
        **more,
    }
