"""What templates say over HTTP is served, and converted, as the manifest that says the same."""

from __future__ import annotations

import textwrap
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from lambdactl import manifest
from lambdactl.manifest import App
from lambdactl.manifest.apis import Api, Validator
from lambdactl.manifest.routes import apis_of
from lambdactl.manifest.sam.convert import convert
from tests.manifest.sam.conftest import Folder

ARN = "arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${Fn.Arn}/invocations"
INVOKE = f"!Sub '{ARN}'"
PROXY = f"x-amazon-apigateway-integration: {{type: aws_proxy, uri: {INVOKE}}}"
BESIDE = """
Check: {Type: AWS::Serverless::Function, Properties: {Runtime: python3.13, Handler: app.handler,
  CodeUri: src}}
Pool: {Type: AWS::Cognito::UserPool}
"""
CASES: list[dict[str, str]] = yaml.safe_load(
    Path(__file__).with_name("apis.yaml").read_text().replace("INVOKE", INVOKE)
)


def served(app: App) -> list[Api]:
    """The APIs of an app, without what says where they were written."""
    found = [
        replace(api, where=None, routes=tuple(replace(route, where=None) for route in api.routes))
        for api in apis_of(app)
    ]
    return sorted(found, key=lambda api: api.name)


def written(folder: Folder, case: dict[str, str]) -> list[Api]:
    """The APIs of a manifest with the same functions."""
    text = "functions:\n"
    for name in ("Check", "Fn"):
        text += f"  {name}:\n    runtime: python3.13\n    handler: app.handler\n    code: src\n"
    for field, depth in (("triggers", 4), ("apis", 0)):
        if field in case:
            inner = textwrap.indent(case[field], " " * (depth + 2))
            text += f"{' ' * depth}{field}:\n{inner}"
    folder.write("", "written/src/app.py")
    return served(manifest.load(folder.write(text, "written/lambdactl.yaml"), env={}))


def keyless(apis: list[Api]) -> list[Api]:
    """Without the values that keys get which have none."""
    return [
        replace(api, api_keys=tuple(replace(key, value="") for key in api.api_keys)) for api in apis
    ]


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_a_template_is_served_as_the_manifest_that_says_the_same(
    folder: Folder, case: dict[str, str]
) -> None:
    text = folder.text(case.get("properties", ""), BESIDE + case.get("resources", ""))
    assert [problem.message for problem in folder.problems(text)] == []
    found = served(folder.load(text))
    assert keyless(found) == keyless(written(folder, case))
    folder.write(convert(folder.root).text, "lambdactl.yaml")
    again = manifest.load(folder.root / "lambdactl.yaml", env={})
    assert keyless(served(again)) == keyless(found)


def apis_and_warnings(folder: Folder, resources: str, properties: str = "") -> tuple[Api, str]:
    """The one API of a template, and what is said of it."""
    app = folder.app(properties, resources)
    (api,) = apis_of(app)
    return api, "\n".join(problem.message for problem in app.warnings)


DYNAMO = "arn:aws:apigateway:us-east-1:dynamodb:action/PutItem"


@pytest.mark.parametrize(
    ("integration", "leads_to"),
    [
        (f"{{type: aws, uri: '{DYNAMO}'}}", DYNAMO),
        ("{type: aws_proxy, integrationSubtype: SQS-SendMessage}", "SQS-SendMessage"),
        (
            "{type: http_proxy, connectionType: VPC_LINK, uri: 'http://nlb', connectionId: x}",
            "http://nlb",
        ),
        (
            "{type: aws_proxy, uri: 'arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/"
            "arn:aws:lambda:us-east-1:123456789012:function:Far/invocations'}",
            "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/"
            "arn:aws:lambda:us-east-1:123456789012:function:Far/invocations",
        ),
    ],
)
def test_what_is_not_here_is_still_a_route(folder: Folder, integration: str, leads_to: str) -> None:
    definition = f"{{paths: {{/a: {{get: {{x-amazon-apigateway-integration: {integration}}}}}}}}}"
    api, warnings = apis_and_warnings(
        folder,
        "Own: {Type: AWS::Serverless::Api, Properties: {StageName: v1, DefinitionBody: "
        f"{definition}}}}}",
    )
    (route,) = api.routes
    assert (route.integration.kind, route.integration.uri) == ("unavailable", leads_to)
    assert warnings == (
        f"GET /a leads to {leads_to}, which is not on this machine: it answers with an error"
    )


