"""Target groups and rules of listeners, against moto."""

from __future__ import annotations

from typing import Any

import pytest

from lambdactl.errors import TakenError, UserError
from tests.deploy.kinds.shop import Shop, function_arn, manifest

pytestmark = pytest.mark.aws


@pytest.fixture
def listener(shop: Shop) -> str:
    """The ARN of a listener with a rule of somebody else's."""
    ec2, elb = shop.account.client("ec2"), shop.account.client("elbv2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(
            VpcId=vpc, CidrBlock=f"10.0.{number}.0/24", AvailabilityZone=f"eu-west-1{zone}"
        )["Subnet"]["SubnetId"]
        for number, zone in enumerate("ab")
    ]
    balancer = elb.create_load_balancer(Name="front", Subnets=subnets)["LoadBalancers"][0]
    answer = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}
    made = elb.create_listener(
        LoadBalancerArn=balancer["LoadBalancerArn"],
        Protocol="HTTP",
        Port=80,
        DefaultActions=[answer],
    )
    arn = str(made["Listeners"][0]["ListenerArn"])
    elb.create_rule(
        ListenerArn=arn,
        Priority=3,
        Conditions=[{"Field": "path-pattern", "PathPatternConfig": {"Values": ["/theirs"]}}],
        Actions=[answer],
    )
    return arn


def rules(shop: Shop, listener: str) -> dict[str, dict[str, Any]]:
    """By priority; without the default one."""
    found = shop.account.client("elbv2").describe_rules(ListenerArn=listener)["Rules"]
    return {one["Priority"]: one for one in found if one["Priority"] != "default"}


def groups(shop: Shop) -> dict[str, dict[str, Any]]:
    found = shop.account.client("elbv2").describe_target_groups()["TargetGroups"]
    return {one["TargetGroupName"]: one for one in found}


def test_without_a_listener_there_is_the_target_group(shop: Shop) -> None:
    one = manifest(
        "apis: {alb: {alb: {health_check: {path: /health, codes: 200-299}}}}\n",
        a=["alb: {path: /a}", "alb: {path: /b}"],
    )
    steps = shop.deploy(one)
    assert [step for step in steps if "target_group" in step or "listener" in step] == [
        "create target_group:a-alb"
    ]
    group = groups(shop)["a-alb"]
    assert (group["TargetType"], group["HealthCheckPath"]) == ("lambda", "/health")
    elb = shop.account.client("elbv2")
    health = elb.describe_target_health(TargetGroupArn=group["TargetGroupArn"])
    targets = health["TargetHealthDescriptions"]
    assert [target["Target"]["Id"] for target in targets] == [function_arn("a")]
    policy = shop.account.client("lambda").get_policy(FunctionName="a")["Policy"]
    assert ":targetgroup/a-alb/*" in policy

    changed = one.replace("/health,", "/healthy,")
    assert shop.deploy(changed) == ["update target_group:a-alb"]
    shop.destroy(one)
    assert groups(shop) == {}


def test_rules_come_change_and_go_beside_those_of_others(shop: Shop, listener: str) -> None:
    on = f"listener: '{listener}', api: front"
    tail = listener.partition(":listener/")[2]
    mocks = (
        "apis:\n  front:\n    alb:\n      routes:\n"
        "        - {path: /old/*, mock: {responses: [{status: 301, parameters: "
        "{method.response.header.Location: 'https://#{host}/new'}}]}}\n"
        "        - {path: /fix, mock: {responses: [{status: 200, templates: "
        "{text/plain: hello}}]}}\n"
    )
    one = manifest(
        mocks,
        a=[
            f"alb: {{path: /a, host: [a.example.com], priority: 5, {on}}}",
            f"alb: {{path: [/b, /c], methods: [GET], headers: {{X-A: [b]}}, query: "
            f"[{{key: a, value: b}}, {{value: c}}], source_ips: [10.0.0.0/8], "
            f"multi_value_headers: true, alias: live, {on}}}",
        ],
    )
    shop.deploy(one)
    found = rules(shop, listener)
    # Rules without a priority come last, in the manifest's order.
    assert list(found) == ["3", "5", "6", "7", "8"]
    assert found["5"]["Actions"][0]["TargetGroupArn"] == groups(shop)["a"]["TargetGroupArn"]
    assert [condition["Field"] for condition in found["6"]["Conditions"]] == [
        "http-header",
        "http-request-method",
        "path-pattern",
        "query-string",
        "source-ip",
    ]
    assert found["7"]["Actions"][0]["RedirectConfig"] == {
        "Protocol": "HTTPS",
        "Host": "#{host}",
        "Port": "443",
        "Path": "/new",
        "Query": "#{query}",
        "StatusCode": "HTTP_301",
    }
    assert found["8"]["Actions"][0]["FixedResponseConfig"] == {
        "StatusCode": "200",
        "ContentType": "text/plain",
        "MessageBody": "hello",
    }

    assert shop.deploy(one.replace("path: /a,", "path: /aa,")) == [f"update listener_rule:{tail}/5"]
    fewer = manifest(mocks, a=[f"alb: {{path: /aa, host: [a.example.com], priority: 5, {on}}}"])
    assert shop.deploy(fewer) == [
        f"delete listener_rule:{tail}/a.1",
        "delete target_group:a-live-multi",
        "delete permission:a:live/lambdactl-alb-a-live-multi",
    ]
    shop.destroy(one)
    assert list(rules(shop, listener)) == ["3"]
    assert groups(shop) == {}


def test_a_priority_that_is_somebody_elses_stays_so(shop: Shop, listener: str) -> None:
    with pytest.raises(TakenError, match=r"the rule of the load balancer app/front/.*/3 is there"):
        shop.plan(manifest(a=[f"alb: {{path: /a, priority: 3, listener: '{listener}'}}"]))


def test_what_no_load_balancer_can_answer_is_a_mistake(shop: Shop, listener: str) -> None:
    routes = (
        "apis:\n  front:\n    alb:\n      routes:\n"
        "        - {path: /fix, mock: {responses: [{status: 200, parameters: "
        "{method.response.header.X-Own: \"'a'\"}}]}}\n"
    )
    with pytest.raises(UserError, match="without the header x-own"):
        shop.plan(manifest(routes, a=[f"alb: {{listener: '{listener}', api: front}}"]))
