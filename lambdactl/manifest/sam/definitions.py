"""APIs that are defined in OpenAPI: ``DefinitionBody``, ``DefinitionUri``, ``Body``.

https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-swagger-extensions.html
"""

from __future__ import annotations

from collections.abc import Iterator

from lambdactl.manifest.document import Node
from lambdactl.manifest.sam import integrations, openapi
from lambdactl.manifest.sam.draft import Draft, Fields, Place, Trigger, truth
from lambdactl.manifest.sam.fronts import Api, Front, api_named, front_of
from lambdactl.manifest.sam.openapi import Definition
from lambdactl.manifest.sam.targets import trigger_of
from lambdactl.manifest.sam.template import Resource
from lambdactl.manifest.sam.values import made, members, text_of

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_ANY = "x-amazon-apigateway-any-method"
_KINDS = {
    "AWS::Serverless::Api": "rest",
    "AWS::Serverless::HttpApi": "http",
    "AWS::ApiGateway::RestApi": "rest",
    "AWS::ApiGatewayV2::Api": "http",
}
_PLACES = ("DefinitionBody", "Body", "DefinitionUri", "BodyS3Location")


def with_definitions(draft: Draft, triggers: list[Trigger]) -> list[Trigger]:
    """``triggers`` and the routes of all definitions. Where both have a route it is the
    definition's: SAM gives an event its place in a definition only with ``MergeDefinitions``
    (https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-resource-api.html).
    """
    for resource in draft.template.of_type(*_KINDS):
        if resource.text("ProtocolType") == "WEBSOCKET":
            continue
        api = api_named(draft, resource, _KINDS[resource.type])
        front = front_of(draft, api)
        found = _definition(draft, resource)
        if found is not None:
            triggers = _Reader(draft, api, front, found).routes(triggers)
    return triggers


def _definition(draft: Draft, resource: Resource) -> Node | None:
    """The definition of an API, where it has one that can be read here."""
    for name in _PLACES:
        given = resource.get(name)
        if given is None:
            continue
        if name in ("DefinitionBody", "Body"):
            return given if given.is_mapping and not given.unknown else None
        found = draft.template.include(given, given)
        if found is None or not found.is_mapping:
            message = f"the definition of `{resource.name}` is no file that can be read here"
            draft.warn("not-supported", message, given)
            return None
        return found
    return None


