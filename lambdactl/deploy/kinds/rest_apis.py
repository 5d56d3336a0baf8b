"""REST APIs (https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-rest-api.html).

What callers get is a deployment, a snapshot of the definition. Its description holds the digest of
what it shows, so that a definition that was changed and not deployed is seen, whoever changed it
and wherever a deployment of ours broke off. The digest of what was wanted is a tag of the stage,
set last.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from lambdactl.deploy import tagging
from lambdactl.deploy.faults import allowed
from lambdactl.deploy.gateway_shapes import BURST, RATE
from lambdactl.deploy.kinds import gateway, rest_changes, rest_plans, rest_reading
from lambdactl.deploy.kinds.rest_reading import DEPLOYED, Parts
from lambdactl.deploy.model import Context, Kind, Live, Resource

_LISTING = "apigateway/apis"
_GONE = "NotFoundException"
_ROUNDS = 3
"""What AWS made of a definition is read back, and what is still different is changed: so often."""


class RestApi:
    name: ClassVar[str] = "rest_api"
    title: ClassVar[str] = "REST API"
    parent: ClassVar[str | None] = None
    renews: ClassVar[frozenset[str]] = frozenset()
    replaced_by: ClassVar[frozenset[str]] = frozenset()

    def read(self, context: Context, name: str) -> Live | None:
        """The API of this name that is ours. Names are not unique, so that one of somebody else
        stands in nobody's way."""
        found = _found(context, name)
        if found:
            client = context.account.client("apigateway")
            return self._live(context, name, rest_reading.parts(context, client, found[0]))
        if name not in rest_plans.owners(context):
            return None
        # Somebody deleted the API, and its keys are left.
        plans = rest_plans.live(context, name, None)
        return Live(self.name, name, plans, owner=context.naming.owner)

    def owned(self, context: Context, functions: Iterable[str]) -> Iterable[str]:
        return sorted({api["name"] for api in _listed(context)} | rest_plans.owners(context))

    def create(self, context: Context, resource: Resource) -> Mapping[str, str]:
        return self._bring(context, resource)

    def update(
        self, context: Context, resource: Resource, live: Live, changed: frozenset[str]
    ) -> Mapping[str, str]:
        return self._bring(context, resource)

    def delete(self, context: Context, live: Live) -> None:
        """Keys and plans first: a plan holds on to the API's stage."""
        rest_plans.delete(context, live.name)
        context.account.forget(_LISTING)
        client = context.account.client("apigateway")
        for api in _found(context, live.name):
            with allowed(_GONE):
                client.delete_rest_api(restApiId=api["id"])
        context.account.forget(_LISTING)

    def _live(self, context: Context, name: str, parts: Parts) -> Live:
        definition = rest_reading.definition(parts)
        stages = sorted(parts.stages)
        stage = parts.stages[stages[0]] if stages else {}
        properties = {
            **definition,
            # One that is left of an earlier deployment is a difference.
            "stage": ", ".join(stages) or None,
            **rest_reading.stage(stage),
            **rest_plans.live(context, name, parts.api["id"]),
            "deployed": parts.deployment == rest_reading.deployed_as(definition),
        }
        uris = [one.get("uri") for one in definition["authorizers"].values()]
        uris += [(one["integration"] or {}).get("uri") for one in definition["routes"].values()]
        return Live(
            kind=self.name,
            name=name,
            properties=properties,
            outputs=_outputs(context, parts.api["id"], stages[0] if stages else ""),
            owner=context.naming.owner,
            hash=tagging.deployed(stage.get("tags") or {}),
            needs=gateway.users(uris),
        )

    def _bring(self, context: Context, resource: Resource) -> Mapping[str, str]:
        """Make the API what ``resource`` says, from whatever there is of it."""
        client, wanted = context.account.client("apigateway"), resource.properties
        context.account.forget(_LISTING)
        found = _found(context, resource.name)
        api = found[0] if found else _create(context, client, resource)
        id_ = api["id"]
        parts = rest_reading.parts(context, client, api)
        live = rest_reading.definition(parts)
        for _ in range(_ROUNDS):
            if all(wanted[field] == value for field, value in live.items()):
                break
            rest_changes.change(client, parts, live, wanted)
            api = client.get_rest_api(restApiId=id_)
            parts = rest_reading.parts(context, client, api)
            live = rest_reading.definition(parts)
        _bring_stage(context, client, parts, live, wanted)
        rest_plans.bring(context, resource.name, id_, wanted)
        _delete_stages(client, parts, wanted["stage"])
        client.tag_resource(
            resourceArn=gateway.arn(context, f"/restapis/{id_}/stages/{wanted['stage']}"),
            tags=context.naming.tags(resource.digest),
        )
        context.account.forget(_LISTING)
        return _outputs(context, id_, wanted["stage"])


def _listed(context: Context) -> list[Mapping[str, Any]]:
    client = context.account.client("apigateway")
    apis = context.account.once(_LISTING, lambda: rest_reading.pages(client, "get_rest_apis"))
    return [api for api in apis if gateway.ours(context, api)]


