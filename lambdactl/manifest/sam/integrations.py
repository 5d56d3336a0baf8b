"""Where a route leads: integrations of OpenAPI definitions and of CloudFormation's own resources.

https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-swagger-extensions-integration.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-apigateway-method-integration.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-apigatewayv2-integration.html
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping

from lambdactl.manifest.document import Node, plain
from lambdactl.manifest.sam.draft import Draft, Fields, sequence, snake
from lambdactl.manifest.sam.gateway_parts import number
from lambdactl.manifest.sam.targets import Target, uri_target
from lambdactl.manifest.sam.values import made, members, text_of

_WORDS = {
    "type": ("type", "Type", "IntegrationType"),
    "uri": ("uri", "Uri", "IntegrationUri"),
    "method": ("httpMethod", "IntegrationHttpMethod", "IntegrationMethod"),
    "timeout": ("timeoutInMillis", "TimeoutInMillis"),
    "passthrough": ("passthroughBehavior", "PassthroughBehavior"),
    "content": ("contentHandling", "ContentHandling", "ContentHandlingStrategy"),
    "templates": ("requestTemplates", "RequestTemplates"),
    "parameters": ("requestParameters", "RequestParameters"),
    "responses": ("responses", "IntegrationResponses"),
    "response_parameters": ("responseParameters", "ResponseParameters"),
    "payload": ("payloadFormatVersion", "PayloadFormatVersion"),
    "subtype": ("integrationSubtype", "IntegrationSubtype"),
    "connection": ("connectionType", "ConnectionType"),
    "transfer": ("responseTransferMode", "ResponseTransferMode"),
}
"""What each property is called in OpenAPI, in v1 and in v2."""
_TEMPLATE_KEY = re.compile(r"\S+/\S+|\$default")
_MAPPED_FROM = re.compile(
    r"integration\.request\.(header|querystring|path|multivalueheader|multivaluequerystring)\.\S+"
)
_MAPPED_TO = re.compile(r"method\.response\.header\.\S+")


class Goal:
    """Where a route leads. ``kind`` is the manifest's field for it, ``fields`` what that holds;
    ``target`` is the function of the template, where it is one."""

    def __init__(self, kind: str, fields: Fields, target: Target | None = None) -> None:
        self.kind = kind
        self.fields = fields
        self.target = target
        self.unavailable: Node | None = None


def goal(
    draft: Draft,
    given: Node,
    api: str,
    what: str,
    *,
    variables: Mapping[str, str] | None = None,
    responses: list[Node] | None = None,
) -> Goal:
    """What an integration says.

    :param api: rest, http or websocket.
    :param what: the route in words, for a warning where the integration can't run here.
    :param variables: those of the stage.
    :param responses: responses that are resources of their own.
    """
    kind = (text_of(_get(given, "type")) or "aws_proxy").lower()
    uri = _get(given, "uri")
    fields = draft.fields(given.at)
    if kind == "mock":
        _mapped(draft, fields, given, api, responses, what)
        return Goal("mock", fields)
    if kind.startswith("http"):
        return _http(draft, given, api, what, responses)
    target = uri_target(draft, uri, variables) if _get(given, "subtype") is None else None
    if target is None or target.function.template is not draft.template:
        return _elsewhere(draft, given, what)
    fields.put("timeout", seconds(_get(given, "timeout")), "TimeoutInMillis")
    if kind == "aws":
        fields.put("function", made(target.function.key, uri or given))
        if target.qualifier is not None and not target.qualifier.startswith("$"):
            fields.put("alias", made(target.qualifier, uri or given))
        _mapped(draft, fields, given, api, responses, what)
        return Goal("lambda", fields, target)
    if api == "http":
        fields.put("payload", payload(_get(given, "payload"), given, "v1"))
        _http_parameters(draft, fields, given)
    if api == "rest":
        fields.put("response", transfer_mode(_get(given, "transfer")))
    return Goal("lambda_proxy", fields, target)


def _get(given: Node, word: str) -> Node | None:
    return next((found for name in _WORDS[word] if (found := given.get(name)) is not None), None)


def _elsewhere(draft: Draft, given: Node, what: str) -> Goal:
    """An integration that can't run on this machine: the route is there, and says so."""
    subtype, uri = _get(given, "subtype"), _get(given, "uri")
    words = text_of(subtype) or text_of(uri) or text_of(_get(given, "type")) or "nothing"
    message = f"{what} leads to {words}, which is not on this machine: it answers with an error"
    draft.warn("not-supported", message, subtype or uri or given)
    found = Goal("unavailable", draft.fields(given.at))
    found.unavailable = made(words, given)
    return found


