"""The ``Condition`` of a policy's statement, for what is known about a request here.

Operators: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
Known keys are those that every request has (``aws:SourceIp``, ``aws:UserAgent``, ``aws:Referer``,
``aws:SecureTransport``, ``aws:CurrentTime``, ``aws:EpochTime``); any other key is absent.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from lambdactl.triggers.http.authorizers.wildcards import matches

Condition = Callable[[Mapping[str, str]], bool]
"""Takes what is known about a request: lower-case keys to values."""


class PolicyError(ValueError):
    """A policy that IAM would not take. The message says why, without a full stop."""


def _like(value: str, wanted: str) -> bool:
    return matches(wanted, value)


def _address(value: str, wanted: str) -> bool:
    return ipaddress.ip_address(value) in ipaddress.ip_network(wanted, strict=False)


def _moment(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        moment = datetime.fromisoformat(text)
        # Without a zone it is UTC, not the time of this machine.
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


_NUMBERS: dict[str, Callable[[float, float], bool]] = {
    "equals": lambda value, wanted: value == wanted,
    "lessthan": lambda value, wanted: value < wanted,
    "lessthanequals": lambda value, wanted: value <= wanted,
    "greaterthan": lambda value, wanted: value > wanted,
    "greaterthanequals": lambda value, wanted: value >= wanted,
}


def _measured(
    read: Callable[[str], float], test: Callable[[float, float], bool]
) -> Callable[[str, str], bool]:
    return lambda value, wanted: test(read(value), read(wanted))


# By name in lower case and without "not"; operators are compared without regard to case.
_TESTS: dict[str, Callable[[str, str], bool]] = {
    "stringequals": lambda value, wanted: value == wanted,
    "stringequalsignorecase": lambda value, wanted: value.lower() == wanted.lower(),
    "stringlike": _like,
    "arnequals": _like,
    "arnlike": _like,
    "bool": lambda value, wanted: value.lower() == wanted.lower(),
    "ipaddress": _address,
    **{f"numeric{name}": _measured(float, test) for name, test in _NUMBERS.items()},
    **{f"date{name}": _measured(_moment, test) for name, test in _NUMBERS.items()},
}


def conditions(block: Any) -> tuple[Condition, ...]:
    """The conditions of a ``Condition`` element, all of which have to hold.

    :raises PolicyError: an operator that IAM does not have, or a value of the wrong form.
    """
    if block is None:
        return ()
    if not isinstance(block, dict):
        raise PolicyError("Condition is not an object")
    found = []
    for operator, keys in block.items():
        if not isinstance(keys, dict):
            raise PolicyError(f"the Condition {operator} is not an object")
        for key, value in keys.items():
            values = value if isinstance(value, list) else [value]
            if not all(isinstance(each, (str, bool, int, float)) for each in values):
                raise PolicyError(f"the Condition {operator} has a value that is not a string")
            found.append(_condition(operator, key.lower(), tuple(map(_text, values))))
    return tuple(found)


def _text(value: str | float) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _condition(operator: str, key: str, wanted: tuple[str, ...]) -> Condition:
    # What a request has is one value for each key, so a set operator only says what counts when
    # there is none.
    quantifier, _, name = operator.lower().rpartition(":")
    name, if_exists = name.removesuffix("ifexists"), name.endswith("ifexists")
    if name == "null":
        return lambda facts: (key not in facts) == (wanted == ("true",))
    negated = "not" in name
    test = _TESTS.get(name.replace("not", "", 1))
    if test is None or quantifier not in ("", "foranyvalue", "forallvalues"):
        raise PolicyError(f"IAM has no Condition operator {operator}")
    _try(operator, key, test, wanted)
    absent = if_exists or quantifier == "forallvalues" or negated

    def condition(facts: Mapping[str, str]) -> bool:
        value = facts.get(key)
        if value is None:
            return absent
        try:
            return any(test(value, each) for each in wanted) is not negated
        except ValueError:
            # The request's value is not of the operator's kind: they can't be equal.
            return negated

    return condition


def _try(
    operator: str, key: str, test: Callable[[str, str], bool], wanted: tuple[str, ...]
) -> None:
    """Find out now, not at a request, whether the values are of the operator's kind."""
    for each in wanted:
        try:
            test("::1" if test is _address else each, each)
        except ValueError as error:
            raise PolicyError(
                f"the Condition {operator} of {key} has the value {each!r}"
            ) from error
