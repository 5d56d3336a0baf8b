"""``Api`` and ``HttpApi`` events -> routes.

https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-property-function-api.html
https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-property-function-httpapi.html
"""

from __future__ import annotations

from lambdactl.manifest.document import Node
from lambdactl.manifest.sam import gateway_parts, integrations, serverless_apis
from lambdactl.manifest.sam.draft import Draft, Fields, Place, Trigger, boolean, truth
from lambdactl.manifest.sam.fronts import Api, Front, front_of
from lambdactl.manifest.sam.template import Resource
from lambdactl.manifest.sam.values import made, members, text_of


def rest(draft: Draft, owner: Resource, node: Node, at: Place) -> Trigger:
    """A method of a REST API."""
    fields = draft.fields(at)
    api = Api(draft, node.get("RestApiId"), "rest")
    front = front_of(draft, api)
    _rest_route(draft, fields, node, at)
    fields.put("timeout", integrations.seconds(node.get("TimeoutInMillis")), "TimeoutInMillis")
    mode = integrations.transfer_mode(node.get("ResponseTransferMode"))
    fields.put("response", mode, "ResponseTransferMode")
    fields.put("api", api.name, "RestApiId")
    _auth(draft, fields, node.get("Auth"), api, front)
    _request(draft, front, fields, node)
    return Trigger(owner.key, "rest", fields, at)


def _rest_route(draft: Draft, fields: Fields, node: Node, at: Place) -> None:
    fields.put("path", node.get("Path"), "Path")
    fields.put("method", method(node.get("Method")), "Method")
    for field, word in (("path", "Path"), ("method", "Method")):
        draft.says(at, field, word)


def _request(draft: Draft, front: Front, fields: Fields, node: Node) -> None:
    """What a request must look like, and whether that is checked:
    https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-property-function-requestmodel.html
    https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-property-function-requestparameter.html
    """
    given = node.get("RequestModel")
    name = text_of(given.get("Model")) if given is not None else None
    if given is not None and name is not None:
        # SAM writes names of models in lower case.
        known = {known.lower(): known for known in front.names("models")}
        name = known.get(name.lower(), name)
        fields.put("request_models", made({"application/json": name}, given), "RequestModel")
        checks = {"body": given.get("ValidateBody"), "parameters": given.get("ValidateParameters")}
        if any(check is not None for check in checks.values()):
            checked = {field: truth(check) is True for field, check in checks.items()}
            fields.put("validator", made(checked, given), "RequestModel")
    found = draft.fields(node.at)
    for entry in members(node.get("RequestParameters")):
        if not entry.is_mapping:
            found.put(entry.text, made(False, entry))
        for key, settings in entry.items():
            found.put(key, made(truth(settings.get("Required")) is True, settings))
    fields.nest("request_parameters", found, "RequestParameters")


def http(draft: Draft, owner: Resource, node: Node, at: Place) -> Trigger:
    """A route of an HTTP API; without a path, the one that takes what no other takes."""
    fields = draft.fields(at)
    api = Api(draft, node.get("ApiId"), "http")
    front = front_of(draft, api)
    path = node.get("Path")
    fields.put("path", path or made("$default", Node(None, *at)), "Path")
    if path is not None and text_of(path) != "$default":
        fields.put("method", method(node.get("Method")), "Method")
    version = node.get("PayloadFormatVersion")
    if version is not None:
        fields.put("payload", integrations.payload(version, version, "v2"), "PayloadFormatVersion")
    fields.put("timeout", integrations.seconds(node.get("TimeoutInMillis")), "TimeoutInMillis")
    fields.put("api", api.name, "ApiId")
    _auth(draft, fields, node.get("Auth"), api, front)
    _limits(draft, front, fields, node.get("RouteSettings"))
    draft.says(at, "path", "Path")
    return Trigger(owner.key, "http", fields, at)


def _limits(draft: Draft, front: Front, fields: Fields, given: Node | None) -> None:
    limits = gateway_parts.throttle(draft, given, "Throttling") if given is not None else None
    path, verb = text_of(fields.value.get("path")), text_of(fields.value.get("method"))
    if limits and given is not None and path is not None:
        route = path if path == "$default" else f"{verb or 'ANY'} {path}"
        front.add("throttles", route, limits.node(), given.at)


def method(node: Node | None) -> Node | None:
    text = (text_of(node) or "").upper()
    if node is None or not text:
        return node
    if text in ("*", "X-AMAZON-APIGATEWAY-ANY-METHOD"):
        text = "ANY"
    return made(text, node)


def _auth(draft: Draft, fields: Fields, auth: Node | None, api: Api, front: Front) -> None:
    """The event's own authorizer; the API's default one holds where it has none.
    https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-property-function-apifunctionauth.html
    """
    if auth is None or not auth.is_mapping:
        return
    if api.kind == "rest":
        fields.put("api_key", boolean(auth.get("ApiKeyRequired")), "ApiKeyRequired")
    own = serverless_apis.named(draft, front, api, auth.get("Authorizer"))
    fields.put("authorizer", own, "Authorizer")
    fields.put("scopes", auth.get("AuthorizationScopes"), "AuthorizationScopes")
    policy = auth.get("ResourcePolicy")
    if policy is not None:
        serverless_apis.warn_of_policy(draft, api.key, policy)


def of_state_machines(draft: Draft) -> None:
    """Routes that start a state machine. They are there, and say that it does not run here."""
    kinds = {"Api": ("rest", "RestApiId"), "HttpApi": ("http", "ApiId")}
    for resource in draft.template.of_type("AWS::Serverless::StateMachine"):
        for name, event in (resource.get("Events") or Node({}, *resource.at)).items():
            kind, word = kinds.get(text_of(event.get("Type")) or "", (None, ""))
            node = event.get("Properties")
            if kind is None or node is None or text_of(node.get("Path")) is None:
                continue
            api = Api(draft, node.get(word), kind)
            front = front_of(draft, api)
            fields = draft.fields(event.at)
            fields.put("path", node.get("Path"), "Path")
            fields.put("method", method(node.get("Method")), "Method")
            _auth(draft, fields, node.get("Auth"), api, front)
            fields.put("unavailable", made(f"the state machine {resource.key}", event))
            message = f"the event `{name}` leads to a state machine, which is not run here"
            draft.warn("not-supported", message, event)
            front.route(fields)