def _http(draft: Draft, given: Node, api: str, what: str, responses: list[Node] | None) -> Goal:
    uri, kind = _get(given, "uri"), (text_of(_get(given, "type")) or "").lower()
    linked = text_of(_get(given, "connection")) == "VPC_LINK"
    if uri is None or uri.unknown or linked or not re.fullmatch(r"https?://\S+", uri.text):
        return _elsewhere(draft, given, what)
    fields = draft.fields(given.at)
    fields.put("uri", uri, "Uri")
    method = _get(given, "method")
    text = (text_of(method) or "").upper()
    if method is not None and text and text not in ("ANY", "*"):
        fields.put("method", made(text, method), "HttpMethod")
    fields.put("timeout", seconds(_get(given, "timeout")), "TimeoutInMillis")
    if api == "http":
        _http_parameters(draft, fields, given)
        return Goal("http_proxy", fields)
    if kind == "http":
        _mapped(draft, fields, given, api, responses, what)
    else:
        parameters(draft, fields, _get(given, "parameters"), _MAPPED_FROM, what)
    return Goal("http" if kind == "http" else "http_proxy", fields)


# Mapping


def _mapped(
    draft: Draft, fields: Fields, given: Node, api: str, responses: list[Node] | None, what: str
) -> None:
    """What integrations have that are no proxies."""
    inner = templates(draft, _get(given, "templates"))
    fields.nest("request_templates", inner, "RequestTemplates")
    if "function" in fields.value or "uri" in fields.value:
        parameters(draft, fields, _get(given, "parameters"), _MAPPED_FROM, what)
    passthrough = _get(given, "passthrough")
    if passthrough is not None and text_of(passthrough) is not None:
        fields.put("passthrough", made(passthrough.text.lower(), passthrough), "Passthrough")
    fields.put("content_handling", _content(_get(given, "content")), "ContentHandling")
    table = responses if responses is not None else _responses(_get(given, "responses"))
    found = [_response(draft, entry, api, what).node() for entry in table]
    if found:
        fields.put("responses", sequence(found, found[0].at))


def _responses(given: Node | None) -> list[Node]:
    """The table of responses: a mapping of patterns in OpenAPI, a list in CloudFormation."""
    if given is None or not given.is_mapping:
        return members(given)
    found = []
    for pattern, entry in given.items():
        value = dict(entry.items())
        value["SelectionPattern"] = made(None if pattern == "default" else pattern, entry)
        found.append(Node(value, *entry.at, keys=entry.keys, size=entry.size + 1))
    return found


def _response(draft: Draft, entry: Node, api: str, what: str) -> Fields:
    def get(word: str) -> Node | None:
        return entry.get(word) or entry.get(word[0].lower() + word[1:])

    fields = draft.fields(entry.at)
    fields.put("status", number(get("StatusCode")), "StatusCode")
    pattern = get("SelectionPattern") or get("IntegrationResponseKey")
    text = text_of(pattern)
    if pattern is not None and text and text != "$default":
        # v2 writes a pattern between slashes: /4\d\d/
        fields.put("pattern", made(text.strip("/") if api != "rest" else text, pattern))
    found = get("ResponseParameters")
    parameters(draft, fields, found, _MAPPED_TO, what, field="parameters")
    inner = templates(draft, get("ResponseTemplates"))
    fields.nest("templates", inner, "ResponseTemplates")
    handling = get("ContentHandling") or get("ContentHandlingStrategy")
    fields.put("content_handling", _content(handling), "ContentHandling")
    return fields


