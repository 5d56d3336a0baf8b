"""Who may pass a front door: one check for each authorizer of an API.

:func:`checker` makes the check of an authorizer; a door awaits it for each request. It sets
``call.allowed`` or raises :class:`~lambdactl.triggers.http.calls.Refusal` with a type out of

- ``UNAUTHORIZED`` (401): no identity, or one that is not believed;
- ``ACCESS_DENIED`` (403): known and denied. ``message`` has API Gateway's words, ``context`` what
  the authorizer gave along (a gateway response's ``$context.authorizer``);
- ``AUTHORIZER_FAILURE``, ``AUTHORIZER_CONFIGURATION_ERROR`` (500): the authorizer failed, or its
  answer is of no use;
- ``MISSING_AUTHENTICATION_TOKEN``, ``INVALID_SIGNATURE``, ``EXPIRED_TOKEN`` (403): IAM. ``message``
  has AWS's words, ``context["error_type"]`` the exception that ``x-amzn-ErrorType`` names.

``reason`` always has words for the developer, which the door tells. The refusal of a JWT authorizer
has ``context["www-authenticate"]``, the value of the header of that name.

``call.allowed.shown`` is what ``requestContext.authorizer`` shows:

=========  =====================================================================
REST       Lambda: principalId, integrationLatency, the context's values as text;
           Cognito and JWT: ``{"claims": ...}``; IAM: nothing (see ``identity``)
WebSocket  as REST
HTTP       ``{"lambda": context}``, ``{"jwt": {"claims": ..., "scopes": ...}}``
           or ``{"iam": ...}``, as payload 2.0 has it
URL        ``{"iam": ...}``
=========  =====================================================================
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from lambdactl.manifest.apis import Api, Authorizer
from lambdactl.triggers.http.authorizers.cache import memory
from lambdactl.triggers.http.calls import Call, Setting

__all__ = ["Check", "checker", "forget"]

Check = Callable[[Call], Awaitable[None]]
"""Lets a request pass or raises Refusal. A WebSocket API's call is a ``ConnectionCall``."""


def checker(authorizer: Authorizer, api: Api, setting: Setting) -> Check:
    """The check of ``authorizer`` for the routes of ``api``. Make it once, with the door."""
    # Each kind imports what the others do not need.
    if authorizer.kind == "lambda":
        from lambdactl.triggers.http.authorizers.lambda_ import LambdaChecker

        return LambdaChecker(authorizer, api, setting)
    if authorizer.kind == "jwt":
        from lambdactl.triggers.http.authorizers.jwt import JwtChecker

        return JwtChecker(authorizer, api, setting)
    if authorizer.kind == "cognito":
        from lambdactl.triggers.http.authorizers.cognito import CognitoChecker

        return CognitoChecker(authorizer, api, setting)
    from lambdactl.triggers.http.authorizers.iam import IamChecker

    return IamChecker(api, setting)


def forget(setting: Setting, function: str) -> None:
    """Drop the answers of the authorizer ``function`` that are kept: its code has changed, and what
    it said before must not outlive it for minutes."""
    for (*_, authorizer), cache in memory(setting).caches.items():
        if authorizer.function == function:
            cache.clear()
