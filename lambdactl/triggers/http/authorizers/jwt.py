"""JWT authorizers.

HTTP APIs: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html
and, for ``www-authenticate``,
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-troubleshooting-jwt.html. Of
its descriptions AWS documents "the token does not have a valid audience"; the others are those of
the same form that clients have seen, or say the same as its workflow.
REST APIs: https://docs.aws.amazon.com/apigateway/latest/developerguide/rest-api-jwt-authorizer.html
and .../rest-api-jwt-authorizer-claims.html.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from lambdactl.manifest.apis import Api, Authorizer
from lambdactl.triggers.http.authorizers.cache import memory
from lambdactl.triggers.http.authorizers.identity import sources
from lambdactl.triggers.http.authorizers.keys import KeysError, KeySet, from_issuer, from_place
from lambdactl.triggers.http.authorizers.tokens import (
    TokenError,
    bare,
    check_times,
    look,
    scopes,
    verify,
    wrong_issuer,
)
from lambdactl.triggers.http.calls import Allowed, Call, Refusal, Setting

IDENTITY = {"rest": "method.request.header.Authorization"}
USUAL_IDENTITY = "$request.header.Authorization"


class JwtChecker:
    """The check of one JWT authorizer at one API."""

    def __init__(self, authorizer: Authorizer, api: Api, setting: Setting) -> None:
        self._authorizer = authorizer
        self._setting = setting
        self._http = api.kind == "http"
        self._name = f"the JWT authorizer {authorizer.name}".rstrip()
        identity = authorizer.identity or (IDENTITY.get(api.kind, USUAL_IDENTITY),)
        self._sources = sources(identity, api.kind, setting.tell)
        self._keys = key_set(authorizer, authorizer.issuer or "", setting)

    async def __call__(self, call: Call) -> None:
        wanted = call.route.scopes or self._authorizer.scopes
        value = next((found for read in self._sources if (found := read(call))), None)
        if value is None:
            raise Refusal(
                "UNAUTHORIZED",
                reason=f"{self._name}: the request has no token",
                context={"www-authenticate": "Bearer"},
            )
        try:
            token = look(bare(value))
            await verify(token, self._keys)
            self._claims(token.claims)
            check_times(token.claims, self._setting.clock.now())
        except TokenError as error:
            raise Refusal(
                "UNAUTHORIZED",
                reason=f"{self._name} does not believe the token: "
                f"{advised(error, self._authorizer)}",
                context={"www-authenticate": _challenge(wanted, "invalid_token", error)},
            ) from error
        granted = scopes(token.claims)
        if wanted and not set(wanted) & set(granted):
            raise Refusal(
                "ACCESS_DENIED",
                reason=f"{self._name}: the token has none of the scopes {', '.join(wanted)} "
                f"(it has {', '.join(granted) or 'none'})",
                context={"www-authenticate": _challenge(wanted, "insufficient_scope")},
            )
        call.allowed = Allowed(shown=self._shown(token.claims, granted if wanted else None))

    def _claims(self, claims: Mapping[str, Any]) -> None:
        """Issuer and audience. "API Gateway validates client_id only if aud is not present." """
        issuer, wanted = claims.get("iss"), self._authorizer.issuer
        if wanted is not None and issuer != wanted:
            raise wrong_issuer(issuer, [wanted])
        name = "aud" if "aud" in claims else "client_id"
        given = claims.get(name)
        audience = given if isinstance(given, list) else [given]
        wanted_audience = self._authorizer.audience
        if wanted_audience and not any(each in wanted_audience for each in audience):
            raise TokenError(
                "the token does not have a valid audience",
                f"its {name} is {given}, not one of {', '.join(wanted_audience)}",
            )

    def _shown(self, claims: Mapping[str, Any], granted: list[str] | None) -> dict[str, Any]:
        if not self._http:
            # "A Lambda proxy integration receives each claim with its JSON type."
            return {"claims": dict(claims)}
        texts = {name: text(value) for name, value in claims.items() if value is not None}
        return {"jwt": {"claims": texts, "scopes": granted}}


def _challenge(wanted: Sequence[str], error: str, why: TokenError | None = None) -> str:
    """The value of ``www-authenticate`` (AWS leaves out the commas that RFC 6750 has)."""
    start = f'Bearer scope="{" ".join(wanted)}" error="{error}"'
    if why is None:
        return start
    # A header's text must not be broken by what a token's header says.
    description = "".join(c for c in why.description if c.isascii() and c.isprintable())
    return f'{start} error_description="{description.replace(chr(34), "")}"'


def text(value: Any) -> str:
    """A claim as an HTTP API shows it: text. Lists stand in brackets with spaces between
    (``[admin poweruser]``), as events of AWS have them; objects are JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return f"[{' '.join(text(each) for each in value)}]"
    return orjson.dumps(value).decode()


def advised(error: TokenError, authorizer: Authorizer) -> str:
    """What is wrong, and what to do about it where the issuer can't be asked: it is offline, or a
    user pool that the template makes and that is nowhere yet."""
    if not isinstance(error.__cause__, KeysError):
        return error.words
    name = f"{authorizer.name}=" if authorizer.name else ""
    return f"{error.words}; `local start-api --jwks {name}FILE|URL` gives its keys"


def key_set(authorizer: Authorizer, issuer: str, setting: Setting) -> KeySet:
    """The keys that the user or the authorizer names, or else those that ``issuer`` publishes; each
    place is read once for all authorizers."""
    known = memory(setting).keys
    place = setting.jwks.get(authorizer.name) or setting.jwks.get("") or authorizer.keys
    key = (setting.app.root, place) if place else issuer
    found: KeySet | None = known.get(key)
    if found is None:
        found = known[key] = (
            from_place(place, setting.app.root, setting.clock)
            if place
            else from_issuer(issuer, setting.clock)
        )
    return found