def test_a_state_machine_behind_a_route(folder: Folder) -> None:
    api, warnings = apis_and_warnings(
        folder,
        """
        Flow: {Type: AWS::Serverless::StateMachine, Properties: {Definition: {StartAt: A},
          Events: {E: {Type: Api, Properties: {Path: /flow, Method: post}}}}}
        """,
    )
    (route,) = api.routes
    assert (route.path, route.method) == ("/flow", "POST")
    assert route.integration.kind == "unavailable"
    assert "the event `E` leads to a state machine" in warnings


def test_where_a_definition_and_an_event_meet(folder: Folder) -> None:
    api, warnings = apis_and_warnings(
        folder,
        f"""
        Own: {{Type: AWS::Serverless::Api, Properties: {{StageName: v1, DefinitionBody:
          {{x-amazon-apigateway-request-validators: {{all: {{validateRequestBody: true}}}},
          paths: {{/both: {{get: {{{PROXY}, x-amazon-apigateway-request-validator: all}}}},
          /bare: {{get: {{x-amazon-apigateway-request-validator: all}}, put: {{}}}}}}}}}}}}
        """,
        """
        Events:
          A: {Type: Api, Properties: {Path: /both, Method: get, RestApiId: !Ref Own}}
          B: {Type: Api, Properties: {Path: /bare, Method: get, RestApiId: !Ref Own}}
        """,
    )
    assert {route.path: route.validator for route in api.routes} == {
        "/both": Validator(body=True),
        "/bare": Validator(body=True),
    }
    assert warnings == (
        "the definition of `Own` has no GET /bare\n"
        "PUT /bare has no integration, so there is no such route"
    )


def test_an_event_that_the_definition_lacks_is_no_route(folder: Folder) -> None:
    """SAM gives such an event a permission, and leaves the definition as it is."""
    api, warnings = apis_and_warnings(
        folder,
        f"""
        Own: {{Type: AWS::Serverless::Api, Properties: {{StageName: v1,
          DefinitionBody: {{paths: {{/: {{get: {{{PROXY}}}}}}}}}}}}}
        """,
        "Events: {A: {Type: Api, Properties: {Path: /, Method: any, RestApiId: !Ref Own}}}",
    )
    assert [(route.method, route.path) for route in api.routes] == [("GET", "/")]
    assert warnings == "the definition of `Own` has no ANY /"


def test_merged_definitions_have_the_events_too(folder: Folder) -> None:
    api, warnings = apis_and_warnings(
        folder,
        f"""
        Own: {{Type: AWS::Serverless::Api, Properties: {{StageName: v1, MergeDefinitions: true,
          DefinitionBody: {{paths: {{/a: {{get: {{{PROXY}}}}}}}}}}}}}
        """,
        "Events: {A: {Type: Api, Properties: {Path: /b, Method: get, RestApiId: !Ref Own}}}",
    )
    assert {route.path for route in api.routes} == {"/a", "/b"}
    assert warnings == ""


def test_security_of_operations(folder: Folder) -> None:
    """SAM gives its default authorizer to every operation that names none, an empty list too:
    ``set_path_default_authorizer`` of its translator."""
    api, warnings = apis_and_warnings(
        folder,
        f"""
        Own:
          Type: AWS::Serverless::Api
          Properties:
            StageName: v1
            Auth: {{DefaultAuthorizer: Mine, Authorizers: {{Mine: {{FunctionArn: !GetAtt Fn.Arn}}}},
              ApiKeyRequired: true, AddApiKeyRequiredToCorsPreflight: false,
              AddDefaultAuthorizerToCorsPreflight: false}}
            DefinitionBody:
              paths:
                /default: {{get: {{{PROXY}}}}}
                /empty: {{get: {{security: [], {PROXY}}}}}
                /none: {{get: {{security: [NONE: []], {PROXY}}}}}
                /iam: {{get: {{security: [AWS_IAM: []], {PROXY}}}}}
                /other: {{get: {{security: [Other: []], {PROXY}}}}}
                /preflight: {{options: {{{PROXY}}}}}
        """,
    )
    assert [route.path for route in api.routes if not route.api_key] == ["/preflight"]
    found = {route.path: route.authorizer for route in api.routes}
    names = {path: who.name if who is not None else None for path, who in found.items()}
    assert names == {
        "/default": "Mine",
        "/empty": "Mine",
        "/none": None,
        "/iam": "iam",
        "/other": None,
        "/preflight": None,
    }
    assert warnings == "the security scheme `Other` of the definition is not read: nothing checks"


