"""What CloudFormation's own resources say of a function: aliases, mappings, rules, routes."""

from __future__ import annotations

from typing import Any

import pytest

from lambdactl.manifest.features import Alias, FunctionUrl
from lambdactl.manifest.settings import AsyncConfig, Destination
from tests.manifest.sam.conftest import Folder

ARN = "arn:aws:lambda:us-east-1:123456789012:function:Fn"
INVOKE = "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/${Fn.Arn}/invocations"
CASES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "mapping": (
        """
        M: {Type: AWS::Lambda::EventSourceMapping, Properties: {FunctionName: !Ref Fn,
          EventSourceArn: !GetAtt Jobs.Arn, BatchSize: 3, Enabled: false}}
        Jobs: {Type: AWS::SQS::Queue}
        """,
        "sqs",
        {"queue": "Jobs", "batch_size": 3, "enabled": False},
    ),
    "mapping by name and ARN": (
        """
        M: {Type: AWS::Lambda::EventSourceMapping, Properties: {FunctionName: Fn,
          EventSourceArn: 'arn:aws:dynamodb:eu-west-1:111122223333:table/a/stream/b',
          StartingPosition: LATEST}}
        """,
        "dynamodb",
        {"table": "arn:aws:dynamodb:eu-west-1:111122223333:table/a/stream/b"},
    ),
    "mapping of Kafka": (
        """
        M: {Type: AWS::Lambda::EventSourceMapping, Properties: {FunctionName: !GetAtt Fn.Arn,
          SelfManagedEventSource: {Endpoints: {KafkaBootstrapServers: ['a:9092']}},
          SelfManagedKafkaEventSourceConfig: {ConsumerGroupId: mine}, Topics: [orders]}}
        """,
        "kafka",
        {"bootstrap_servers": ("a:9092",), "topic": "orders", "consumer_group": "mine"},
    ),
    "mapping of DocumentDB": (
        """
        M: {Type: AWS::Lambda::EventSourceMapping, Properties: {FunctionName: !Ref Fn,
          EventSourceArn: 'arn:aws:rds:eu-west-1:111122223333:cluster:c',
          DocumentDBEventSourceConfig: {DatabaseName: shop, CollectionName: orders}}}
        """,
        "documentdb",
        {"database": "shop", "collection": "orders"},
    ),
    "bucket": (
        """
        Photos: {Type: AWS::S3::Bucket, Properties: {BucketName: pics, NotificationConfiguration:
          {LambdaConfigurations: [{Event: 's3:ObjectCreated:Put', Function: !GetAtt Fn.Arn,
          Filter: {S3Key: {Rules: [{Name: suffix, Value: .png}]}}}]}}}
        """,
        "s3",
        {"bucket": "pics", "events": ("s3:ObjectCreated:Put",), "suffix": ".png"},
    ),
    "topic": (
        """
        T: {Type: AWS::SNS::Topic, Properties: {Subscription: [{Protocol: lambda,
          Endpoint: !GetAtt Fn.Arn}, {Protocol: email, Endpoint: a@b.c}]}}
        """,
        "sns",
        {"topic": "T"},
    ),
    "subscription": (
        """
        S: {Type: AWS::SNS::Subscription, Properties: {Protocol: lambda, TopicArn: !Ref T,
          Endpoint: !GetAtt Fn.Arn, FilterPolicy: {a: [b]}}}
        T: {Type: AWS::SNS::Topic, Properties: {TopicName: uploads}}
        """,
        "sns",
        {"topic": "uploads", "filter": {"a": ["b"]}},
    ),
    "rule": (
        """
        R: {Type: AWS::Events::Rule, Properties: {EventPattern: {source: [shop]}, State: DISABLED,
          Targets: [{Id: a, Arn: !GetAtt Fn.Arn, Input: '{"a": 1}'}]}}
        """,
        "eventbridge",
        {"pattern": {"source": ["shop"]}, "enabled": False, "input": {"a": 1}},
    ),
    "scheduled rule": (
        """
        R: {Type: AWS::Events::Rule, Properties: {ScheduleExpression: rate(1 hour), Name: tick,
          Targets: [{Id: a, Arn: !GetAtt Fn.Arn, RetryPolicy: {MaximumRetryAttempts: 1}}]}}
        """,
        "schedule",
        {"expression": "rate(1 hour)", "name": "tick", "retries": 1},
    ),
    "schedule": (
        """
        R: {Type: AWS::Scheduler::Schedule, Properties: {ScheduleExpression: rate(1 hour),
          FlexibleTimeWindow: {Mode: 'OFF'}, Target: {Arn: !GetAtt Fn.Arn, Input: hi}}}
        """,
        "schedule",
        {"expression": "rate(1 hour)", "input": "hi"},
    ),
    "log subscription": (
        """
        R: {Type: AWS::Logs::SubscriptionFilter, Properties: {LogGroupName: /a, FilterPattern: E,
          DestinationArn: !GetAtt Fn.Arn}}
        """,
        "cloudwatch_logs",
        {"group": "/a", "filter": "E"},
    ),
    "user pool": (
        """
        P: {Type: AWS::Cognito::UserPool, Properties: {LambdaConfig: {PreTokenGenerationConfig:
          {LambdaArn: !GetAtt Fn.Arn, LambdaVersion: V2_0}}}}
        """,
        "cognito",
        {"user_pool": "P", "events": ("pre_token_generation",), "version": "v2"},
    ),
    "topic rule": (
        """
        R: {Type: AWS::IoT::TopicRule, Properties: {RuleName: r, TopicRulePayload: {Sql: SELECT *,
          Actions: [{Lambda: {FunctionArn: !GetAtt Fn.Arn}}]}}}
        """,
        "iot",
        {"sql": "SELECT *", "name": "r"},
    ),
    "repository": (
        """
        R: {Type: AWS::CodeCommit::Repository, Properties: {RepositoryName: site, Triggers:
          [{Name: t, DestinationArn: !GetAtt Fn.Arn, Events: [updateReference], Branches: [main]}]}}
        """,
        "codecommit",
        {"repository": "site", "events": ("update_reference",), "branches": ("main",)},
    ),
    "target group": (
        """
        G: {Type: AWS::ElasticLoadBalancingV2::TargetGroup, Properties: {TargetType: lambda,
          Targets: [{Id: !GetAtt Fn.Arn}], TargetGroupAttributes:
          [{Key: lambda.multi_value_headers.enabled, Value: 'true'}]}}
        R: {Type: AWS::ElasticLoadBalancingV2::ListenerRule, Properties: {Priority: 5,
          Actions: [{Type: forward, TargetGroupArn: !Ref G}], Conditions:
          [{Field: path-pattern, Values: [/a/*]}, {Field: host-header, HostHeaderConfig:
          {Values: [a.example.com]}}]}}
        """,
        "alb",
        {"path": ("/a/*",), "host": "a.example.com", "priority": 5, "multi_value_headers": True},
    ),
    "method of a REST API": (
        f"""
        A: {{Type: AWS::ApiGateway::RestApi}}
        R: {{Type: AWS::ApiGateway::Resource, Properties: {{RestApiId: !Ref A, PathPart: photos,
          ParentId: !GetAtt A.RootResourceId}}}}
        Q: {{Type: AWS::ApiGateway::Resource, Properties: {{RestApiId: !Ref A, PathPart: '{{id}}',
          ParentId: !Ref R}}}}
        M: {{Type: AWS::ApiGateway::Method, Properties: {{RestApiId: !Ref A, ResourceId: !Ref Q,
          HttpMethod: GET, AuthorizationType: AWS_IAM, Integration: {{Type: AWS_PROXY,
          Uri: !Sub '{INVOKE}'}}}}}}
        """,
        "rest",
        {"path": "/photos/{id}", "method": "GET", "api": "A", "authorizer": "iam"},
    ),
    "route of an HTTP API": (
        """
        A: {Type: AWS::ApiGatewayV2::Api, Properties: {ProtocolType: HTTP}}
        I: {Type: AWS::ApiGatewayV2::Integration, Properties: {ApiId: !Ref A,
          IntegrationUri: !GetAtt Fn.Arn, PayloadFormatVersion: '2.0'}}
        R: {Type: AWS::ApiGatewayV2::Route, Properties: {ApiId: !Ref A, RouteKey: 'POST /photos',
          Target: !Sub 'integrations/${I}'}}
        """,
        "http",
        {"path": "/photos", "method": "POST", "payload": "v2", "api": "A"},
    ),
    "HTTP API for one function": (
        """
        A: {Type: AWS::ApiGatewayV2::Api, Properties: {ProtocolType: HTTP, Target: !GetAtt Fn.Arn}}
        """,
        "http",
        {"path": "$default", "api": "A"},
    ),
    "route of a WebSocket API": (
        f"""
        A: {{Type: AWS::ApiGatewayV2::Api, Properties: {{ProtocolType: WEBSOCKET,
          RouteSelectionExpression: $request.body.message}}}}
        I: {{Type: AWS::ApiGatewayV2::Integration, Properties: {{ApiId: !Ref A,
          IntegrationUri: !Sub '{INVOKE}'}}}}
        R: {{Type: AWS::ApiGatewayV2::Route, Properties: {{ApiId: !Ref A, RouteKey: $connect,
          Target: !Join ['/', [integrations, !Ref I]]}}}}
        """,
        "websocket",
        {"route": "$connect", "selection": "$request.body.message", "api": "A"},
    ),
    "WebSocket API of SAM": (
        """
        A: {Type: AWS::Serverless::WebSocketApi, Properties: {
          RouteSelectionExpression: $request.body.x,
          Routes: {$default: {FunctionArn: !GetAtt Fn.Arn}}}}
        """,
        "websocket",
        {"route": "$default", "selection": "$request.body.x"},
    ),
    "mapping of an alias": (
        """
        L: {Type: AWS::Lambda::Alias, Properties: {Name: live, FunctionName: !Ref Fn,
          FunctionVersion: !GetAtt V.Version}}
        V: {Type: AWS::Lambda::Version, Properties: {FunctionName: !Ref Fn}}
        S: {Type: AWS::SNS::Subscription, Properties: {Protocol: lambda, TopicArn: !Ref T,
          Endpoint: !Ref L}}
        T: {Type: AWS::SNS::Topic}
        """,
        "sns",
        {"alias": "live"},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("resources", "kind", "settings"), CASES.values(), ids=CASES)
