"""API keys and usage plans of a REST API
(https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-api-usage-plans.html).

They belong to the account, not to the API; tags say whose they are. Keys that somebody else put
into a plan of ours, and APIs that they put there, stay there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lambdactl.deploy.faults import allowed, code
from lambdactl.deploy.gateway_shapes import throttle
from lambdactl.deploy.kinds import gateway
from lambdactl.deploy.kinds.rest_reading import pages
from lambdactl.deploy.model import Context

API, NAME, VALUE = "lambdactl:api", "lambdactl:name", "lambdactl:value"
"""Tags: the API that it is for, its name in the manifest, whether the manifest gives its value."""
_GIVEN = "given"
_KEYS, _PLANS = "apigateway/keys", "apigateway/plans"
_GONE = "NotFoundException"


def owners(context: Context) -> set[str]:
    """Names of the APIs that have a key or plan of ours."""
    found = [*_listed(context, _KEYS), *_listed(context, _PLANS)]
    return {item["tags"][API] for item in found}


def forget(context: Context) -> None:
    context.account.forget(_KEYS, _PLANS)


def _listed(context: Context, which: str) -> Iterator[Mapping[str, Any]]:
    client = context.account.client("apigateway")

    def ask() -> list[Mapping[str, Any]]:
        # Without the values of all keys of the account.
        return pages(client, "get_api_keys" if which == _KEYS else "get_usage_plans")

    for item in context.account.once(which, ask):
        if gateway.ours(context, item) and API in item["tags"]:
            yield item


def _of(context: Context, which: str, api: str) -> dict[str, Mapping[str, Any]]:
    return {
        item["tags"][NAME]: item for item in _listed(context, which) if item["tags"][API] == api
    }


def live(context: Context, api: str, id_: str | None) -> dict[str, Any]:
    """The keys and plans of an API.

    :param api: its name.
    :param id_: None: it is not there any more.
    """
    client = context.account.client("apigateway")
    keys = _of(context, _KEYS, api)
    names = {item["id"]: name for name, item in keys.items()}
    plans = {}
    for name, plan in _of(context, _PLANS, api).items():
        member = pages(client, "get_usage_plan_keys", usagePlanId=plan["id"])
        plans[name] = _plan(plan, id_) | {
            "keys": {names[item["id"]]: True for item in member if item["id"] in names}
        }
    return {
        "api_keys": {name: _key(client, item) for name, item in keys.items()},
        "usage_plans": plans,
    }


def _key(client: Any, item: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"enabled": bool(item.get("enabled"))}
    if item["tags"].get(VALUE) == _GIVEN:
        # That of another is made by AWS, and not managed.
        found["value"] = client.get_api_key(apiKey=item["id"], includeValue=True)["value"]
    return found


def _plan(item: Mapping[str, Any], id_: str | None) -> dict[str, Any]:
    limits, quota = item.get("throttle"), item.get("quota")
    stages = [one for one in item.get("apiStages") or () if one["apiId"] == id_]
    throttles = (stages[0].get("throttle") or {}) if stages else {}
    return {
        "stage": ", ".join(sorted(one["stage"] for one in stages)) or None,
        "throttle": throttle(limits.get("rateLimit"), limits.get("burstLimit")) if limits else None,
        "throttles": {
            path: throttle(one.get("rateLimit"), one.get("burstLimit"))
            for path, one in throttles.items()
        },
        "quota": {
            "limit": int(quota["limit"]),
            "period": str(quota.get("period") or "MONTH").lower(),
            "offset": int(quota.get("offset") or 0),
        }
        if quota
        else None,
    }


def bring(context: Context, api: str, id_: str, wanted: Mapping[str, Any]) -> None:
    """Make the keys and plans of an API what they should be."""
    client = context.account.client("apigateway")
    forget(context)
    there = live(context, api, id_)
    keys = _bring_keys(context, client, api, there["api_keys"], wanted["api_keys"])
    plans = _of(context, _PLANS, api)
    for name in plans.keys() - wanted["usage_plans"].keys():
        _delete_plan(client, plans[name])
    for name, properties in wanted["usage_plans"].items():
        before = there["usage_plans"].get(name)
        if before is None:
            plan = _create_plan(context, client, api, id_, name, properties)
            before = {"keys": {}}
        else:
            plan = plans[name]["id"]
            patch = _patch(id_, before, properties)
            if patch:
                client.update_usage_plan(usagePlanId=plan, patchOperations=patch)
        for key in properties["keys"]:
            # A key that was made anew is in no plan.
            if key not in before["keys"] or keys[key][1]:
                with allowed("ConflictException"):
                    client.create_usage_plan_key(
                        usagePlanId=plan, keyId=keys[key][0], keyType="API_KEY"
                    )
        for key in before["keys"].keys() - properties["keys"].keys():
            if key in keys:
                with allowed(_GONE):
                    client.delete_usage_plan_key(usagePlanId=plan, keyId=keys[key][0])
    for name, item in _of(context, _KEYS, api).items():
        if name not in wanted["api_keys"]:
            with allowed(_GONE):
                client.delete_api_key(apiKey=item["id"])
    forget(context)


def delete(context: Context, api: str) -> None:
    """Delete the keys and plans of an API."""
    client = context.account.client("apigateway")
    forget(context)
    for plan in _of(context, _PLANS, api).values():
        _delete_plan(client, plan)
    for key in _of(context, _KEYS, api).values():
        with allowed(_GONE):
            client.delete_api_key(apiKey=key["id"])
    forget(context)


def _tags(context: Context, api: str, name: str) -> dict[str, str]:
    return {**context.naming.tags(), API: api, NAME: name}


def _bring_keys(
    context: Context,
    client: Any,
    api: str,
    live_: Mapping[str, Any],
    wanted: Mapping[str, Any],
) -> dict[str, tuple[str, bool]]:
    """The ids of the keys that are there now, by name, and whether one is new. The value of a key
    can't be changed, so one with another is another key."""
    items = _of(context, _KEYS, api)
    found = {name: (str(item["id"]), False) for name, item in items.items()}
    for name, key in wanted.items():
        value, before = key.get("value"), live_.get(name)
        if before is not None and before.get("value") != value:
            with allowed(_GONE):
                client.delete_api_key(apiKey=found[name][0])
            before = None
        if before is None:
            arguments = {"value": value} if value is not None else {}
            tags = _tags(context, api, name) | ({VALUE: _GIVEN} if value is not None else {})
            made = client.create_api_key(
                name=f"{api}-{name}", enabled=key["enabled"], tags=tags, **arguments
            )
            found[name] = made["id"], True
        elif before["enabled"] != key["enabled"]:
            patch = {"op": "replace", "path": "/enabled", "value": str(key["enabled"]).lower()}
            client.update_api_key(apiKey=found[name][0], patchOperations=[patch])
    return found