def test_stage_variables_name_functions(folder: Folder) -> None:
    uri = (
        "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/"
        "arn:aws:lambda:us-east-1:123456789012:function:${stageVariables.fn}:live/invocations"
    )
    api, warnings = apis_and_warnings(
        folder,
        f"""
        Own: {{Type: AWS::Serverless::Api, Properties: {{StageName: v1, Variables: {{fn: !Ref Fn}},
          DefinitionBody: {{paths: {{/a: {{get: {{x-amazon-apigateway-integration:
          {{type: aws_proxy, uri: '{uri}'}}}}}}}}}}}}}}
        """,
        "AutoPublishAlias: live",
    )
    (route,) = api.routes
    assert (route.integration.function, route.integration.qualifier) == ("Fn", "live")
    assert warnings == ""


def test_what_can_t_be_checked_is_named(folder: Folder) -> None:
    _, warnings = apis_and_warnings(
        folder,
        """
        Own: {Type: AWS::Serverless::Api, Properties: {StageName: v1, Auth: {ResourcePolicy:
          {IpRangeWhitelist: [10.0.0.0/8]}, Authorizers: {Odd: {Kind: x}}}}}
        """,
        "Events: {A: {Type: Api, Properties: {Path: /a, Method: get, RestApiId: !Ref Own}}}",
    )
    assert warnings == (
        "the resource policy of `Own` is not checked: everyone may call\n"
        "the authorizer `Odd` is of a kind not known here"
    )


def test_a_default_authorizer_that_is_not_there(folder: Folder) -> None:
    text = folder.text(
        "Events: {A: {Type: Api, Properties: {Path: /, Method: get}}}",
        "",
        "Globals: {Api: {Auth: {DefaultAuthorizer: Mine, Authorizers: {Mind: {UserPoolArn: a}}}}}",
    )
    (problem,) = folder.problems(text)
    assert (problem.code, problem.hint) == ("unknown-authorizer", "did you mean `Mind`?")
    assert problem.where.source is not None


def test_routes_of_two_implicit_apis_of_stacks_stay_apart(folder: Folder) -> None:
    inner = folder.text("Events: {A: {Type: Api, Properties: {Path: /in, Method: get}}}")
    folder.write(inner, "inner/template.yaml")
    folder.write("", "inner/src/app.py")
    app = folder.app(
        "Events: {A: {Type: Api, Properties: {Path: /out, Method: get}}}",
        "Inner: {Type: AWS::Serverless::Application, Properties: {Location: inner/template.yaml}}",
    )
    assert {api.name: [route.path for route in api.routes] for api in apis_of(app)} == {
        "ServerlessRestApi": ["/out"],
        "Inner-ServerlessRestApi": ["/in"],
    }


def test_several_stages(folder: Folder) -> None:
    api, warnings = apis_and_warnings(
        folder,
        """
        Own: {Type: AWS::ApiGatewayV2::Api, Properties: {ProtocolType: HTTP,
          Target: !GetAtt Fn.Arn}}
        A: {Type: AWS::ApiGatewayV2::Stage, Properties: {ApiId: !Ref Own, StageName: dev}}
        B: {Type: AWS::ApiGatewayV2::Stage, Properties: {ApiId: !Ref Own, StageName: prod}}
        """,
    )
    assert api.stage == "dev"
    assert warnings == "`Own` is served as the stage `A` only"


@pytest.mark.parametrize(("given", "warned"), [("NONE", False), ("SINGLE", True)])
def test_a_kind_of_usage_plan_that_sam_does_not_know(
    folder: Folder, given: str, warned: bool
) -> None:
    """An example in SAM's own repository has it; its keys would be missed without a word."""
    api, warnings = apis_and_warnings(
        folder,
        f"""
        Own: {{Type: AWS::Serverless::Api, Properties: {{StageName: v1, Auth:
          {{ApiKeyRequired: true, UsagePlan: {{CreateUsagePlan: {given}}}}}}}}}
        """,
        "Events: {A: {Type: Api, Properties: {Path: /a, Method: get, RestApiId: !Ref Own}}}",
    )
    assert api.api_keys == ()
    assert ("PER_API, SHARED or NONE, not `SINGLE`" in warnings) == warned