def test_triggers(folder: Folder, resources: str, kind: str, settings: dict[str, Any]) -> None:
    app = folder.app("", resources)
    assert app.warnings == ()
    (trigger,) = app.function("Fn").triggers
    assert trigger.kind == kind
    assert {name: trigger.settings.get(name) for name in settings} == settings


def test_versions_aliases_urls_and_asynchronous_calls(folder: Folder) -> None:
    function = folder.function(
        "",
        """
        V: {Type: AWS::Lambda::Version, Properties: {FunctionName: !Ref Fn, Description: first}}
        Live: {Type: AWS::Lambda::Alias, Properties: {Name: live, FunctionName: !Ref Fn,
          FunctionVersion: !GetAtt V.Version, RoutingConfig: {AdditionalVersionWeights:
          [{FunctionVersion: '3', FunctionWeight: 0.1}]}, ProvisionedConcurrencyConfig:
          {ProvisionedConcurrentExecutions: 2}}}
        Old: {Type: AWS::Lambda::Alias, Properties: {Name: old, FunctionName: !GetAtt Fn.Arn,
          FunctionVersion: '3', ProvisionedConcurrencyConfig:
          {ProvisionedConcurrentExecutions: 1}}}
        Url: {Type: AWS::Lambda::Url, Properties: {TargetFunctionArn: !Ref Live, AuthType: NONE}}
        Async: {Type: AWS::Lambda::EventInvokeConfig, Properties: {FunctionName: !Ref Fn,
          Qualifier: $LATEST, MaximumRetryAttempts: 0, DestinationConfig:
          {OnFailure: {Destination: !GetAtt Dead.Arn}}}}
        AsyncOld: {Type: AWS::Lambda::EventInvokeConfig, Properties: {FunctionName: !Ref Fn,
          Qualifier: old, MaximumEventAgeInSeconds: 60}}
        Dead: {Type: AWS::SQS::Queue}
        Permission: {Type: AWS::Lambda::Permission, Properties: {FunctionName: !Ref Fn}}
        """,
    )
    assert (function.versions.publish, function.versions.description) == (True, "first")
    assert function.aliases["live"] == Alias("latest", {"3": 0.1})
    assert function.aliases["old"] == Alias("3", async_=AsyncConfig(max_age_s=60))
    assert function.url == FunctionUrl(auth="none", alias="live")
    assert function.async_ == AsyncConfig(0, on_failure=Destination("sqs", "Dead"))
    assert function.concurrency.provisioned == {"live": 2, "old": 1}


