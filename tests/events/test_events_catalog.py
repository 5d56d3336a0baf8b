"""One test over everything in the catalog: its files are well-formed, and its events agree."""

from __future__ import annotations

import base64
import contextlib
import gzip
import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from lambdactl import events
from lambdactl.errors import UserError
from lambdactl.events import Event, expressions, library
from lambdactl.events.functions import FUNCTIONS, identifiers
from lambdactl.events.parameters import TYPES

SCHEMA = json.loads((library.CATALOG.parent / "catalog.schema.json").read_text())
FILES = sorted(library.CATALOG.glob("*/*.json"))
EVENTS = [event for listing in events.catalog() for event in listing.events]
NAMES = [event.full_name for event in EVENTS]
BUILT_IN = {"region", "partition", "account", "dns_suffix", "now", "time", "index"}
BUILT_IN |= {"records", "record_count"}
ELSEWHERE = {"region": "cn-north-1", "account": "987654321098", "partition": "aws-cn"}

per_event = pytest.mark.parametrize("event", EVENTS, ids=NAMES)


def _validate(path: Path, kind: str) -> None:
    validator = Draft202012Validator({**SCHEMA, "$ref": f"#/$defs/{kind}"})
    problems = [error.message for error in validator.iter_errors(json.loads(path.read_text()))]
    assert problems == []


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)


def _opened(value: Any) -> Iterator[str]:
    """Every string of an event, and every string inside what is JSON, base64 or gzip in it."""
    for text in _strings(value):
        yield text
        with contextlib.suppress(ValueError):
            if text[:1] in ("{", "["):
                yield from _opened(json.loads(text))
            elif len(text) > 16:
                data = base64.b64decode(text, validate=True)
                data = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
                yield from _opened(data.decode())


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        for item in value.values():
            yield from _objects(item)
    elif isinstance(value, list):
        for item in value:
            yield from _objects(item)


def _make(event: Event, **arguments: Any) -> Any:
    return events.generate(event.service, event.name, **arguments)


@pytest.mark.parametrize("path", FILES, ids=[f"{p.parent.name}/{p.stem}" for p in FILES])
def test_file_fits_the_schema(path: Path) -> None:
    _validate(path, "service" if path.name == library.SERVICE_FILE else "event")


def test_common_file_fits_the_schema() -> None:
    _validate(library.CATALOG / "_common.json", "common")


def test_schema_knows_the_parameter_types() -> None:
    assert tuple(SCHEMA["$defs"]["refinement"]["properties"]["type"]["enum"]) == TYPES


def _reached(event: Event, templates: list[Any], lets: dict[str, Any]) -> set[str]:
    return _needed(event, templates, lets)[0]


def _needed(event: Event, templates: list[Any], lets: dict[str, Any]) -> tuple[set[str], set[str]]:
    """The names and functions that the templates need, themselves or through named values."""
    names: set[str] = set()
    functions: set[str] = set()
    waiting = list(templates)
    while waiting:
        for text in _strings(waiting.pop()):
            for part in expressions.parse(text):
                if isinstance(part, str):
                    continue
                for call in expressions.calls(part):
                    assert call.function in FUNCTIONS, f"{event.full_name}: {text}"
                    functions.add(call.function)
                new = expressions.names(part) - names
                names |= new
                waiting += [lets[name] for name in new if name in lets]
    return names, functions


@per_event
def test_placeholders_name_what_there_is(event: Event) -> None:
    defaults = {name: parameter.default for name, parameter in event.params.items()}
    outer = {**defaults, **event.let}
    whole = _reached(event, [event.template, *defaults.values()], outer)
    assert whole <= {*outer, *BUILT_IN}
    inner = {**outer, **event.record_let}
    row = _reached(event, [event.record, event.message], inner)
    assert row <= {*inner, *BUILT_IN}
    unused = {*event.params} - whole - row
    assert not unused, "an option that changes nothing"


@per_event
def test_parameters_exclude_and_carry_what_there_is(event: Event) -> None:
    for parameter in event.params.values():
        assert {*parameter.excludes} <= {*event.params}
        assert parameter.name not in {"set", "records", "seed", "from", "compact", "list", "output"}
        assert parameter.name not in library.common_parameters()
    if event.carrier is not None:
        assert event.carrier.param in event.params
        assert event.carrier.subject is None or event.carrier.subject in event.params


def test_names_and_aliases_are_unique() -> None:
    services = [name for service in library.services() for name in (service.name, *service.aliases)]
    assert len(services) == len(set(services))
    for service in library.services():
        names = [*service.elsewhere]
        names += [
            n
            for event in library.events(service.name)
            for n in (event.name, *event.aliases, *event.presets)
        ]
        assert len(names) == len(set(names)), service.name
        assert library.find(service.name).title
        for target in service.elsewhere.values():
            assert library.find(*events.split_name(target)).service == target.split(":")[0]


