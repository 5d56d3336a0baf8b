from __future__ import annotations

import contextlib
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdactl.triggers.http.authorizers.policy import PolicyError, decide, read
from lambdactl.triggers.http.authorizers.wildcards import matches

ARN = "arn:aws:execute-api:us-east-1:123456789012:abc/dev/GET/pets/7"
FACTS = {
    "aws:sourceip": "203.0.113.7",
    "aws:useragent": "curl/8.7.1",
    "aws:securetransport": "false",
    "aws:currenttime": "1700000000.0",
    "aws:epochtime": "1700000000",
}


def statement(effect: str = "Allow", **fields: Any) -> dict[str, Any]:
    return {"Effect": effect, "Action": "execute-api:Invoke", "Resource": "*", **fields}


def decision(*statements: Any, arn: str = ARN) -> str:
    return decide(read({"Version": "2012-10-17", "Statement": list(statements)}), arn, FACTS)


patterns = st.text(alphabet="ab/*?", max_size=12)


@given(patterns, st.text(alphabet="ab/", max_size=12))
def test_wildcards_are_those_of_a_regular_expression(pattern: str, text: str) -> None:
    said = "".join({"*": ".*", "?": "."}.get(c, re.escape(c)) for c in pattern)
    assert matches(pattern, text) is (re.fullmatch(said, text, re.DOTALL) is not None)


@given(st.text(max_size=30), st.integers(0, 30), st.integers(0, 30))
def test_a_star_stands_for_any_part(text: str, start: int, end: int) -> None:
    plain = text.replace("*", "x").replace("?", "x")
    assert matches(plain[:start] + "*" + plain[max(start, end) :], plain)


def test_a_hostile_pattern_takes_no_time() -> None:
    assert not matches("*a" * 200 + "b", "a" * 2000)


@pytest.mark.parametrize(
    ("resource", "may"),
    [
        ("*", True),
        (ARN, True),
        ("arn:aws:execute-api:*:*:*", True),
        ("arn:aws:execute-api:us-east-1:123456789012:abc/*/GET/*", True),
        ("arn:aws:execute-api:us-east-1:123456789012:abc/dev/GET/pets/?", True),
        ("arn:aws:execute-api:us-east-1:123456789012:abc/dev/*/pets/*", True),
        ("arn:aws:execute-api:*", True),
        ("arn:aws:execute-api:us-east-1:123456789012:abc/dev/POST/*", False),
        ("arn:aws:execute-api:us-east-1:123456789012:abc/dev/GET/pets", False),
        ("arn:aws:execute-api:us-east-1:123456789012:abc/dev/GET/Pets/7", False),
        # A wildcard stays within its segment.
        ("arn:aws:*:123456789012:*:x:y", False),
        ("arn:aws:execute-api:*:abc/dev/GET/pets/7:*:*", False),
    ],
)
def test_resources(resource: str, may: bool) -> None:
    assert decision(statement(Resource=resource)) == ("allow" if may else "none")
    assert decision(statement(Resource=["arn:aws:x", resource])) == ("allow" if may else "none")


@pytest.mark.parametrize(
    ("action", "may"),
    [
        ("execute-api:Invoke", True),
        ("Execute-API:invoke", True),
        ("execute-api:*", True),
        ("*", True),
        ("execute-api:Inv?ke", True),
        (["s3:GetObject", "execute-api:Invoke"], True),
        ("execute-api:ManageConnections", False),
        ("lambda:*", False),
    ],
)
def test_actions(action: Any, may: bool) -> None:
    assert decision(statement(Action=action)) == ("allow" if may else "none")


def test_a_deny_goes_before_every_allow() -> None:
    allow, deny = statement(), statement("Deny", Resource="*/GET/pets/*")
    assert decision(allow, deny) == decision(deny, allow) == "deny"
    assert decision(allow, statement("Deny", Resource="*/POST/*")) == "allow"
    assert decision(statement("Deny", Resource="*/POST/*")) == "none"


def test_all_but_what_is_named() -> None:
    def but(**fields: Any) -> dict[str, Any]:
        made = statement(**fields)
        for name in fields:
            del made[name.removeprefix("Not")]
        return made

    assert decision(but(NotResource="*/POST/*")) == "allow"
    assert decision(but(NotResource="*/GET/*")) == "none"
    assert decision(but(NotAction="s3:*")) == "allow"
    assert decision(but(NotAction=["execute-api:*"])) == "none"
    assert decision(statement(), {**but(NotResource=["*/GET/pets/7"]), "Effect": "Deny"}) == "allow"


