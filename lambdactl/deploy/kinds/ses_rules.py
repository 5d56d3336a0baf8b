"""Receipt rules of SES.

Neither rules nor rule sets take tags: a rule is lambdactl's where it calls a function by a
permission of lambdactl's, and a rule set where its name says so. A rule for which the manifest
names no set is put into the active one; only where mail is received by none yet, a set is made.
https://docs.aws.amazon.com/ses/latest/APIReference/API_CreateReceiptRule.html
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from lambdactl.deploy import calling, shared
from lambdactl.deploy.faults import allowed, code
from lambdactl.deploy.kinds.callers import caller_of, callers
from lambdactl.deploy.model import Context, Live, Resource
from lambdactl.deploy.naming import shortened

_PRINCIPAL = "ses.amazonaws.com"
_NO_SET = ("RuleSetDoesNotExist", "RuleSetDoesNotExistException")
_NO_RULE = ("RuleDoesNotExist", "RuleDoesNotExistException")
_EXISTS = ("AlreadyExists", "AlreadyExistsException")
_SET_LENGTH = 64


class SesRule:
    """``ses_rule:SET/NAME``; ``ses_rule:NAME`` where the manifest names no set."""

    name: ClassVar[str] = "ses_rule"
    title: ClassVar[str] = "receipt rule"
    parent: ClassVar[str | None] = None
    replaced_by: ClassVar[frozenset[str]] = frozenset()
    renews: ClassVar[frozenset[str]] = frozenset()

    def read(self, context: Context, name: str) -> Live | None:
        rule_set, found = _find(context, name)
        if found is None:
            return self._begun(context, name)
        action: Mapping[str, Any] = next(
            (one["LambdaAction"] for one in found["Actions"] if "LambdaAction" in one), {}
        )
        target = action.get("FunctionArn", "")
        given, _, rule = name.rpartition("/")
        caller = caller_of(context, target, calling.receipt_rule(given, rule))
        return Live(
            kind=self.name,
            name=name,
            properties={
                "recipients": sorted(found.get("Recipients", ())),
                "target": target,
                "invocation": action.get("InvocationType", "Event"),
                "require_tls": found.get("TlsPolicy") == "Require",
                "scan": bool(found.get("ScanEnabled", False)),
                "enabled": bool(found.get("Enabled", False)),
            },
            outputs={"rule_set": rule_set},
            owner=context.naming.owner if caller else None,
            needs=caller.needs if caller else (),
        )

    def _begun(self, context: Context, name: str) -> Live | None:
        """A set of ours without a rule: a deployment broke off between the two."""
        if "/" in name or _rules(context, _own_name(context)) != []:
            return None
        functions = [context.naming.function(one) for one in context.naming.app.functions]
        needs = {need for one in callers(context, functions, _PRINCIPAL) for need in one.needs}
        return Live(
            kind=self.name,
            name=name,
            properties={},
            outputs={"rule_set": _own_name(context)},
            owner=context.naming.owner,
            needs=tuple(sorted(needs)),
        )

    def owned(self, context: Context, functions: Iterable[str]) -> Iterable[str]:
        home = context.naming.arn("ses", "receipt-rule-set/")
        for one in callers(context, functions, _PRINCIPAL):
            path = (one.source_arn or "").removeprefix(home)
            rule_set, _, rule = path.partition(":receipt-rule/")
            yield rule if rule_set == "*" else f"{rule_set}/{rule}"

    def create(self, context: Context, resource: Resource) -> Mapping[str, str]:
        given, _, name = resource.name.rpartition("/")
        ses = context.account.client("ses")
        # A rule is put after the last one, and that must be the last one still.
        with shared.alone("ses"):
            context.account.forget("ses_rules:")
            rule_set = given or _active(context) or self._own_set(context)
            before = [one["Name"] for one in _rules(context, rule_set) or ()]
            try:
                ses.create_receipt_rule(
                    RuleSetName=rule_set,
                    Rule=_wanted(name, resource.properties),
                    # The rules of others come first, as they did.
                    **({"After": before[-1]} if before else {}),
                )
            except Exception as error:
                if code(error) not in _EXISTS:
                    raise
                # It is there: the answer of an earlier try got lost.
                ses.update_receipt_rule(
                    RuleSetName=rule_set, Rule=_wanted(name, resource.properties)
                )
            if rule_set == _own_name(context) and _active(context) is None:
                ses.set_active_receipt_rule_set(RuleSetName=rule_set)
        context.account.forget("ses_rules:")
        return {"rule_set": rule_set}

    def update(
        self, context: Context, resource: Resource, live: Live, changed: frozenset[str]
    ) -> Mapping[str, str]:
        if not live.properties:
            return self.create(context, resource)
        name = resource.name.rpartition("/")[2]
        context.account.client("ses").update_receipt_rule(
            RuleSetName=live.outputs["rule_set"], Rule=_wanted(name, resource.properties)
        )
        context.account.forget("ses_rules:")
        return live.outputs

    def delete(self, context: Context, live: Live) -> None:
        name = live.name.rpartition("/")[2]
        rule_set = live.outputs["rule_set"]
        ses = context.account.client("ses")
        with shared.alone("ses"):
            with allowed(*_NO_SET, *_NO_RULE):
                ses.delete_receipt_rule(RuleSetName=rule_set, RuleName=name)
            context.account.forget("ses_rules:")
            if rule_set == _own_name(context) and _rules(context, rule_set) == []:
                if _active(context) == rule_set:
                    # The active set can't be deleted. Without a name none is active.
                    ses.set_active_receipt_rule_set()
                with allowed(*_NO_SET):
                    ses.delete_receipt_rule_set(RuleSetName=rule_set)
        context.account.forget("ses_rules:")

    def _own_set(self, context: Context) -> str:
        name = _own_name(context)
        with allowed(*_EXISTS):
            context.account.client("ses").create_receipt_rule_set(RuleSetName=name)
        context.account.forget("ses_rules:")
        return name


KINDS = (SesRule(),)


def _own_name(context: Context) -> str:
    """What the rule set of the service and stage is called, where it has to have one."""
    naming = context.naming
    words = re.sub(r"[^A-Za-z0-9_-]", "-", f"lambdactl-{naming.service}-{naming.stage}")
    return shortened(words, _SET_LENGTH)


def _find(context: Context, name: str) -> tuple[str, Mapping[str, Any] | None]:
    """A rule, and the set that it is in."""
    given, _, rule = name.rpartition("/")
    for rule_set in [given] if given else [_active(context), _own_name(context)]:
        for one in (_rules(context, rule_set) if rule_set else None) or ():
            if one["Name"] == rule:
                return str(rule_set), one
    return "", None


def _active(context: Context) -> str | None:
    """The name of the set that mail is received by; None: there is none."""

    def ask() -> str | None:
        answer = context.account.client("ses").describe_active_receipt_rule_set()
        name = answer.get("Metadata", {}).get("Name")
        return str(name) if name else None

    return context.account.once("ses_rules:/active", ask)


def _rules(context: Context, rule_set: str) -> list[Mapping[str, Any]] | None:
    """The rules of a set, in order; None: there is no such set."""

    def ask() -> list[Mapping[str, Any]] | None:
        with allowed(*_NO_SET):
            answer = context.account.client("ses").describe_receipt_rule_set(RuleSetName=rule_set)
            return list(answer.get("Rules", ()))
        return None

    return context.account.once(f"ses_rules:{rule_set}/", ask)


def _wanted(name: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "Name": name,
        "Enabled": properties["enabled"],
        "TlsPolicy": "Require" if properties["require_tls"] else "Optional",
        "Recipients": list(properties["recipients"]),
        "Actions": [
            {
                "LambdaAction": {
                    "FunctionArn": properties["target"],
                    "InvocationType": properties["invocation"],
                }
            }
        ],
        "ScanEnabled": properties["scan"],
    }
