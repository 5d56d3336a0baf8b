"""What the permission of each that calls a function is called.

Who declares a permission and who looks for it have to agree: the permission is the mark of what
can't be tagged (:mod:`lambdactl.deploy.kinds.callers`). What is given here becomes the id of a
statement by :func:`lambdactl.deploy.desired.grants.statement_id`.
"""

from __future__ import annotations


def bucket(name: str) -> str:
    return f"s3-{name}"


def topic(name: str) -> str:
    """:param name: of the topic; its ARN where it is of another account or Region."""
    return f"sns-{name}"


def rule(path: str) -> str:
    """:param path: what stands after ``rule/`` in the rule's ARN."""
    return f"rule-{path}"


def log_filter(group: str, name: str) -> str:
    return f"logs-{group}-{name}"


def iot_rule(name: str) -> str:
    return f"iot-{name}"


def user_pool(pool: str) -> str:
    """:param pool: as the manifest writes it: its name, its id or its ARN."""
    return f"cognito-{pool}"


def repository(name: str, trigger: str) -> str:
    return f"codecommit-{name}-{trigger}"


def receipt_rule(rule_set: str, name: str) -> str:
    """:param rule_set: "" for the active one."""
    return f"ses-{rule_set}-{name}"


def config_rule(name: str) -> str:
    return f"config-{name}"


def target_group(name: str) -> str:
    return f"alb-{name}"
