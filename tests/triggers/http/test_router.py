"""Which route takes a request: the examples of AWS's documentation, and what follows from them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdactl.manifest.apis import Integration, Route
from lambdactl.triggers.http.router import Router, http_router, rest_router

_HERE = Integration(function="f")


def _routes(*keys: str) -> list[Route]:
    found = []
    for key in keys:
        method, _, path = key.rpartition(" ")
        found.append(Route(path=path, method=method or "ANY", integration=_HERE))
    return found


def _key(router: Router, method: str, path: str) -> str | None:
    found = router.find(method, path)
    return None if found is None else f"{found[0].method} {found[0].path}"


@pytest.mark.parametrize(
    ("method", "path", "wanted"),
    [
        # https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html
        ("GET", "/pets/dog/1", "GET /pets/dog/1"),
        ("GET", "/pets/dog/2", "GET /pets/dog/{id}"),
        ("GET", "/pets/cat/1", "GET /pets/{proxy+}"),
        ("POST", "/test/5", "ANY /{proxy+}"),
        ("POST", "/pets/dog/1", "ANY /{proxy+}"),
        ("GET", "/", "ANY $default"),
    ],
)
def test_an_http_api_chooses_as_documented(method: str, path: str, wanted: str) -> None:
    router = http_router(
        _routes(
            "$default",
            "ANY /{proxy+}",
            "GET /pets/{proxy+}",
            "GET /pets/dog/{id}",
            "GET /pets/dog/1",
        )
    )
    assert _key(router, method, path) == wanted


def test_a_method_is_preferred_to_any() -> None:
    for make in (rest_router, http_router):
        router = make(_routes("ANY /a", "GET /a"))
        assert _key(router, "GET", "/a") == "GET /a"
        assert _key(router, "PUT", "/a") == "ANY /a"


def test_a_rest_resource_without_the_method_refuses_instead_of_passing_on() -> None:
    keys = ("GET /a", "ANY /{proxy+}")
    assert _key(rest_router(_routes(*keys)), "POST", "/a") is None
    assert _key(http_router(_routes(*keys)), "POST", "/a") == "ANY /{proxy+}"


def test_a_trailing_slash_counts_for_an_http_api_only() -> None:
    assert _key(rest_router(_routes("GET /a")), "GET", "/a/") == "GET /a"
    assert _key(http_router(_routes("GET /a")), "GET", "/a/") is None


@pytest.mark.parametrize("make", [rest_router, http_router])
def test_a_greedy_parameter_needs_something_to_take(make: object) -> None:
    router = make(_routes("ANY /a/{proxy+}"))  # type: ignore[operator]
    assert router.find("GET", "/a") is None
    assert router.find("GET", "/a/") is None
    assert router.find("GET", "/a/b/c%2Fd")[1] == {"proxy": "b/c%2Fd"}


def test_a_dead_end_is_left_again() -> None:
    router = rest_router(_routes("GET /a/b", "GET /{x}/c", "GET /{x}/{y}/d"))
    route, values = router.find("GET", "/a/c") or (None, {})
    assert (route.path if route else None, values) == ("/{x}/c", {"x": "a"})
    route, values = router.find("GET", "/a/b/d") or (None, {})
    assert (route.path if route else None, values) == ("/{x}/{y}/d", {"x": "a", "y": "b"})


def test_an_escaped_slash_does_not_part_segments_and_an_escaped_letter_is_that_letter() -> None:
    router = rest_router(_routes("GET /a/{x}", "GET /b"))
    assert router.find("GET", "/a/c%2Fd")[1] == {"x": "c%2Fd"}  # type: ignore[index]
    assert _key(router, "GET", "/%62") == "GET /b"


def test_parameters_of_the_same_place_may_have_different_names() -> None:
    router = http_router(_routes("GET /a/{x}", "PUT /a/{y}"))
    assert router.find("GET", "/a/1")[1] == {"x": "1"}  # type: ignore[index]
    assert router.find("PUT", "/a/1")[1] == {"y": "1"}  # type: ignore[index]


_SEGMENT = st.sampled_from(["a", "b", "{x}", "{y}"])


@given(
    st.lists(st.lists(_SEGMENT, min_size=1, max_size=4), min_size=1, max_size=8),
    st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=4),
)
def test_what_is_found_matches_and_nothing_that_matches_is_missed(
    paths: list[list[str]], asked: list[str]
) -> None:
    keys = ["GET /" + "/".join(parts) for parts in paths]
    found = rest_router(_routes(*keys)).find("GET", "/" + "/".join(asked))
    fits = [
        parts
        for parts in paths
        if len(parts) == len(asked)
        and all(p == a or p.startswith("{") for p, a in zip(parts, asked, strict=True))
    ]
    assert (found is not None) == bool(fits)
    if found is not None:
        # The most specific from the left.
        best = min(fits, key=lambda parts: [p.startswith("{") for p in parts])
        shape = [p.startswith("{") for p in found[0].path.split("/")[1:]]
        assert shape == [p.startswith("{") for p in best]