def test_of_two_urls_one_is_served_and_the_user_hears_of_it(folder: Folder) -> None:
    """One is the alias's in AWS, the other the function's own; public templates have both."""
    app = folder.app(
        "AutoPublishAlias: live\nFunctionUrlConfig: {AuthType: AWS_IAM}",
        "Open: {Type: AWS::Lambda::Url, Properties: {TargetFunctionArn: !Ref Fn, AuthType: NONE}}",
    )
    url = app.functions["Fn"].url
    assert url is not None
    assert url.auth == "none"
    assert [problem.message for problem in app.warnings] == [
        "`Fn` has two URLs; only `Open` is served"
    ]


def test_functions_of_other_templates_are_left_alone(folder: Folder) -> None:
    app = folder.app(
        "",
        """
        S: {Type: AWS::SNS::Subscription, Properties: {Protocol: lambda,
          TopicArn: 'arn:aws:sns:a:1:t',
          Endpoint: 'arn:aws:lambda:eu-west-1:111122223333:function:far'}}
        L: {Type: AWS::Lambda::Alias, Properties: {Name: a, FunctionName: far, FunctionVersion: 1}}
        """,
    )
    assert app.function("Fn").triggers == ()


def test_an_unknown_authorizer(folder: Folder) -> None:
    text = folder.text(
        "Events: {A: {Type: Api, Properties: {Path: /, Method: get, Auth: {Authorizer: Mine}}}}",
        "",
        "Globals: {Api: {Auth: {Authorizers: {Mind: {UserPoolArn: a}}}}}",
    )
    (problem,) = folder.problems(text)
    assert (problem.code, problem.hint) == ("unknown-authorizer", "did you mean `Mind`?")


