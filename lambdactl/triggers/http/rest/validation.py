"""Request validators: required parameters, and bodies against models.

https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-method-request-validation.html:
"The required request parameters in the URI, query string, and headers of an incoming request are
included and not blank"; the payload "adheres to the configured JSON schema request of the method
for a given content type. If no matching content type is found, request validation is not
performed. To use the same model regardless of the content type, set the content type for your data
model to $default."
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from lambdactl.manifest.apis import Api, Route
from lambdactl.triggers.http.calls import Call, Refusal
from lambdactl.triggers.http.fields import media_type, query_maps
from lambdactl.triggers.http.rest.event import header_name

if TYPE_CHECKING:
    from lambdactl.triggers.http.rest.models import Model

Check = Callable[[Call], None]

_UNREADABLE = "[Unknown error parsing request body]"
"""What ``$context.error.validationErrorString`` is for a body that is no JSON."""


def checker(api: Api, route: Route) -> Check | None:
    """What checks a request to ``route`` as its validator says, or None when there is nothing to
    check.

    It raises :class:`Refusal`: ``BAD_REQUEST_PARAMETERS`` or ``BAD_REQUEST_BODY``. The latter's
    ``validation`` is as API Gateway puts it into templates, with its quotes escaped:
    ``[object has missing required properties ([\\"name\\"])]``.
    """
    validator = route.validator
    if validator is None:
        return None
    checks = []
    if validator.parameters and (parameters := _parameters(route)):
        checks.append(parameters)
    if validator.body and (body := _body(api, route)):
        checks.append(body)
    if not checks:
        return None

    def check(call: Call) -> None:
        for each in checks:
            each(call)

    return check


def _parameters(route: Route) -> Check | None:
    wanted = [
        tuple(key.removeprefix("method.request.").split(".", 1))
        for key, required in sorted(route.request_parameters.items())
        if required
    ]
    wanted = [each for each in wanted if len(each) == 2]
    if not wanted:
        return None

    def check(call: Call) -> None:
        request = call.request
        query = query_maps(request.query)[0] or {}
        # "Header names and query parameters are processed in a case-sensitive way"
        # (https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-known-issues.html).
        headers = {header_name(name): value for name, value in request.headers}
        places: Mapping[str, Mapping[str, str]] = {
            "header": headers,
            "path": call.parameters,
            "querystring": query,
        }
        missing = [
            name for place, name in wanted if not places.get(place, {}).get(name, "").strip()
        ]
        if missing:
            message = f"Missing required request parameters: [{', '.join(missing)}]"
            raise Refusal("BAD_REQUEST_PARAMETERS", message, reason=_hint(missing, request.headers))

    return check


def _hint(missing: list[str], headers: list[tuple[str, str]]) -> str | None:
    """A word on headers that are there in other letters."""
    sent = {name.lower(): header_name(name) for name, _ in headers}
    for name in missing:
        other = sent.get(name.lower())
        if other not in (None, name):
            return (
                f"the validator wants the header `{name}`, and the request has `{other}`:"
                " API Gateway tells them apart"
            )
    return None


def _body(api: Api, route: Route) -> Check | None:
    if not route.request_models:
        return None
    # jsonschema costs a twentieth of a second to import: only who validates bodies pays.
    from lambdactl.triggers.http.rest.models import models

    found = models(api.models)
    by_type: dict[str, Model] = {
        media_type(content) if content != "$default" else content: found[name]
        for content, name in route.request_models.items()
        if name in found
    }
    if not by_type:
        return None

    def check(call: Call) -> None:
        wanted = media_type(call.request.header("content-type")) or "application/json"
        model = by_type.get(wanted) or by_type.get("$default")
        if model is None:
            return
        try:
            document: Any = json.loads(call.request.body or b"{}")
        except (ValueError, RecursionError) as error:
            raise Refusal(
                "BAD_REQUEST_BODY",
                validation=_UNREADABLE,
                reason=f"the body is no JSON: {error}",
            ) from error
        words = model.problems(document)
        if words:
            whole = f"[{', '.join(words)}]"
            raise Refusal(
                "BAD_REQUEST_BODY",
                validation=json.dumps(whole, ensure_ascii=False)[1:-1],
                reason=f"the body is not as the model {model.name} wants it: {whole}",
            )

    return check
