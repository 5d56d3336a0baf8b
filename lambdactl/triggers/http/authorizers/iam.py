"""IAM: requests signed with AWS credentials, at APIs and function URLs.

https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-control-access-using-iam-policies-to-invoke-api.html,
https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html. A signature is verified where its
secret is known: with the developer's own credentials. Only AWS knows the others, so they are
believed. Which permissions a caller has is not known here either: who has signed may pass.
"""

from __future__ import annotations

import os
from typing import Any

from lambdactl.errors import LambdactlError
from lambdactl.execution import credentials
from lambdactl.manifest.apis import Api
from lambdactl.triggers.http.authorizers import sigv4
from lambdactl.triggers.http.authorizers.cache import Cache, memory, tell_once
from lambdactl.triggers.http.authorizers.keys import workers
from lambdactl.triggers.http.authorizers.sigv4 import Signature, SignatureError
from lambdactl.triggers.http.calls import Allowed, Call, Refusal, Setting

SERVICES = {"url": "lambda"}
SERVICE = "execute-api"

AGAIN_S = 60.0
"""Temporary credentials are replaced now and then. This often at most they are looked up again for
an access key that is not the known one."""


class Own:
    """The developer's credentials, looked up when they are first needed."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._found: dict[str, str] = {}
        self._looks = Cache[None](setting.clock, AGAIN_S)

    async def of(self, access_key: str) -> dict[str, str] | None:
        """The credentials, as environment variables, if this is their access key."""
        if self._found.get("AWS_ACCESS_KEY_ID") != access_key:
            await self._looks.get("", self._look)
        return self._found if self._found.get("AWS_ACCESS_KEY_ID") == access_key else None

    async def _look(self) -> None:
        try:
            # A profile may have to ask a program or a website.
            self._found = await workers.do(lambda: credentials.find(os.environ))
        except LambdactlError as error:
            tell_once(self._setting, f"your AWS credentials can't be read: {error}")


class IamChecker:
    """The check of requests to an API that wants them signed."""

    def __init__(self, api: Api, setting: Setting) -> None:
        self._setting = setting
        self._kind = api.kind
        self._service = SERVICES.get(api.kind, SERVICE)
        self._own: Own = memory(setting).keys.setdefault("AWS", Own(setting))

    async def __call__(self, call: Call) -> None:
        try:
            signature = sigv4.read(call.request)
            sigv4.check_scope(signature, self._setting.region, self._service)
            sigv4.check_time(signature, self._setting.clock.now())
            own = await self._own.of(signature.access_key)
            if own is None:
                tell_once(
                    self._setting,
                    f"requests are signed with the access key {signature.access_key}, whose secret "
                    "is not known here: their signatures are not verified",
                )
            else:
                sigv4.check_value(
                    signature,
                    call.request,
                    own["AWS_SECRET_ACCESS_KEY"],
                    own.get("AWS_SESSION_TOKEN"),
                )
        except SignatureError as error:
            raise Refusal(
                error.type,
                error.message,
                reason=f"IAM: {error.message}",
                context={"error_type": error.error_type},
            ) from error
        call.allowed = self._allowed(signature)

    def _allowed(self, signature: Signature) -> Allowed:
        account = self._setting.account
        user_id, arn = _principal(signature, account)
        if self._kind in ("http", "url"):
            # https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html
            shown: dict[str, Any] = {
                "accessKey": signature.access_key,
                "accountId": account,
                "callerId": user_id,
                "cognitoIdentity": None,
                "principalOrgId": None,
                "userArn": arn,
                "userId": user_id,
            }
            return Allowed(shown={"iam": shown}, principal_id=user_id)
        # https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-mapping-template-reference.html
        return Allowed(
            principal_id=user_id,
            identity={
                "accessKey": signature.access_key,
                "accountId": account,
                "caller": user_id,
                "user": user_id,
                "userArn": arn,
            },
        )


def _principal(signature: Signature, account: str) -> tuple[str, str]:
    """Id and ARN of who signed. Only AWS knows them; these have the form of a user's or, for
    temporary credentials, a role's, and are the same for the same access key
    (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids)."""
    rest = signature.access_key[4:]
    if signature.access_key.startswith("ASIA") or signature.token:
        return f"AROA{rest}:local", f"arn:aws:sts::{account}:assumed-role/local/local"
    return f"AIDA{rest}", f"arn:aws:iam::{account}:user/local"
