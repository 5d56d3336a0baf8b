"""JSON Web Tokens, verified: signature and times. What claims have to say is the caller's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jwt
import orjson

from lambdactl.triggers.http.authorizers.keys import KeysError, KeySet

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
"""Those with RSA; API Gateway's HTTP APIs and Cognito take no others
(https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html)."""


class TokenError(Exception):
    """The token is not believed.

    :param description: for ``error_description`` of ``WWW-Authenticate``.
    :param words: for the developer, where that does not say enough.
    """

    def __init__(self, description: str, words: str | None = None) -> None:
        super().__init__(description)
        self.description = description
        self.words = words or description


class ExpiredError(TokenError):
    """It was believed once."""


@dataclass(frozen=True, slots=True)
class Token:
    """A token that has been looked at, but not verified."""

    text: str
    header: Mapping[str, Any]
    claims: Mapping[str, Any]


def bare(value: str) -> str:
    """The token of an ``Authorization`` value: with ``Bearer`` before it or without."""
    scheme, _, rest = value.partition(" ")
    return rest.strip() if scheme.lower() == "bearer" and rest else value.strip()


def look(text: str) -> Token:
    """Decode a token.

    :raises TokenError: it is none.
    """
    segments = text.count(".") + 1
    if segments != 3:
        raise TokenError(
            "token contains an invalid number of segments",
            f"it is no JWT: a JWT has three parts with dots between, this has {segments}",
        )
    try:
        decoded = jwt.api_jws.decode_complete(text, options={"verify_signature": False})
        claims = orjson.loads(decoded["payload"])
    except (jwt.PyJWTError, orjson.JSONDecodeError) as error:
        raise TokenError("the token is malformed", f"it is no JWT: {error}") from error
    if not isinstance(claims, dict):
        raise TokenError("the token is malformed", "its payload is not a JSON object")
    return Token(text, decoded["header"], claims)


async def verify(token: Token, keys: KeySet) -> None:
    """Check the signature.

    :raises TokenError: it is not to be believed.
    """
    algorithm, kid = token.header.get("alg"), token.header.get("kid")
    if algorithm not in ALGORITHMS:
        raise TokenError(
            f"signing method {algorithm} is invalid",
            f"it is signed with {algorithm}; only algorithms with RSA are supported",
        )
    if not isinstance(kid, str):
        raise TokenError("the token has no kid", "its header has no kid, so no key can be found")
    try:
        key = await keys.key(kid)
    except KeysError as error:
        raise TokenError(error.description, str(error)) from error
    if key is None:
        raise TokenError(
            "the token was signed with an unknown key", f"the issuer has no RSA key with kid {kid}"
        )
    try:
        jwt.api_jws.decode(token.text, key, algorithms=[algorithm])
    except jwt.PyJWTError as error:
        raise TokenError(
            "signature is invalid", f"its signature is not that of the issuer's key: {error}"
        ) from error


def wrong_issuer(issuer: Any, wanted: Sequence[str]) -> TokenError:
    """The token names another issuer. A user pool of a template has an id of its own here."""
    words = f"its iss is {issuer}, not {'one of ' if len(wanted) > 1 else ''}{', '.join(wanted)}"
    if isinstance(issuer, str) and _is_pool(issuer) and any(map(_is_pool, wanted)):
        pool = issuer.rpartition("/")[2]
        words += (
            "; if that is a pool of the template, deployed, say so: "
            f"--parameter-overrides <its logical id>={pool}"
        )
    return TokenError("the token does not have a valid issuer", words)


def _is_pool(issuer: str) -> bool:
    return issuer.startswith("https://cognito-idp.")


def check_times(claims: Mapping[str, Any], now: float) -> None:
    """That ``now`` (seconds since the epoch) is a time at which a token is valid. A claim that it
    does not have limits nothing.

    :raises TokenError: it is not.
    """
    expires, begins, issued = (_moment(claims, name) for name in ("exp", "nbf", "iat"))
    if expires is not None and expires <= now:
        raise ExpiredError("the token has expired", f"it expired {now - expires:.0f} s ago")
    if begins is not None and begins > now:
        raise TokenError("the token is not valid yet", f"it is valid in {begins - now:.0f} s")
    if issued is not None and issued > now:
        raise TokenError(
            "the token was issued in the future",
            f"its iat is {issued - now:.0f} s from now; compare the clocks",
        )


def _moment(claims: Mapping[str, Any], name: str) -> float | None:
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TokenError("the token is malformed", f"its {name} is not a number")
    return float(value)


def scopes(claims: Mapping[str, Any]) -> list[str]:
    """The scopes of a token: ``scope``, else ``scp``, as a list or a text with spaces between."""
    for name in ("scope", "scp"):
        value = claims.get(name)
        if isinstance(value, str):
            return value.split()
        if isinstance(value, list):
            return [str(each) for each in value]
    return []