def _create_plan(
    context: Context, client: Any, api: str, id_: str, name: str, wanted: Mapping[str, Any]
) -> str:
    stage: dict[str, Any] = {"apiId": id_, "stage": wanted["stage"]}
    if wanted["throttles"]:
        stage["throttle"] = {path: _limits(one) for path, one in wanted["throttles"].items()}
    arguments: dict[str, Any] = {}
    if wanted["throttle"] is not None:
        arguments["throttle"] = _limits(wanted["throttle"])
    if wanted["quota"] is not None:
        quota = wanted["quota"]
        arguments["quota"] = {**quota, "period": quota["period"].upper()}
    made = client.create_usage_plan(
        name=f"{api}-{name}", apiStages=[stage], tags=_tags(context, api, name), **arguments
    )
    return str(made["id"])


def _limits(given: Mapping[str, Any]) -> dict[str, Any]:
    return {"rateLimit": given["rate"], "burstLimit": given["burst"]}


def _patch(id_: str, before: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[dict[str, str]]:
    """https://docs.aws.amazon.com/apigateway/latest/api/patch-operations.html, UpdateUsagePlan"""
    found: list[dict[str, str]] = []
    fields = {
        "throttle": {"rate": "rateLimit", "burst": "burstLimit"},
        "quota": {"limit": "limit", "offset": "offset", "period": "period"},
    }
    for group, names in fields.items():
        there, needed = before[group], wanted[group]
        if there == needed:
            continue
        if needed is None:
            found.append({"op": "remove", "path": f"/{group}"})
            continue
        for field, name in names.items():
            value = str(needed[field]).upper() if field == "period" else f"{needed[field]:g}"
            op = "add" if there is None else "replace"
            found.append({"op": op, "path": f"/{group}/{name}", "value": value})
    if (before["stage"], before["throttles"]) != (wanted["stage"], wanted["throttles"]):
        stages = before["stage"].split(", ") if before["stage"] else []
        found += [{"op": "remove", "path": "/apiStages", "value": f"{id_}:{one}"} for one in stages]
        stage = f"{id_}:{wanted['stage']}"
        found.append({"op": "add", "path": "/apiStages", "value": stage})
        for path, one in wanted["throttles"].items():
            for name, value in _limits(one).items():
                place = f"/apiStages/{stage}/throttle/{path}/{name}"
                found.append({"op": "replace", "path": place, "value": f"{value:g}"})
    return found


def _delete_plan(client: Any, plan: Mapping[str, Any]) -> None:
    """Delete a plan; AWS wants its stages taken out before."""
    from botocore.exceptions import ClientError

    try:
        with allowed(_GONE):
            client.delete_usage_plan(usagePlanId=plan["id"])
    except ClientError as error:
        stages = plan.get("apiStages") or ()
        if code(error) != "BadRequestException" or not stages:
            raise
        patch = [
            {"op": "remove", "path": "/apiStages", "value": f"{one['apiId']}:{one['stage']}"}
            for one in stages
        ]
        client.update_usage_plan(usagePlanId=plan["id"], patchOperations=patch)
        with allowed(_GONE):
            client.delete_usage_plan(usagePlanId=plan["id"])
