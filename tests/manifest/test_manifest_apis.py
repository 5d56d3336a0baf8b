"""``apis_of``: the section, the triggers and the function URLs as the APIs that are served."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from lambdactl.errors import UserError
from lambdactl.manifest import App
from lambdactl.manifest.apis import Api, Authorizer, Integration, Route, Throttle, Validator
from lambdactl.manifest.features import ApiSection, Build, Cors
from lambdactl.manifest.routes import apis_of
from tests.manifest.conftest import Project

HEAD = """
service: photos
defaults: {runtime: python3.13, code: src}
"""
POOL = "arn:aws:cognito-idp:eu-west-1:123456789012:userpool/eu-west-1_abc"


def functions(*triggers: str, more: str = "") -> str:
    """A function ``f`` with these triggers, beside ``auth``."""
    lines = "".join(f"      - {trigger}\n" for trigger in triggers)
    return (
        "functions:\n  auth: {handler: app.handler}\n  f:\n    handler: app.handler\n"
        f"{more}    triggers:\n{lines}"
    )


def apis(project: Project, text: str) -> dict[str, Api]:
    app = project.load(HEAD + text)
    assert project.check(HEAD + text) == ()
    return {api.name: api for api in apis_of(app)}


def only(project: Project, text: str) -> Api:
    (api,) = apis(project, text).values()
    return api


# Triggers and URLs alone


def test_triggers_of_one_kind_share_an_api(project: Project) -> None:
    found = apis(
        project,
        functions(
            "http: {path: '/pets/{id}', method: GET, payload: v1, timeout: 5}",
            "rest: {path: /a, response: stream, alias: live, api_key: true}",
            "http: {path: $default}",
            "http: {path: /off, enabled: false}",
            "http: {path: /other, api: other}",
            "websocket: {route: $connect, response: true}",
            more="    aliases: {live: {version: latest}}\n    url: {auth: none}\n",
        ),
    )
    assert list(found) == ["http", "rest", "other", "websocket", "f-url"]
    assert [(r.method, r.path) for r in found["http"].routes] == [
        ("GET", "/pets/{id}"),
        ("ANY", "$default"),
    ]
    first, second = found["http"].routes
    assert first.integration == Integration(function="f", payload="v1", timeout_s=5.0)
    assert second.integration == Integration(function="f", payload="v2", timeout_s=30.0)
    assert found["rest"].routes[0].integration == Integration(
        function="f", qualifier="live", payload="v1", timeout_s=29.0, stream=True
    )
    assert found["rest"].routes[0].api_key
    assert found["websocket"].routes[0].response
    assert {name: api.stage for name, api in found.items()} == {
        "http": "$default",
        "rest": "prod",
        "other": "$default",
        "websocket": "prod",
        "f-url": "$default",
    }
    where = first.where
    assert where is not None
    assert (where.file, where.line) == ("lambdactl.yaml", 11)


def test_what_triggers_say_of_their_whole_api_is_put_together(project: Project) -> None:
    found = apis(
        project,
        functions(
            "rest: {path: /a, binary_types: [image/*]}",
            "rest: {path: /b, cors: true, binary_types: [image/*, video/*]}",
            "http: {path: /b, cors: {allow_origins: [https://a.b], max_age: 1m}}",
            "websocket: {route: ping, selection: $request.body.type}",
        ),
    )
    assert found["rest"].binary_types == ("image/*", "video/*")
    assert found["rest"].cors == Cors(("*",), ("*",), ("*",))
    assert found["http"].cors == Cors(allow_origins=("https://a.b",), max_age_s=60)
    assert found["websocket"].selection == "$request.body.type"


def test_a_function_url(project: Project) -> None:
    more = "    url: {auth: iam, invoke_mode: response_stream, alias: live, cors: {max_age: 5}}\n"
    api = only(
        project,
        functions(more=f"    aliases: {{live: {{version: latest}}}}\n{more}") + "      []\n",
    )
    assert (api.kind, api.auth, api.cors) == ("url", "iam", Cors(max_age_s=5))
    assert [replace(route, where=None) for route in api.routes] == [
        Route(
            "$default",
            Integration(function="f", qualifier="live", timeout_s=900.0, stream=True),
        )
    ]


LISTENER = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:listener/app/front/50dc/f2f7"


def test_a_load_balancer_asks_its_rules_in_the_order_of_their_priorities(project: Project) -> None:
    found = apis(
        project,
        functions(
            "alb: {host: [a.b, '*.c'], query: [{key: v, value: '1'}, {value: x}]}",
            "alb: {path: [/a, /b/*], priority: 20, methods: [GET], source_ips: [10.0.0.0/8]}",
            "alb: {path: /c, priority: 3, headers: {X-A: ['1', '2']}, multi_value_headers: true}",
            f"alb: {{path: /d, listener: '{LISTENER}'}}",
        ),
    )
    assert list(found) == ["alb", "front"]
    third, second, first = found["alb"].routes
    assert (first.paths, first.hosts, first.priority) == (("/*",), ("a.b", "*.c"), None)
    assert first.query == (("v", "1"), (None, "x"))
    assert (second.paths, second.methods, second.source_ips) == (
        ("/a", "/b/*"),
        ("GET",),
        ("10.0.0.0/8",),
    )
    assert (third.headers, third.multi_value_headers) == ({"X-A": ("1", "2")}, True)


def test_authorizers_of_single_routes(project: Project) -> None:
    found = apis(
        project,
        functions(
            "rest: {path: /a, authorizer: iam}",
            "rest: {path: /b, authorizer: {function: auth, type: token, validation: ^a, ttl: 0}}",
            f"rest: {{path: /c, scopes: [x], authorizer: {{user_pool: '{POOL}', scopes: [y]}}}}",
            "rest: {path: /d, authorizer: {function: auth}}",
            "http: {path: /a, authorizer: {issuer: 'https://a.b', audience: [c], keys: k.json}}",
            "http: {path: /b, authorizer: {function: auth, payload: v1, simple: false}}",
        ).replace("k.json", "data.json"),
    )
    iam, token, cognito, request = (route.authorizer for route in found["rest"].routes)
    header = ("method.request.header.Authorization",)
    assert iam == Authorizer("iam", "iam")
    assert token == Authorizer(
        "lambda",
        "auth",
        function="auth",
        type="token",
        payload="v1",
        identity=header,
        validation="^a",
        ttl_s=0,
    )
    assert cognito == Authorizer(
        "cognito", "cognito", identity=header, user_pools=(POOL,), scopes=("y",)
    )
    assert found["rest"].routes[2].scopes == ("x",)
    assert request == Authorizer("lambda", "auth", function="auth", payload="v1")
    jwt, simple = (route.authorizer for route in found["http"].routes)
    assert jwt == Authorizer(
        "jwt",
        "jwt",
        identity=("$request.header.Authorization",),
        issuer="https://a.b",
        audience=("c",),
        keys=str(project.root / "data.json"),
    )
    assert simple == Authorizer("lambda", "auth", function="auth", payload="v1", simple=False)


# The section

SHOP = f"""
apis:
  shop:
    rest:
      stage: v1
      variables: {{table: pets, size: 3}}
      cors: {{allow_origins: ["*"]}}
      binary_types: [image/*]
      minimum_compression: 1024
      authorizers:
        users: {{user_pool: ["{POOL}"], keys: https://example.com/jwks.json}}
        tokens: {{function: auth, type: token}}
      authorizer: users
      models: {{Pet: {{type: object}}, File: data.json}}
      validators: {{all: {{body: true, parameters: true}}}}
      validator: all
      gateway_responses:
        DEFAULT_4XX: {{status: 404, templates: {{text/plain: {{file: version.txt}}}}}}
      api_keys: {{partner: {{enabled: false}}, other: 0123456789abcdef0123}}
      api_key: true
      api_key_source: authorizer
      usage_plans:
        basic:
          keys: [partner]
          throttle: {{rate: 10, burst: 20}}
          throttles: {{/pets/GET: {{rate: 0.5}}}}
          quota: {{limit: 100, period: day, offset: 3}}
      throttle: {{rate: 100}}
      throttles: {{/pets/GET: {{burst: 3}}}}
      routes:
        - path: /health
          method: GET
          authorizer: none
          api_key: false
          validator: none
          mock: {{responses: [{{status: 201, templates: {{application/json: "{{}}"}}}}]}}
        - {{path: "/old/{{proxy+}}", http_proxy: "https://example.com/{{proxy}}"}}
        - path: /x
          method: POST
          operation: makeX
          lambda:
            function: f
            timeout: 3
            passthrough: never
            request_templates: {{application/json: {{file: version.txt}}}}
            request_parameters: {{integration.request.header.a: method.request.header.a}}
            responses: [{{pattern: ".*bad.*", status: 400}}, {{}}]
"""


def test_a_rest_api(project: Project) -> None:
    api = only(
        project,
        SHOP
        + functions(
            "rest: {path: /pets, method: GET, authorizer: tokens,"
            " request_models: {application/json: Pet, $default: Pet},"
            " request_parameters: {method.request.querystring.page: true}}"
        ),
    )
    assert (api.name, api.kind, api.stage) == ("shop", "rest", "v1")
    assert api.variables == {"table": "pets", "size": "3"}
    assert api.cors == Cors(allow_origins=("*",))
    assert (api.binary_types, api.compression_from) == (("image/*",), 1024)
    assert api.models["Pet"] == {"type": "object"}
    assert api.models["File"]["name"] == "photos"
    answer = api.gateway_responses["DEFAULT_4XX"]
    assert (answer.status, answer.templates) == (404, {"text/plain": "1.2.3\n"})
    partner, other = api.api_keys
    assert (partner.enabled, other.enabled, other.value) == (False, True, "0123456789abcdef0123")
    assert re.fullmatch("[0-9a-z]{40}", partner.value)
    assert re.fullmatch("[0-9a-z]{10}", partner.id)
    (plan,) = api.usage_plans
    assert plan.keys == (partner.id,)
    assert (plan.throttle, plan.method_throttles) == (
        Throttle(10.0, 20),
        {"/pets/GET": Throttle(0.5)},
    )
    assert (plan.quota, plan.quota_period, plan.quota_offset) == (100, "day", 3)
    assert api.api_key_source == "authorizer"
    assert api.throttles == {"*/*": Throttle(100.0), "/pets/GET": Throttle(burst=3)}
    pets, health, old, mapped = api.routes
    assert pets.request_parameters == {"method.request.querystring.page": True}
    assert pets.request_models == {"application/json": "Pet", "$default": "Pet"}
    assert pets.authorizer is not None
    assert (pets.authorizer.name, pets.api_key) == ("tokens", True)
    assert pets.validator == Validator(body=True, parameters=True)
    assert (health.authorizer, health.api_key, health.validator) == (None, False, None)
    assert health.integration.kind == "mock"
    assert health.integration.request_templates == {"application/json": '{"statusCode": 201}'}
    assert health.integration.responses[0].templates == {"application/json": "{}"}
    assert (old.integration.kind, old.integration.uri) == (
        "http_proxy",
        "https://example.com/{proxy}",
    )
    assert old.authorizer is not None
    assert old.authorizer.keys == "https://example.com/jwks.json"
    assert mapped.operation == "makeX"
    assert mapped.integration.kind == "lambda"
    assert mapped.integration.request_templates == {"application/json": "1.2.3\n"}
    assert (mapped.integration.timeout_s, mapped.integration.passthrough) == (3.0, "never")
    assert [(r.pattern, r.status) for r in mapped.integration.responses] == [
        (".*bad.*", 400),
        (None, 200),
    ]
    assert health.where is not None
    text = (project.root / "lambdactl.yaml").read_text().splitlines()
    assert health.where.line is not None
    assert "path: /health" in text[health.where.line - 1]


def test_a_mock_can_have_no_request_templates_at_all(project: Project) -> None:
    section = "apis: {a: {rest: {routes: [{path: /a, mock: {request_templates: {}}}]}}}\n"
    api = only(project, section + "functions: {}\n")
    assert api.routes[0].integration.request_templates == {}


def test_an_http_api_and_a_websocket_api_and_a_load_balancer(project: Project) -> None:
    found = apis(
        project,
        """
apis:
  web:
    http:
      stage: beta
      authorizers: {jwt: {issuer: https://a.b, audience: [c]}}
      authorizer: jwt
      throttle: {rate: 5, burst: 6}
      throttles: {GET /a: {rate: 1}}
      routes:
        - path: /legacy
          http_proxy:
            uri: https://example.com
            method: GET
            request_parameters: {"overwrite:header.x": $context.requestId}
            response_parameters: {"200": {"remove:header.y": "''"}}
        - {path: /f, lambda_proxy: {function: f, payload: v1, timeout: 9}}
  chat:
    websocket:
      selection: $request.body.type
      authorizers: {auth: {function: auth, identity: [route.request.querystring.t]}}
      authorizer: auth
      routes: [{route: ping, mock: {}, response: true}]
  lb:
    alb:
      health_check: {path: /up, interval: 1m}
      routes: [{path: /z, function: f, priority: 9}]
"""
        + functions(
            "http: {path: /a, method: GET, scopes: [s],"
            " request_parameters: {'append:querystring.a': '1'}}",
            "websocket: {route: $connect}",
            "websocket: {route: $default}",
            "alb: {path: /a, priority: 10, api: lb}",
        ),
    )
    web, chat, balancer = found["web"], found["chat"], found["lb"]
    assert len(found) == 3
    assert web.stage == "beta"
    assert web.throttles == {"*": Throttle(5.0, 6), "GET /a": Throttle(1.0)}
    own, legacy, function = web.routes
    assert own.scopes == ("s",)
    assert own.integration.request_parameters == {"append:querystring.a": "1"}
    assert own.request_parameters == {}
    assert own.authorizer is not None
    assert own.authorizer.name == "jwt"
    assert legacy.integration == Integration(
        "http_proxy",
        uri="https://example.com",
        method="GET",
        timeout_s=30.0,
        request_parameters={"overwrite:header.x": "$context.requestId"},
        response_parameters={"200": {"remove:header.y": "''"}},
    )
    assert function.integration == Integration(function="f", payload="v1", timeout_s=9.0)
    connect, default, ping = chat.routes
    assert connect.authorizer is not None
    assert (default.authorizer, ping.authorizer) == (None, None)
    assert (chat.selection, ping.response) == ("$request.body.type", True)
    assert balancer.health_check is not None
    assert (balancer.health_check.enabled, balancer.health_check.interval_s) == (True, 60)
    assert [route.path for route in balancer.routes] == ["/z", "/a"]


def test_the_ids_and_values_of_keys_stay_the_same(project: Project) -> None:
    section = "apis: {a: {rest: {api_keys: {k: {}}}}, b: {rest: {api_keys: {k: {}}}}}\n"
    text = section + "functions: {}\n"
    first, second = apis(project, text), apis(project, text)
    assert first == second
    assert first["a"].api_keys[0].value != first["b"].api_keys[0].value


def test_a_stage_is_laid_over_the_section(project: Project) -> None:
    text = HEAD + (
        "apis: {a: {rest: {variables: {x: one, y: two}}}}\nfunctions: {}\n"
        "stages: {live: {apis: {a: {rest: {stage: live, variables: {y: other}}}}}}\n"
    )
    (api,) = apis_of(project.load(text, stage="live"))
    assert (api.stage, api.variables) == ("live", {"x": "one", "y": "other"})


def test_a_file_that_is_gone_is_named_with_its_place(project: Project) -> None:
    text = HEAD + (
        "apis:\n  a:\n    rest:\n      models: {M: gone.json}\n      routes:\n"
        "        - {path: /a, mock: {request_templates: {text/plain: {file: data.vtl}}}}\n"
        "functions: {}\n"
    )
    problems = [(p.where.line, p.message) for p in project.check(text)]
    assert problems == [
        (5, "the API `a` has no file gone.json"),
        (9, "the API `a` has no file data.vtl"),
    ]
    app = project.load(text)
    with pytest.raises(UserError, match=r"can't read gone\.json: No such file"):
        apis_of(app)
    (project.root / "gone.json").write_text("{")
    with pytest.raises(UserError, match=r"the model in gone\.json is not JSON"):
        apis_of(app)
    (project.root / "gone.json").write_text("{}")
    with pytest.raises(UserError, match=r"can't read data\.vtl") as caught:
        apis_of(app)
    assert caught.value.where is not None
    assert caught.value.where.line == 9


def test_an_app_made_in_code_needs_no_places() -> None:
    section = ApiSection("a", "http", {"routes": [{"path": "/", "http_proxy": "https://a.b"}]})
    (api,) = apis_of(App("s", root=__file__, functions={}, apis={"a": section}))  # type: ignore[arg-type]
    assert api.routes[0].integration.uri == "https://a.b"


def test_a_build(project: Project) -> None:
    app = project.load(
        HEAD
        + """
functions:
  short: {handler: index.handler, code: dist/short, build: npm run build}
  long:
    handler: app.handler
    build:
      command: [npm ci, npm run build]
      folder: web
      watch: ["src/**/*.ts"]
      output: dist
      environment: {NODE_ENV: production, LEVEL: 3}
  plain: {handler: app.handler}
"""
    )
    assert app.function("short").build == Build(("npm run build",), project.root)
    assert app.function("long").build == Build(
        ("npm ci", "npm run build"),
        project.root / "web",
        ("src/**/*.ts",),
        project.root / "dist",
        {"NODE_ENV": "production", "LEVEL": "3"},
    )
    assert app.function("plain").build is None


def test_code_that_is_built_need_not_be_there_yet(project: Project) -> None:
    text = HEAD + "functions: {f: {handler: a.b, code: dist, build: make}}\n"
    assert project.check(text) == ()
