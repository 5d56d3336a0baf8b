"""Request validators and models."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft4Validator

from lambdactl.manifest.apis import Api, Integration, Route, Validator
from lambdactl.triggers.http.calls import Call, Refusal
from lambdactl.triggers.http.rest.models import models
from lambdactl.triggers.http.rest.validation import checker
from tests.triggers.http import parts

# https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-request-validation-set-up.html
PET = {
    "type": "object",
    "properties": {
        "id": {"type": "integer"},
        "type": {"type": "string", "enum": ["dog", "cat", "fish"]},
        "name": {"type": "string"},
        "price": {"type": "number", "minimum": 25, "maximum": 500},
    },
    "required": ["type", "name", "price"],
}
MODELS = {"RequestBodyModel": PET}


def refused(
    route: dict[str, Any],
    target: str = "/",
    headers: dict[str, str] | list[tuple[str, str]] | None = None,
    body: Any = None,
    schemas: dict[str, Any] | None = None,
    **parameters: str,
) -> Refusal | None:
    """How the route's checker refuses the request; None where it lets it pass."""
    made = Route(path="/validation", integration=Integration("mock"), method="POST", **route)
    api = Api("pets", "rest", (made,), models=MODELS if schemas is None else schemas)
    check = checker(api, made)
    if check is None:
        return None
    data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    request = parts.request(target, "POST", headers, data)
    try:
        check(Call(parts.setting(), api, made, request, parameters))
    except Refusal as refusal:
        return refusal
    return None


PARAMETERS = {
    "validator": Validator(parameters=True),
    "request_parameters": {
        "method.request.querystring.q1": True,
        "method.request.header.h1": True,
        "method.request.path.p1": True,
        "method.request.querystring.free": False,
    },
}


@pytest.mark.parametrize(
    ("target", "headers", "path", "missing"),
    [
        ("/?q1=cat", {"h1": "v1"}, {"p1": "x"}, None),
        ("/", {"h1": "v1"}, {"p1": "x"}, "q1"),
        ("/?q1=", {"h1": "v1"}, {"p1": "x"}, "q1"),
        ("/?q1=%20", {"h1": "v1"}, {"p1": "x"}, "q1"),
        ("/?Q1=cat", {"h1": "v1"}, {"p1": "x"}, "q1"),
        ("/?q1=cat", {}, {"p1": "x"}, "h1"),
        ("/?q1=cat", {"h1": ""}, {"p1": "x"}, "h1"),
        ("/", {}, {}, "h1, p1, q1"),
    ],
)
def test_required_parameters(
    target: str, headers: dict[str, str], path: dict[str, str], missing: str | None
) -> None:
    refusal = refused(PARAMETERS, target, headers, **path)
    if missing is None:
        assert refusal is None
    else:
        assert refusal is not None
        assert refusal.type == "BAD_REQUEST_PARAMETERS"
        assert refusal.message == f"Missing required request parameters: [{missing}]"


def test_a_header_in_other_letters_is_missing_and_the_developer_is_told_why() -> None:
    refusal = refused(PARAMETERS, "/?q1=cat", {"H1": "v1"}, p1="x")
    assert refusal is not None
    assert refusal.message == "Missing required request parameters: [h1]"
    assert "`H1`" in (refusal.reason or "")


BODY = {
    "validator": Validator(body=True),
    "request_models": {"application/json": "RequestBodyModel"},
}
MARCO = {"name": "Marco", "type": "dog", "price": 260}


def test_a_body_that_fits_passes() -> None:
    assert refused(BODY, body=MARCO) is None
    assert (
        refused(BODY, headers={"Content-Type": "application/json; charset=utf-8"}, body=MARCO)
        is None
    )


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (
            {**MARCO, "type": "bird"},
            '[instance value (\\"bird\\") not found in enum (possible values:'
            ' [\\"dog\\",\\"cat\\",\\"fish\\"])]',
        ),
        (
            {**MARCO, "price": 501},
            "[numeric instance is greater than the required maximum (maximum: 500, found: 501)]",
        ),
        ({"type": "dog"}, '[object has missing required properties ([\\"name\\",\\"price\\"])]'),
        (None, '[object has missing required properties ([\\"name\\",\\"price\\",\\"type\\"])]'),
        (b"{", "[Unknown error parsing request body]"),
        (b"\xff", "[Unknown error parsing request body]"),
        (
            [],
            "[instance type (array) does not match any allowed primitive type (allowed:"
            ' [\\"object\\"])]',
        ),
    ],
)
def test_a_body_that_does_not_fit(body: Any, words: str) -> None:
    refusal = refused(BODY, body=body)
    assert refusal is not None
    assert (refusal.type, refusal.message) == ("BAD_REQUEST_BODY", None)
    assert refusal.validation == words


