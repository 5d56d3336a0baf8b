"""Everything that there is in an account, so that a test can say that nothing is left of it.

What every account has (the default VPC, managed policies, the default event bus) is in the list
before and after, so it is compared and not left out.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import boto3
from botocore.exceptions import ClientError

from tests.deploy.conftest import REGION


def inventory() -> set[str]:
    """A line for each resource of each service that lambdactl touches."""
    session = boto3.Session(region_name=REGION)
    return {line for lister in _LISTERS for line in lister(session.client)}


Client = Callable[[str], Any]


def _pages(client: Any, operation: str, key: str, **arguments: Any) -> Iterator[Any]:
    if client.can_paginate(operation):
        for page in client.get_paginator(operation).paginate(**arguments):
            yield from page.get(key, ())
    else:
        yield from getattr(client, operation)(**arguments).get(key, ())


def _functions(client: Client) -> Iterator[str]:
    aws = client("lambda")
    for function in _pages(aws, "list_functions", "Functions"):
        name = function["FunctionName"]
        yield f"function {name}"
        for version in _pages(aws, "list_versions_by_function", "Versions", FunctionName=name):
            yield f"version {name} {version['Version']}"
        for alias in _pages(aws, "list_aliases", "Aliases", FunctionName=name):
            yield f"alias {name} {alias['Name']}"
        with contextlib.suppress(ClientError):
            policy = json.loads(aws.get_policy(FunctionName=name)["Policy"])
            for statement in policy["Statement"]:
                yield f"permission {name} {json.dumps(statement, sort_keys=True)}"
        with contextlib.suppress(ClientError):
            yield f"url {name} {aws.get_function_url_config(FunctionName=name)['AuthType']}"
    for mapping in _pages(aws, "list_event_source_mappings", "EventSourceMappings"):
        yield f"event source mapping {mapping['UUID']}"
    for layer in _pages(aws, "list_layers", "Layers"):
        for version in _pages(
            aws, "list_layer_versions", "LayerVersions", LayerName=layer["LayerName"]
        ):
            yield f"layer {version['LayerVersionArn']}"


def _roles(client: Client) -> Iterator[str]:
    aws = client("iam")
    for role in _pages(aws, "list_roles", "Roles"):
        yield f"role {role['Arn']}"
    for policy in _pages(aws, "list_policies", "Policies", Scope="Local"):
        yield f"policy {policy['Arn']}"


def _rest_apis(client: Client) -> Iterator[str]:
    aws = client("apigateway")
    for api in _pages(aws, "get_rest_apis", "items"):
        yield f"REST API {api['id']} {api['name']}"
    for key in _pages(aws, "get_api_keys", "items"):
        yield f"API key {key['id']}"
    for plan in _pages(aws, "get_usage_plans", "items"):
        yield f"usage plan {plan['id']}"


def _http_apis(client: Client) -> Iterator[str]:
    for api in _pages(client("apigatewayv2"), "get_apis", "Items"):
        yield f"{api['ProtocolType']} API {api['ApiId']} {api['Name']}"


def _rules(client: Client) -> Iterator[str]:
    aws = client("events")
    for bus in aws.list_event_buses()["EventBuses"]:
        yield f"bus {bus['Name']}"
        for rule in _pages(aws, "list_rules", "Rules", EventBusName=bus["Name"]):
            yield f"rule {bus['Name']}/{rule['Name']}"


def _buckets(client: Client) -> Iterator[str]:
    aws = client("s3")
    for bucket in aws.list_buckets()["Buckets"]:
        name = bucket["Name"]
        yield f"bucket {name}"
        answer = aws.get_bucket_notification_configuration(Bucket=name)
        answer.pop("ResponseMetadata", None)
        if answer:
            yield f"notifications {name} {answer}"
        for entry in _pages(aws, "list_object_versions", "Versions", Bucket=name):
            yield f"object {name}/{entry['Key']} {entry['VersionId']}"


def _logs(client: Client) -> Iterator[str]:
    aws = client("logs")
    for group in _pages(aws, "describe_log_groups", "logGroups"):
        name = group["logGroupName"]
        yield f"log group {name}"
        for one in _pages(
            aws, "describe_subscription_filters", "subscriptionFilters", logGroupName=name
        ):
            yield f"subscription filter {name} {one['filterName']}"


def _ses(client: Client) -> Iterator[str]:
    aws = client("ses")
    for rule_set in aws.list_receipt_rule_sets()["RuleSets"]:
        yield f"rule set {rule_set['Name']}"
        for rule in aws.describe_receipt_rule_set(RuleSetName=rule_set["Name"])["Rules"]:
            yield f"receipt rule {rule_set['Name']}/{rule['Name']}"


def _pools(client: Client) -> Iterator[str]:
    aws = client("cognito-idp")
    for pool in _pages(aws, "list_user_pools", "UserPools", MaxResults=60):
        found = aws.describe_user_pool(UserPoolId=pool["Id"])["UserPool"]
        yield f"user pool {pool['Id']} {sorted(found.get('LambdaConfig', {}).items())}"


def _load_balancers(client: Client) -> Iterator[str]:
    aws = client("elbv2")
    for group in _pages(aws, "describe_target_groups", "TargetGroups"):
        yield f"target group {group['TargetGroupArn']}"
    for balancer in _pages(aws, "describe_load_balancers", "LoadBalancers"):
        arn = balancer["LoadBalancerArn"]
        yield f"load balancer {arn}"
        for listener in _pages(aws, "describe_listeners", "Listeners", LoadBalancerArn=arn):
            for rule in aws.describe_rules(ListenerArn=listener["ListenerArn"])["Rules"]:
                yield f"listener rule {rule['RuleArn']}"


def _simple(
    service: str,
    operation: str,
    key: str,
    show: Callable[[Any], object],
    **arguments: Any,
) -> Callable[[Client], Iterable[str]]:
    def lister(client: Client) -> Iterator[str]:
        for found in _pages(client(service), operation, key, **arguments):
            yield f"{service} {operation} {show(found)}"

    return lister


_LISTERS: tuple[Callable[[Client], Iterable[str]], ...] = (
    _functions,
    _roles,
    _rest_apis,
    _http_apis,
    _rules,
    _buckets,
    _logs,
    _ses,
    _pools,
    _load_balancers,
    _simple("sqs", "list_queues", "QueueUrls", str),
    _simple("sns", "list_topics", "Topics", lambda one: one["TopicArn"]),
    _simple("sns", "list_subscriptions", "Subscriptions", lambda one: one["SubscriptionArn"]),
    _simple("dynamodb", "list_tables", "TableNames", str),
    _simple("kinesis", "list_streams", "StreamNames", str),
    _simple("scheduler", "list_schedule_groups", "ScheduleGroups", lambda one: one["Arn"]),
    _simple("scheduler", "list_schedules", "Schedules", lambda one: one["Arn"]),
    _simple("iot", "list_topic_rules", "rules", lambda one: one["ruleArn"]),
    _simple("config", "describe_config_rules", "ConfigRules", lambda one: one["ConfigRuleArn"]),
    _simple("ecr", "describe_repositories", "repositories", lambda one: one["repositoryArn"]),
    _simple("ssm", "describe_parameters", "Parameters", lambda one: one["Name"]),
    _simple("cloudwatch", "describe_alarms", "MetricAlarms", lambda one: one["AlarmArn"]),
)
