"""What is wrong with APIs, their routes and what routes name: message, place and hint."""

from __future__ import annotations

import pytest

from tests.manifest.conftest import Project

HEAD = """defaults: {runtime: python3.13, code: src}
functions:
  auth: {handler: app.handler}
  f:
    handler: app.handler
    triggers:
      - %s
"""
APIS = """apis:
  shop:
    rest:
      authorizers: {users: {function: auth}}
      validators: {all: {body: true}}
      models: {Pet: {type: object}}
      api_keys: {partner: {}}
  web: {http: {authorizers: {jwt: {issuer: https://a.b, audience: [c]}}}}
"""


def problems(project: Project, text: str) -> list[tuple[str, str, str | None]]:
    """Code, message and hint of each problem."""
    return [(p.code, p.message, p.hint) for p in project.check(text)]


def of_trigger(project: Project, trigger: str, apis: str = APIS) -> tuple[str, str, str | None]:
    """The one problem of a trigger, which stands in its line."""
    text = HEAD % trigger + apis
    (problem,) = project.check(text)
    assert problem.where.line == 7
    return problem.code, problem.message, problem.hint


@pytest.mark.parametrize(
    ("trigger", "code", "message", "hint"),
    [
        (
            "rest: {path: /a, api: shpo}",
            "unknown-api",
            "there is no API `shpo` in `apis`",
            "did you mean `shop`?",
        ),
        (
            "http: {path: /a, api: shpo}",
            "unknown-api",
            "there is no API `shpo` in `apis`",
            "add `shpo: {http: {}}` to it",
        ),
        (
            "http: {path: /a, api: shop}",
            "conflict",
            "`shop` is a REST API, and this is a route of an HTTP API",
            "name an HTTP API, or make this trigger `rest`",
        ),
        (
            "rest: {path: /a, authorizer: user}",
            "unknown-authorizer",
            "`shop` has no authorizer `user`",
            "did you mean `users`?",
        ),
        (
            "rest: {path: /a, authorizer: jwt}",
            "unknown-authorizer",
            "`shop` has no authorizer `jwt`",
            "add it to the `authorizers` of `shop`",
        ),
        (
            "rest: {path: /a, validator: al}",
            "unknown-validator",
            "`shop` has no validator `al`",
            "did you mean `all`?",
        ),
        (
            "rest: {path: /a, request_models: {application/json: Cat}}",
            "unknown-model",
            "`shop` has no model `Cat`",
            "add it to its `models`",
        ),
        (
            "rest: {path: /a, authorizer: {function: aut}}",
            "unknown-function",
            "there is no function `aut`",
            "did you mean `auth`?",
        ),
        (
            "rest: {path: /a, authorizer: {issuer: https://a.b, audience: [c]}}",
            "conflict",
            "a REST API has no use for a JWT authorizer",
            "a REST API takes `user_pool`",
        ),
        (
            "http: {path: /a, authorizer: {user_pool: a}}",
            "conflict",
            "an HTTP API has no use for a Cognito authorizer",
            "an HTTP API takes the pool as `issuer` and `audience`",
        ),
        (
            "http: {path: /a, authorizer: {function: auth, type: token}}",
            "conflict",
            "an HTTP API has no authorizers of type token",
            None,
        ),
        (
            "rest: {path: /a, authorizer: {function: auth, identity: [$request.header.A]}}",
            "malformed",
            "`$request.header.A` is no identity source of a REST API",
            "for example method.request.header.Authorization",
        ),
        (
            "websocket: {route: ping, authorizer: iam}",
            "conflict",
            "a WebSocket API asks its authorizer at $connect, not at ping",
            "give it to the route $connect",
        ),
        (
            "rest: {path: '/a/{id}.json'}",
            "malformed",
            "`{id}.json` in the path is neither text nor a parameter",
            "a parameter takes a whole piece of the path: /photos/{id}, /{proxy+}",
        ),
        (
            "http: {path: '/{a+}/b'}",
            "malformed",
            "{name+} takes the rest of the path, so it comes last",
            None,
        ),
        (
            "http: {path: '/{a}/{a}'}",
            "malformed",
            "the path has the same parameter twice",
            "give it another name",
        ),
        (
            "http: {path: /a, scopes: [read]}",
            "conflict",
            "`scopes` say nothing here: the route has no authorizer",
            "they are for JWT and Cognito authorizers",
        ),
        (
            "rest: {path: /a, scopes: [read], authorizer: users}",
            "conflict",
            "`scopes` say nothing here: the route has a Lambda authorizer",
            "they are for JWT and Cognito authorizers",
        ),
        (
            "rest: {path: /a, scopes: [read], authorizer: iam}",
            "conflict",
            "`scopes` say nothing here: the route has iam",
            "they are for JWT and Cognito authorizers",
        ),
        (
            "http: {path: $default, method: GET}",
            "conflict",
            "the route $default takes every method",
            "remove `method`",
        ),
    ],
)
def test_a_trigger(project: Project, trigger: str, code: str, message: str, hint: str) -> None:
    assert of_trigger(project, trigger) == (code, message, hint)