def test_parameters_come_before_the_body() -> None:
    route = {**PARAMETERS, **BODY, "validator": Validator(body=True, parameters=True)}
    refusal = refused(route, body={})
    assert refusal is not None
    assert refusal.type == "BAD_REQUEST_PARAMETERS"


# "If no matching content type is found, request validation is not performed. To use the same model
# regardless of the content type, set the content type for your data model to $default."
@pytest.mark.parametrize(
    ("model_for", "sent", "checked"),
    [
        ("application/json", None, True),
        ("application/json", "application/json;charset=utf-8", True),
        ("application/json", "text/plain", False),
        ("application/xml", None, False),
        ("$default", "text/plain", True),
        ("$default", None, True),
    ],
)
def test_the_content_type_chooses_the_model(
    model_for: str, sent: str | None, checked: bool
) -> None:
    route = {**BODY, "request_models": {model_for: "RequestBodyModel"}}
    refusal = refused(route, headers={"Content-Type": sent} if sent else {}, body={})
    assert (refusal is not None) == checked


@pytest.mark.parametrize(
    "route",
    [
        {},
        {"validator": Validator()},
        {"validator": Validator(body=True)},
        {"validator": Validator(parameters=True), "request_models": BODY["request_models"]},
        {"validator": Validator(body=True), "request_models": {"application/json": "None"}},
        {
            "validator": Validator(parameters=True),
            "request_parameters": {"method.request.header.a": False},
        },
    ],
)
def test_nothing_to_check(route: dict[str, Any]) -> None:
    assert refused(route, body=[]) is None


# "Example model" of https://docs.aws.amazon.com/apigateway/latest/developerguide/models-mappings-models.html,
# and the forms that OpenAPI documents have.
@pytest.mark.parametrize(
    "reference",
    [
        "https://apigateway.amazonaws.com/restapis/restapi_id/models/RequestBodyModel",
        "https://apigateway.us-east-1.amazonaws.com/restapis/abc123/models/RequestBodyModel",
        "#/definitions/RequestBodyModel",
        "#/components/schemas/RequestBodyModel",
    ],
)
def test_models_refer_to_each_other(reference: str) -> None:
    schemas = {"List": {"type": "array", "items": {"$ref": reference}}, **MODELS}
    route = {**BODY, "request_models": {"application/json": "List"}}
    assert refused(route, body=[MARCO], schemas=schemas) is None
    refusal = refused(route, body=[MARCO, {**MARCO, "name": 1}], schemas=schemas)
    assert refusal is not None
    assert "instance type (integer)" in (refusal.validation or "")


def test_a_model_may_refer_to_itself_and_to_its_own_definitions() -> None:
    tree = {
        "$schema": "http://json-schema.org/draft-04/schema#",
        "id": "http://example.com/tree",
        "definitions": {"Leaf": {"type": "string"}},
        "properties": {
            "leaf": {"$ref": "#/definitions/Leaf"},
            "left": {"$ref": "#"},
            "right": {"$ref": "#/components/schemas/Tree"},
        },
    }
    found = models({"Tree": tree, "Leaf": {"type": "integer"}})["Tree"]
    assert found.problems({"leaf": "a", "left": {"leaf": "b"}, "right": {"leaf": "c"}}) == []
    assert len(found.problems({"left": {"left": {"leaf": 1}}})) == 1
    assert len(found.problems({"right": {"leaf": 1}})) == 1


@pytest.mark.parametrize(
    "schema",
    [{"$ref": "#/definitions/Nope"}, {"type": "nonsense"}, {"pattern": "("}, {"required": True}],
)
def test_a_model_that_can_not_be_used_is_the_apis_mistake(schema: dict[str, Any]) -> None:
    refusal = refused(BODY, body=["x"], schemas={"RequestBodyModel": {"items": schema}})
    assert refusal is not None
    assert refusal.type == "API_CONFIGURATION_ERROR"
    assert "the model RequestBodyModel can't be used" in (refusal.reason or "")


