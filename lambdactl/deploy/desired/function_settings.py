"""What a function has beside its own configuration: asynchronous invocation, ready environments,
a URL with those who may call it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from lambdactl.deploy.desired import Wanted, needs
from lambdactl.deploy.desired.grants import called, grant, qualifier_of
from lambdactl.deploy.marks import joined
from lambdactl.deploy.model import Resource
from lambdactl.manifest.features import Cors
from lambdactl.manifest.model import Function
from lambdactl.manifest.settings import AsyncConfig, Destination


def resources(wanted: Wanted) -> Iterable[Resource]:
    for function in wanted.functions:
        yield from _async(wanted, function)
        for qualifier, executions in function.concurrency.provisioned.items():
            yield _provisioned(wanted, function, qualifier, executions)
        if function.url is not None:
            yield from _url(wanted, function)


def _async(wanted: Wanted, function: Function) -> Iterator[Resource]:
    """Of the function, and of each alias: calls of an alias do not go by what is set for the
    function (https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-configuring.html)."""
    settings: dict[str | None, AsyncConfig] = {None: function.async_}
    for name, alias in function.aliases.items():
        settings[name] = alias.async_ if alias.async_ is not None else function.async_
    for qualifier, config in settings.items():
        if config == AsyncConfig():
            continue
        targets = (config.on_success, config.on_failure)
        yield Resource(
            kind="async",
            name=joined(wanted.naming.function(function.name), qualifier),
            properties={
                "retries": config.retries,
                "max_age_s": config.max_age_s,
                "on_success": _arn(wanted, config.on_success),
                "on_failure": _arn(wanted, config.on_failure),
            },
            needs=(
                called(wanted, function.name, qualifier),
                *needs.role(wanted, function.name),
                *(need for target in targets for need in needs.destination(wanted, target)),
            ),
            function=function.name,
            where=function.where,
        )


def _arn(wanted: Wanted, destination: Destination | None) -> str | None:
    return wanted.naming.arn_of(destination) if destination is not None else None


def _provisioned(wanted: Wanted, function: Function, qualifier: str, executions: int) -> Resource:
    return Resource(
        kind="provisioned",
        name=joined(wanted.naming.function(function.name), qualifier),
        properties={"executions": executions},
        needs=(called(wanted, function.name, qualifier),),
        function=function.name,
        where=function.where,
    )


def _url(wanted: Wanted, function: Function) -> Iterator[Resource]:
    url = function.url
    assert url is not None
    qualifier = qualifier_of(url.alias)
    yield Resource(
        kind="url",
        name=joined(wanted.naming.function(function.name), qualifier),
        properties={
            "auth": url.auth,
            "invoke_mode": url.invoke_mode,
            "cors": _cors(url.cors) if url.cors is not None else None,
        },
        needs=(called(wanted, function.name, qualifier),),
        function=function.name,
        where=function.where,
    )
    if url.auth == "none":
        # Without both of them Lambda answers 403:
        # https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html
        yield grant(
            wanted,
            function.name,
            "url",
            "*",
            alias=qualifier,
            action="lambda:InvokeFunctionUrl",
            url_auth="NONE",
            where=function.where,
        )
        yield grant(
            wanted,
            function.name,
            "url-invoke",
            "*",
            alias=qualifier,
            via_url=True,
            where=function.where,
        )


def _cors(cors: Cors) -> dict[str, Any]:
    """As Lambda keeps it; the order of origins, methods and headers means nothing."""
    return {
        "allow_origins": sorted(cors.allow_origins),
        "allow_methods": sorted(cors.allow_methods),
        "allow_headers": sorted(cors.allow_headers),
        "expose_headers": sorted(cors.expose_headers),
        "allow_credentials": cors.allow_credentials,
        "max_age_s": cors.max_age_s or 0,
    }