def test_every_alias_finds_its_event() -> None:
    for event in EVENTS:
        for alias in event.aliases:
            assert library.find(event.service, alias) is event
        for alias, defaults in event.presets.items():
            found = library.find(event.service, alias)
            assert found.full_name == event.full_name
            assert {**defaults} == {name: found.params[name].default for name in defaults}
            assert events.generate(event.service, alias, seed=1) != _make(event, seed=1)


@per_event
def test_event_is_json_without_a_placeholder(event: Event) -> None:
    made = _make(event, seed=1)
    assert json.loads(json.dumps(made, allow_nan=False)) == made
    assert not [text for text in _opened(made) if "${" in text]


@per_event
def test_seed_decides_everything(event: Event) -> None:
    first, again, other = (_make(event, seed=seed) for seed in (7, 7, 8))
    assert json.dumps(first) == json.dumps(again)
    if first == other:
        # Only what the user says, such as the input of a Step Functions task, has nothing to vary.
        defaults = {name: parameter.default for name, parameter in event.params.items()}
        names, functions = _needed(event, [event.template], {**defaults, **event.let})
        assert "now" not in names
        assert not functions & {*identifiers.FUNCTIONS}


@per_event
def test_records_multiply(event: Event) -> None:
    if event.record is None:
        with pytest.raises(UserError, match="no records"):
            _make(event, records=2)
        return
    one, three = _make(event, seed=3), _make(event, seed=3, records=3)
    lists = [(_lists(one, 1), _lists(three, 3))]
    assert any(path in {p for p, _ in many} for few, many in lists for path, _ in few)
    rows = next(rows for path, rows in _lists(three, 3) if path in dict(_lists(one, 1)))
    assert len({json.dumps(row) for row in rows}) == 3, "records are not all the same"


def _lists(value: Any, length: int, path: str = "") -> list[tuple[str, list[Any]]]:
    found: list[tuple[str, list[Any]]] = []
    if isinstance(value, dict):
        for key, item in value.items():
            found += _lists(item, length, f"{path}/{key}")
    elif isinstance(value, list) and len(value) == length:
        found.append((path, value))
    return found


@per_event
def test_account_region_and_partition_are_the_ones_asked_for(event: Event) -> None:
    made = _make(event, seed=5, params=ELSEWHERE)
    for text in _opened(made):
        assert "123456789012" not in text
        assert "us-east-1" not in text
        for arn in re.findall(r"arn:aws[\w-]*:[\w-]*:[\w-]*:[\w-]*:", text):
            _, partition, service, region, account, _ = arn.split(":")
            assert partition == ELSEWHERE["partition"], arn
            assert region in ("", ELSEWHERE["region"]), arn
            assert account in ("", "aws", ELSEWHERE["account"]), arn
            assert region or service in {"s3", "iam", "sts", "cloudfront"}, arn
        if "amazonaws.com" in text and ".amazonaws.com" in text:
            hosts = re.findall(r"[\w-]+\.cn-north-1\.amazonaws\.com(?:\.cn)?", text)
            assert all(host.endswith(".cn") for host in hosts), text


@per_event
def test_digests_and_sizes_agree_with_the_data(event: Event) -> None:
    for thing in _objects(_make(event, seed=11, records=1 if event.record is None else 2)):
        if "md5OfBody" in thing:
            assert thing["md5OfBody"] == hashlib.md5(thing["body"].encode()).hexdigest()
        if isinstance(thing.get("headers"), dict) and thing.get("body"):
            length = {k.lower(): v for k, v in thing["headers"].items()}.get("content-length")
            if isinstance(length, str):
                data = thing["body"].encode()
                data = base64.b64decode(data) if thing["isBase64Encoded"] else data
                assert int(length) == len(data)


@per_event
def test_times_agree(event: Event) -> None:
    """Every time of an event is within the hours around the one asked for."""
    made = _make(event, seed=2, params={"time": "2031-05-06T07:08:09.123Z"})
    years = {
        year
        for text in _opened(made)
        for year in re.findall(r"\b(20\d\d)-\d\d-\d\dT\d\d:\d\d", text)
    }
    assert years <= {"2031"}, years


ODD = ["", "5", '{"a": [1, null]}', "a:b/c é {x+} *", "-1"]
"""What a user might type, of every kind that a parameter can have or not have."""


@per_event
def test_any_value_gives_an_event_or_an_error(event: Event) -> None:
    made = 0
    for name, parameter in event.params.items():
        for raw in ODD:
            value = [raw] if parameter.type == "list" else raw
            with contextlib.suppress(UserError):
                json.dumps(_make(event, seed=1, params={name: value}), allow_nan=False)
                made += 1
    assert made or not event.params
