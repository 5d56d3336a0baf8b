"""Cognito user pools as authorizers of a REST API.

https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-integrate-with-cognito.html:
without scopes the token is an identity token, with scopes an access token that has one of them.
Tokens: https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-tokens-verifying-a-jwt.html.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import Any

import orjson

from lambdactl.manifest.apis import Api, Authorizer
from lambdactl.triggers.http.authorizers.identity import sources, validation
from lambdactl.triggers.http.authorizers.jwt import advised, key_set
from lambdactl.triggers.http.authorizers.tokens import (
    ExpiredError,
    TokenError,
    bare,
    check_times,
    look,
    scopes,
    verify,
    wrong_issuer,
)
from lambdactl.triggers.http.calls import Allowed, Call, Refusal, Setting

EXPIRED = "The incoming token has expired"
"""https://repost.aws/knowledge-center/api-gateway-cognito-401-unauthorized"""

_POOL = re.compile(r"arn:[^:]+:cognito-idp:([^:]+):\d*:userpool/(.+)")
_POOL_ID = re.compile(r"([a-z]{2}(?:-[a-z]+)+-\d)_\w+")


class CognitoChecker:
    """The check of one user pool authorizer at one API."""

    def __init__(self, authorizer: Authorizer, api: Api, setting: Setting) -> None:
        self._authorizer = authorizer
        self._setting = setting
        self._name = f"the Cognito authorizer {authorizer.name}".rstrip()
        identity = authorizer.identity or ("method.request.header.Authorization",)
        self._sources = sources(identity, api.kind, setting.tell)
        self._pattern = validation(authorizer.validation, setting.tell)
        self._keys = {
            issuer: key_set(authorizer, issuer, setting)
            for pool in authorizer.user_pools
            for issuer in [self._issuer(pool, api)]
        }

    def _issuer(self, pool: str, api: Api) -> str:
        """The ``iss`` of a user pool's tokens.

        :param pool: its ARN, in which a stage variable may stand, or its id.
        """
        pool = re.sub(
            r"\$\{stageVariables\.(\w+)\}", lambda name: api.variables.get(name[1], ""), pool
        )
        if found := _POOL.fullmatch(pool):
            region, pool_id = found.groups()
        elif found := _POOL_ID.fullmatch(pool):
            region, pool_id = found[1], pool
        else:
            # A reference that only AWS can resolve. Whatever it is, no token is from there.
            self._setting.tell(f"{self._name}: {pool} is no ARN of a user pool")
            return pool
        suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
        return f"https://cognito-idp.{region}.{suffix}/{pool_id}"

    async def __call__(self, call: Call) -> None:
        wanted = call.route.scopes or self._authorizer.scopes
        value = next((found for read in self._sources if (found := read(call))), None)
        if value is None:
            raise Refusal("UNAUTHORIZED", reason=f"{self._name}: the request has no token")
        if self._pattern is not None and not self._pattern.fullmatch(value):
            raise Refusal(
                "UNAUTHORIZED",
                reason=f"{self._name}: the token does not match {self._authorizer.validation}",
            )
        try:
            claims = await self._claims(bare(value), bool(wanted))
        except TokenError as error:
            raise Refusal(
                "UNAUTHORIZED",
                EXPIRED if isinstance(error, ExpiredError) else None,
                reason=f"{self._name} does not believe the token: "
                f"{advised(error, self._authorizer)}",
            ) from error
        granted = scopes(claims)
        if wanted and not set(wanted) & set(granted):
            # 401 and not 403, as those have met who forgot a scope
            # (https://github.com/aws-amplify/amplify-flutter/issues/1539).
            raise Refusal(
                "UNAUTHORIZED",
                reason=f"{self._name}: the token has none of the scopes {', '.join(wanted)} "
                f"(it has {', '.join(granted) or 'none'})",
            )
        call.allowed = Allowed(shown={"claims": {name: text(name, claims) for name in claims}})

    async def _claims(self, value: str, access: bool) -> Mapping[str, Any]:
        token = look(value)
        issuer, use = token.claims.get("iss"), token.claims.get("token_use")
        keys = self._keys.get(issuer) if isinstance(issuer, str) else None
        if keys is None:
            raise wrong_issuer(issuer, list(self._keys))
        await verify(token, keys)
        check_times(token.claims, self._setting.clock.now())
        if access and use != "access":
            raise TokenError(
                "not an access token", f"the route has scopes, and its token_use is {use}"
            )
        if not access and use != "id":
            raise TokenError(
                "not an identity token",
                f"its token_use is {use}; a route without scopes takes identity tokens only",
            )
        return token.claims


def text(name: str, claims: Mapping[str, Any]) -> str:
    """A claim as ``requestContext.authorizer.claims`` has it: text. Lists have commas between, and
    ``exp`` and ``iat`` are dates as Java writes them
    (https://github.com/awsdocs/amazon-api-gateway-developer-guide/issues/158)."""
    value = claims[name]
    if name in ("exp", "iat") and isinstance(value, (int, float)):
        return _date(value)
    if isinstance(value, list):
        return ",".join(_text(each) for each in value)
    return _text(value)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def _date(seconds: float) -> str:
    """``Wed Nov 02 18:40:52 UTC 2022``."""
    try:
        moment = time.gmtime(seconds)
    except (OverflowError, ValueError, OSError):
        return str(seconds)
    # Not strftime: names must not depend on the locale.
    day, month = _DAYS[moment.tm_wday], _MONTHS[moment.tm_mon - 1]
    clock = f"{moment.tm_hour:02}:{moment.tm_min:02}:{moment.tm_sec:02}"
    return f"{day} {month} {moment.tm_mday:02} {clock} UTC {moment.tm_year}"