def problems(schema: dict[str, Any], document: Any) -> list[str]:
    return models({"M": schema})["M"].problems(document)


# validation.properties of https://github.com/java-json-tools/json-schema-validator
@pytest.mark.parametrize(
    ("schema", "document", "words"),
    [
        (
            {"type": ["number", "null"]},
            "x",
            "instance type (string) does not match any allowed primitive type (allowed:"
            ' ["integer","null","number"])',
        ),
        (
            {"type": "integer"},
            1.5,
            "instance type (number) does not match any allowed primitive type (allowed:"
            ' ["integer"])',
        ),
        (
            {"type": "string"},
            True,
            "instance type (boolean) does not match any allowed primitive type (allowed:"
            ' ["string"])',
        ),
        ({"minLength": 3}, "ab", 'string "ab" is too short (length: 2, required minimum: 3)'),
        ({"maxLength": 1}, "ab", 'string "ab" is too long (length: 2, maximum allowed: 1)'),
        ({"pattern": "^a$"}, "b", 'ECMA 262 regex "^a$" does not match input string "b"'),
        (
            {"minimum": 1.5},
            1,
            "numeric instance is lower than the required minimum (minimum: 1.5, found: 1)",
        ),
        (
            {"minimum": 1, "exclusiveMinimum": True},
            1,
            "numeric instance is not strictly greater than the required minimum 1",
        ),
        (
            {"maximum": 1, "exclusiveMaximum": True},
            1,
            "numeric instance is not strictly lower than the required maximum 1",
        ),
        ({"multipleOf": 2}, 3, "remainder of division is not zero (3 / 2)"),
        (
            {"minItems": 2},
            [1],
            "array is too short: must have at least 2 elements but instance has 1 elements",
        ),
        (
            {"maxItems": 1},
            [1, 2],
            "array is too long: must have at most 1 elements but instance has 2 elements",
        ),
        ({"uniqueItems": True}, [1, 1], "array must not contain duplicate elements"),
        (
            {"items": [{}], "additionalItems": False},
            [1, 2],
            "schema only allows 1 elements in array but instance has 2 elements",
        ),
        (
            {
                "properties": {"a": {}},
                "patternProperties": {"^x": {}},
                "additionalProperties": False,
            },
            {"a": 1, "c": 2, "b": 3, "x1": 4},
            'object instance has properties which are not allowed by the schema: ["b","c"]',
        ),
        (
            {"minProperties": 1},
            {},
            "object has too few properties (found 0 but schema requires at least 1)",
        ),
        (
            {"maxProperties": 0},
            {"a": 1},
            "object has too many properties (found 1 but schema requires at most 0)",
        ),
        (
            {"dependencies": {"a": ["c", "b"]}},
            {"a": 1, "c": 2},
            'property "a" of object has missing property dependencies (schema requires ["b","c"];'
            ' missing: ["b"])',
        ),
        (
            {"anyOf": [{"type": "string"}, {"minimum": 5}]},
            1,
            "instance failed to match at least one required schema among 2",
        ),
        (
            {"oneOf": [{"minimum": 0}, {"maximum": 5}, {"type": "string"}]},
            1,
            "instance failed to match exactly one schema (matched 2 out of 3)",
        ),
        (
            {"allOf": [{"minimum": 0}, {"minimum": 5}]},
            1,
            "instance failed to match all required schemas (matched only 1 out of 2)",
        ),
        ({"not": {"type": "string"}}, "a", "instance matched a schema which it should not have"),
        ({"format": "email"}, "no mail", 'string "no mail" is not a valid email address'),
        ({"format": "ipv4"}, "1.2.3", 'string "1.2.3" is not a valid IPv4 address'),
        ({"format": "ipv6"}, "1:2", 'string "1:2" is not a valid IPv6 address'),
        ({"format": "uri"}, "a b", 'string "a b" is not a valid URI'),
        ({"format": "hostname"}, "a_b", 'string "a_b" is not a valid hostname'),
        (
            {"format": "date-time"},
            "2018-1-2",
            'string "2018-1-2" is invalid against requested date format(s)'
            " [yyyy-MM-dd'T'HH:mm:ssZ, yyyy-MM-dd'T'HH:mm:ss.[0-9]{1,12}Z]",
        ),
        (
            {"enum": [{"a": 1}, "é"]},
            5,
            'instance value (5) not found in enum (possible values: [{"a":1},"é"])',
        ),
    ],
)
def test_the_words_for_what_is_wrong(schema: dict[str, Any], document: Any, words: str) -> None:
    assert problems(schema, document) == [words]