def test_without_a_section_any_name_of_an_api_will_do(project: Project) -> None:
    assert problems(project, HEAD % "rest: {path: /a, api: any}") == []
    assert of_trigger(project, "rest: {path: /a, authorizer: users}", "") == (
        "unknown-authorizer",
        "there is no authorizer `users`",
        "write none, iam, or the authorizer itself: {function: name}",
    )
    assert of_trigger(project, "rest: {path: /a, validator: all}", "") == (
        "unknown-validator",
        "there is no validator `all`",
        "an API in `apis` has `validators`, and `api` names it",
    )


def test_with_several_apis_of_a_kind_a_trigger_names_its_own(project: Project) -> None:
    two = "apis: {one: {http: {}}, two: {http: {}}}\n"
    assert of_trigger(project, "http: {path: /a}", two) == (
        "missing-field",
        "there are several APIs for a route of an HTTP API: one, two",
        "say which one: `api: one`",
    )
    assert problems(project, HEAD % "http: {path: /a, api: two}" + two) == []


SECTION = """defaults: {runtime: python3.13, code: src}
functions:
  f: {handler: app.handler}
apis:
  a:
    %s
"""


@pytest.mark.parametrize(
    ("api", "code", "message", "hint"),
    [
        (
            "rest: {routes: [{path: /a}]}",
            "missing-field",
            "`routes` needs `lambda_proxy` or `lambda` or `mock` or `http` or `http_proxy` or "
            "`unavailable`",
            None,
        ),
        (
            "rest: {routes: [{path: /a, mock: {}, http_proxy: https://a.b}]}",
            "conflict",
            "`routes` has both `mock` and `http_proxy`",
            "keep one of them",
        ),
        (
            "rest: {routes: [{path: /a, http_proxy: {method: GET}}]}",
            "missing-field",
            "`http_proxy` needs `uri`",
            None,
        ),
        (
            "rest: {routes: [{path: /a, lambda_proxy: g}]}",
            "unknown-function",
            "there is no function `g`",
            "give a function of this manifest",
        ),
        (
            "rest: {routes: [{path: /a, lambda: {function: f, alias: live}}]}",
            "unknown-alias-name",
            "`f` has no alias `live`",
            "add it to the function's `aliases`",
        ),
        (
            "rest: {routes: [{path: /a, function: f}]}",
            "unknown-field",
            "`routes` has no field `function`",
            "did you mean `lambda_proxy`?",
        ),
        (
            "rest: {routes: [{path: /a, mock: {}}, {path: /a, mock: {}}]}",
            "conflict",
            "the route ANY /a is taken already, by `a`",
            "give it another path or method, or another `api`",
        ),
        (
            "rest: {usage_plans: {p: {keys: [k]}}}",
            "unknown-api-key",
            "`a` has no API key `k`",
            "add it to its `api_keys`",
        ),
        (
            "rest: {api_keys: {k: short}}",
            "short-api-key",
            "AWS refuses `k`: a key has 20 characters or more",
            "make it longer before it is deployed",
        ),
        (
            "rest: {authorizer: editors}",
            "unknown-authorizer",
            "`a` has no authorizer `editors`",
            "add it to the `authorizers` of `a`",
        ),
        (
            "rest: {gateway_responses: {DEFAULT_4X: {status: 400}}}",
            "unknown-field",
            "`gateway_responses` has no field `DEFAULT_4X`",
            "did you mean `DEFAULT_4XX`?",
        ),
        (
            "rest: {binary_media_types: [a/b]}",
            "unknown-field",
            "`rest` has no field `binary_media_types`",
            "did you mean `binary_types`?",
        ),
        (
            "alb: {routes: [{function: f, priority: 1}, {path: /a, function: f, priority: 1}]}",
            "conflict",
            "the priority 1 is taken already, by `a`",
            "give it another one",
        ),
        (
            "alb: {health_check: {timeout: 10, interval: 10}}",
            "conflict",
            "the health check's `timeout` of 10 s is not below its `interval` of 10 s",
            None,
        ),
    ],
)
def test_a_section(project: Project, api: str, code: str, message: str, hint: str) -> None:
    assert problems(project, SECTION % api) == [(code, message, hint)]


def test_routes_of_triggers_and_of_the_section_exclude_each_other(project: Project) -> None:
    text = HEAD % "rest: {path: /a, method: GET}" + (
        "apis: {shop: {rest: {routes: [{path: /a, method: GET, mock: {}}]}}}\n"
    )
    assert problems(project, text) == [
        (
            "conflict",
            "the route GET /a is taken already, by `f`",
            "give it another path or method, or another `api`",
        )
    ]


def test_names_that_can_not_be_known_are_left_alone(project: Project) -> None:
    text = HEAD % "rest: {path: /a, api: '${env:GONE}', authorizer: '${env:GONE}'}" + APIS
    codes = {code for code, _, _ in problems(project, text)}
    assert codes == {"undefined-variable"}


def test_gateway_responses_are_those_of_aws() -> None:
    import botocore.session

    from lambdactl.manifest.checker import schema

    model = botocore.session.get_session().get_service_model("apigateway")
    known = schema()["$defs"]["rest_api"]["properties"]["gateway_responses"]["properties"]
    assert set(model.shape_for("GatewayResponseType").enum) == set(known)
