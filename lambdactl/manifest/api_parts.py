"""What belongs to a whole API and not to one route: authorizers, models, keys, usage plans."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lambdactl.errors import Location, UserError
from lambdactl.manifest import build_features
from lambdactl.manifest.apis import (
    ApiKey,
    ApiKind,
    Authorizer,
    GatewayResponse,
    HealthCheck,
    Throttle,
    UsagePlan,
    Validator,
)
from lambdactl.manifest.build import path_under
from lambdactl.manifest.features import ApiSection, Cors
from lambdactl.manifest.integrations import text_of, texts_of

_EVERYTHING = Cors(allow_origins=("*",), allow_methods=("*",), allow_headers=("*",))


@dataclass(frozen=True, slots=True)
class Parts:
    """What routes refer to by name, and what they have unless they say otherwise."""

    root: Path = Path()
    authorizers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    validators: Mapping[str, Validator] = field(default_factory=dict)
    models: Mapping[str, Any] = field(default_factory=dict)
    gateway_responses: Mapping[str, GatewayResponse] = field(default_factory=dict)
    authorizer: str | Mapping[str, Any] | None = None
    validator: str | Mapping[str, Any] | None = None
    api_key: bool = False

    def named(
        self,
        given: str | Mapping[str, Any] | None,
        kind: ApiKind,
        shared: str | Mapping[str, Any] | None,
    ) -> Authorizer | None:
        """The authorizer of a route: its own, else ``shared``; None where everyone may call."""
        given = shared if given is None else given
        if given is None or given == "none":
            return None
        if given == "iam":
            return Authorizer("iam", "iam")
        if isinstance(given, str):
            # A name that is not known was reported when the manifest was read.
            fields = self.authorizers.get(given)
            return None if fields is None else authorizer(given, fields, kind, self.root)
        return authorizer("", given, kind, self.root)

    def validating(self, given: str | Mapping[str, Any] | None) -> Validator | None:
        """The validator of a route."""
        given = self.validator if given is None else given
        if given is None or given == "none":
            return None
        return self.validators.get(given) if isinstance(given, str) else Validator(**given)


def parts(settings: Mapping[str, Any], root: Path) -> Parts:
    """The parts of one API of the ``apis`` section.

    :raises UserError: the file of a model can't be read, or is not JSON.
    """
    return Parts(
        root=root,
        authorizers=settings.get("authorizers", {}),
        validators={
            name: Validator(**fields) for name, fields in settings.get("validators", {}).items()
        },
        models={name: _model(given, root) for name, given in settings.get("models", {}).items()},
        gateway_responses={
            name: GatewayResponse(
                status=fields.get("status"),
                parameters=fields.get("parameters", {}),
                templates=texts_of(fields.get("templates", {}), root, None),
            )
            for name, fields in settings.get("gateway_responses", {}).items()
        },
        authorizer=settings.get("authorizer"),
        validator=settings.get("validator"),
        api_key=settings.get("api_key", False),
    )


def _model(given: Any, root: Path) -> Any:
    if not isinstance(given, str):
        return given
    try:
        return json.loads(text_of(given, root, None))
    except ValueError as error:
        raise UserError(f"the model in {given} is not JSON: {error}") from error


def files(section: ApiSection) -> Iterator[tuple[str, Location | None]]:
    """The files that one API names, as they are written, and where it or its route stands: models,
    templates, keys of authorizers."""
    settings = section.settings
    for model in settings.get("models", {}).values():
        if isinstance(model, str):
            yield model, section.where
    yield from ((file, section.where) for file in _files_in(settings.get("authorizers", {})))
    yield from ((file, section.where) for file in _files_in(settings.get("gateway_responses", {})))
    for index, route in enumerate(settings.get("routes", ())):
        where = section.places.get(f"routes.{index}", section.where)
        yield from ((file, where) for file in _files_in(route))


def _files_in(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for member in value:
            yield from _files_in(member)
    elif isinstance(value, dict):
        for name, child in value.items():
            if name in ("file", "keys") and isinstance(child, str):
                if "://" not in child:
                    yield child
            else:
                yield from _files_in(child)


def authorizer(name: str, fields: Mapping[str, Any], kind: ApiKind, root: Path) -> Authorizer:
    """An authorizer. One that a route has for itself is called after what decides."""
    scopes = tuple(fields.get("scopes", ()))
    identity = tuple(fields.get("identity", ()))
    if "issuer" in fields:
        return Authorizer(
            "jwt",
            name or "jwt",
            identity=identity or ("$request.header.Authorization",),
            issuer=fields["issuer"],
            audience=tuple(fields.get("audience", ())),
            keys=_keys(fields.get("keys"), root),
            scopes=scopes,
        )
    if "user_pool" in fields:
        pools = fields["user_pool"]
        return Authorizer(
            "cognito",
            name or "cognito",
            identity=identity or ("method.request.header.Authorization",),
            validation=fields.get("validation"),
            ttl_s=fields.get("ttl_s", 300),
            keys=_keys(fields.get("keys"), root),
            user_pools=(pools,) if isinstance(pools, str) else tuple(pools),
            scopes=scopes,
        )
    token = kind == "rest" and fields.get("type") == "token"
    if token and not identity:
        identity = ("method.request.header.Authorization",)
    return Authorizer(
        "lambda",
        name or fields["function"],
        function=fields["function"],
        type="token" if token else "request",
        payload=fields.get("payload", "v2") if kind == "http" else "v1",
        simple=fields.get("simple", True),
        identity=identity,
        validation=fields.get("validation"),
        ttl_s=fields.get("ttl_s", 300),
    )


def _keys(given: str | None, root: Path) -> str | None:
    return given if given is None or "://" in given else str(path_under(root, given))


def cors(given: bool | Mapping[str, Any] | None) -> Cors | None:
    """CORS as the manifest says it; ``true`` allows everything."""
    if given is None or isinstance(given, bool):
        return _EVERYTHING if given else None
    return build_features.cors(given)


def api_keys(settings: Mapping[str, Any], api: str, service: str) -> tuple[ApiKey, ...]:
    """The keys. One without a value gets one that stays the same from run to run."""
    found = []
    for name, given in settings.get("api_keys", {}).items():
        fields: Mapping[str, Any] = {"value": given} if isinstance(given, str) else given
        found.append(
            ApiKey(
                id=identifier(api, "key", name),
                name=name,
                value=fields.get("value") or _digest(service, api, name)[:40],
                enabled=fields.get("enabled", True),
            )
        )
    return tuple(found)


def usage_plans(settings: Mapping[str, Any], api: str) -> tuple[UsagePlan, ...]:
    """The usage plans."""
    return tuple(
        UsagePlan(
            id=identifier(api, "plan", name),
            name=name,
            keys=tuple(identifier(api, "key", key) for key in fields.get("keys", ())),
            throttle=_throttle(fields["throttle"]) if "throttle" in fields else None,
            method_throttles={
                route: _throttle(limits) for route, limits in fields.get("throttles", {}).items()
            },
            quota=fields.get("quota", {}).get("limit"),
            quota_period=fields.get("quota", {}).get("period", "month"),
            quota_offset=fields.get("quota", {}).get("offset", 0),
        )
        for name, fields in settings.get("usage_plans", {}).items()
    )


def throttles(settings: Mapping[str, Any], kind: ApiKind) -> dict[str, Throttle]:
    """The stage's throttles, its default one under ``*/*`` (REST) or ``*``."""
    found = {route: _throttle(limits) for route, limits in settings.get("throttles", {}).items()}
    if "throttle" in settings:
        found["*/*" if kind == "rest" else "*"] = _throttle(settings["throttle"])
    return found


def _throttle(fields: Mapping[str, Any]) -> Throttle:
    rate = fields.get("rate")
    return Throttle(None if rate is None else float(rate), fields.get("burst"))


def health_check(fields: Mapping[str, Any] | None) -> HealthCheck | None:
    """A load balancer's health check; on wherever it is written down."""
    if fields is None:
        return None
    return HealthCheck(
        enabled=fields.get("enabled", True),
        path=fields.get("path", "/"),
        interval_s=fields.get("interval_s", 35),
        timeout_s=fields.get("timeout_s", 30),
        healthy=fields.get("healthy", 5),
        unhealthy=fields.get("unhealthy", 2),
        codes=str(fields.get("codes", "200")),
    )


def identifier(*words: str) -> str:
    """Ten letters and digits, as API Gateway's ids, always the same for the same words."""
    return _digest(*words)[:10]


def _digest(*words: str) -> str:
    return hashlib.sha256("\0".join(words).encode()).hexdigest()
