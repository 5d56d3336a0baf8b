"""What HTTP and WebSocket APIs have in common: one service of AWS, one way to change them.

A stage deploys by itself whatever changes (``autoDeploy`` of
https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid-stages.html), so changes
come in an order in which the API always answers: what is new first, then the routes that lead
there, and at last what no route leads to any more. An integration is never changed, but replaced:
it is known by what it does, not by its id.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from lambdactl.deploy import tagging
from lambdactl.deploy.faults import allowed, code
from lambdactl.deploy.gateway_shapes import BURST, NO_THROTTLE, RATE, throttle
from lambdactl.deploy.kinds import gateway
from lambdactl.deploy.model import HASH, Context, Live, Resource

_LISTING = "apigatewayv2/apis"
_AUTHORIZATION = {None: "NONE", "iam": "AWS_IAM", "jwt": "JWT", "request": "CUSTOM"}
_CONFLICT = ("ConflictException", "BadRequestException")


@dataclass(frozen=True, slots=True)
class Parts:
    """What there is of one API, by id or by key.

    :ivar authorizers: name and properties of those that a route has.
    :ivar routes: as AWS shows them.
    :ivar stages: those of ours.
    """

    api: Mapping[str, Any]
    authorizers: Mapping[str, tuple[str, Mapping[str, Any]]]
    integrations: Mapping[str, Mapping[str, Any]]
    routes: Mapping[str, Mapping[str, Any]]
    stages: Mapping[str, Mapping[str, Any]]


class ApiV2(ABC):
    """One kind of API. What differs between the two is in the abstract methods."""

    name: ClassVar[str]
    title: ClassVar[str]
    protocol: ClassVar[str]
    parent: ClassVar[str | None] = None
    renews: ClassVar[frozenset[str]] = frozenset()
    replaced_by: ClassVar[frozenset[str]] = frozenset()

    @abstractmethod
    def _whole(self, properties: Mapping[str, Any]) -> dict[str, Any]:
        """Arguments of ``CreateApi`` and ``UpdateApi``."""

    @abstractmethod
    def _whole_live(self, api: Mapping[str, Any]) -> dict[str, Any]:
        """Properties that belong to the whole API."""

    @abstractmethod
    def _authorizer(self, properties: Mapping[str, Any]) -> dict[str, Any]: ...

    @abstractmethod
    def _authorizer_live(self, item: Mapping[str, Any]) -> dict[str, Any]: ...

    @abstractmethod
    def _create_integration(
        self, client: Any, api_id: str, properties: Mapping[str, Any]
    ) -> str: ...

    @abstractmethod
    def _integration_live(
        self, client: Any, api_id: str, item: Mapping[str, Any]
    ) -> dict[str, Any]: ...

    @abstractmethod
    def _route(self, properties: Mapping[str, Any]) -> dict[str, Any]:
        """Arguments of ``CreateRoute`` and ``UpdateRoute`` that only this kind has."""

    @abstractmethod
    def _route_live(self, item: Mapping[str, Any]) -> dict[str, Any]: ...

    @abstractmethod
    def _put_route(
        self,
        client: Any,
        api_id: str,
        live: Mapping[str, Any] | None,
        wanted: Mapping[str, Any],
        arguments: dict[str, Any],
    ) -> None: ...

    # What planning asks for

    def read(self, context: Context, name: str) -> Live | None:
        """The API of this name that is ours. Names are not unique, so that one of somebody else
        stands in nobody's way."""
        found = self._found(context, name)
        return self._live(context, name, self._parts(context, found[0])) if found else None

    def owned(self, context: Context, functions: Iterable[str]) -> Iterable[str]:
        return sorted({api["Name"] for api in self._listed(context)})

    def create(self, context: Context, resource: Resource) -> Mapping[str, str]:
        return self._bring(context, resource)

    def update(
        self, context: Context, resource: Resource, live: Live, changed: frozenset[str]
    ) -> Mapping[str, str]:
        return self._bring(context, resource)

    def delete(self, context: Context, live: Live) -> None:
        context.account.forget(_LISTING)
        client = context.account.client("apigatewayv2")
        for api in self._found(context, live.name):
            with allowed("NotFoundException"):
                client.delete_api(ApiId=api["ApiId"])
        context.account.forget(_LISTING)

    # Reading

    def _listed(self, context: Context) -> list[Mapping[str, Any]]:
        client = context.account.client("apigatewayv2")
        apis = context.account.once(_LISTING, lambda: pages(client, "get_apis"))
        return [
            api
            for api in apis
            if api["ProtocolType"] == self.protocol and gateway.ours(context, api, "Tags")
        ]

    def _found(self, context: Context, name: str) -> list[Mapping[str, Any]]:
        """The oldest first, should there be several: a call that was made twice."""
        found = [api for api in self._listed(context) if api["Name"] == name]
        return sorted(found, key=lambda api: (str(api.get("CreatedDate", "")), api["ApiId"]))

    def _parts(self, context: Context, api: Mapping[str, Any]) -> Parts:
        client, id_ = context.account.client("apigatewayv2"), api["ApiId"]
        routes = {item["RouteKey"]: item for item in pages(client, "get_routes", ApiId=id_)}
        authorizers: dict[str, tuple[str, Mapping[str, Any]]] = {}
        for authorizer in sorted({_authorizer_id(item) or "" for item in routes.values()} - {""}):
            with allowed("NotFoundException"):
                item = client.get_authorizer(ApiId=id_, AuthorizerId=authorizer)
                authorizers[authorizer] = item["Name"], self._authorizer_live(item)
        integrations = {
            item["IntegrationId"]: self._integration_live(client, id_, item)
            for item in pages(client, "get_integrations", ApiId=id_)
        }
        stages = {
            item["StageName"]: item
            for item in pages(client, "get_stages", ApiId=id_)
            if gateway.ours(context, item, "Tags")
        }
        return Parts(api, authorizers, integrations, routes, stages)

    def _live(self, context: Context, name: str, parts: Parts) -> Live:
        routes = {key: self._route_properties(item, parts) for key, item in parts.routes.items()}
        stages = sorted(parts.stages)
        stage = parts.stages[stages[0]] if stages else {}
        properties = {
            **self._whole_live(parts.api),
            "authorizers": dict(parts.authorizers.values()),
            "routes": routes,
            # One that is left of an earlier deployment is a difference.
            "stage": ", ".join(stages) or None,
            **_stage_live(stage),
        }
        uris = [properties.get("uri") for _, properties in parts.authorizers.values()]
        uris += [one.get("uri") for one in parts.integrations.values()]
        return Live(
            kind=self.name,
            name=name,
            properties=properties,
            outputs=self._outputs(context, parts.api, stages[0] if stages else "$default"),
            owner=context.naming.owner,
            hash=tagging.deployed(parts.api.get("Tags") or {}),
            needs=gateway.users(uris),
        )

    def _route_properties(self, item: Mapping[str, Any], parts: Parts) -> dict[str, Any]:
        integration = _integration_id(item)
        authorizer = None
        if item.get("AuthorizationType") == "AWS_IAM":
            authorizer = "iam"
        elif _authorizer_id(item):
            authorizer = parts.authorizers.get(item["AuthorizerId"], ("?", {}))[0]
        return {
            "integration": parts.integrations.get(integration or ""),
            "authorizer": authorizer,
            **self._route_live(item),
        }

    def _outputs(self, context: Context, api: Mapping[str, Any], stage: str) -> dict[str, str]:
        id_, url = api["ApiId"], api["ApiEndpoint"]
        return {
            "id": id_,
            "url": url if stage == "$default" else f"{url}/{stage}",
            "arn": gateway.arn(context, f"/apis/{id_}"),
            "execution_arn": gateway.execution_arn(context, id_),
        }

    # Changing

    def _bring(self, context: Context, resource: Resource) -> Mapping[str, str]:
        """Make the API what ``resource`` says, from whatever there is of it."""
        client, wanted = context.account.client("apigatewayv2"), resource.properties
        context.account.forget(_LISTING)
        found = self._found(context, resource.name)
        if found:
            api = found[0]
            live = self._whole_live(api)
            if any(wanted[name] != value for name, value in live.items()):
                self._change_whole(client, api, wanted)
        else:
            api = client.create_api(
                Name=resource.name,
                ProtocolType=self.protocol,
                Tags=context.naming.tags(),
                **self._whole(wanted),
            )
        id_ = api["ApiId"]
        parts = self._parts(context, api)
        authorizers = self._bring_authorizers(client, parts, wanted["authorizers"])
        integrations = self._bring_routes(client, parts, wanted, authorizers)
        _bring_stage(context, client, parts, wanted)
        for key in parts.routes.keys() - wanted["routes"].keys():
            with allowed("NotFoundException"):
                client.delete_route(ApiId=id_, RouteId=parts.routes[key]["RouteId"])
        for integration in parts.integrations.keys() - integrations:
            with allowed("NotFoundException"):
                client.delete_integration(ApiId=id_, IntegrationId=integration)
        for authorizer in parts.authorizers.keys() - set(authorizers.values()):
            with allowed("NotFoundException"):
                client.delete_authorizer(ApiId=id_, AuthorizerId=authorizer)
        for stage in parts.stages.keys() - {wanted["stage"]}:
            with allowed("NotFoundException"):
                client.delete_stage(ApiId=id_, StageName=stage)
        if tagging.deployed(api.get("Tags") or {}) != resource.digest:
            # At last: until then it is not what the manifest says.
            client.tag_resource(
                ResourceArn=gateway.arn(context, f"/apis/{id_}"), Tags={HASH: resource.digest}
            )
        context.account.forget(_LISTING)
        return self._outputs(context, api, wanted["stage"])

    def _change_whole(self, client: Any, api: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
        client.update_api(ApiId=api["ApiId"], **self._whole(wanted))

    def _bring_authorizers(
        self, client: Any, parts: Parts, wanted: Mapping[str, Any]
    ) -> dict[str, str]:
        """The ids of the authorizers by name."""
        id_ = parts.api["ApiId"]
        ids: dict[str, str] = {}
        live = {name: (found, value) for found, (name, value) in parts.authorizers.items()}
        for name, properties in wanted.items():
            arguments = {"Name": name, **self._authorizer(properties)}
            if name not in live:
                ids[name] = _new_authorizer(client, id_, arguments)
                continue
            ids[name], there = live[name]
            if there != properties:
                client.update_authorizer(ApiId=id_, AuthorizerId=ids[name], **arguments)
        return ids

    def _bring_routes(
        self,
        client: Any,
        parts: Parts,
        wanted: Mapping[str, Any],
        authorizers: Mapping[str, str],
    ) -> set[str]:
        """Make the routes, with the integrations that they lead to.

        :return: the ids of the integrations that are used.
        """
        id_ = parts.api["ApiId"]
        known = {_content(properties): found for found, properties in parts.integrations.items()}
        used = set()
        for key, properties in wanted["routes"].items():
            content = _content(properties["integration"])
            if content not in known:
                known[content] = self._create_integration(client, id_, properties["integration"])
            used.add(known[content])
            live = parts.routes.get(key)
            if live is not None and self._route_properties(live, parts) == properties:
                used.add(_integration_id(live) or "")
                continue
            name = properties["authorizer"]
            kind = wanted["authorizers"][name]["type"] if name in authorizers else name
            arguments = {
                "RouteKey": key,
                "Target": f"integrations/{known[content]}",
                **_authorization(kind, authorizers.get(name), live),
                **self._route(properties),
            }
            self._put_route(client, id_, live, properties, arguments)
        return used


def _authorization(
    kind: str | None, id_: str | None, live: Mapping[str, Any] | None
) -> dict[str, Any]:
    """:param kind: ``iam``, the type of an authorizer, or None where everyone may call."""
    found = {"AuthorizationType": _AUTHORIZATION[kind]}
    if id_ is not None:
        return {**found, "AuthorizerId": id_}
    # Only a route that has an authorizer needs to be told that it has none.
    return {**found, "AuthorizerId": ""} if live and live.get("AuthorizerId") else found


def _authorizer_id(route: Mapping[str, Any]) -> str | None:
    if route.get("AuthorizationType") not in ("JWT", "CUSTOM"):
        return None
    return route.get("AuthorizerId") or None


def _integration_id(route: Mapping[str, Any]) -> str | None:
    target: str | None = route.get("Target")
    return target.removeprefix("integrations/") if target else None


def _content(integration: Mapping[str, Any]) -> str:
    return json.dumps(integration, sort_keys=True)


def _new_authorizer(client: Any, api_id: str, arguments: Mapping[str, Any]) -> str:
    """Create an authorizer; one of its name is there if a deployment broke off before a route had
    it."""
    from botocore.exceptions import ClientError

    # Where it is without a source of identity, botocore still wants to be told so.
    given = {
        name: value for name, value in arguments.items() if value != [] or name == "IdentitySource"
    }
    try:
        return str(client.create_authorizer(ApiId=api_id, **given)["AuthorizerId"])
    except ClientError as error:
        if code(error) not in _CONFLICT:
            raise
        for item in pages(client, "get_authorizers", ApiId=api_id):
            if item["Name"] == arguments["Name"]:
                id_ = str(item["AuthorizerId"])
                client.update_authorizer(ApiId=api_id, AuthorizerId=id_, **arguments)
                return id_
        raise


def pages(client: Any, operation: str, **arguments: Any) -> list[Mapping[str, Any]]:
    """All items of a listing."""
    found: list[Mapping[str, Any]] = []
    for page in client.get_paginator(operation).paginate(**arguments):
        found += page.get("Items", ())
    return found


# The stage


def _stage_live(stage: Mapping[str, Any]) -> dict[str, Any]:
    settings = {"*": stage.get("DefaultRouteSettings") or {}, **(stage.get("RouteSettings") or {})}
    throttles = {
        route: throttle(one.get("ThrottlingRateLimit"), one.get("ThrottlingBurstLimit"))
        for route, one in settings.items()
    }
    variables = stage.get("StageVariables") or {}
    return {
        # One that was taken away is there without a value.
        "variables": {name: value for name, value in variables.items() if value},
        "throttles": {route: one for route, one in throttles.items() if one != NO_THROTTLE},
        "auto_deploy": bool(stage.get("AutoDeploy")),
    }


def _bring_stage(context: Context, client: Any, parts: Parts, wanted: Mapping[str, Any]) -> None:
    """Make the stage, or change it: it is created, and changed only if it is there already."""
    from botocore.exceptions import ClientError

    id_, name = parts.api["ApiId"], wanted["stage"]
    live = parts.stages.get(name)
    before = _stage_live(live or {})
    if live is not None and all(wanted[field] == value for field, value in before.items()):
        return
    settings = {
        route: {"ThrottlingRateLimit": one["rate"], "ThrottlingBurstLimit": one["burst"]}
        for route, one in wanted["throttles"].items()
    }
    default = settings.pop("*", None)
    if default is None and "*" in before["throttles"]:
        default = {"ThrottlingRateLimit": RATE, "ThrottlingBurstLimit": BURST}
    arguments: dict[str, Any] = {"AutoDeploy": wanted["auto_deploy"], "RouteSettings": settings}
    if default is not None:
        arguments["DefaultRouteSettings"] = default
    variables = dict(wanted["variables"])
    try:
        client.create_stage(
            ApiId=id_,
            StageName=name,
            StageVariables=variables,
            Tags=context.naming.tags(),
            **arguments,
        )
    except ClientError as error:
        if code(error) != "ConflictException":
            raise
        gone = before["variables"].keys() - variables.keys()
        variables |= dict.fromkeys(gone, "")
        client.update_stage(ApiId=id_, StageName=name, StageVariables=variables, **arguments)
        for route in before["throttles"].keys() - wanted["throttles"].keys() - {"*"}:
            with allowed("NotFoundException"):
                client.delete_route_settings(ApiId=id_, StageName=name, RouteKey=route)
        if live is None:
            stage_arn = gateway.arn(context, f"/apis/{id_}/stages/{name}")
            client.tag_resource(ResourceArn=stage_arn, Tags=context.naming.tags())
