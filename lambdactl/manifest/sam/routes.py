"""``Api`` and ``HttpApi`` events, and what the API they belong to says: CORS, authorizers.

https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-property-function-api.html
https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-property-function-httpapi.html
"""

from __future__ import annotations

import math
import re

from lambdactl.errors import did_you_mean
from lambdactl.manifest.document import Node
from lambdactl.manifest.sam.draft import Draft, Fields, Place, Trigger, boolean, listed
from lambdactl.manifest.sam.globals import with_globals
from lambdactl.manifest.sam.template import Resource
from lambdactl.manifest.sam.values import made, members, resource_of, text_of

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_CORS_METHODS = frozenset({"GET", "PUT", "HEAD", "POST", "PATCH", "DELETE", "*"})
_TARGET = r":function:(?P<name>[A-Za-z0-9_-]+)(?::(?P<qualifier>[A-Za-z0-9_$-]+))?"


class Api:
    """An API: a resource of the template, or the one that SAM makes for routes without."""

    def __init__(self, draft: Draft, given: Node | None, kind: str) -> None:
        self.draft = draft
        self.kind = kind
        self.resource = resource_of(given)
        if self.resource is None and given is not None:
            self.resource = draft.template.resources.get(text_of(given) or "")
        self.name = given
        if self.resource is not None and given is not None:
            self.name = made(self.resource.key, given)
        elif given is not None and given.unknown:
            text = re.sub("[^A-Za-z0-9_-]+", "-", given.text).strip("-")
            self.name = made(text or "api", given)
        self._implicit: Node | None = None

    def get(self, *path: str | int) -> Node | None:
        if self.resource is not None:
            if self.resource.type != f"AWS::Serverless::{self.kind}":
                return None
            return self.resource.get(*path)
        if self._implicit is None:
            template = self.draft.template
            shared = template.section("Globals")
            empty = Node({}, 0, 0)
            merged = with_globals(shared, f"AWS::Serverless::{self.kind}", empty)
            self._implicit = template.resolve(merged)
        return self._implicit.get(*path)


def rest(draft: Draft, owner: Resource, node: Node, at: Place) -> Trigger:
    """A method of a REST API."""
    fields = draft.fields(at)
    api = Api(draft, node.get("RestApiId"), "Api")
    fields.put("path", node.get("Path"), "Path")
    fields.put("method", method(node.get("Method")), "Method")
    fields.put("timeout", _seconds(node.get("TimeoutInMillis")), "TimeoutInMillis")
    key = boolean(node.get("Auth", "ApiKeyRequired") or api.get("Auth", "ApiKeyRequired"))
    fields.put("api_key", key, "ApiKeyRequired")
    transfer = node.get("ResponseTransferMode")
    if transfer is not None and text_of(transfer) in ("STREAM", "BUFFERED"):
        fields.put("response", made({"STREAM": "stream"}.get(transfer.text, "buffered"), transfer))
    rest_settings(draft, fields, api)
    _authorizer(draft, fields, node.get("Auth"), api)
    for field, word in (("path", "Path"), ("method", "Method")):
        draft.says(at, field, word)
    return Trigger(owner.key, "rest", fields, at)


def rest_settings(draft: Draft, fields: Fields, api: Api) -> None:
    """What all methods of a REST API share."""
    types = api.get("BinaryMediaTypes")
    if types is not None:
        fields.put("binary_types", made([m.text.replace("~1", "/") for m in members(types)], types))
    _rest_cors(draft, fields, api.get("Cors"))
    fields.put("api", api.name, "RestApiId")


