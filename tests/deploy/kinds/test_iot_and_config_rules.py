"""Topic rules of AWS IoT and rules of AWS Config, against moto."""

from __future__ import annotations

import pytest

from lambdactl.errors import TakenError
from tests.deploy.kinds.shop import Shop, function_arn, manifest

pytestmark = pytest.mark.aws

SQL = "SELECT * FROM ''sensors/+/state''"


def test_an_iot_rule_comes_changes_and_goes(shop: Shop) -> None:
    one = manifest(a=[f"iot: {{sql: '{SQL}', description: How it is}}"])
    assert "create iot_rule:a" in shop.deploy(one)
    iot = shop.account.client("iot")
    rule = iot.get_topic_rule(ruleName="a")["rule"]
    assert rule["sql"] == "SELECT * FROM 'sensors/+/state'"
    assert rule["actions"] == [{"lambda": {"functionArn": function_arn("a")}}]
    off = one.replace("description: How it is", "enabled: false")
    assert shop.deploy(off) == ["update iot_rule:a"]
    assert iot.get_topic_rule(ruleName="a")["rule"]["ruleDisabled"] is True
    assert shop.deploy(manifest(a=[])) == [
        "delete iot_rule:a",
        "delete permission:a/lambdactl-iot-a",
    ]
    assert iot.list_topic_rules()["rules"] == []


def test_an_iot_rule_of_somebody_else_is_left_alone(shop: Shop) -> None:
    shop.deploy(manifest(a=[]))
    shop.account.client("iot").create_topic_rule(
        ruleName="hers",
        topicRulePayload={
            "sql": "SELECT * FROM 'a'",
            "actions": [{"lambda": {"functionArn": function_arn("a")}}],
        },
    )
    with pytest.raises(TakenError, match="the IoT rule hers is there already"):
        shop.plan(manifest(a=[f"iot: {{sql: '{SQL}', name: hers}}"]))


def test_a_config_rule_comes_changes_and_goes(shop: Shop) -> None:
    one = manifest(
        a=[
            "config: {rule: tags-set, resource_types: ['AWS::EC2::Instance'], "
            "frequency: one_hour, parameters: {tag: team}}"
        ]
    )
    assert "create config_rule:tags-set" in shop.deploy(one)
    config = shop.account.client("config")
    rule = config.describe_config_rules(ConfigRuleNames=["tags-set"])["ConfigRules"][0]
    assert rule["Source"]["SourceIdentifier"] == function_arn("a")
    assert [one.get("MessageType") for one in rule["Source"]["SourceDetails"]] == [
        "ConfigurationItemChangeNotification",
        "OversizedConfigurationItemChangeNotification",
        "ScheduledNotification",
    ]
    assert shop.deploy(one.replace("one_hour", "six_hours")) == ["update config_rule:tags-set"]
    by_clock = manifest(a=["config: {rule: tags-set, frequency: six_hours}"])
    assert shop.deploy(by_clock) == ["update config_rule:tags-set"]
    rule = config.describe_config_rules(ConfigRuleNames=["tags-set"])["ConfigRules"][0]
    assert [one["MessageType"] for one in rule["Source"]["SourceDetails"]] == [
        "ScheduledNotification"
    ]
    tags = config.list_tags_for_resource(ResourceArn=rule["ConfigRuleArn"])["Tags"]
    assert {"Key": "lambdactl:service", "Value": "shop"} in tags
    assert shop.deploy(manifest(a=[])) == [
        "delete config_rule:tags-set",
        "delete permission:a/lambdactl-config-tags-set",
    ]
    details = [{"EventSource": "aws.config", "MessageType": "ScheduledNotification"}]
    config.put_config_rule(
        ConfigRule={
            "ConfigRuleName": "tags-set",
            "Source": {
                "Owner": "CUSTOM_LAMBDA",
                "SourceIdentifier": function_arn("a"),
                "SourceDetails": details,
            },
        }
    )
    with pytest.raises(TakenError, match="the rule of AWS Config tags-set is there already"):
        shop.plan(by_clock)