def test_routes_of_a_definition(folder: Folder) -> None:
    function = folder.function(
        "Events: {A: {Type: Api, Properties: {Path: /a, Method: get, RestApiId: Own}}}",
        f"""
        Own: {{Type: AWS::Serverless::Api, Properties: {{DefinitionBody: {{paths: {{
          /a: {{get: {{x-amazon-apigateway-integration: {{uri: !Sub '{INVOKE}'}}}}}},
          /b: {{x-amazon-apigateway-any-method: {{x-amazon-apigateway-integration:
            {{uri: !Sub '{INVOKE}'}}}}, put: {{responses: {{}}}}}}}}}}}}}}
        Web: {{Type: AWS::Serverless::HttpApi, Properties: {{DefinitionBody: {{paths: {{
          /c: {{post: {{x-amazon-apigateway-integration: {{uri: !Sub '{INVOKE}',
            payloadFormatVersion: '2.0'}}}}}}}}}}}}}}
        """,
    )
    assert [
        (trigger.kind, trigger.settings["method"], trigger.settings["path"])
        for trigger in function.triggers
    ] == [("rest", "GET", "/a"), ("rest", "ANY", "/b"), ("http", "POST", "/c")]


DEFINITION = f"""\
openapi: 3.0.1
paths:
  /included/{{id}}:
    get:
      x-amazon-apigateway-integration: {{uri: !Sub '{INVOKE}', payloadFormatVersion: '2.0'}}
"""
INCLUDED = "{Fn::Transform: {Name: AWS::Include, Parameters: {Location: api.yaml}}}"


@pytest.mark.parametrize("definition", [f"DefinitionBody: {INCLUDED}", "DefinitionUri: api.yaml"])
def test_routes_of_a_definition_in_a_file(folder: Folder, definition: str) -> None:
    folder.write(DEFINITION, "api.yaml")
    app = folder.app("", f"Own: {{Type: AWS::Serverless::HttpApi, Properties: {{{definition}}}}}")
    assert app.warnings == ()
    (trigger,) = app.function("Fn").triggers
    assert (trigger.kind, trigger.settings["path"]) == ("http", "/included/{id}")
    assert trigger.where is not None
    assert trigger.where.file == "template.yaml"


@pytest.mark.parametrize("content", [None, "paths: [", "\x00", "a: b"])
def test_a_definition_that_can_t_be_read(folder: Folder, content: str | None) -> None:
    if content is not None:
        folder.write(content, "api.yaml")
    resource = f"Own: {{Type: AWS::Serverless::Api, Properties: {{DefinitionBody: {INCLUDED}}}}}"
    app = folder.app("", resource)
    assert app.function("Fn").triggers == ()
    assert len(app.warnings) == (0 if content == "a: b" else 1)