def templates(draft: Draft, given: Node | None) -> Fields:
    """Content types to templates. A WebSocket API's keys are words, one of which is the default."""
    fields = draft.fields(given.at if given is not None else (1, 1))
    for key, value in given.items() if given is not None else ():
        name = key if _TEMPLATE_KEY.fullmatch(key) else key.strip()
        if not _TEMPLATE_KEY.fullmatch(name):
            name = "$default"
        if isinstance(value.value, (dict, list)):
            value = made(json.dumps(plain(value)), value)
        elif value.value is None:
            value = made("", value)
        fields.put(name, made(value.text, value) if value.unknown else value)
        fields.keys[name] = given.keys.get(key, value.at) if given is not None else value.at
    return fields


def parameters(
    draft: Draft,
    fields: Fields,
    given: Node | None,
    form: re.Pattern[str],
    what: str,
    field: str = "request_parameters",
) -> None:
    """A mapping of parameters; those that AWS does not know either are named and left out."""
    if given is None or not given.is_mapping:
        return
    inner = draft.fields(given.at)
    for name, value in given.items():
        if not form.fullmatch(name):
            message = f"{what} maps a parameter `{name}`, which is not of a kind known here"
            draft.warn("not-supported", message, given.keys.get(name, value.at))
        elif text_of(value) is not None:
            inner.put(name, made(value.text, value))
            inner.keys[name] = given.keys.get(name, value.at)
    fields.nest(field, inner)


def _http_parameters(draft: Draft, fields: Fields, given: Node) -> None:
    """Parameter mapping of an HTTP API. CloudFormation has lists where OpenAPI has mappings.
    https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-parameter-mapping.html
    """
    inner = draft.fields(given.at)
    for name, value in (_get(given, "parameters") or Node({}, *given.at)).items():
        if text_of(value) is not None or value.value is None:
            inner.put(name, made(value.text, value))
    fields.nest("request_parameters", inner, "RequestParameters")
    table = draft.fields(given.at)
    for status, entry in (_get(given, "response_parameters") or Node({}, *given.at)).items():
        changes = draft.fields(entry.at)
        listed = entry.get("ResponseParameters") or entry
        for one in members(listed) if not listed.is_mapping else ():
            destination, source = one.get("Destination"), one.get("Source")
            if text_of(destination) is not None and destination is not None:
                changes.put(destination.text, source or made("", destination))
        for name, value in listed.items():
            changes.put(name, made(value.text, value))
        if changes:
            table.put(status, changes.node())
    fields.nest("response_parameters", table, "ResponseParameters")


def _content(node: Node | None) -> Node | None:
    text = text_of(node)
    known = ("CONVERT_TO_BINARY", "CONVERT_TO_TEXT")
    return made(snake(text), node) if node is not None and text in known else None


def transfer_mode(node: Node | None) -> Node | None:
    """``ResponseTransferMode``: https://docs.aws.amazon.com/apigateway/latest/developerguide/response-transfer-mode.html"""
    text = text_of(node)
    if node is None or text not in ("STREAM", "BUFFERED"):
        return None
    return made({"STREAM": "stream"}.get(text, "buffered"), node)


def payload(node: Node | None, at: Node, default: str) -> Node:
    """The payload format of an HTTP API."""
    text = text_of(node)
    if node is None or text is None:
        return made(default, at)
    known = {"1": "v1", "1.0": "v1", "2": "v2", "2.0": "v2"}.get(text)
    return made(known, node) if known else node


def seconds(node: Node | None) -> Node | None:
    """Milliseconds as seconds, rounded up."""
    text = text_of(node)
    if node is None or text is None or not text.isdigit():
        return node
    return made(max(1, math.ceil(int(text) / 1000)), node)
