"""Who decides whether a request may pass: SAM's authorizers, CloudFormation's, and OpenAPI's.

https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-property-api-apiauth.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-apigateway-authorizer.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-apigatewayv2-authorizer.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-swagger-extensions-authorizer.html
"""

from __future__ import annotations

import re

from lambdactl.manifest.document import Node
from lambdactl.manifest.sam.draft import Draft, Fields, Place, truth
from lambdactl.manifest.sam.fronts import Front
from lambdactl.manifest.sam.targets import target_of, uri_target
from lambdactl.manifest.sam.template import Resource
from lambdactl.manifest.sam.values import made, members, resource_of, text_of

_REST = (
    "method.request.header.",
    "method.request.querystring.",
    "stageVariables.",
    "context.",
)
_HTTP = ("$request.header.", "$request.querystring.", "$stageVariables.", "$context.")


def put(
    draft: Draft, front: Front, name: str, fields: Fields | None, at: Place, word: str = ""
) -> None:
    """Name an authorizer in the section; ``word`` is what the template calls it."""
    if fields is None:
        message = f"the authorizer `{word or name}` is of a kind not known here: nothing checks"
        draft.warn("not-supported", message, at)
    else:
        front.add("authorizers", name, fields.node(), at)


# SAM


def of_serverless(draft: Draft, node: Node, kind: str) -> Fields | None:
    """One of ``Auth.Authorizers``; None where its kind is not known."""
    inner = draft.fields(node.at)
    scopes = node.get("AuthorizationScopes")
    pool, function = node.get("UserPoolArn"), node.get("FunctionArn")
    identity = node.get("Identity")
    if pool is not None:
        inner.put("user_pool", _pools(pool), "UserPoolArn")
        inner.put("scopes", scopes, "AuthorizationScopes")
        header = text_of(identity.get("Header")) if identity is not None else None
        if header is not None and identity is not None:
            inner.put("identity", made([f"{_REST[0]}{header}"], identity))
        _kept(inner, identity)
        return inner
    if function is not None:
        _serverless_lambda(draft, inner, node, function, kind)
        return inner
    jwt = node.get("JwtConfiguration")
    if jwt is not None:
        _jwt(inner, jwt)
        inner.put("scopes", scopes, "AuthorizationScopes")
        source = node.get("IdentitySource")
        inner.put("identity", _sources(source), "IdentitySource")
        return inner
    return None


def _kept(inner: Fields, identity: Node | None) -> None:
    if identity is not None:
        inner.put("ttl", identity.get("ReauthorizeEvery"), "ReauthorizeEvery")
        expression = identity.get("ValidationExpression")
        inner.put("validation", expression, "ValidationExpression")


def _serverless_lambda(draft: Draft, inner: Fields, node: Node, function: Node, kind: str) -> None:
    """https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-property-api-lambdarequestauthorizer.html
    and, for the time its answers are kept,
    https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html"""
    inner.put("function", _function(draft, function), "FunctionArn")
    identity = node.get("Identity")
    request = kind == "http" or text_of(node.get("FunctionPayloadType")) == "REQUEST"
    if kind == "rest":
        type_ = "request" if request else "token"
        inner.put("type", made(type_, node.get("FunctionPayloadType") or node))
    _kept(inner, identity)
    if kind == "http":
        version = node.get("AuthorizerPayloadFormatVersion")
        _http_lambda(inner, node, version, node.get("EnableSimpleResponses"))
    sources = _identity(identity, request, kind)
    if sources:
        inner.put("identity", made(sources, identity or node), "Identity")


def _http_lambda(inner: Fields, node: Node, version: Node | None, simple: Node | None) -> None:
    """What only HTTP APIs have. AWS keeps no answers and takes policies only, unless told."""
    if version is not None:
        inner.put("payload", made("v1" if version.text in ("1.0", "1") else "v2", version))
    if truth(simple) is not True:
        inner.put("simple", made(False, simple or node), "EnableSimpleResponses")
    if "ttl" not in inner.value:
        inner.put("ttl", made(0, node))


def _identity(identity: Node | None, request: bool, kind: str) -> list[str]:
    if not request:
        header = text_of(identity.get("Header")) if identity is not None else None
        return [f"{_REST[0]}{header or 'Authorization'}"]
    prefixes = _HTTP if kind == "http" else _REST
    words = ("Headers", "QueryStrings", "StageVariables", "Context")
    return [
        f"{prefix}{member.text}"
        for word, prefix in zip(words, prefixes, strict=True)
        for member in members(identity.get(word) if identity is not None else None)
    ]


# CloudFormation