def _found(context: Context, name: str) -> list[Mapping[str, Any]]:
    """The oldest first, should there be several: a call that was made twice."""
    found = [api for api in _listed(context) if api["name"] == name]
    return sorted(found, key=lambda api: (str(api.get("createdDate", "")), api["id"]))


def _create(context: Context, client: Any, resource: Resource) -> Mapping[str, Any]:
    wanted = resource.properties
    arguments: dict[str, Any] = {}
    if wanted["compression_from"] is not None:
        arguments["minimumCompressionSize"] = wanted["compression_from"]
    if wanted["binary_types"]:
        arguments["binaryMediaTypes"] = wanted["binary_types"]
    made: Mapping[str, Any] = client.create_rest_api(
        name=resource.name,
        endpointConfiguration={"types": [wanted["endpoint"]]},
        apiKeySource=wanted["api_key_source"].upper(),
        tags=context.naming.tags(),
        **arguments,
    )
    return made


def _outputs(context: Context, id_: str, stage: str) -> dict[str, str]:
    naming = context.naming
    host = f"{id_}.execute-api.{naming.region}.{_suffix(naming.partition)}"
    return {
        "id": id_,
        "url": f"https://{host}/{stage}",
        "arn": gateway.arn(context, f"/restapis/{id_}"),
        "execution_arn": gateway.execution_arn(context, id_),
    }


def _suffix(partition: str) -> str:
    """Of host names (https://docs.aws.amazon.com/general/latest/gr/rande.html)."""
    return "amazonaws.com.cn" if partition == "aws-cn" else "amazonaws.com"


# Deployments and stages


def _bring_stage(
    context: Context,
    client: Any,
    parts: Parts,
    live: Mapping[str, Any],
    wanted: Mapping[str, Any],
) -> None:
    """Let the stage show the definition, with its settings."""
    id_, name = parts.api["id"], wanted["stage"]
    description = rest_reading.deployed_as(live)
    there = {item["stageName"]: item for item in client.get_stages(restApiId=id_)["item"]}
    deployments = {
        item["id"]: item.get("description") or ""
        for item in rest_reading.pages(client, "get_deployments", restApiId=id_)
    }
    before = there.get(name)
    shown = before.get("deploymentId") if before is not None else None
    deployment = shown
    if deployments.get(shown or "") != description:
        deployment = _deployment(client, id_, description, deployments)
    if before is None:
        before = client.create_stage(
            restApiId=id_,
            stageName=name,
            deploymentId=deployment,
            variables=wanted["variables"],
            tags=context.naming.tags(),
        )
        shown = deployment
    patch = _stage_patch(rest_reading.stage(before), wanted)
    if shown != deployment:
        patch.append({"op": "replace", "path": "/deploymentId", "value": str(deployment)})
    if patch:
        client.update_stage(restApiId=id_, stageName=name, patchOperations=patch)
    used = {item.get("deploymentId") for key, item in there.items() if key != name} | {deployment}
    for one, words in deployments.items():
        if words.startswith(DEPLOYED) and one not in used:
            with allowed(_GONE):
                client.delete_deployment(restApiId=id_, deploymentId=one)


def _deployment(client: Any, id_: str, description: str, there: Mapping[str, str]) -> str:
    """The id of a deployment of the definition as it is now."""
    for one, words in there.items():
        if words == description:
            # It was made, and no stage got to show it.
            return one
    return str(client.create_deployment(restApiId=id_, description=description)["id"])


def _stage_patch(live: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[dict[str, str]]:
    """https://docs.aws.amazon.com/apigateway/latest/api/patch-operations.html, UpdateStage"""
    before, variables = live["variables"], wanted["variables"]
    found = [
        {"op": "replace", "path": f"/variables/{name}", "value": value}
        for name, value in variables.items()
        if before.get(name) != value
    ]
    found += [
        {"op": "remove", "path": f"/variables/{name}"} for name in before if name not in variables
    ]
    for route in sorted(live["throttles"].keys() | wanted["throttles"].keys()):
        # No limit but the account's, in place of one that goes.
        limits = wanted["throttles"].get(route, {"rate": RATE, "burst": BURST})
        if live["throttles"].get(route) == limits:
            continue
        path, _, method = route.rpartition("/")
        place = f"/{rest_changes.escaped(path or '/')}/{method}/throttling"
        for field, name in (("rate", "rateLimit"), ("burst", "burstLimit")):
            found.append(
                {"op": "replace", "path": f"{place}/{name}", "value": f"{limits[field]:g}"}
            )
    return found


def _delete_stages(client: Any, parts: Parts, name: str) -> None:
    for stage in parts.stages.keys() - {name}:
        with allowed(_GONE):
            client.delete_stage(restApiId=parts.api["id"], stageName=stage)


KINDS: tuple[Kind, ...] = (RestApi(),)
