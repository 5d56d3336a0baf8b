"""Lambda authorizers: a function decides, once for each set of identity source values.

REST and WebSocket APIs: https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-use-lambda-authorizer.html;
HTTP APIs: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html.

What is kept for the TTL is the policy, not the decision: it is looked at anew for every request,
so a policy that names one path denies the next
(https://repost.aws/knowledge-center/api-gateway-lambda-authorization-errors).
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import orjson

from lambdactl.execution.invocation import InvocationResult
from lambdactl.execution.tasks import within
from lambdactl.manifest.apis import Api, Authorizer
from lambdactl.triggers.http import faults
from lambdactl.triggers.http.authorizers import answers
from lambdactl.triggers.http.authorizers.answers import Answer, MalformedError
from lambdactl.triggers.http.authorizers.cache import Cache, memory
from lambdactl.triggers.http.authorizers.identity import Source, arns, facts, sources, validation
from lambdactl.triggers.http.authorizers.policy import Decision, decide
from lambdactl.triggers.http.calls import Allowed, Call, Refusal, Setting, invoke

DENIED = {
    "deny": "User is not authorized to access this resource"
    " with an explicit deny in an identity-based policy",
    "none": "User is not authorized to access this resource"
    " because no identity-based policy allows the execute-api:Invoke action",
}
"""The words of API Gateway's 403 since it tells why (seen in answers of 2025; the older ones are in
https://repost.aws/knowledge-center/api-gateway-403-error-lambda-authorizer)."""

TIMEOUTS_S = {"http": 10.0}
"""https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html"""
TIMEOUT_S = 29.0
"""Of the other kinds: that of an integration
(https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html)."""

_running: set[asyncio.Task[InvocationResult]] = set()
"""Calls of authorizers, those included that took too long and run on, as they would in AWS."""


class LambdaChecker:
    """The check of one Lambda authorizer at one API."""

    def __init__(self, authorizer: Authorizer, api: Api, setting: Setting) -> None:
        self._authorizer = authorizer
        self._kind = api.kind
        self._setting = setting
        self._name = f"the authorizer {authorizer.name or authorizer.function or ''}".rstrip()
        self._token = authorizer.type == "token" and api.kind != "http"
        self._sources = self._identity()
        self._pattern = validation(authorizer.validation, self._tell) if self._token else None
        self._arn = arns(setting, api.kind)
        self._cache = self._shared(api)

    def _identity(self) -> tuple[Source, ...]:
        # A TOKEN authorizer can't be without; the console's own proposal is this header.
        identity = self._authorizer.identity
        if self._token and not identity:
            identity = ("method.request.header.Authorization",)
        return sources(identity, self._kind, self._tell)

    def _shared(self, api: Api) -> Cache[Answer] | None:
        """The cache that all routes of the API share; None without caching, which needs a TTL and
        something to tell requests apart by."""
        if self._authorizer.ttl_s <= 0 or not self._sources:
            return None
        caches = memory(self._setting).caches
        key = (api.kind, api.name, api.stage, self._authorizer)
        found: Cache[Answer] | None = caches.get(key)
        if found is None:
            found = caches[key] = Cache(self._setting.clock, self._authorizer.ttl_s)
        return found

    async def __call__(self, call: Call) -> None:
        values = []
        for source in self._sources:
            value = source(call)
            if value is None:
                raise Refusal(
                    "UNAUTHORIZED",
                    reason=f"{self._name} was not asked: the request lacks an identity source "
                    f"({', '.join(self._authorizer.identity) or 'Authorization'})",
                )
            values.append(value)
        if self._pattern is not None and not self._pattern.fullmatch(values[0]):
            raise Refusal(
                "UNAUTHORIZED",
                reason=f"{self._name} was not asked: the token does not match "
                f"{self._authorizer.validation}",
            )
        arn = self._arn(call)
        if self._cache is None:
            answer, kept = await self._ask(call, values, arn), False
        else:
            answer, kept = await self._cache.get(
                tuple(values), lambda: self._ask(call, values, arn)
            )
        self._judge(call, answer, arn, kept)

    # Asking

    async def _ask(self, call: Call, values: list[str], arn: str) -> Answer:
        function = self._authorizer.function
        if not function:
            raise Refusal("AUTHORIZER_CONFIGURATION_ERROR", reason=f"{self._name} has no function")
        started = self._setting.clock.monotonic()
        payload = orjson.dumps(self._event(call, values, arn), default=dict)
        result = await self._within(invoke(call, payload, function=function))
        took_ms = int((self._setting.clock.monotonic() - started) * 1000)
        if result.function_error:
            message = faults.message(result.payload)
            if message == answers.UNAUTHORIZED:
                raise Refusal("UNAUTHORIZED", reason=f"{self._name} said Unauthorized")
            raise Refusal(
                "AUTHORIZER_FAILURE",
                reason=f"{self._name} failed: {message or 'see its log'} "
                "(only the error message Unauthorized means 401)",
            )
        try:
            return answers.answer(result.payload, self._authorizer, self._kind, took_ms)
        except MalformedError as error:
            raise Refusal(
                "AUTHORIZER_CONFIGURATION_ERROR", reason=f"{self._name}: {error}"
            ) from error

    async def _within(self, work: Coroutine[Any, Any, InvocationResult]) -> InvocationResult:
        seconds = self._setting.patience_s(TIMEOUTS_S.get(self._kind, TIMEOUT_S))
        try:
            return await within(work, seconds, self._setting.clock, _running)
        except TimeoutError:
            raise Refusal(
                "AUTHORIZER_FAILURE",
                reason=f"{self._name} did not answer within {seconds:g} seconds",
            ) from None
        except Refusal as refusal:
            raise Refusal(
                "AUTHORIZER_FAILURE", reason=f"{self._name} could not be run: {refusal.reason}"
            ) from refusal

    def _event(self, call: Call, values: list[str], arn: str) -> dict[str, Any]:
        if self._token:
            return {"type": "TOKEN", "methodArn": arn, "authorizationToken": values[0]}
        from lambdactl.triggers.http.authorizers.events import http_event, request_event

        if self._kind == "http":
            return http_event(call, self._authorizer.payload, values, arn)
        return request_event(call, arn)

    # Judging

    def _judge(self, call: Call, answer: Answer, arn: str, kept: bool) -> None:
        decision: Decision
        if answer.policy is None:
            decision = "allow" if answer.authorized else "deny"
        else:
            decision = decide(answer.policy, arn, facts(call))
        shown = self._shown(answer, kept)
        if decision != "allow":
            raise Refusal(
                "ACCESS_DENIED",
                DENIED[decision],
                reason=self._why(answer, decision, arn, kept),
                context=shown,
            )
        call.allowed = Allowed(
            shown=shown, principal_id=answer.principal_id, usage_key=answer.usage_key
        )

    def _shown(self, answer: Answer, kept: bool) -> dict[str, Any]:
        if self._kind == "http":
            return {"lambda": answer.context}
        return {
            **(answer.context or {}),
            "principalId": answer.principal_id,
            "integrationLatency": 0 if kept else answer.took_ms,
        }

    def _why(self, answer: Answer, decision: Decision, arn: str, kept: bool) -> str:
        if answer.policy is None:
            return f"{self._name} returned isAuthorized: false"
        words = (
            f"a statement of {self._name}'s policy denies {arn}"
            if decision == "deny"
            else f"no statement of {self._name}'s policy allows {arn}"
        )
        if kept:
            words += f" (the policy is one it returned within the last {self._authorizer.ttl_s} s)"
        return words

    def _tell(self, words: str) -> None:
        self._setting.tell(f"{self._name}: {words}")