def of_resource(draft: Draft, resource: Resource) -> Fields | None:
    """An ``AWS::ApiGateway::Authorizer`` or one of v2; None where its kind is not known."""
    node = resource.get()
    if node is None:
        return None
    inner = draft.fields(resource.at)
    v2 = resource.type == "AWS::ApiGatewayV2::Authorizer"
    kind = resource.text("AuthorizerType" if v2 else "Type")
    ttl = node.get("AuthorizerResultTtlInSeconds")
    source = node.get("IdentitySource")
    if kind == "JWT":
        jwt = node.get("JwtConfiguration")
        if jwt is not None:
            _jwt(inner, jwt)
        inner.put("identity", _sources(source), "IdentitySource")
        return inner
    inner.put(
        "validation", node.get("IdentityValidationExpression"), "IdentityValidationExpression"
    )
    inner.put("ttl", ttl, "AuthorizerResultTtlInSeconds")
    inner.put("identity", _sources(source), "IdentitySource")
    if kind == "COGNITO_USER_POOLS":
        inner.put("user_pool", _pools(node.get("ProviderARNs")), "ProviderARNs")
        return inner
    uri = node.get("AuthorizerUri")
    if kind not in ("TOKEN", "REQUEST") or uri is None:
        return None
    inner.put("function", _function(draft, uri), "AuthorizerUri")
    if not v2:
        inner.put("type", made(kind.lower(), uri))
    elif _is_http(draft, node.get("ApiId")):
        version = node.get("AuthorizerPayloadFormatVersion")
        _http_lambda(inner, node, version, node.get("EnableSimpleResponses"))
    return inner


def _is_http(draft: Draft, api: Node | None) -> bool:
    found = resource_of(api) or draft.template.resources.get(text_of(api) or "")
    return found is None or found.text("ProtocolType") != "WEBSOCKET"


def of_web_socket(draft: Draft, node: Node) -> Fields:
    """``Auth`` of SAM's WebSocket API, where it is ``CUSTOM``."""
    inner = draft.fields(node.at)
    function = node.get("AuthArn")
    if function is not None:
        inner.put("function", _function(draft, function), "AuthArn")
    inner.put("identity", _sources(node.get("IdentitySource")), "IdentitySource")
    return inner


# OpenAPI


def of_scheme(draft: Draft, scheme: Node, kind: str) -> Fields | None:
    """The ``x-amazon-apigateway-authorizer`` of a security scheme."""
    given = scheme.get("x-amazon-apigateway-authorizer")
    if given is None:
        return None
    inner = draft.fields(given.at)
    type_ = (text_of(given.get("type")) or "").lower()
    source, ttl = given.get("identitySource"), given.get("authorizerResultTtlInSeconds")
    if type_ == "jwt":
        jwt = given.get("jwtConfiguration")
        if jwt is not None:
            _jwt(inner, jwt)
        inner.put("identity", _sources(source), "identitySource")
        return inner
    inner.put("validation", given.get("identityValidationExpression"))
    inner.put("ttl", ttl, "authorizerResultTtlInSeconds")
    header = text_of(scheme.get("name"))
    if source is not None:
        inner.put("identity", _sources(source), "identitySource")
    elif kind == "rest" and header is not None and header != "Unused" and type_ != "request":
        inner.put("identity", made([f"{_REST[0]}{header}"], scheme))
    if type_ == "cognito_user_pools":
        inner.put("user_pool", _pools(given.get("providerARNs")), "providerARNs")
        return inner
    uri = given.get("authorizerUri")
    if type_ not in ("token", "request") or uri is None:
        return None
    inner.put("function", _function(draft, uri), "authorizerUri")
    if kind == "rest":
        inner.put("type", made(type_, given))
    else:
        version = given.get("authorizerPayloadFormatVersion")
        _http_lambda(inner, given, version, given.get("enableSimpleResponses"))
    return inner


# Pieces


def _jwt(inner: Fields, jwt: Node) -> None:
    issuer = jwt.get("issuer") or jwt.get("Issuer")
    if issuer is not None and issuer.unknown:
        text = issuer.text
        issuer = made(text if text.startswith("http") else f"https://{text}", issuer)
    inner.put("issuer", issuer, "issuer")
    audience = jwt.get("audience") or jwt.get("Audience")
    if audience is not None:
        inner.put("audience", made([m.text for m in members(audience)], audience), "audience")


def _sources(node: Node | None) -> Node | None:
    """Identity sources, which may stand in one text with commas."""
    if node is None or node.unknown:
        return None
    found = [piece.strip() for one in members(node) for piece in one.text.split(",")]
    return made([piece for piece in found if piece], node) if any(found) else None


def _pools(node: Node | None) -> Node | None:
    found = []
    for one in members(node):
        pool = resource_of(one)
        arn = pool.attribute("Arn") if pool is not None and "Cognito" in pool.type else None
        found.append(one.text if one.text.startswith("arn:") or not arn else arn)
    if node is None or not found:
        return None
    return made(found[0] if len(found) == 1 else found, node)


def _function(draft: Draft, node: Node) -> Node:
    """A function of the template by name, any other by its ARN."""
    target = uri_target(draft, node) or target_of(draft, node)
    if target is not None and target.function.template is draft.template:
        return made(target.function.key, node)
    found = re.search(r"arn:[^:]+:lambda:[^/]+", node.text)
    if found is not None:
        return made(found[0], node)
    name = re.sub("[^A-Za-z0-9_-]+", "-", node.text).strip("-")[:64] or "unknown"
    region, account = draft.template.region, draft.template.account
    return made(f"arn:aws:lambda:{region}:{account}:function:{name}", node)