def test_one_key_for_all_apis_of_a_shared_plan(folder: Folder) -> None:
    plan = "Auth: {ApiKeyRequired: true, UsagePlan: {CreateUsagePlan: SHARED}}"
    app = folder.app(
        """
        Events:
          A: {Type: Api, Properties: {Path: /a, Method: get, RestApiId: !Ref One}}
          B: {Type: Api, Properties: {Path: /a, Method: get, RestApiId: !Ref Two}}
        """,
        f"""
        One: {{Type: AWS::Serverless::Api, Properties: {{StageName: v1, {plan}}}}}
        Two: {{Type: AWS::Serverless::Api, Properties: {{StageName: v1, {plan}}}}}
        Mine: {{Type: AWS::ApiGateway::ApiKey, Properties: {{Value: abcdefghijklmnopqrst}}}}
        More: {{Type: AWS::ApiGateway::UsagePlanKey, Properties: {{KeyId: !Ref Mine,
          KeyType: API_KEY, UsagePlanId: !Ref ServerlessUsagePlan}}}}
        """,
    )
    one, two = apis_of(app)
    assert [key.name for key in one.api_keys] == ["ServerlessApiKey", "Mine"]
    assert [key.value for key in one.api_keys] == [key.value for key in two.api_keys]
    assert len(one.usage_plans[0].keys) == len(two.usage_plans[0].keys) == 2


@pytest.mark.parametrize(
    ("rule", "warning"),
    [
        (
            "Conditions: [{Field: path-pattern, PathPatternConfig: {RegexValues: [a]}}], "
            "Actions: [{Type: forward, TargetGroupArn: !Ref Group}]",
            "the rule `Rule` is left out: it has conditions not known here",
        ),
        (
            "Actions: [{Type: authenticate-oidc}, {Type: forward, TargetGroupArn: !Ref Group}]",
            "`Rule` asks who calls (`authenticate-oidc`): nothing checks that here",
        ),
        (
            "Actions: [{Type: forward, ForwardConfig: {TargetGroups: [{TargetGroupArn: !Ref Group,"
            " Weight: 1}, {TargetGroupArn: !Ref Servers, Weight: 9}]}}]",
            "`Rule` forwards to what is no function here: `Group` takes every request",
        ),
        (
            "Actions: [{Type: forward, TargetGroupArn: !Ref Empty}]",
            "the target group `Empty` has no function of the template",
        ),
    ],
)
def test_rules_that_are_not_all_here(folder: Folder, rule: str, warning: str) -> None:
    group = "Type: AWS::ElasticLoadBalancingV2::TargetGroup, Properties: {TargetType"
    app = folder.app(
        "",
        f"""
        Group: {{{group}: lambda, Targets: [{{Id: !GetAtt Fn.Arn}}]}}}}
        Empty: {{{group}: lambda, Targets: []}}}}
        Servers: {{{group}: ip}}}}
        Rule:
          Type: AWS::ElasticLoadBalancingV2::ListenerRule
          Properties: {{Priority: 1, {rule}}}
        """,
    )
    assert warning in [problem.message for problem in app.warnings]


def test_what_an_event_names_of_a_definition(folder: Folder) -> None:
    """A name of the definition's is no fault, and SAM compares names of models in lower case."""
    api, warnings = apis_and_warnings(
        folder,
        f"""
        Own: {{Type: AWS::Serverless::Api, Properties: {{StageName: v1, MergeDefinitions: true,
          Models: {{Pet: {{type: object, properties: {{a: {{type: string}}}}}}}},
          DefinitionBody: {{paths: {{/a: {{get: {{{PROXY}}}}}}}}}}}}}
        """,
        """
        Events:
          A: {Type: Api, Properties: {Path: /a, Method: get, RestApiId: !Ref Own,
            Auth: {Authorizer: Other}}}
          B: {Type: Api, Properties: {Path: /b, Method: post, RestApiId: !Ref Own,
            RequestModel: {Model: pet}}}
        """,
    )
    assert warnings == ""
    assert [dict(route.request_models) for route in api.routes if route.path == "/b"] == [
        {"application/json": "Pet"}
    ]