@pytest.mark.parametrize(
    ("format", "document"),
    [
        ("email", "a@b.c"),
        ("date-time", "2018-01-02T03:04:05Z"),
        ("date-time", "2018-01-02T03:04:05.123+01:00"),
        ("uri", "https://example.com/a?b#c"),
        ("ipv6", "::1"),
        ("hostname", "example.com"),
        ("int32", "anything"),
        ("email", 5),
    ],
)
def test_formats_that_fit(format: str, document: Any) -> None:
    assert problems({"format": format}, document) == []


def test_problems_come_in_the_order_of_names() -> None:
    # A request of AWS's sample on request validation, which API Gateway was seen to answer with
    # its problems in this order: order-date, shares, symbol.
    schema = {
        "type": "array",
        "items": {
            "type": "object",
            "required": ["account-id"],
            "properties": {
                "symbol": {"type": "string", "maxLength": 4},
                "shares": {"type": "number", "maximum": 1000},
                "order-date": {"type": "string", "pattern": "^\\d{4}\\-\\d{2}$"},
                "details": {"properties": {"limit": {"type": "number"}}},
            },
        },
    }
    document = [
        {
            "account-id": "a",
            "symbol": "thisstringistoolong",
            "shares": 999999,
            "order-date": "2018-1-2",
            "details": {"limit": 1000},
        }
    ]
    assert problems(schema, document) == [
        'ECMA 262 regex "^\\d{4}\\-\\d{2}$" does not match input string "2018-1-2"',
        "numeric instance is greater than the required maximum (maximum: 1000, found: 999999)",
        'string "thisstringistoolong" is too long (length: 19, maximum allowed: 4)',
    ]


def test_nothing_below_a_value_is_looked_at_once_something_is_wrong() -> None:
    schema = {
        "required": ["z"],
        "properties": {"a": {"type": "string"}, "b": {"properties": {"c": {"type": "string"}}}},
    }
    missing = 'object has missing required properties (["z"])'
    assert problems(schema, {"a": 1, "b": {"c": 1}}) == [missing]
    wrong = (
        'instance type (integer) does not match any allowed primitive type (allowed: ["string"])'
    )
    assert problems(schema, {"a": 1, "b": {"c": 1}, "z": 1}) == [wrong]
    assert problems(schema, {"a": "x", "b": {"c": 1}, "z": 1}) == [wrong]


_JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-3, 3), st.sampled_from(["a", "b", ""])),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["a", "b", "c"]), inner, max_size=3),
    ),
    max_leaves=6,
)
_SCHEMA = st.recursive(
    st.fixed_dictionaries(
        {},
        optional={
            "type": st.sampled_from(["string", "integer", "number", "object", "array", "null"]),
            "enum": st.lists(st.sampled_from([1, "a", None]), min_size=1, max_size=2, unique=True),
            "minimum": st.integers(-2, 2),
            "maxLength": st.integers(0, 1),
            "required": st.lists(st.sampled_from("abc"), min_size=1, max_size=2, unique=True),
            "minItems": st.integers(0, 2),
            "uniqueItems": st.booleans(),
            "additionalProperties": st.booleans(),
            "maxProperties": st.integers(0, 2),
        },
    ),
    lambda inner: st.fixed_dictionaries(
        {},
        optional={
            "properties": st.dictionaries(st.sampled_from("abc"), inner, max_size=2),
            "items": inner,
            "allOf": st.lists(inner, min_size=1, max_size=2),
            "anyOf": st.lists(inner, min_size=1, max_size=2),
            "oneOf": st.lists(inner, min_size=1, max_size=2),
            "not": inner,
        },
    ),
    max_leaves=5,
)


@given(_SCHEMA, _JSON)
def test_finds_something_exactly_where_jsonschema_does(
    schema: dict[str, Any], document: Any
) -> None:
    found = problems(schema, document)
    assert (not found) == Draft4Validator(schema).is_valid(document)
    assert all(words and "Error" not in words for words in found)