class _Reader:
    def __init__(self, draft: Draft, api: Api, front: Front, node: Node) -> None:
        self.draft = draft
        self.api = api
        self.front = front
        self.kind = api.kind
        self.definition = Definition(node)
        named = front.fields.value.get("variables")
        self.variables = {n: c.text for n, c in named.items()} if named is not None else {}

    def routes(self, triggers: list[Trigger]) -> list[Trigger]:
        openapi.settings(self.draft, self.front, self.definition)
        events: dict[tuple[str, str], Trigger] = {}
        for trigger in triggers:
            if text_of(trigger.settings.value.get("api")) == self.api.key:
                events[_route_of(trigger.settings.value)] = trigger
        found: list[Trigger] = []
        defined: set[tuple[str, str]] = set()
        named: set[tuple[str, str]] = set()
        for path, method, operation, at in self._operations():
            named.add((path, method))
            name = f"{method} {path}"
            integration = self._integration(operation)
            event = events.get((path, method))
            if integration is None:
                if event is not None:
                    self._describe(event.settings, operation)
                else:
                    message = f"{name} has no integration, so there is no such route"
                    self.draft.warn("not-supported", message, at)
                continue
            defined.add((path, method))
            route = self._route(path, method, operation, integration, at)
            if route is not None:
                found.append(route)
        merged = truth(self.api.get("MergeDefinitions")) is True
        for taken, other in events.items():
            if taken not in defined and self.api.serverless and not merged:
                message = f"the definition of `{self.api.key}` has no {taken[1]} {taken[0]}"
                hint = "AWS serves what the definition has, unless MergeDefinitions is true"
                self.draft.warn("not-supported", f"{message}", other.at, hint)
        own = self.api.serverless and not merged
        gone = {
            id(trigger)
            for taken, trigger in events.items()
            if taken in defined or (own and taken not in named)
        }
        return [trigger for trigger in triggers if id(trigger) not in gone] + found

    def _operations(self) -> Iterator[tuple[str, str, Node, Place]]:
        paths = self.definition.node.get("paths")
        if paths is None:
            return
        for path, item in paths.items():
            whole = self.definition.followed(item)
            shared = whole.get("parameters")
            for method, operation in whole.items():
                name = "ANY" if method.lower() == _ANY else method.upper()
                if (name == "ANY" or name in METHODS) and operation.is_mapping:
                    at = whole.keys.get(method, operation.at)
                    if path == "/$default":  # Another spelling of HTTP APIs' route for the rest.
                        path = "$default"
                    yield path, name, _with_parameters(operation, shared), at

    def _integration(self, operation: Node) -> Node | None:
        given = operation.get("x-amazon-apigateway-integration")
        return self.definition.followed(given) if given is not None else None

    def _route(
        self, path: str, method: str, operation: Node, integration: Node, at: Place
    ) -> Trigger | None:
        here = Node(None, *at)
        draft, fields = self.draft, self.draft.fields(at)
        fields.put("path", made(path, here))
        if path != "$default":
            fields.put("method", made(method, here))
        self._describe(fields, operation)
        return place(
            draft,
            self.front,
            fields,
            integrations.goal(
                draft, integration, self.kind, f"{method} {path}", variables=self.variables
            ),
        )

    def _describe(self, fields: Fields, operation: Node) -> None:
        """What an operation says beside where it leads."""
        if self.kind == "rest":
            name = operation.get("operationId")
            if name is not None and 0 < len(name.text) <= 64:
                fields.put("operation", name, "operationId")
            validator = operation.get("x-amazon-apigateway-request-validator")
            fields.put("validator", validator, "x-amazon-apigateway-request-validator")
            openapi.request(self.draft, self.front, self.definition, fields, operation)
        self._security(fields, operation)

    # Who may call

    def _security(self, fields: Fields, operation: Node) -> None:
        """The schemes of an operation: its own, else those of the definition, else what SAM adds
        to each that has none.
        https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-swagger-extensions-authorizer.html
        """
        own = operation.get("x-amazon-apigateway-auth", "type")
        if text_of(own) in ("NONE", "AWS_IAM") and own is not None:
            fields.put("authorizer", made("iam" if text_of(own) == "AWS_IAM" else "none", own))
            return
        given = operation.get("security")
        if given is None:
            given = self.definition.node.get("security")
        schemes = members(given) if given is None or not given.is_mapping else [given]
        for scheme in schemes:
            for name, scopes in scheme.items():
                self._scheme(fields, name, scopes, scheme)
        default = text_of(self.front.fields.value.get("authorizer"))
        if text_of(fields.value.get("method")) != "OPTIONS":
            return
        # SAM leaves the preflights of an HTTP API alone, and those of a REST API if told so.
        if "authorizer" not in fields.value and default is not None:
            added = truth(self.api.get("Auth", "AddDefaultAuthorizerToCorsPreflight"))
            if self.kind == "http" or added is False:
                fields.put("authorizer", made("none", operation))
        shared = "api_key" in self.front.fields.value and "api_key" not in fields.value
        if shared and truth(self.api.get("Auth", "AddApiKeyRequiredToCorsPreflight")) is False:
            fields.put("api_key", made(False, operation))

    def _scheme(self, fields: Fields, name: str, scopes: Node, at: Node) -> None:
        if name in self.front.names("authorizers"):
            fields.put("authorizer", made(name, at))
            if isinstance(scopes.value, list) and scopes.value:
                fields.put("scopes", scopes)
            return
        if name in ("NONE", "AWS_IAM"):
            fields.put("authorizer", made("iam" if name == "AWS_IAM" else "none", at))
            return
        kind = self.definition.scheme_kind(name)
        if kind == "iam":
            fields.put("authorizer", made("iam", at))
        elif kind == "api_key" or name == "api_key":
            if self.kind == "rest":
                fields.put("api_key", made(True, at))
        else:
            message = f"the security scheme `{name}` of the definition is not read: nothing checks"
            self.draft.warn("not-supported", message, at)
            fields.put("authorizer", made("none", at))


def _route_of(settings: dict[str, Node]) -> tuple[str, str]:
    method = text_of(settings.get("method")) or "ANY"
    return text_of(settings.get("path")) or "", method


def _with_parameters(operation: Node, shared: Node | None) -> Node:
    """An operation with the parameters of its path, where it does not have them itself."""
    if shared is None:
        return operation
    own = operation.get("parameters")

    def identity(parameter: Node) -> tuple[str | None, ...]:
        return tuple(text_of(parameter.get(word)) for word in ("in", "name", "$ref"))

    known = {identity(parameter) for parameter in members(own)}
    more = [parameter for parameter in members(shared) if identity(parameter) not in known]
    joined = Node([*members(own), *more], *(own or shared).at, size=1 + len(known) + len(more))
    value = {**operation.value, "parameters": joined}
    return Node(value, *operation.at, keys=operation.keys, size=operation.size + joined.size)


def place(draft: Draft, front: Front, fields: Fields, goal: integrations.Goal) -> Trigger | None:
    """A route as the trigger of the function that it passes everything to, or as one of the
    section."""
    if goal.kind == "lambda_proxy" and goal.target is not None:
        for name, node in goal.fields.value.items():
            fields.put(name, node)
        fields.put("api", made(front.key, Node(None, *fields.at)))
        return trigger_of(goal.target, front.kind, fields, fields.at)
    fields.put(goal.kind, goal.unavailable or goal.fields.node())
    front.route(fields)
    return None
