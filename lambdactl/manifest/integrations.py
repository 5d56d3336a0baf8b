"""Where routes lead, as the manifest says it -> :class:`~lambdactl.manifest.apis.Integration`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lambdactl.errors import Location, UserError
from lambdactl.manifest.apis import ApiKind, Integration, IntegrationResponse
from lambdactl.manifest.build import path_under
from lambdactl.manifest.features import FunctionUrl
from lambdactl.manifest.model import Function, Trigger
from lambdactl.manifest.noted import note

KINDS = ("lambda_proxy", "lambda", "mock", "http", "http_proxy", "unavailable")
"""The fields of a route, of which one says where it leads."""

_TIMEOUTS: Mapping[str, float] = {"rest": 29.0, "http": 30.0, "websocket": 29.0, "alb": 900.0}
"""Seconds that each kind of front door waits by default. A load balancer and a function URL wait
as long as a function may take."""


def of_trigger(function: Function, trigger: Trigger) -> Integration:
    """A function's own trigger passes everything on to it."""
    settings = trigger.settings
    return Integration(
        "lambda_proxy",
        function=function.name,
        qualifier=settings.get("alias") or "$LATEST",
        payload=settings.get("payload", "v2") if trigger.kind == "http" else "v1",
        timeout_s=float(settings.get("timeout_s", _TIMEOUTS[trigger.kind])),
        stream=trigger.kind == "rest" and settings.get("response") == "stream",
        request_parameters=settings.get("request_parameters", {}) if trigger.kind == "http" else {},
        response_parameters=settings.get("response_parameters", {}),
    )


def of_url(function: Function, url: FunctionUrl) -> Integration:
    """What a function URL does."""
    return Integration(
        "lambda_proxy",
        function=function.name,
        qualifier=url.alias or "$LATEST",
        timeout_s=_TIMEOUTS["alb"],
        stream=url.invoke_mode == "response_stream",
    )


def integration(
    route: Mapping[str, Any], api: ApiKind, root: Path, where: Location | None
) -> Integration:
    """The integration of a route of the ``apis`` section.

    :raises UserError: a template's file can't be read.
    """
    if api == "alb" and "function" in route:
        return Integration(
            "lambda_proxy",
            function=route["function"],
            qualifier=route.get("alias") or "$LATEST",
            payload="v1",
            timeout_s=_TIMEOUTS[api],
        )
    kind: Any = next(name for name in KINDS if name in route)
    given = route[kind]
    if isinstance(given, str):
        given = {"function" if kind.startswith("lambda") else "uri": given}
    responses = tuple(_response(fields, root, where) for fields in given.get("responses", ()))
    templates = texts_of(given.get("request_templates", {}), root, where)
    if kind == "mock" and "request_templates" not in given:
        # AWS's mock takes its status from a request template: this is the one that says the
        # status of its first response.
        status = responses[0].status if responses else 200
        templates = {"application/json": f'{{"statusCode": {status}}}'}
    return Integration(
        kind,
        function=given.get("function"),
        qualifier=given.get("alias") or "$LATEST",
        payload=given.get("payload", "v2") if api == "http" else "v1",
        timeout_s=float(given.get("timeout_s", _TIMEOUTS[api])),
        stream=given.get("response") == "stream",
        uri=given.get("uri"),
        method=given.get("method"),
        passthrough=given.get("passthrough", "when_no_match"),
        request_templates=templates,
        request_parameters=given.get("request_parameters", {}),
        responses=responses,
        response_parameters=given.get("response_parameters", {}),
        content_handling=given.get("content_handling"),
    )


def _response(fields: Mapping[str, Any], root: Path, where: Location | None) -> IntegrationResponse:
    return IntegrationResponse(
        status=fields.get("status", 200),
        pattern=fields.get("pattern"),
        parameters=fields.get("parameters", {}),
        templates=texts_of(fields.get("templates", {}), root, where),
        content_handling=fields.get("content_handling"),
    )


def texts_of(given: Mapping[str, Any], root: Path, where: Location | None) -> Mapping[str, str]:
    """Templates by content type, those that are in files read.

    :raises UserError: a file can't be read.
    """
    return {
        kind: text_of(template["file"], root, where) if isinstance(template, dict) else template
        for kind, template in given.items()
    }


def text_of(path: str, root: Path, where: Location | None) -> str:
    """The text of a file that the manifest names.

    :raises UserError: it can't be read.
    """
    file = path_under(root, path)
    note(file)
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        words = getattr(error, "strerror", None) or "it is not UTF-8"
        raise UserError(f"can't read {path}: {words}", where=where) from error
