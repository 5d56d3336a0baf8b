"""Parts of an OpenAPI definition (2.0 and 3) that say what a whole API has, and what a request
must look like.

https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-swagger-extensions.html
"""

from __future__ import annotations

import re

from lambdactl.manifest.document import Node
from lambdactl.manifest.sam import authorizers, gateway_parts
from lambdactl.manifest.sam.draft import Draft, Fields, truth
from lambdactl.manifest.sam.fronts import Front
from lambdactl.manifest.sam.values import made, members, text_of

_SCHEMAS = (("components", "schemas"), ("definitions",))
_SCHEMES = (("components", "securitySchemes"), ("securityDefinitions",))
_SOURCES = {"query": "querystring", "header": "header", "path": "path"}
_CONTENT = re.compile(r"\S+/\S+")
_JSON = "application/json"
_DEEP = 20


class Definition:
    """A definition, whose parts may refer to others of it."""

    def __init__(self, node: Node) -> None:
        self.node = node

    def followed(self, node: Node) -> Node:
        """What a ``$ref`` means; the node itself where it is none, or leads nowhere."""
        for _ in range(_DEEP):
            text = text_of(node.get("$ref"))
            if text is None or not text.startswith("#/"):
                return node
            steps = [step.replace("~1", "/").replace("~0", "~") for step in text[2:].split("/")]
            found = self.node.get(*steps)
            if found is None:
                return node
            node = found
        return node

    def all(self, places: tuple[tuple[str, ...], ...]) -> list[tuple[str, Node]]:
        """The entries of mappings that stand in one of some places."""
        found = (self.node.get(*place) for place in places)
        return [entry for node in found if node is not None for entry in node.items()]

    def scheme_kind(self, name: str) -> str | None:
        """``iam`` or ``api_key`` for a security scheme that is no authorizer."""
        scheme = dict(self.all(_SCHEMES)).get(name)
        if scheme is None:
            return None
        if (text_of(scheme.get("x-amazon-apigateway-authtype")) or "").lower() == "awssigv4":
            return "iam"
        key = text_of(scheme.get("type")) == "apiKey"
        return "api_key" if key and scheme.get("x-amazon-apigateway-authorizer") is None else None


def settings(draft: Draft, front: Front, definition: Definition) -> None:
    """Put what the definition says of the whole API into ``front``, where that does not say it
    otherwise already."""
    node = definition.node
    for name, scheme in definition.all(_SCHEMES):
        given = scheme.get("x-amazon-apigateway-authorizer")
        if given is not None and name not in front.names("authorizers"):
            found = authorizers.of_scheme(draft, scheme, front.kind)
            authorizers.put(draft, front, name, found, given.at)
    if front.kind == "http":
        _cors(draft, front, node.get("x-amazon-apigateway-cors"))
        return
    for name, schema in definition.all(_SCHEMAS):
        key = gateway_parts.model_name(name)
        if key not in front.names("models") and schema.is_mapping:
            front.add("models", key, schema)
    validators = node.get("x-amazon-apigateway-request-validators")
    for name, given in validators.items() if validators is not None else ():
        front.add("validators", name, _validator(draft, given))
    fields = front.fields
    fields.put("validator", node.get("x-amazon-apigateway-request-validator"))
    responses = node.get("x-amazon-apigateway-gateway-responses")
    for name, given in responses.items() if responses is not None else ():
        if name not in front.names("gateway_responses"):
            front.add("gateway_responses", name, gateway_parts.gateway_response(draft, given))
    types = node.get("x-amazon-apigateway-binary-media-types")
    if types is not None and "binary_types" not in fields.value:
        fields.put("binary_types", made([m.text for m in members(types)], types))
    source = node.get("x-amazon-apigateway-api-key-source")
    if source is not None and text_of(source) in ("HEADER", "AUTHORIZER"):
        fields.put("api_key_source", made(source.text.lower(), source))
    least = node.get("x-amazon-apigateway-minimum-compression-size")
    if "minimum_compression" not in fields.value:
        fields.put("minimum_compression", least)
    policy = node.get("x-amazon-apigateway-policy")
    if policy is not None:
        from lambdactl.manifest.sam.serverless_apis import warn_of_policy

        warn_of_policy(draft, front.key, policy)


def _validator(draft: Draft, given: Node) -> Node:
    inner = draft.fields(given.at)
    for word, field in (
        ("validateRequestBody", "body"),
        ("validateRequestParameters", "parameters"),
    ):
        inner.put(field, made(truth(given.get(word)) is True, given.get(word) or given), word)
    return inner.node()


def _cors(draft: Draft, front: Front, given: Node | None) -> None:
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-swagger-extensions-cors-configuration.html"""
    if given is None or not given.is_mapping or "cors" in front.fields.value:
        return
    from lambdactl.manifest.sam.serverless_apis import http_cors

    value = {name[0].upper() + name[1:]: child for name, child in given.items()}
    spelled = Node(value, *given.at, keys=dict.fromkeys(value, given.at), size=given.size)
    front.fields.nest("cors", http_cors(draft, spelled), "x-amazon-apigateway-cors")


# What a request must look like


def request(
    draft: Draft, front: Front, definition: Definition, fields: Fields, operation: Node
) -> None:
    """The parameters and the models of a REST API's operation."""
    parameters = draft.fields(operation.at)
    models = draft.fields(operation.at)
    for given in members(operation.get("parameters")):
        one = definition.followed(given)
        where, name = text_of(one.get("in")), text_of(one.get("name"))
        if where in _SOURCES and name and not re.search(r"\s", name):
            required = truth(one.get("required")) is True
            parameters.put(f"method.request.{_SOURCES[where]}.{name}", made(required, one))
        elif where == "body" and one.get("schema") is not None:
            types = operation.get("consumes") or definition.node.get("consumes")
            for type_ in [member.text for member in members(types)] or [_JSON]:
                _model(front, fields, models, type_, one.get("schema") or one)
    body = operation.get("requestBody")
    content = definition.followed(body).get("content") if body is not None else None
    for type_, media in content.items() if content is not None else ():
        schema = media.get("schema")
        if schema is not None:
            _model(front, fields, models, type_, schema)
    fields.nest("request_parameters", parameters, "parameters")
    fields.nest("request_models", models, "requestBody")


def _model(front: Front, fields: Fields, models: Fields, type_: str, schema: Node) -> None:
    type_ = type_.partition(";")[0].strip()
    if not _CONTENT.fullmatch(type_):
        return
    text = text_of(schema.get("$ref"))
    name = gateway_parts.model_name(text.rpartition("/")[2]) if text is not None else None
    if name is None or (name not in front.names("models") and name not in ("Empty", "Error")):
        route = f"{fields.value['method'].text} {fields.value['path'].text}"
        words = re.findall("[A-Za-z0-9]+", f"{route} body")
        name = "".join(word.capitalize() for word in words)
        if text is not None:
            return  # A model that is not there; the import to AWS fails.
        if schema.is_mapping:
            front.add("models", name, schema)
    models.put(type_, made(name, schema))
