"""What ``AWS::Serverless::Api`` and ``HttpApi`` say of the whole API.

https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-resource-api.html
https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-resource-httpapi.html
"""

from __future__ import annotations

from lambdactl.errors import did_you_mean
from lambdactl.manifest.document import Node
from lambdactl.manifest.sam import authorizers, gateway_parts
from lambdactl.manifest.sam.draft import Draft, Fields, boolean, listed, truth
from lambdactl.manifest.sam.fronts import Api, Front, Preflight
from lambdactl.manifest.sam.values import made, members, text_of
from lambdactl.manifest.wording import quoted

_METHODS = frozenset({"GET", "PUT", "HEAD", "POST", "PATCH", "DELETE", "OPTIONS", "*"})
_LOST = (
    "AccessLogSetting",
    "AccessLogSettings",
    "CacheClusterEnabled",
    "CacheClusterSize",
    "CanarySetting",
    "DisableExecuteApiEndpoint",
    "Domain",
    "EndpointConfiguration",
    "SecurityPolicy",
    "Tags",
    "TracingEnabled",
)
"""Properties that only a deployment would miss."""


def fill(draft: Draft, front: Front, api: Api) -> None:
    """Put all that the resource (or ``Globals``) says into ``front``."""
    (_rest if api.kind == "rest" else _http)(draft, front, api)
    for name in _LOST:
        given = api.get(name)
        if given is not None:
            draft.lose(f"`{name}` of `{api.key}` has no place in the manifest", given)


def _rest(draft: Draft, front: Front, api: Api) -> None:
    fields = front.fields
    stage = api.get("StageName") or made("Prod", Node(None, *api.at))
    fields.put("stage", gateway_parts.stage_name(stage), "StageName")
    fields.put("variables", gateway_parts.variables(draft, api.get("Variables")), "Variables")
    types = api.get("BinaryMediaTypes")
    if types is not None:
        found = [member.text.replace("~1", "/") for member in members(types)]
        fields.put("binary_types", made(found, types), "BinaryMediaTypes")
    gateway_parts.rest_settings(fields, api.get)
    for name, schema in (api.get("Models") or Node({}, *api.at)).items():
        front.add("models", name, schema)
    for name, given in (api.get("GatewayResponses") or Node({}, *api.at)).items():
        front.add("gateway_responses", name, gateway_parts.gateway_response(draft, given))
    gateway_parts.method_settings(front, api.get("MethodSettings"))
    _auth(draft, front, api)
    _usage_plan(draft, front, api)
    _rest_cors(draft, front, api)


def _http(draft: Draft, front: Front, api: Api) -> None:
    fields = front.fields
    stage = api.get("StageName")
    if text_of(stage) != "$default":
        fields.put("stage", gateway_parts.stage_name(stage), "StageName")
    named = gateway_parts.variables(draft, api.get("StageVariables"))
    fields.put("variables", named, "StageVariables")
    gateway_parts.route_settings(front, api.get("DefaultRouteSettings"), api.get("RouteSettings"))
    _auth(draft, front, api)
    cross = api.get("CorsConfiguration")
    if cross is not None and cross.is_mapping:
        fields.nest("cors", http_cors(draft, cross), "CorsConfiguration")
    elif cross is not None and truth(cross):
        # What SAM makes of it allows every origin, and names no methods and headers.
        fields.put("cors", made({"allow_origins": ["*"]}, cross), "CorsConfiguration")


def http_cors(draft: Draft, given: Node) -> Fields:
    """``CorsConfiguration`` of an HTTP API."""
    from lambdactl.manifest.sam.rare import cors

    inner = cors(draft, given)
    known_methods(inner)
    return inner


# Who may call


def _auth(draft: Draft, front: Front, api: Api) -> None:
    auth = api.get("Auth")
    if auth is None or not auth.is_mapping:
        return
    known = auth.get("Authorizers")
    for name, given in known.items() if known is not None else ():
        if name == "AWS_IAM":
            continue
        inner = authorizers.of_serverless(draft, given, api.kind)
        if inner is None:
            message = f"the authorizer `{name}` is of a kind not known here"
            draft.warn("not-supported", message, given)
        else:
            front.add("authorizers", name, inner.node())
    default = auth.get("DefaultAuthorizer")
    fields = front.fields
    fields.put("authorizer", named(draft, front, api, default), "DefaultAuthorizer")
    if truth(auth.get("ApiKeyRequired")):
        fields.put("api_key", boolean(auth.get("ApiKeyRequired")), "ApiKeyRequired")
    policy = auth.get("ResourcePolicy")
    if policy is not None:
        warn_of_policy(draft, api.key, policy)