def http(draft: Draft, owner: Resource, node: Node, at: Place) -> Trigger:
    """A route of an HTTP API; without a path, the one that takes what no other takes."""
    fields = draft.fields(at)
    api = Api(draft, node.get("ApiId"), "HttpApi")
    path = node.get("Path")
    fields.put("path", path or made("$default", Node(None, *at)), "Path")
    if path is not None and text_of(path) != "$default":
        fields.put("method", method(node.get("Method")), "Method")
    payload = node.get("PayloadFormatVersion")
    if payload is not None:
        version = {"1": "v1", "1.0": "v1", "2": "v2", "2.0": "v2"}.get(payload.text)
        fields.put(
            "payload", made(version, payload) if version else payload, "PayloadFormatVersion"
        )
    fields.put("timeout", _seconds(node.get("TimeoutInMillis")), "TimeoutInMillis")
    http_settings(draft, fields, api)
    _authorizer(draft, fields, node.get("Auth"), api)
    draft.says(at, "path", "Path")
    return Trigger(owner.key, "http", fields, at)


def http_settings(draft: Draft, fields: Fields, api: Api) -> None:
    """What all routes of an HTTP API share."""
    cross = api.get("CorsConfiguration")
    if cross is not None and cross.is_mapping:
        from lambdactl.manifest.sam.rare import cors

        inner = cors(draft, cross)
        _known_methods(inner)
        fields.nest("cors", inner, "CorsConfiguration")
    else:
        fields.put("cors", boolean(cross), "CorsConfiguration")
    fields.put("api", api.name, "ApiId")


def method(node: Node | None) -> Node | None:
    text = (text_of(node) or "").upper()
    if node is None or not text:
        return node
    if text in ("*", "X-AMAZON-APIGATEWAY-ANY-METHOD"):
        text = "ANY"
    return made(text, node)


def _seconds(node: Node | None) -> Node | None:
    text = text_of(node)
    if node is None or text is None or not text.isdigit():
        return node
    return made(max(1, math.ceil(int(text) / 1000)), node)


def _rest_cors(draft: Draft, fields: Fields, node: Node | None) -> None:
    """The values go into headers as they are, so they are in quotes: ``"'GET,POST'"``.
    https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-property-api-corsconfiguration.html
    """
    if node is None or node.unknown:
        return
    inner = draft.fields(node.at)
    if not node.is_mapping:
        inner.put("allow_origins", _quoted(node), "Cors")
    else:
        for word, field in (
            ("AllowOrigin", "allow_origins"),
            ("AllowMethods", "allow_methods"),
            ("AllowHeaders", "allow_headers"),
        ):
            inner.put(field, _quoted(node.get(word)), word)
        credentials = boolean(node.get("AllowCredentials"))
        inner.put("allow_credentials", credentials, "AllowCredentials")
        age = node.get("MaxAge")
        if age is not None and text_of(age) is not None:
            inner.put("max_age", made(age.text.strip("'\""), age), "MaxAge")
    _known_methods(inner)
    fields.nest("cors", inner, "Cors")


def _quoted(node: Node | None) -> Node | None:
    text = text_of(node)
    if node is None or text is None or node.unknown:
        return node
    return listed(made(text.strip().strip("'\"").strip(), node))


def _known_methods(inner: Fields) -> None:
    """Preflights are always answered, so ``OPTIONS`` says nothing."""
    methods = inner.value.get("allow_methods")
    if methods is not None and isinstance(methods.value, list):
        known = [m.text.upper() for m in methods.value if m.text.upper() in _CORS_METHODS]
        inner.put("allow_methods", made(known, methods), "AllowMethods")


# Authorizers


def _authorizer(draft: Draft, fields: Fields, auth: Node | None, api: Api) -> None:
    """The event's own authorizer, else the default one of its API.
    https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-property-api-apiauth.html
    """
    given = auth.get("Authorizer") if auth is not None else None
    given = given or api.get("Auth", "DefaultAuthorizer")
    name = text_of(given)
    if given is None or name is None or name == "NONE":
        return
    if name == "AWS_IAM":
        fields.put("authorizer", made("iam", given), "Authorizer")
        return
    known = api.get("Auth", "Authorizers")
    found = known.get(name) if known is not None else None
    if found is None:
        if api.resource is None and api.name is not None:
            return  # An API of another template.
        names = known.value if known is not None and known.is_mapping else {}
        message = f"the API has no authorizer `{name}`"
        draft.problems.add("unknown-authorizer", message, given, did_you_mean(name, names))
        return
    scopes = auth.get("AuthorizationScopes") if auth is not None else None
    inner = _known_authorizer(draft, found, scopes, api.kind)
    if inner is None:
        draft.warn("not-supported", f"the authorizer `{name}` is of a kind not known here", found)
    else:
        fields.nest("authorizer", inner, "Authorizer")


