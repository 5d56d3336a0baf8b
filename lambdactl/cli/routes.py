"""``lambdactl local routes``: the route table of every API, and what shadows what."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lambdactl import errors
from lambdactl.cli import params
from lambdactl.cli.tables import table

if TYPE_CHECKING:
    from lambdactl.manifest.apis import Api
    from lambdactl.triggers.http.listing import Row

_KINDS = {"rest": "REST", "http": "HTTP", "url": "URL", "alb": "ALB", "websocket": "WebSocket"}
_EFFECTS = {
    "all": "is never reached; its requests go to",
    "some": "gives way to",
    "refused": "is refused (403) for methods it alone has on paths of",
}


@click.command()
@params.manifest_options
@click.option("--api", metavar="NAME", help="Only this API.")
@click.option(
    "--output",
    type=click.Choice(["text", "json"]),
    default="text",
    help="A table, or everything as JSON [text].",
)
@click.option("--openapi", is_flag=True, help="An OpenAPI 3.0 document (JSON) in place of it.")
def routes(
    manifest: Path | None,
    stage: str | None,
    env_files: tuple[Path, ...],
    parameters: Mapping[str, str],
    api: str | None,
    output: str,
    openapi: bool,
) -> None:
    """Show the routes of all APIs, function URLs and load balancers.

    Below them stands which route gives way to which.
    """
    from lambdactl.manifest import load
    from lambdactl.manifest.routes import apis_of
    from lambdactl.triggers.http.listing import document, listing

    app = load(manifest, stage=stage, env_files=env_files, parameters=parameters)
    for problem in app.warnings:
        params.warn(f"{problem.where}: {problem.message}")
    apis = _chosen(apis_of(app), api)
    if openapi:
        _openapi(apis, api or app.service)
        return
    rows = listing(apis)
    if output == "json":
        value = {"apis": [_described(each) for each in apis], "routes": document(rows)}
        click.echo(json.dumps(value, indent=2, ensure_ascii=False))
        return
    if not rows:
        params.warn("the manifest has no HTTP triggers, function URLs or routes in `apis`")
        return
    header = ("API", "KIND", "METHOD", "PATH", "LEADS TO", "AUTHORIZER", "WHERE")
    table("Routes", header, [_cells(row) for row in rows])
    table("Shadows", ("API", "ROUTE", "", "BY"), _shadows(rows))
    keys = [(api.name, key.name, key.value) for api in apis for key in api.api_keys]
    table("API keys", ("API", "NAME", "x-api-key"), keys)


def _chosen(apis: Sequence[Api], name: str | None) -> Sequence[Api]:
    if name is None:
        return apis
    names = [api.name for api in apis]
    if name not in names:
        raise errors.UserError(
            f"there is no API {name!r}",
            hint=errors.did_you_mean(name, names)
            or (f"there is: {', '.join(names)}" if names else "the manifest has none"),
        )
    return [api for api in apis if api.name == name]


def _openapi(apis: Sequence[Api], title: str) -> None:
    from lambdactl.triggers.http.openapi import document

    written = document(apis, title)
    for words in written.left_out:
        params.warn(f"not in the document: {words}")
    click.echo(json.dumps(written.value, indent=2, ensure_ascii=False))


def _described(api: Api) -> dict[str, Any]:
    return {
        "name": api.name,
        "kind": api.kind,
        "stage": api.stage if api.kind in ("rest", "http", "websocket") else None,
        "authorizers": _authorizers(api),
        "api_keys": {key.name: key.value for key in api.api_keys},
        "where": str(api.where) if api.where is not None else None,
    }


def _authorizers(api: Api) -> dict[str, Any]:
    """Those that believe tokens, and which: what to write into a token to be let in."""
    return {
        one.name: {
            "kind": one.kind,
            "issuer": one.issuer,
            "audience": list(one.audience),
            "user_pools": list(one.user_pools),
            "keys": one.keys,
        }
        for one in dict.fromkeys(route.authorizer for route in api.routes)
        if one is not None and one.kind in ("jwt", "cognito")
    }


def _cells(row: Row) -> tuple[str, ...]:
    from lambdactl.triggers.http.listing import conditions

    api, route = row.api, row.route
    authorizer = [row.authorizer] if row.authorizer is not None else []
    authorizer += ["API key"] if route.api_key else []
    method = route.method
    if api.kind == "alb":
        method = f"priority {route.priority}" if route.priority is not None else "-"
    elif api.kind == "websocket":
        method = "-"
    return (
        api.name,
        _KINDS[api.kind],
        method,
        conditions(route) if api.kind == "alb" else route.path,
        row.target,
        ", ".join(authorizer) or "-",
        # The column of a place matters to editors; here it would only be noise.
        f"{route.where.file}:{route.where.line}" if route.where is not None else "-",
    )


def _shadows(rows: Sequence[Row]) -> list[tuple[str, ...]]:
    """A line for each route and each way in which others stand before it."""
    found: list[tuple[str, ...]] = []
    for row in rows:
        for effect, words in _EFFECTS.items():
            rivals = [rows[shadow.by].name for shadow in row.shadows if shadow.effect == effect]
            if rivals:
                found.append((row.api.name, row.name, words, ", ".join(dict.fromkeys(rivals))))
    return found
