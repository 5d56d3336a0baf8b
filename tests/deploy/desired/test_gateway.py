"""What there should be of APIs: names, permissions, needs, and what can't be deployed."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest

from lambdactl.artifacts.builds import Built
from lambdactl.deploy.desired import Wanted, http_apis, rest_apis, websocket_apis
from lambdactl.deploy.model import Ref, Resource
from lambdactl.deploy.naming import Naming
from lambdactl.errors import UserError
from lambdactl.manifest.model import App

ACCOUNT = "123456789012"
CODE = "runtime: python3.13, handler: app.handler, code: src"


def wanted(app: App, *names: str) -> Wanted:
    return Wanted(Naming(app, "aws", "eu-west-1", ACCOUNT), Built(()), frozenset(names))


def sources(resources: Iterable[Resource]) -> dict[str, list[str]]:
    """By function and qualifier, who may call: what follows the API's id."""
    found: dict[str, list[str]] = {}
    for one in resources:
        if one.kind == "permission":
            source = one.properties["source_arn"]
            assert isinstance(source, Ref)
            assert source.output == "id"
            before = f"arn:aws:execute-api:eu-west-1:{ACCOUNT}:{{}}/"
            assert source.text.startswith(before)
            assert one.properties["principal"] == "apigateway.amazonaws.com"
            found.setdefault(one.name.partition("/")[0], []).append(source.text[len(before) :])
    return {name: sorted(texts) for name, texts in found.items()}


def test_each_route_may_call_what_it_leads_to_and_nothing_else(
    app_of: Callable[..., App],
) -> None:
    app = app_of(f"""
service: shop
apis: {{front: {{http: {{authorizers: {{checks: {{function: auth}}}}}}}}}}
functions:
  auth: {{{CODE}}}
  pets:
    {CODE.replace(", ", chr(10) + "    ")}
    aliases: {{live: {{version: latest}}}}
    triggers:
      - http: {{path: "/pets/{{id}}", method: GET, alias: live, authorizer: checks}}
      - http: {{path: "/all/{{proxy+}}"}}
      - http: {{path: $default}}
      - rest: {{path: "/pets/{{id}}", method: PUT}}
      - websocket: {{route: $connect}}
""")
    found = list(http_apis.resources(wanted(app)))
    (api,) = (one for one in found if one.kind == "http_api")
    assert api.name == "shop-front"
    assert api.needs == ("alias:pets/live", "function:auth", "function:pets")
    assert api.function is None
    assert sources(found) == {
        "pets:live": ["*/GET/pets/*"],
        "pets": ["*/$default", "*/*/all/*"],
        "auth": ["authorizers/*"],
    }
    rest = list(rest_apis.resources(wanted(app)))
    assert {one.name for one in rest if one.kind == "rest_api"} == {"shop-rest"}
    assert {one.function for one in rest} == {"pets"}
    assert sources(rest) == {"pets": ["*/PUT/pets/*"]}
    assert sources(websocket_apis.resources(wanted(app))) == {"pets": ["*/$connect"]}
    everything = [*found, *rest]
    assert len({one.address for one in everything}) == len(everything)


def test_many_routes_of_one_function_share_a_permission(app_of: Callable[..., App]) -> None:
    triggers = "\n".join(f"      - http: {{path: /p{number}}}" for number in range(40))
    app = app_of(f"""
service: shop
functions:
  pets:
    {CODE.replace(", ", chr(10) + "    ")}
    triggers:
{triggers}
""")
    assert sources(http_apis.resources(wanted(app))) == {"pets": ["*"]}


def test_an_api_waits_for_those_functions_only_that_are_deployed(
    app_of: Callable[..., App],
) -> None:
    app = app_of(f"""
service: shop
functions:
  one: {{{CODE}, triggers: [http: {{path: /one}}]}}
  two: {{{CODE}, triggers: [http: {{path: /two}}]}}
""")
    (api, *_) = http_apis.resources(wanted(app, "one"))
    assert api.needs == ("function:one",)
    # Its routes are those of the manifest all the same.
    assert set(api.properties["routes"]) == {"ANY /one", "ANY /two"}


def test_two_authorizers_of_one_name_are_two(app_of: Callable[..., App]) -> None:
    app = app_of(f"""
service: shop
functions:
  pets:
    {CODE.replace(", ", chr(10) + "    ")}
    triggers:
      - http: {{path: /a, authorizer: {{issuer: "https://a.example.com", audience: [a]}}}}
      - http: {{path: /b, authorizer: {{issuer: "https://b.example.com", audience: [b]}}}}
      - http: {{path: /c, authorizer: {{issuer: "https://a.example.com", audience: [a]}}}}
""")
    (api, *_) = http_apis.resources(wanted(app))
    names = {key: route["authorizer"] for key, route in api.properties["routes"].items()}
    assert names["ANY /a"] == names["ANY /c"] == "jwt"
    assert names["ANY /b"] != "jwt"
    assert set(api.properties["authorizers"]) == set(names.values())


@pytest.mark.parametrize(
    ("route", "words"),
    [
        ('{path: /a, method: GET, unavailable: "arn:aws:states:x"}', "arn:aws:states:x"),
        (
            "{path: /a, method: GET, lambda: {function: one, "
            "responses: [{status: 400, pattern: a}, {status: 400}]}}",
            "GET /a answers 400 in two ways",
        ),
    ],
)
def test_what_api_gateway_has_no_way_to_do_is_told(
    app_of: Callable[..., App], route: str, words: str
) -> None:
    app = app_of(f"""
service: shop
apis: {{front: {{rest: {{routes: [{route}]}}}}}}
functions:
  one: {{{CODE}}}
""")
    with pytest.raises(UserError, match=words) as caught:
        list(rest_apis.resources(wanted(app)))
    assert caught.value.where is not None
    assert caught.value.hint is not None