def _known_authorizer(draft: Draft, node: Node, scopes: Node | None, api: str) -> Fields | None:
    inner = draft.fields(node.at)
    scopes = scopes or node.get("AuthorizationScopes")
    pool, function = node.get("UserPoolArn"), node.get("FunctionArn")
    if pool is not None:
        first = members(pool)[0] if members(pool) else pool
        found = resource_of(first)
        inner.put("user_pool", made(found.key, first) if found else _readable(first), "UserPoolArn")
        inner.put("scopes", scopes, "AuthorizationScopes")
        return inner
    if function is not None:
        _lambda_authorizer(draft, inner, node, function, api)
        return inner
    jwt = node.get("JwtConfiguration")
    if jwt is not None:
        inner.put("issuer", _issuer(jwt.get("issuer")), "issuer")
        audience = jwt.get("audience")
        if audience is not None:
            inner.put("audience", made([m.text for m in members(audience)], audience), "audience")
        inner.put("scopes", scopes, "AuthorizationScopes")
        inner.put("identity", listed(node.get("IdentitySource")), "IdentitySource")
        return inner
    return None


def _readable(node: Node) -> Node:
    return made(node.text or "unknown", node) if node.unknown else node


def _issuer(node: Node | None) -> Node | None:
    if node is None or not node.unknown:
        return node
    return made(node.text if node.text.startswith("http") else f"https://{node.text}", node)


def _lambda_authorizer(draft: Draft, inner: Fields, node: Node, function: Node, api: str) -> None:
    """https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-property-api-lambdarequestauthorizer.html
    and, for the time its answers are kept,
    https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html"""
    found = resource_of(function)
    target = made(found.key, function) if found and found.is_function else _readable(function)
    inner.put("function", target, "FunctionArn")
    identity = node.get("Identity")
    request = api == "HttpApi" or text_of(node.get("FunctionPayloadType")) == "REQUEST"
    if api == "Api":
        kind = "request" if request else "token"
        inner.put("type", made(kind, node.get("FunctionPayloadType") or node))
    version = node.get("AuthorizerPayloadFormatVersion")
    if version is not None:
        inner.put("payload", made("v1" if version.text in ("1.0", "1") else "v2", version))
    ttl = identity.get("ReauthorizeEvery") if identity is not None else None
    if ttl is None and api == "HttpApi":
        ttl = made(0, node)
    inner.put("ttl", ttl, "ReauthorizeEvery")
    sources = _identity(identity, request, api)
    if sources:
        inner.put("identity", made(sources, identity or node), "Identity")


def _identity(identity: Node | None, request: bool, api: str) -> list[str]:
    if not request:
        header = text_of(identity.get("Header")) if identity is not None else None
        return [f"method.request.header.{header or 'Authorization'}"]
    if api == "HttpApi":
        prefixes = ("$request.header.", "$request.querystring.", "$stageVariables.", "$context.")
    else:
        prefixes = (
            "method.request.header.",
            "method.request.querystring.",
            "stageVariables.",
            "context.",
        )
    words = ("Headers", "QueryStrings", "StageVariables", "Context")
    return [
        f"{prefix}{member.text}"
        for word, prefix in zip(words, prefixes, strict=True)
        for member in members(identity.get(word) if identity is not None else None)
    ]


# Routes of an API's own definition


