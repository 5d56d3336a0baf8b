"""API keys, usage plans and throttles."""

from __future__ import annotations

import calendar
import time

import pytest

from lambdactl.manifest.apis import ApiKey, Authorizer, Throttle, UsagePlan
from lambdactl.triggers.http.calls import Allowed, Call, Refusal
from lambdactl.triggers.http.rest.usage import Usage, period
from tests.clock import ManualClock
from tests.triggers.http.parts import Functions, request, setting
from tests.triggers.http.rest.serving import Served, api, header, route

KEYED = route("/pets", "GET", api_key=True)
KEY = ApiKey("k1", "mine", "secret-1")
OTHER = ApiKey("k2", "yours", "secret-2")
OFF = ApiKey("k3", "old", "secret-3", enabled=False)


def plan(**more):
    return UsagePlan("p1", "basic", **{"keys": ("k1", "k2", "k3"), **more})


def shop(*plans, routes=(KEYED,), **more):
    return api(*routes, api_keys=(KEY, OTHER, OFF), usage_plans=plans, **more)


def served(*plans, clock=None, kept=None, **more):
    given = setting(Functions(lambda invocation, event: None), clock=clock or ManualClock())
    given.kept |= kept or {}
    return Served(shop(*plans, **more), given=given)


def ask(at, key="secret-1", **more):
    return at.ask(headers={"x-api-key": key} if key else {}, **more)


def test_who_has_a_key_may_call_and_the_function_sees_it():
    at = served(plan())
    assert ask(at).status == 200
    identity = at.event["requestContext"]["identity"]
    assert (identity["apiKey"], identity["apiKeyId"]) == ("secret-1", "k1")


@pytest.mark.parametrize(
    ("key", "words"),
    [
        (None, "has no `x-api-key`"),
        ("nonsense", "none of the manifest's"),
        ("secret-3", "is disabled"),
    ],
)
def test_who_has_none_may_not(key, words):
    at = served(plan())
    made = ask(at, key)
    assert (made.status, made.body) == (403, b'{"message":"Forbidden"}')
    assert header(made, "x-amzn-ErrorType") == "ForbiddenException"
    assert words in at.told[0]
    assert at.functions.calls == []


def test_a_key_without_a_plan_is_no_key():
    at = served(plan(keys=("k2",)))
    assert ask(at).status == 403
    assert "in no usage plan" in at.told[0]


def test_methods_without_a_key_do_not_count():
    at = served(plan(quota=0), routes=(route(),))
    assert ask(at).status == 200


def test_the_authorizer_may_name_the_key():
    made = shop(plan(), api_key_source="authorizer")
    usage = Usage(made, setting())
    call = Call(setting(), made, KEYED, request(headers={"x-api-key": "secret-1"}), {})
    with pytest.raises(Refusal, match="INVALID_API_KEY"):
        usage.check_key(call)
    call.allowed = Allowed(usage_key="secret-2")
    usage.check_key(call)
    assert call.api_key == OTHER


def test_a_plan_throttles_each_key_by_itself():
    clock = ManualClock()
    at = served(plan(throttle=Throttle(rate=2, burst=3)), clock=clock)
    assert [ask(at).status for _ in range(4)] == [200, 200, 200, 429]
    made = ask(at)
    assert (made.status, made.body) == (429, b'{"message":"Too Many Requests"}')
    assert ask(at, "secret-2").status == 200
    clock.spend(0.5)
    assert [ask(at).status for _ in range(2)] == [200, 429]
    clock.spend(3600)
    assert [ask(at).status for _ in range(4)] == [200, 200, 200, 429]


def test_a_plan_throttles_one_method_more_than_others():
    routes = (KEYED, route("/pets", "POST", api_key=True), route("/", "ANY", api_key=True))
    limits = {"/pets/GET": Throttle(rate=1, burst=1), "/ANY": Throttle(rate=1, burst=2)}
    at = served(plan(method_throttles=limits), routes=routes)
    assert [ask(at).status for _ in range(2)] == [200, 429]
    assert [ask(at, method="POST").status for _ in range(2)] == [200, 200]
    assert [ask(at, target="/", method="PUT").status for _ in range(3)] == [200, 200, 429]


def test_a_quota_ends_with_its_period():
    clock = ManualClock(calendar.timegm((2026, 3, 31, 23, 59, 0)))
    at = served(plan(quota=2, quota_period="day"), clock=clock)
    assert [ask(at).status for _ in range(3)] == [200, 200, 429]
    made = ask(at)
    assert (made.status, made.body) == (429, b'{"message":"Limit Exceeded"}')
    assert header(made, "x-amzn-ErrorType") == "LimitExceededException"
    clock.spend(60)
    assert [ask(at).status for _ in range(3)] == [200, 200, 429]


def test_the_offset_counts_in_the_first_period_only():
    clock = ManualClock()
    at = served(plan(quota=3, quota_period="day", quota_offset=2), clock=clock)
    assert [ask(at).status for _ in range(2)] == [200, 429]
    clock.spend(24 * 3600)
    assert [ask(at).status for _ in range(4)] == [200, 200, 200, 429]


def test_what_was_throttled_does_not_count_against_the_quota():
    clock = ManualClock()
    at = served(plan(throttle=Throttle(1, 1), quota=2, quota_period="month"), clock=clock)
    assert [ask(at).status for _ in range(3)] == [200, 429, 429]
    clock.spend(1)
    assert ask(at).status == 200
    clock.spend(1)
    assert ask(at).body == b'{"message":"Limit Exceeded"}'


@pytest.mark.parametrize(
    ("kind", "last", "first"),
    [
        ("day", (2026, 5, 1, 23, 59, 59), (2026, 5, 2, 0, 0, 0)),
        ("week", (2026, 5, 2, 23, 59, 59), (2026, 5, 3, 0, 0, 0)),
        ("month", (2026, 12, 31, 23, 59, 59), (2027, 1, 1, 0, 0, 0)),
    ],
)
def test_periods_end_in_utc(kind, last, first):
    of = plan(quota_period=kind)
    before, after = period(of, calendar.timegm(last)), period(of, calendar.timegm(first))
    assert after == before + 1
    if kind == "week":
        assert time.gmtime(calendar.timegm(first)).tm_wday == 6


def test_counts_outlive_a_reload():
    clock = ManualClock()
    limits = {"throttle": Throttle(1, 2), "quota": 3}
    at = served(plan(**limits), clock=clock)
    assert [ask(at).status for _ in range(2)] == [200, 200]
    again = served(plan(**limits), clock=clock, kept=at.setting.kept)
    assert ask(again).body == b'{"message":"Too Many Requests"}'
    clock.spend(60)
    assert [ask(again).body for _ in range(2)] == [b"", b'{"message":"Limit Exceeded"}']


def test_the_stage_throttles_methods():
    routes = (route(), route("/pets", "POST"), route("/cats"))
    limits = {"*/*": Throttle(1, 1), "/pets/POST": Throttle(1, 2)}
    at = Served(api(*routes, throttles=limits))
    assert [at.ask().status for _ in range(2)] == [200, 429]
    assert [at.ask("/pets", "POST").status for _ in range(3)] == [200, 200, 429]
    assert [at.ask("/cats").status for _ in range(2)] == [200, 429]


def test_the_authorizer_comes_before_the_key():
    authorizer = Authorizer(
        "lambda", function="guard", type="token", identity=("method.request.header.Authorization",)
    )
    at = Served(shop(plan(), routes=(route("/pets", "GET", api_key=True, authorizer=authorizer),)))
    assert at.ask().status == 401
