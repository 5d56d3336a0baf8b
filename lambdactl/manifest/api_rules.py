"""Rules of APIs that join several places: what routes name, and routes that exclude each other.

As in :mod:`lambdactl.manifest.rules`, each rule cites its AWS page and looks only at sound fields.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from lambdactl.errors import did_you_mean
from lambdactl.manifest.document import Node, Problems

_CALLED = {
    "rest": "a REST API",
    "http": "an HTTP API",
    "websocket": "a WebSocket API",
    "alb": "a load balancer",
}
_ROUTES = {
    "rest": "a route of a REST API",
    "http": "a route of an HTTP API",
    "websocket": "a route of a WebSocket API",
    "alb": "a rule of a load balancer",
}
_IDENTITY = {
    "rest": r"method\.request\.\w+\.\S+|stageVariables\.\S+|context\.\S+",
    "http": r"\$(request\.\w+\.\S+|stageVariables\.\S+|context\.\S+)",
    "websocket": r"route\.request\.\w+\.\S+|stageVariables\.\S+|context\.\S+",
}
"""https://docs.aws.amazon.com/apigateway/latest/api/API_Authorizer.html and
https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid-authorizers.html"""
_EXAMPLES = {
    "rest": "method.request.header.Authorization",
    "http": "$request.header.Authorization",
    "websocket": "route.request.querystring.token",
}
_BUILT_IN = {"models": ("Empty", "Error"), "validators": ("none",)}
"""Models that every REST API has
(https://docs.aws.amazon.com/apigateway/latest/developerguide/models-mappings-models.html), and our
word for no validator."""
_PARAMETER = re.compile(r"\{[^{}+]+\+?\}")
_KEY_CHARACTERS = 20


class _Api(NamedTuple):
    name: str
    kind: str
    node: Node

    def names(self, field: str) -> tuple[str, ...] | None:
        """The names in one of its mappings; None where that is not known."""
        node = self.node.get(field)
        if node is None:
            return ()
        return tuple(node.value) if node.is_mapping and not node.unknown else None


def check_apis(document: Node, app: Mapping[str, Any], problems: Problems) -> None:
    """Check the ``apis`` section and everything that names what is in it.

    :param app: the normalised values of the manifest.
    """
    _Apis(document, app, problems).check()


class _Apis:
    def __init__(self, document: Node, app: Mapping[str, Any], problems: Problems) -> None:
        self.document = document
        self.problems = problems
        self.functions: Mapping[str, Any] = app.get("functions", {})
        self.apis: Mapping[str, Any] = app.get("apis", {})
        self.known: dict[str, _Api] = {}
        section = document.get("apis")
        self.certain = section is None or (section.is_mapping and not section.unknown)
        for name, node in section.items() if section is not None else ():
            for kind, settings in node.items():
                if kind in _CALLED:
                    self.known[name] = _Api(name, kind, settings)
        self.taken: dict[tuple[str, ...], str] = {}

    def check(self) -> None:
        for api in self.known.values():
            self.whole(api)
        functions = self.document.get("functions")
        for name, function in functions.items() if functions is not None else ():
            triggers = function.get("triggers")
            if triggers is None or not isinstance(triggers.value, list):
                continue
            for item in triggers.value:
                for kind, node in item.items():
                    if kind in _CALLED and node.is_mapping:
                        self.trigger(name, kind, node, item.keys.get(kind, node.at))
        for api in self.known.values():
            routes = api.node.get("routes")
            if routes is not None and isinstance(routes.value, list):
                for node in routes.value:
                    if node.is_mapping:
                        self.target(node)
                        self.route(api.kind, node, api, f"`{api.name}`")
                        self.once(api.kind, api.name, node, f"`{api.name}`")

    # Which API

    def trigger(self, function: str, kind: str, node: Node, at: tuple[int, int]) -> None:
        api = self.api_of(kind, node, at)
        self.route(kind, node, api, api and f"`{api.name}`")
        given = node.get("api")
        name = api.name if api is not None else str(given.value) if given is not None else ""
        listener = node.get("listener")
        if listener is not None and api is None and not name:
            name = str(listener.value)
        self.once(kind, name, node, f"`{function}`")

    def api_of(self, kind: str, node: Node, at: tuple[int, int]) -> _Api | None:
        """The API that a trigger joins."""
        given = node.get("api")
        if given is None:
            same = [api for api in self.known.values() if api.kind == kind]
            if len(same) > 1:
                listed = ", ".join(api.name for api in same)
                self.problems.add(
                    "missing-field",
                    f"there are several APIs for {_ROUTES[kind]}: {listed}",
                    at,
                    f"say which one: `api: {same[0].name}`",
                    node=node,
                )
            return same[0] if len(same) == 1 else None
        if given.unknown or not isinstance(given.value, str) or not self.known:
            return None
        api = self.known.get(given.value)
        if api is None and self.certain:
            names = [name for name, known in self.known.items() if known.kind == kind]
            self.problems.add(
                "unknown-api",
                f"there is no API `{given.value}` in `apis`",
                given,
                did_you_mean(given.value, names) or f"add `{given.value}: {{{kind}: {{}}}}` to it",
            )
        elif api is not None and api.kind != kind:
            self.problems.add(
                "conflict",
                f"`{api.name}` is {_CALLED[api.kind]}, and this is {_ROUTES[kind]}",
                given,
                f"name {_CALLED[kind]}, or make this trigger `{api.kind}`",
            )
            return None
        return api

    # What belongs to a whole API

    def whole(self, api: _Api) -> None:
        node = api.node
        authorizers = node.get("authorizers")
        for _, authorizer in authorizers.items() if authorizers is not None else ():
            self.authorizer_form(authorizer, api.kind)
        self.authorizer_name(node.get("authorizer"), api, f"`{api.name}`")
        self.named(
            node.get("validator"), api, "validators", code="unknown-validator", what="validator"
        )
        plans = node.get("usage_plans")
        for _, plan in plans.items() if plans is not None else ():
            keys = plan.get("keys")
            for key in keys.value if keys is not None and isinstance(keys.value, list) else ():
                self.named(key, api, "api_keys", code="unknown-api-key", what="API key")
        self.health_check(api)
        keys = node.get("api_keys")
        for name, key in keys.items() if keys is not None else ():
            value = key.get("value") if key.is_mapping else key
            if value is not None and 0 < len(value.text) < _KEY_CHARACTERS and not value.unknown:
                self.problems.add(
                    "short-api-key",
                    f"AWS refuses `{name}`: a key has {_KEY_CHARACTERS} characters or more",
                    value,
                    "make it longer before it is deployed",
                    severity="warning",
                )

    def health_check(self, api: _Api) -> None:
        """https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html"""
        values = self.apis.get(api.name, {}).get(api.kind, {}).get("health_check", {})
        if {"timeout_s", "interval_s"} <= set(values) and values["timeout_s"] >= values[
            "interval_s"
        ]:
            at = api.node.get("health_check", "timeout") or api.node.get("health_check", "interval")
            self.problems.add(
                "conflict",
                f"the health check's `timeout` of {values['timeout_s']} s is not below its "
                f"`interval` of {values['interval_s']} s",
                at,
            )

    def named(self, node: Node | None, api: _Api | None, group: str, code: str, what: str) -> None:
        """``node`` names an entry of one of the API's mappings."""
        if node is None or node.unknown or not isinstance(node.value, str):
            return
        names = api.names(group) if api is not None else ()
        if names is None or node.value in (*names, *_BUILT_IN.get(group, ())):
            return
        whose = f"`{api.name}` has" if api is not None else "there is"
        self.problems.add(
            code,
            f"{whose} no {what} `{node.value}`",
            node,
            did_you_mean(node.value, names)
            or (
                f"add it to its `{group}`"
                if api is not None
                else f"an API in `apis` has `{group}`, and `api` names it"
            ),
        )

    # Routes

    def route(self, kind: str, node: Node, api: _Api | None, whose: str | None) -> None:
        """What a trigger or a route of the section says and names."""
        authorizer = node.get("authorizer")
        if authorizer is not None and authorizer.is_mapping:
            self.authorizer_form(authorizer, kind)
        else:
            self.authorizer_name(authorizer, api, whose)
        key = node.get("route")
        asked = authorizer is not None and authorizer.value != "none"
        if asked and key is not None and not key.unknown and key.value != "$connect":
            # https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-control-access.html
            self.problems.add(
                "conflict",
                f"a WebSocket API asks its authorizer at $connect, not at {key.value}",
                node.keys["authorizer"],
                "give it to the route $connect",
                node=authorizer,
            )
        self.scopes(node, api)
        validator = node.get("validator")
        if validator is not None and not validator.is_mapping:
            self.named(validator, api, "validators", code="unknown-validator", what="validator")
        models = node.get("request_models")
        for _, model in models.items() if models is not None else ():
            self.named(model, api, "models", code="unknown-model", what="model")
        if kind in ("rest", "http"):
            self.path(node)

    def scopes(self, node: Node, api: _Api | None) -> None:
        """Only a token has scopes. Without one that is checked, they would protect nothing
        (https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-integrate-with-cognito.html)."""
        scopes, given = node.get("scopes"), node.get("authorizer")
        if scopes is None or scopes.unknown or not scopes.value:
            return
        if given is None and api is not None:
            given = api.node.get("authorizer")
        if given is not None and isinstance(given.value, str) and api is not None:
            given = api.node.get("authorizers", given.value) or given
        if given is None or (not given.unknown and given.get("function") is not None):
            reason = "no authorizer" if given is None else "a Lambda authorizer"
        elif given.value in ("none", "iam"):
            reason = "no authorizer" if given.value == "none" else "iam"
        else:
            return
        self.problems.add(
            "conflict",
            f"`scopes` say nothing here: the route has {reason}",
            node.keys["scopes"],
            "they are for JWT and Cognito authorizers",
            node=scopes,
            severity="warning",
        )

    def path(self, node: Node) -> None:
        """https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-method-settings-method-request.html"""
        path, method = node.get("path"), node.get("method")
        if path is None or path.unknown or not isinstance(path.value, str):
            return
        if path.value == "$default":
            if method is not None and method.value != "ANY" and not method.unknown:
                self.problems.add(
                    "conflict", "the route $default takes every method", method, "remove `method`"
                )
            return
        parts = path.value.split("/")[1:]
        names = [part.strip("{}+") for part in parts if part.startswith("{")]
        fault = next(
            (part for part in parts if set("{}") & set(part) and not _PARAMETER.fullmatch(part)),
            None,
        )
        if fault is not None:
            message = f"`{fault}` in the path is neither text nor a parameter"
            hint = "a parameter takes a whole piece of the path: /photos/{id}, /{proxy+}"
        elif any(part.endswith("+}") for part in parts[:-1]):
            message, hint = "{name+} takes the rest of the path, so it comes last", None
        elif len(set(names)) < len(names):
            message, hint = "the path has the same parameter twice", "give it another name"
        else:
            return
        self.problems.add("malformed", message, path, hint)

    def target(self, node: Node) -> None:
        """The function that a route of the section leads to."""
        places = [node, *(node.get(kind) for kind in ("lambda_proxy", "lambda"))]
        for place in places:
            if place is None:
                continue
            function = place.get("function") if place.is_mapping else place
            if function is None or function.unknown or not isinstance(function.value, str):
                continue
            if function.value not in self.functions:
                self.problems.add(
                    "unknown-function",
                    f"there is no function `{function.value}`",
                    function,
                    did_you_mean(function.value, self.functions)
                    or "give a function of this manifest",
                )
                continue
            alias = place.get("alias")
            if alias is None or alias.unknown or alias.text.isdigit():
                continue
            known = self.document.get("functions", function.value, "aliases")
            names = list(known.value) if known is not None and known.is_mapping else []
            if alias.text not in names:
                self.problems.add(
                    "unknown-alias-name",
                    f"`{function.value}` has no alias `{alias.text}`",
                    alias,
                    did_you_mean(alias.text, names) or "add it to the function's `aliases`",
                )

    # Authorizers

    def authorizer_name(self, node: Node | None, api: _Api | None, whose: str | None) -> None:
        if node is None or node.unknown or not isinstance(node.value, str):
            return
        names = api.names("authorizers") if api is not None else ()
        if names is None or node.value in ("none", "iam", *names):
            return
        self.problems.add(
            "unknown-authorizer",
            f"{whose} has no authorizer `{node.value}`"
            if whose is not None
            else f"there is no authorizer `{node.value}`",
            node,
            did_you_mean(node.value, ("none", "iam", *names))
            or (
                f"add it to the `authorizers` of {whose}"
                if whose is not None
                else "write none, iam, or the authorizer itself: {function: name}"
            ),
        )

    def authorizer_form(self, node: Node, kind: str) -> None:
        """What each kind of API can ask:
        https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-control-access-to-api.html
        and https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-access-control.html"""
        self.authorizer_function(node)
        token = node.get("type")
        for field, needed, what in (
            ("issuer", "http", "a JWT authorizer"),
            ("user_pool", "rest", "a Cognito authorizer"),
        ):
            if node.get(field) is not None and kind != needed:
                instead = {
                    "rest": "a REST API takes `user_pool`",
                    "http": "an HTTP API takes the pool as `issuer` and `audience`",
                }
                self.problems.add(
                    "conflict",
                    f"{_CALLED[kind]} has no use for {what}",
                    node.keys[field],
                    instead.get(kind, "it takes a Lambda authorizer, or iam"),
                    node=node.get(field),
                )
                return
        if token is not None and token.value == "token" and kind != "rest":
            self.problems.add(
                "conflict", f"{_CALLED[kind]} has no authorizers of type token", token
            )
        identity = node.get("identity")
        sources = identity.value if identity is not None else None
        for source in sources if isinstance(sources, list) and kind in _IDENTITY else ():
            if source.unknown or re.fullmatch(_IDENTITY[kind], source.text):
                continue
            self.problems.add(
                "malformed",
                f"`{source.text}` is no identity source of {_CALLED[kind]}",
                source,
                f"for example {_EXAMPLES[kind]}",
            )

    def authorizer_function(self, node: Node) -> None:
        name = node.get("function")
        if name is None or name.unknown or not isinstance(name.value, str):
            return
        if name.value and not name.value.startswith("arn:") and name.value not in self.functions:
            self.problems.add(
                "unknown-function",
                f"there is no function `{name.value}`",
                name,
                did_you_mean(name.value, self.functions)
                or "give a function of this manifest, or an ARN",
            )

    # What is there once

    def once(self, kind: str, api: str, node: Node, owner: str) -> None:
        """A route, and the priority of a load balancer's rule."""
        for place, route, words in _identities(kind, node):
            key = (kind, api, *route)
            if key in self.taken:
                self.problems.add(
                    "conflict",
                    f"the {words} is taken already, by {self.taken[key]}",
                    place,
                    "give it another one"
                    if kind == "alb"
                    else "give it another path or method, or another `api`",
                )
            self.taken.setdefault(key, owner)


def _identities(kind: str, node: Node) -> Iterator[tuple[Node, tuple[str, ...], str]]:
    field = {"http": "path", "rest": "path", "websocket": "route", "alb": "priority"}[kind]
    place = node.get(field)
    if place is None or place.unknown or place.value is None:
        return
    if kind == "alb":
        yield place, (place.text,), f"priority {place.text}"
    elif isinstance(place.value, str):
        method = node.get("method")
        spelled = str(method.value) if method is not None else "ANY"
        words = place.value if kind == "websocket" else f"{spelled} {place.value}"
        yield place, (spelled, place.value), f"route {words}"