def of_definitions(draft: Draft, taken: list[Trigger]) -> list[Trigger]:
    """Routes that a ``DefinitionBody`` connects to functions and no event has.
    https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-swagger-extensions-integration.html
    """
    routes = {(t.kind, _text(t, "api"), _text(t, "path"), _text(t, "method")) for t in taken}
    found: list[Trigger] = []
    for resource in draft.template.of_type("AWS::Serverless::Api", "AWS::Serverless::HttpApi"):
        definition = resource.get("DefinitionBody")
        uri = resource.get("DefinitionUri")
        if definition is None and uri is not None:
            definition = draft.template.include(uri, uri)
        paths = definition.get("paths") if definition is not None else None
        if paths is None or not paths.is_mapping:
            continue
        kind = "rest" if resource.type.endswith("::Api") else "http"
        api = Api(draft, made(resource.name, paths, resource=resource), kind.capitalize())
        api.kind = "Api" if kind == "rest" else "HttpApi"
        for path, methods in paths.items():
            for method, operation in methods.items():
                trigger = _operation(draft, api, kind, path, method, operation, methods)
                if trigger is None:
                    continue
                route = (kind, _text(trigger, "api"), path, _text(trigger, "method"))
                if route not in routes:
                    routes.add(route)
                    found.append(trigger)
    return found


def _text(trigger: Trigger, field: str) -> str:
    default = "ANY" if field == "method" else ""
    return text_of(trigger.settings.value.get(field)) or default


def _operation(
    draft: Draft, api: Api, kind: str, path: str, method: str, operation: Node, methods: Node
) -> Trigger | None:
    integration = operation.get("x-amazon-apigateway-integration")
    uri = text_of(integration.get("uri")) if integration is not None else None
    match = re.search(_TARGET, uri or "")
    owner = function_named(draft, match["name"]) if match else None
    name = "ANY" if method.lower() == "x-amazon-apigateway-any-method" else method.upper()
    if owner is None or integration is None or (name != "ANY" and name not in METHODS):
        return None
    at = methods.keys.get(method, operation.at)
    type_ = text_of(integration.get("type")) or "aws_proxy"
    if type_.lower() != "aws_proxy":
        message = f"{name} {path} is left out: its integration `{type_}` maps what comes and goes"
        draft.warn("not-supported", message, at)
        return None
    here = Node(None, *at)
    fields = draft.fields(at)
    fields.put("path", made(path, here))
    if path != "$default":
        fields.put("method", made(name, here))
    if kind == "http":
        version = text_of(integration.get("payloadFormatVersion"))
        fields.put("payload", made("v2" if version in ("2.0", "2") else "v1", here))
        http_settings(draft, fields, api)
    else:
        fields.put("api_key", boolean(api.get("Auth", "ApiKeyRequired")), "ApiKeyRequired")
        rest_settings(draft, fields, api)
    _security(draft, fields, operation, api)
    if match is not None and match["qualifier"] and not match["qualifier"].startswith("$"):
        fields.put("alias", made(match["qualifier"], here))
    return Trigger(owner.key, kind, fields, at)


def _security(draft: Draft, fields: Fields, operation: Node, api: Api) -> None:
    """The authorizer of a definition's operation: its own, else the default one of the API.
    https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-swagger-extensions-authorizer.html
    """
    given = operation.get("security")
    if given is None:
        _authorizer(draft, fields, None, api)
        return
    known = api.get("Auth", "Authorizers")
    for scheme in members(given):
        for name, scopes in scheme.items():
            if known is not None and known.get(name) is not None:
                auth = {"Authorizer": made(name, scheme), "AuthorizationScopes": scopes}
                if not scopes.value:
                    del auth["AuthorizationScopes"]
                _authorizer(draft, fields, Node(auth, *scheme.at), api)
                return
            message = f"the security scheme `{name}` of the definition is not read: nothing checks"
            draft.warn("not-supported", message, scheme)


def function_named(draft: Draft, name: str) -> Resource | None:
    """The function that is called ``name`` in AWS or in the template."""
    for resource in draft.template.resources.values():
        if resource.is_function and name in (resource.physical_name, resource.name):
            return resource
    return None
