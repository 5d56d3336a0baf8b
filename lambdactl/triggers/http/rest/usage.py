"""API keys, usage plans and throttles of a REST API.

Sources: the order in which limits are applied and the token bucket
(https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-request-throttling.html),
usage plans (https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-api-usage-plans.html)
and where the key comes from
(https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-api-key-source.html).
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from lambdactl.manifest.apis import Api, ApiKey, Throttle, UsagePlan
from lambdactl.triggers.http.calls import Call, Refusal, Setting
from lambdactl.triggers.http.throttle import Bucket

_EVERY_METHOD = "*/*"
_DAY_S = 24 * 60 * 60


@dataclass(slots=True)
class _Period:
    number: int
    used: int
    first: bool
    """The plan's first period, in which its offset counts."""


@dataclass(slots=True)
class _Counts:
    """What outlives the reload of a manifest."""

    buckets: dict[tuple[str, ...], tuple[Throttle, Bucket]] = field(default_factory=dict)
    periods: dict[tuple[str, str], _Period] = field(default_factory=dict)


class Usage:
    """Who may call, and how often. All of it counts in this process only."""

    def __init__(self, api: Api, setting: Setting) -> None:
        self._clock = setting.clock
        self._counts: _Counts = setting.kept.setdefault(f"usage of {api.name}", _Counts())
        self._throttles = api.throttles
        self._from_authorizer = api.api_key_source == "authorizer"
        self._keys = {key.value: key for key in api.api_keys}
        self._plans = {key: plan for plan in reversed(api.usage_plans) for key in plan.keys}

    def check_key(self, call: Call) -> None:
        """Find the API key of ``call`` (``call.api_key``), and count against its usage plan.

        :raises Refusal: ``INVALID_API_KEY``, ``THROTTLED`` or ``QUOTA_EXCEEDED``.
        """
        key = call.api_key = self._key(call)
        plan = self._plans.get(key.id)
        if plan is None:
            raise Refusal("INVALID_API_KEY", reason=f"API key `{key.name}` is in no usage plan")
        for method in _methods(call):
            if method in plan.method_throttles:
                self._take(("plan", plan.id, key.id, method), plan.method_throttles[method])
                break
        if plan.throttle is not None:
            self._take(("plan", plan.id, key.id), plan.throttle)
        if plan.quota is not None:
            self._count(plan, plan.quota, key)

    def check_stage(self, call: Call) -> None:
        """Count against the stage's limit for this method.

        :raises Refusal: ``THROTTLED``.
        """
        for method in (*_methods(call), _EVERY_METHOD):
            throttle = self._throttles.get(method)
            if throttle is not None:
                self._take(("stage", call.route.path, call.route.method), throttle)
                return

    def _key(self, call: Call) -> ApiKey:
        if self._from_authorizer:
            value = call.allowed.usage_key if call.allowed is not None else None
            where = "the authorizer gave no `usageIdentifierKey`"
        else:
            value = call.request.header("x-api-key")
            where = "the request has no `x-api-key`"
        if not value:
            there = "`lambdactl local routes` shows them" if self._keys else "there is none yet"
            raise Refusal(
                "INVALID_API_KEY", reason=f"the method needs an API key ({there}), and {where}"
            )
        key = self._keys.get(value)
        if key is None or not key.enabled:
            what = "is disabled" if key is not None else "is none of the manifest's"
            raise Refusal("INVALID_API_KEY", reason=f"the API key that was sent {what}")
        return key

    def _take(self, name: tuple[str, ...], throttle: Throttle) -> None:
        throttled, bucket = self._counts.buckets.get(name, (None, None))
        if bucket is None or throttled != throttle:
            bucket = Bucket(throttle, self._clock)
            self._counts.buckets[name] = (throttle, bucket)
        if not bucket.take():
            raise Refusal("THROTTLED")

    def _count(self, plan: UsagePlan, quota: int, key: ApiKey) -> None:
        number = period(plan, self._clock.now())
        count = self._counts.periods.get((plan.id, key.id))
        if count is None:
            count = self._counts.periods[plan.id, key.id] = _Period(number, 0, first=True)
        elif count.number != number:
            count.number, count.used, count.first = number, 0, False
        if count.used >= quota - (plan.quota_offset if count.first else 0):
            raise Refusal("QUOTA_EXCEEDED")
        count.used += 1


def period(plan: UsagePlan, now: float) -> int:
    """The number of the period that ``now`` is in: days, weeks from Sunday or months, in UTC."""
    if plan.quota_period == "month":
        moment = time.gmtime(now)
        return moment.tm_year * 12 + moment.tm_mon
    days = int(now // _DAY_S)
    # The first of January 1970 was a Thursday.
    return days if plan.quota_period == "day" else (days + 4) // 7


def _methods(call: Call) -> tuple[str, ...]:
    """The names of the method of ``call`` in a table of throttles, the closest first."""
    path = "" if call.route.path == "/" else call.route.path
    return f"{path}/{call.request.method}", f"{path}/{call.route.method}"
