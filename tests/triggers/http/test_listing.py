"""The route table: what it says of each route, and which route stands before which."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambdactl.errors import Location
from lambdactl.manifest.apis import Api, Authorizer, Integration, Route
from lambdactl.triggers.http.listing import document, listing
from lambdactl.triggers.http.router import http_router, rest_router


def route(key: str, **fields: Any) -> Route:
    """``GET /pets`` as a route to a function named after it."""
    method, _, path = key.rpartition(" ")
    return Route(
        path=path,
        method=method or "ANY",
        integration=Integration(function=key),
        **fields,
    )


def shadows(kind: Any, *keys: str) -> dict[str, list[tuple[str, str]]]:
    """Route to what stands before it, by their names; without those that nothing stands before."""
    rows = listing([Api("a", kind, tuple(route(key) for key in keys))])
    return {
        row.name: [(rows[shadow.by].name, shadow.effect) for shadow in row.shadows]
        for row in rows
        if row.shadows
    }


@pytest.mark.parametrize("kind", ["rest", "http"])
def test_the_more_specific_path_goes_first(kind: str) -> None:
    assert shadows(kind, "GET /pets/{id}", "GET /pets/mine", "GET /{proxy+}", "GET /{a}/mine") == {
        "GET /pets/{id}": [("GET /pets/mine", "some")],
        "GET /{proxy+}": [
            ("GET /pets/{id}", "some"),
            ("GET /pets/mine", "some"),
            ("GET /{a}/mine", "some"),
        ],
        "GET /{a}/mine": [("GET /pets/{id}", "some"), ("GET /pets/mine", "some")],
    }


@pytest.mark.parametrize("kind", ["rest", "http"])
def test_a_method_goes_before_any_and_the_first_of_two_equals_before_the_second(kind: str) -> None:
    assert shadows(kind, "ANY /a", "GET /a") == {"ANY /a": [("GET /a", "some")]}
    assert shadows(kind, "GET /a/{x}", "GET /a/{y}") == {"GET /a/{y}": [("GET /a/{x}", "all")]}
    assert shadows(kind, "GET /a", "POST /a", "GET /b", "GET /a/b") == {}


def test_a_rest_resource_refuses_methods_that_it_lacks() -> None:
    assert shadows("rest", "POST /pets/{id}", "GET /pets/mine") == {
        "POST /pets/{id}": [("GET /pets/mine", "refused")]
    }
    assert shadows("rest", "ANY /{proxy+}", "GET /pets") == {
        "ANY /{proxy+}": [("GET /pets", "some"), ("GET /pets", "refused")]
    }
    assert shadows("http", "POST /pets/{id}", "GET /pets/mine") == {}


def test_the_default_route_takes_what_no_other_does() -> None:
    assert shadows("http", "$default", "GET /", "ANY /{proxy+}") == {
        "$default": [("GET /", "some"), ("ANY /{proxy+}", "some")]
    }


def test_a_websocket_key_is_taken_once() -> None:
    assert shadows("websocket", "$connect", "ping", "ping") == {"ping": [("ping", "all")]}


def rule(*paths: str, **fields: Any) -> Route:
    return Route(paths[0], Integration(function="f"), paths=paths, **fields)


def rules(*routes: Route) -> list[list[tuple[int, str]]]:
    rows = listing([Api("lb", "alb", routes)])
    return [[(shadow.by, shadow.effect) for shadow in row.shadows] for row in rows]


def test_rules_of_a_load_balancer_are_asked_in_their_order() -> None:
    assert rules(rule("/api/*"), rule("/*")) == [[], [(0, "some")]]
    assert rules(rule("/*"), rule("/api/*")) == [[], [(0, "all")]]
    assert rules(rule("/api/*"), rule("/api/v?/x", "/api/y")) == [[], [(0, "all")]]
    assert rules(rule("/api/?"), rule("/api/*")) == [[], [(0, "some")]]
    assert rules(rule("/a"), rule("/b")) == [[], []]
    assert rules(rule("/*", hosts=("a.b",)), rule("/*", hosts=("c.d",))) == [[], []]
    assert rules(rule("/*", hosts=("*.B",)), rule("/*", hosts=("a.b",))) == [[], [(0, "all")]]
    assert rules(rule("/*", hosts=("a.b",)), rule("/*")) == [[], [(0, "some")]]
    assert rules(rule("/*", methods=("GET",)), rule("/*", methods=("GET", "POST"))) == [
        [],
        [(0, "some")],
    ]
    assert rules(rule("/*", methods=("GET",)), rule("/*", methods=("POST",))) == [[], []]
    narrow = {"headers": {"X-A": ("1",)}, "query": (("v", "1"),), "source_ips": ("10.0.0.0/8",)}
    assert rules(rule("/*", **narrow), rule("/*")) == [[], [(0, "some")]]
    assert rules(rule("/*", **narrow), rule("/a", **narrow)) == [[], [(0, "all")]]


# The table and the router must agree: it is the router that serves.

SEGMENTS = st.sampled_from(["a", "b", "{x}", "{y}"])
METHODS = st.sampled_from(["ANY", "GET", "POST"])


@st.composite
def paths(draw: st.DrawFn) -> str:
    segments = draw(st.lists(SEGMENTS, max_size=3))
    if draw(st.booleans()):
        segments.append(draw(st.sampled_from(["{rest+}", ""])))
    return "/" + "/".join(segments)


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(["rest", "http"]),
    st.lists(st.tuples(METHODS, paths()), min_size=1, max_size=6),
    st.lists(
        st.tuples(
            st.sampled_from(["GET", "POST", "PUT"]),
            st.lists(st.sampled_from(["a", "b", "c", ""]), max_size=4),
        ),
        max_size=30,
    ),
)
def test_the_table_says_what_the_router_does(
    kind: Any, keys: list[tuple[str, str]], requests: list[tuple[str, list[str]]]
) -> None:
    routes = tuple(
        Route(path, Integration(function=str(index)), method=method)
        for index, (method, path) in enumerate(keys)
    )
    router = rest_router if kind == "rest" else http_router
    rows = listing([Api("a", kind, routes)])
    whole, alone = router(routes), [router([route]) for route in routes]
    for method, parts in requests:
        path = "/" + "/".join(parts)
        found = whole.find(method, path)
        for row, only in zip(rows, alone, strict=True):
            if only.find(method, path) is None:
                continue
            effects = {(shadow.by, shadow.effect) for shadow in row.shadows}
            if found is None:
                assert any(effect == "refused" for _, effect in effects), (method, path)
            elif found[0] is not row.route:
                by = next(i for i, other in enumerate(routes) if other is found[0])
                assert effects & {(by, "some"), (by, "all")}, (method, path)
            else:
                assert not any(effect == "all" for _, effect in effects), (method, path)


def test_the_document_has_every_route_with_what_is_said_of_it() -> None:
    place = Location("lambdactl.yaml", 7, 9)
    known = Authorizer("jwt", "users", scopes=("read",))
    apis = [
        Api(
            "shop",
            "rest",
            (
                Route("/a", Integration(function="f", qualifier="live"), "GET", where=place),
                Route("/b", Integration("http_proxy", uri="https://x"), authorizer=known),
            ),
            stage="v1",
        ),
        Api("f-url", "url", (Route("$default", Integration(function="f")),), auth="iam"),
        Api("lb", "alb", (rule("/x", priority=3, methods=("GET",)),)),
    ]
    rows = listing(apis)
    assert [row.target for row in rows] == ["f:live", "https://x", "f", "f"]
    assert [row.name for row in rows] == ["GET /a", "ANY /b", "$default", "/x method=GET"]
    first, second, url, balanced = document(rows)
    assert first == {
        "api": "shop",
        "kind": "rest",
        "stage": "v1",
        "method": "GET",
        "path": "/a",
        "conditions": None,
        "integration": "lambda_proxy",
        "function": "f",
        "qualifier": "live",
        "uri": None,
        "authorizer": None,
        "scopes": [],
        "api_key": False,
        "stream": False,
        "timeout_s": 29.0,
        "where": "lambdactl.yaml:7:9",
        "shadowed_by": [],
    }
    assert (second["authorizer"], second["scopes"], second["qualifier"]) == (
        "users",
        ["read"],
        None,
    )
    assert (url["authorizer"], url["stage"]) == ("iam", None)
    assert balanced["conditions"]["priority"] == 3
    assert balanced["conditions"]["methods"] == ["GET"]