def test_one_statement_needs_no_list() -> None:
    assert decide(read({"Statement": statement()}), ARN, {}) == "allow"


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ({"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}, True),
        ({"IpAddress": {"aws:SourceIp": ["10.0.0.0/8", "203.0.113.7"]}}, True),
        ({"IpAddress": {"AWS:sourceip": "10.0.0.0/8"}}, False),
        ({"NotIpAddress": {"aws:SourceIp": "10.0.0.0/8"}}, True),
        ({"NotIpAddress": {"aws:SourceIp": ["10.0.0.0/8", "203.0.113.0/24"]}}, False),
        ({"IpAddress": {"aws:SourceIp": "2001:db8::/32"}}, False),
        ({"StringLike": {"aws:UserAgent": "curl/*"}}, True),
        ({"StringEquals": {"aws:UserAgent": "Curl/8.7.1"}}, False),
        ({"StringEqualsIgnoreCase": {"aws:UserAgent": "Curl/8.7.1"}}, True),
        ({"StringNotEquals": {"aws:UserAgent": ["curl/8.7.1", "x"]}}, False),
        ({"StringNotLike": {"aws:UserAgent": "Mozilla*"}}, True),
        ({"Bool": {"aws:SecureTransport": "false"}}, True),
        ({"Bool": {"aws:SecureTransport": True}}, False),
        ({"DateGreaterThan": {"aws:CurrentTime": "2023-11-01T00:00:00Z"}}, True),
        ({"DateLessThan": {"aws:CurrentTime": "2023-11-01T00:00:00Z"}}, False),
        ({"NumericLessThanEquals": {"aws:EpochTime": "1700000000"}}, True),
        ({"StringEquals": {"aws:PrincipalOrgID": "o-1"}}, False),
        ({"StringNotEquals": {"aws:PrincipalOrgID": "o-1"}}, True),
        ({"StringEqualsIfExists": {"aws:PrincipalOrgID": "o-1"}}, True),
        ({"ForAllValues:StringEquals": {"aws:TagKeys": ["a"]}}, True),
        ({"ForAnyValue:StringEquals": {"aws:TagKeys": ["a"]}}, False),
        ({"Null": {"aws:PrincipalOrgID": "true"}}, True),
        ({"Null": {"aws:UserAgent": "true"}}, False),
        ({"Null": {"aws:UserAgent": False}}, True),
        (
            {
                "IpAddress": {"aws:SourceIp": "203.0.113.0/24"},
                "StringLike": {"aws:UserAgent": "Mozilla*"},
            },
            False,
        ),
    ],
)
def test_conditions(condition: Any, holds: bool) -> None:
    assert decision(statement(Condition=condition)) == ("allow" if holds else "none")


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (None, "not an object"),
        ({}, "no Statement"),
        ({"Statement": []}, "no Statement"),
        ({"Statement": ["x"]}, "not an object"),
        ({"Statement": statement("allow")}, "'allow', not Allow or Deny"),
        ({"Statement": {"Effect": "Allow", "Action": "*"}}, "either Resource or NotResource"),
        ({"Statement": statement(NotAction="x")}, "either Action or NotAction"),
        ({"Statement": statement(Resource=[])}, "not a string or a list"),
        ({"Statement": statement(Action=[1])}, "not a string or a list"),
        ({"Statement": statement(Condition=[])}, "Condition is not an object"),
        ({"Statement": statement(Condition={"Like": {"a": "b"}})}, "no Condition operator Like"),
        ({"Statement": statement(Condition={"Bool": "x"})}, "Bool is not an object"),
        (
            {"Statement": statement(Condition={"IpAddress": {"aws:SourceIp": "10.0.0/33"}})},
            "'10.0.0/33'",
        ),
    ],
)
def test_what_is_no_policy_is_said(document: Any, words: str) -> None:
    with pytest.raises(PolicyError, match=re.escape(words)):
        read(document)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
operators = st.sampled_from(
    ["StringLike", "IpAddress", "DateLessThan", "NumericEqualsIfExists", "Null", "Bool", "x"]
)


@given(
    st.dictionaries(st.sampled_from(["Effect", "Action", "Resource", "NotAction"]), json_values),
    st.dictionaries(operators, st.dictionaries(st.sampled_from(list(FACTS)), json_values)),
)
def test_whatever_comes_is_a_policy_or_said_to_be_none(fields: Any, condition: Any) -> None:
    for each in (fields, {**statement(), "Condition": condition}, {**statement(), **fields}):
        with contextlib.suppress(PolicyError):
            policy = read({"Statement": [each]})
            assert decide(policy, ARN, FACTS) in ("allow", "deny", "none")