def warn_of_policy(draft: Draft, name: str, at: Node) -> None:
    message = f"the resource policy of `{name}` is not checked: everyone may call"
    draft.warn("not-supported", message, at)


def named(draft: Draft, front: Front, api: Api, given: Node | None) -> Node | None:
    """An authorizer by name, as the manifest names it; None where there is nothing to name."""
    name = text_of(given)
    if given is None or name is None:
        return None
    if name in ("NONE", "AWS_IAM"):
        return made("none" if name == "NONE" else "iam", given)
    if name in front.names("authorizers"):
        return given
    declared = api.get("Auth", "Authorizers")
    warned = declared is not None and declared.get(name) is not None
    defined = api.get("DefinitionBody") is not None or api.get("DefinitionUri") is not None
    if api.elsewhere or warned or defined:
        return None  # SAM leaves what a definition says as it is.
    message = f"the API has no authorizer `{name}`"
    names = declared.value if declared is not None and declared.is_mapping else {}
    draft.problems.add("unknown-authorizer", message, given, did_you_mean(name, names))
    return None


def _usage_plan(draft: Draft, front: Front, api: Api) -> None:
    """The plan and the key that SAM makes:
    https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-property-api-apiusageplan.html
    """
    plan = api.get("Auth", "UsagePlan")
    kind = text_of(plan.get("CreateUsagePlan")) if plan is not None else None
    if plan is None or kind not in ("PER_API", "SHARED"):
        if plan is not None and kind != "NONE":
            message = "`CreateUsagePlan` is PER_API, SHARED or NONE"
            if kind is not None:
                message += f", not {quoted(kind)}: there is no usage plan and no API key"
            draft.warn("not-supported", message, plan.get("CreateUsagePlan") or plan)
        return
    owner = api.key if kind == "PER_API" else f"{draft.template.prefix}Serverless"
    key = draft.fields(plan.at)
    if kind == "SHARED":
        key.put("value", made(gateway_parts.key_value(f"{owner}ApiKey"), plan))
    front.add("api_keys", f"{owner}ApiKey", key.node(), plan.at)
    inner = gateway_parts.usage_plan(draft, plan)
    inner.put("keys", made([f"{owner}ApiKey"], plan))
    front.add("usage_plans", f"{owner}UsagePlan", inner.node())


# CORS


def _rest_cors(draft: Draft, front: Front, api: Api) -> None:
    """The values go into headers as they are, so they are in quotes: ``"'GET,POST'"``.
    https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-property-api-corsconfiguration.html
    """
    node = api.get("Cors")
    if node is None or node.unknown or node.value is None:
        return
    default = text_of(front.fields.value.get("authorizer"))
    checked = default not in (None, "none") and _added(api, "AddDefaultAuthorizerToCorsPreflight")
    key = "api_key" in front.fields.value and _added(api, "AddApiKeyRequiredToCorsPreflight")
    if checked or key:
        front.preflight = Preflight(node, authorizer=checked, api_key=key)
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
    known_methods(inner)
    front.fields.nest("cors", inner, "Cors")


def _added(api: Api, word: str) -> bool:
    return truth(api.get("Auth", word)) is not False


def _quoted(node: Node | None) -> Node | None:
    text = text_of(node)
    if node is None or text is None or node.unknown:
        return node
    return listed(made(text.strip().strip("'\"").strip(), node))


def known_methods(inner: Fields) -> None:
    """Methods in capitals; ``ANY`` and the like, which browsers do not know, are left out."""
    methods = inner.value.get("allow_methods")
    if methods is not None and isinstance(methods.value, list):
        known = [m.text.upper() for m in methods.value if m.text.upper() in _METHODS]
        inner.put("allow_methods", made(known, methods), "AllowMethods")
