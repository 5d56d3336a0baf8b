"""Function URLs (https://docs.aws.amazon.com/lambda/latest/dg/urls-configuration.html)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from lambdactl.deploy.faults import allowed, code
from lambdactl.deploy.kinds.function_imitation import presumed
from lambdactl.deploy.marks import (
    all_marked,
    mark,
    marked,
    marked_only,
    qualified,
    split,
    state,
    unmark,
)
from lambdactl.deploy.model import Context, Live, Resource

_AUTH = {"none": "NONE", "iam": "AWS_IAM"}
_LISTS = {
    "allow_origins": "AllowOrigins",
    "allow_methods": "AllowMethods",
    "allow_headers": "AllowHeaders",
    "expose_headers": "ExposeHeaders",
}


class FunctionUrl:
    """``url:FUNCTION[:ALIAS]``."""

    name: ClassVar[str] = "url"
    title: ClassVar[str] = "URL of"
    parent: ClassVar[str | None] = "function"
    replaced_by: ClassVar[frozenset[str]] = frozenset()
    renews: ClassVar[frozenset[str]] = frozenset()

    def read(self, context: Context, name: str) -> Live | None:
        function, qualifier = split(name)
        answer = state(context, function)
        if answer is None:
            return None
        with allowed("ResourceNotFoundException"):
            found = context.account.client("lambda").get_function_url_config(
                **qualified(function, qualifier)
            )
            marks = marked(context, self.name, function)
            return Live(
                kind=self.name,
                name=name,
                properties=_properties(found),
                outputs=_outputs(found),
                owner=context.naming.owner if qualifier in marks else None,
                hash=marks.get(qualifier),
                needs=(f"alias:{function}/{qualifier}",) if qualifier else (),
                # Imitations of AWS do not change it.
                presumed=presumed(answer, ("invoke_mode",)),
            )
        return marked_only(context, self.name, name)

    def owned(self, context: Context, functions: Iterable[str]) -> Iterable[str]:
        return all_marked(context, self.name, functions)

    def create(self, context: Context, resource: Resource) -> Mapping[str, str]:
        function, qualifier = split(resource.name)
        mark(context, self.name, function, qualifier, resource.digest)
        try:
            found = context.account.client("lambda").create_function_url_config(
                **_wanted(resource, new=True)
            )
        except Exception as error:
            if code(error) != "ResourceConflictException":
                raise
            # It is there: a deployment broke off after this call.
            found = context.account.client("lambda").update_function_url_config(**_wanted(resource))
        return _outputs(found)

    def update(
        self, context: Context, resource: Resource, live: Live, changed: frozenset[str]
    ) -> Mapping[str, str]:
        if not live.properties:
            return self.create(context, resource)
        function, qualifier = split(resource.name)
        mark(context, self.name, function, qualifier, resource.digest)
        found = context.account.client("lambda").update_function_url_config(**_wanted(resource))
        return _outputs(found)

    def delete(self, context: Context, live: Live) -> None:
        function, qualifier = split(live.name)
        with allowed("ResourceNotFoundException"):
            context.account.client("lambda").delete_function_url_config(
                **qualified(function, qualifier)
            )
        unmark(context, self.name, function, qualifier)


KINDS = (FunctionUrl(),)


def _properties(found: Mapping[str, Any]) -> dict[str, Any]:
    auths = {theirs: ours for ours, theirs in _AUTH.items()}
    return {
        "auth": auths.get(found["AuthType"], found["AuthType"]),
        "invoke_mode": str(found.get("InvokeMode") or "BUFFERED").lower(),
        "cors": _cors(found.get("Cors") or {}),
    }


def _cors(found: Mapping[str, Any]) -> dict[str, Any] | None:
    if not found:
        return None
    return {
        **{ours: sorted(found.get(theirs) or ()) for ours, theirs in _LISTS.items()},
        "allow_credentials": bool(found.get("AllowCredentials", False)),
        "max_age_s": found.get("MaxAge") or 0,
    }


def _wanted(resource: Resource, *, new: bool = False) -> dict[str, Any]:
    properties = resource.properties
    cors = properties["cors"]
    wanted: dict[str, Any] = {
        **qualified(*split(resource.name)),
        "AuthType": _AUTH[properties["auth"]],
        "InvokeMode": str(properties["invoke_mode"]).upper(),
    }
    if cors is not None:
        wanted["Cors"] = {
            **{theirs: cors[ours] for ours, theirs in _LISTS.items() if cors[ours]},
            "AllowCredentials": cors["allow_credentials"],
            "MaxAge": cors["max_age_s"],
        }
    elif not new:
        # What is left out of an update stays as it was.
        wanted["Cors"] = {}
    return wanted


def _outputs(found: Mapping[str, Any]) -> dict[str, str]:
    return {"url": str(found["FunctionUrl"])}
