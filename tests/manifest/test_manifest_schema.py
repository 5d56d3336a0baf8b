"""The schema: sound, with a home for every field of Lambda's API, and with Lambda's limits.

``api_homes.json`` says where each member of an API call stands in the manifest; botocore's service
model says which members there are, so a field that AWS adds fails here until it has a home.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore.session
import jsonschema
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from lambdactl.manifest import checker, limits, runtimes
from lambdactl.manifest.document import Problems, from_plain
from tests.manifest.test_manifest_load import WHOLE

SCHEMA = json.loads(checker.SCHEMA.read_text())
HOMES = json.loads((Path(__file__).parent / "api_homes.json").read_text())
MODEL = botocore.session.get_session().get_service_model("lambda")
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)

ANNOTATIONS = {"title", "description", "examples", "default", "patternErrorMessage"}
OWN = {"x-seconds", "x-newer-values", "x-also-called"}
ENFORCED = {
    "$ref", "type", "enum", "properties", "patternProperties", "additionalProperties",
    "propertyNames", "required", "minProperties", "maxProperties", "items", "minItems", "maxItems",
    "minLength", "maxLength", "pattern", "minimum", "maximum", "anyOf", "allOf", "oneOf", "if",
    "then", "else", "not",
}  # fmt: skip


def members(shape: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """The leaves of a shape: ``VpcConfig.SubnetIds[]``, ``Environment.Variables{}``."""
    if shape.type_name == "structure":
        for name, member in shape.members.items():
            yield from members(member, f"{path}.{name}".lstrip("."))
    elif shape.type_name == "list":
        yield from members(shape.member, f"{path}[]")
    elif shape.type_name == "map":
        yield from members(shape.value, f"{path}{{}}")
    else:
        yield path, shape


def followed(part: Any) -> Any:
    while "$ref" in part:
        target: Any = SCHEMA
        for step in part["$ref"].removeprefix("#/").split("/"):
            target = target[int(step)] if isinstance(target, list) else target[step]
        part = {**target, **{key: value for key, value in part.items() if key != "$ref"}}
    return part


def forms(part: Any) -> list[Any]:
    part = followed(part)
    return [part, *(form for branch in part.get("anyOf", ()) for form in forms(branch))]


def homes(path: str) -> list[Any]:
    """The schemas at ``functions.*.vpc.subnets.[]``; empty if there are none."""
    found = [SCHEMA]
    for step in path.split("."):
        inner: list[Any] = []
        for part in (form for each in found for form in forms(each)):
            if step == "*" and isinstance(part.get("additionalProperties"), dict):
                inner.append(part["additionalProperties"])
            elif step == "[]" and "items" in part:
                inner.append(part["items"])
            elif step in part.get("properties", {}):
                inner.append(part["properties"][step])
        found = inner
    return found


def paths(home: Any) -> list[str]:
    return [home] if isinstance(home, str) else [] if isinstance(home, dict) else home


@pytest.mark.parametrize("operation", HOMES)
def test_every_member_of_the_api_has_a_home(operation: str) -> None:
    names = {name for name, _ in members(MODEL.operation_model(operation).input_shape)}
    assert names == set(HOMES[operation])


@pytest.mark.parametrize("operation", HOMES)
def test_every_home_is_in_the_schema(operation: str) -> None:
    for name, home in HOMES[operation].items():
        for path in paths(home):
            assert homes(path), f"{operation} {name}: nothing at {path}"
        if isinstance(home, dict):
            assert set(home) == {"none"}
            assert len(home["none"]) > 10


def enums(part: Any) -> list[str]:
    return [word for form in forms(part) for word in form.get("enum", ())]


OTHER_WORDS = {
    "functions.*.url.auth": {"awsiam": "iam"},
    "functions.*.triggers.[].sqs.report_failures": None,
    "functions.*.triggers.[].kinesis.report_failures": None,
    "functions.*.triggers.[].dynamodb.report_failures": None,
    "functions.*.triggers.[].kafka.report_failures": None,
    "functions.*.triggers.[].dynamodb.starting_position": None,
}
"""Where the manifest's words differ from AWS's by more than case and underscores: a boolean, and a
word that AWS refuses for that source."""


@pytest.mark.parametrize("operation", HOMES)
def test_every_word_of_the_api_has_one_in_the_schema(operation: str) -> None:
    def bare(word: str) -> str:
        return word.lower().replace("_", "")

    for name, shape in members(MODEL.operation_model(operation).input_shape):
        for path in paths(HOMES[operation][name]) if getattr(shape, "enum", None) else ():
            special = OTHER_WORDS.get(path, {})
            if special is None:
                continue
            ours = {bare(str(word)) for part in homes(path) for word in enums(part)}
            theirs = {special.get(bare(word), bare(word)) for word in shape.enum}
            assert theirs <= ours, f"{operation} {name} at {path}"


def bounds(part: Any) -> list[dict[str, Any]]:
    ranges = [form.get("x-seconds", form) for form in forms(part)]
    return [r for r in ranges if "minimum" in r or "maximum" in r]


@pytest.mark.parametrize("operation", HOMES)
def test_no_number_goes_beyond_the_api(operation: str) -> None:
    for name, shape in members(MODEL.operation_model(operation).input_shape):
        if shape.type_name not in ("integer", "long", "double", "float"):
            continue
        low, high = shape.metadata.get("min"), shape.metadata.get("max")
        for path in paths(HOMES[operation][name]):
            found = [limit for part in homes(path) for limit in bounds(part)]
            assert found or path.endswith((".memory", ".timeout", ".ephemeral_storage")), path
            for limit in found:
                assert low is None or limit["minimum"] >= low, path
                assert high is None or limit["maximum"] <= high, path


def test_memory_timeout_and_storage_have_the_limits_of_lambda() -> None:
    head = {"runtime": "python3.13", "handler": "app.handler"}
    for field, least, most in [
        ("memory", 128, 10240),
        ("timeout", 1, 900),
        ("ephemeral_storage", 512, 10240),
    ]:
        for value, good in [(least - 1, 0), (least, 1), (most, 1), (most + 1, 0)]:
            document = {"functions": {"a": {**head, field: value}}}
            assert VALIDATOR.is_valid(document) == bool(good), (field, value)


def pointed(pointer: str) -> Any:
    part: Any = SCHEMA
    for step in pointer.removeprefix("/").split("/"):
        part = part[int(step)] if isinstance(part, list) else part[step]
    return part


@pytest.mark.parametrize("name", limits.table())
def test_limits_are_those_of_the_schema(name: str) -> None:
    limit = limits.table()[name]
    for place in limit.get("schema", ()):
        pointer, _, keywords = place.partition("#")
        part = pointed(pointer)
        if not keywords:
            part = part.get("x-seconds", part)
        for keyword in keywords.split(",") if keywords else ("minimum", "maximum"):
            expected = limit.get("minimum" if keyword.startswith("min") else "maximum")
            assert part.get(keyword) == expected, (place, keyword)
        if "default" in limit and "default" in pointed(pointer):
            assert pointed(pointer)["default"] == limit["default"], place


def test_the_lists_of_data_files_are_those_of_the_schema() -> None:
    assert set(SCHEMA["$defs"]["environment"]["propertyNames"]["not"]["enum"]) == set(
        limits.reserved_variables()
    )
    assert SCHEMA["$defs"]["runtime"]["anyOf"][0]["enum"] == list(runtimes.table())


def test_no_runtime_of_botocore_is_missing() -> None:
    assert set(MODEL.shape_for("Runtime").enum) - set(runtimes.table()) == set()
    assert runtimes.botocore_enum() == set(MODEL.shape_for("Runtime").enum)


DATE = {"type": "string", "pattern": r"^20\d\d-\d\d-\d\d$"}
URL = {"type": "string", "pattern": "^https://docs.aws.amazon.com/"}
RUNTIMES_SCHEMA = {
    "type": "object",
    "required": ["as_of", "source", "runtimes"],
    "properties": {
        "as_of": DATE,
        "source": URL,
        "runtimes": {
            "type": "array",
            "minItems": 40,
            "items": {
                "type": "object",
                "required": ["identifier", "family", "version", "os", "deprecated"],
                "additionalProperties": False,
                "properties": {
                    "identifier": {"type": "string", "pattern": r"^[a-z0-9.-]+$"},
                    "family": {
                        "enum": [
                            *["python", "nodejs", "ruby", "java", "dotnet", "go"],
                            *["provided", "custom"],
                        ]
                    },
                    "version": {"type": "string"},
                    "os": {"enum": ["Amazon Linux", "Amazon Linux 2", "Amazon Linux 2023"]},
                    "deprecated": {"type": "boolean"},
                    "preview": {"type": "boolean"},
                    "deprecation_date": DATE,
                    "block_create": DATE,
                    "block_update": DATE,
                },
                "if": {"properties": {"deprecated": {"const": True}}},
                "then": {"required": ["deprecation_date"]},
            },
        },
    },
}
LIMITS_SCHEMA = {
    "type": "object",
    "required": ["limits", "reserved_variables"],
    "properties": {
        "limits": {
            "type": "array",
            "minItems": 40,
            "items": {
                "type": "object",
                "required": ["name", "source"],
                "anyOf": [{"required": ["minimum"]}, {"required": ["maximum"]}],
                "additionalProperties": False,
                "properties": {
                    "name": {"type": "string", "pattern": "^[a-z0-9_]+$"},
                    "minimum": {"type": "number"},
                    "maximum": {"type": "number"},
                    "default": {"type": "number"},
                    "unit": {"type": "string"},
                    "source": URL,
                    "schema": {"type": "array", "items": {"type": "string", "pattern": "^/"}},
                },
            },
        },
        "reserved_variables": {
            "type": "object",
            "required": ["source", "names"],
            "properties": {"source": URL, "names": {"type": "array", "minItems": 15}},
        },
    },
}


def test_the_data_files_have_their_shapes() -> None:
    table = json.loads(runtimes.TABLE.read_text())
    jsonschema.validate(table, RUNTIMES_SCHEMA)
    for runtime in table["runtimes"]:
        date = runtime.get("deprecation_date")
        assert runtime["deprecated"] == (date is not None and date <= table["as_of"]), runtime
    jsonschema.validate(json.loads(limits.TABLE.read_text()), LIMITS_SCHEMA)


def test_the_schema_is_one(tmp_path: Path) -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    VALIDATOR.validate(yaml.safe_load(WHOLE))


def keywords(part: Any, inside: str = "") -> Iterator[tuple[str, Any]]:
    """Every keyword of every schema in the schema, with the schema."""
    if isinstance(part, list):
        for entry in part:
            yield from keywords(entry)
    elif isinstance(part, dict):
        for name, value in part.items():
            if inside in ("properties", "patternProperties", "$defs"):
                yield from keywords(value)
                continue
            yield name, part
            if name not in ("examples", "default", "enum", "required", *OWN):
                yield from keywords(value, name)


def test_nothing_in_the_schema_goes_unenforced() -> None:
    """The checker must know every keyword, in the form in which it stands here."""
    known = ENFORCED | ANNOTATIONS | OWN | {"$schema", "$id", "$defs"}
    for keyword, part in keywords(SCHEMA):
        assert keyword in known, keyword
        if keyword == "if":
            assert set(part["if"]) == {"required"}
            assert set(part["then"]) == set(part["else"]) == {"properties"}
        if keyword == "oneOf":
            assert all(set(form) == {"required"} for form in part["oneOf"])
        if keyword == "not":
            assert set(part["not"]) <= {"enum", "pattern"}


def test_other_tools_words_lead_to_fields_of_ours() -> None:
    for keyword, part in keywords(SCHEMA):
        if keyword == "x-also-called":
            assert set(part[keyword].values()) <= set(part["properties"])
            assert not set(part[keyword]) & set(part["properties"])


def test_everything_is_described() -> None:
    def fields(part: Any) -> Iterator[tuple[str, Any]]:
        if isinstance(part, dict):
            for name, field in part.get("properties", {}).items():
                yield name, field
                yield from fields(field)
            for key, value in part.items():
                if key not in ("properties", "then", "else", "examples", "default"):
                    yield from fields(value)
        elif isinstance(part, list):
            for value in part:
                yield from fields(value)

    for name, field in fields({**SCHEMA, "$defs": list(SCHEMA["$defs"].values())}):
        assert followed(field).get("description"), name


def test_examples_and_defaults_are_valid() -> None:
    for keyword, part in keywords(SCHEMA):
        if keyword in ("examples", "default"):
            validator = VALIDATOR.evolve(schema=part)
            for value in part["examples"] if keyword == "examples" else [part["default"]]:
                validator.validate(value)


# Our checker and the jsonschema library must agree. The generator makes documents of the schema
# itself, sound and broken; where they differ on purpose, it makes none.

WORDS = st.sampled_from(
    ["", "a", "photos", "jobs.fifo", "5", "5s", "latest", "none", "/a", "arn:aws:sqs:eu-west-1:1:a",
     "python3.13", "x" * 300, "rate(1 minute)", "json", "two words", "*", "/mnt/a", "3", "$LATEST"]
)  # fmt: skip
NUMBERS = st.sampled_from([-2, -1, 0, 1, 2, 3, 59, 60, 128, 512, 900, 901, 10240, 10241, 0.5, 1e6])
SCALARS = st.one_of(WORDS, NUMBERS, st.booleans(), st.none())


def documents(part: Any, depth: int = 0) -> st.SearchStrategy[Any]:
    part = followed(part)
    options: list[st.SearchStrategy[Any]] = [SCALARS] if depth > 6 else []
    for form in forms(part)[1:] if "anyOf" in part else [part]:
        if "enum" in form:
            options.append(st.sampled_from(form["enum"]))
        elif form.get("type") == "object" and depth <= 6:
            options.append(mappings(form, depth))
        elif form.get("type") == "array" and depth <= 6:
            options.append(
                st.lists(
                    st.deferred(lambda f=form: documents(f.get("items", {}), depth + 1)), max_size=2
                )
            )
        elif form.get("examples"):
            options.append(st.sampled_from(form["examples"]))
    if part.get("examples"):
        options.append(st.sampled_from(part["examples"]))
    return st.one_of(*options, SCALARS)


def mappings(form: Any, depth: int) -> st.SearchStrategy[Any]:
    properties = form.get("properties", {})
    extra = form.get("additionalProperties", {})
    key = (
        st.sampled_from(sorted(properties)) if properties else st.sampled_from(["live", "aa", "3"])
    )

    @st.composite
    def mapping(draw: st.DrawFn) -> dict[str, Any]:
        names = set(draw(st.lists(key, max_size=3))) | set(form.get("required", ()))
        if draw(st.integers(0, 12)) == 0:
            names.add("odd")
        if names and draw(st.integers(0, 12)) == 0:
            names.discard(sorted(names)[0])
        return {
            name: draw(
                documents(properties.get(name, extra if isinstance(extra, dict) else {}), depth + 1)
            )
            for name in sorted(names)
        }

    return mapping()


def agree(document: Any, schema: Any) -> None:
    problems = Problems("", "")
    checker.Checker(SCHEMA, problems).check(from_plain(document, 1, 1), schema, "it")
    ours = not problems.has_errors()
    errors = list(VALIDATOR.evolve(schema=schema).iter_errors(document))
    assert ours == (not errors), (document, problems.all(), [e.message for e in errors])


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_the_checker_and_jsonschema_agree(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(set(SCHEMA["$defs"]) - {"variable", "stage"})))
    schema = SCHEMA["$defs"][name]
    agree(data.draw(documents(schema)), schema)


def test_they_agree_on_the_whole_sketch() -> None:
    agree(yaml.safe_load(WHOLE), SCHEMA)
