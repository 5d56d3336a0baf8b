"""Making an event: parameters in, a JSON value out."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, NamedTuple

from lambdactl.errors import UserError
from lambdactl.events import library
from lambdactl.events.library import Carrier, Event, Parameter
from lambdactl.events.names import closest
from lambdactl.events.parameters import convert
from lambdactl.events.paths import apply_set
from lambdactl.events.render import Scope

MAX_RECORDS = 10_000
"""The largest batch that any event source hands to Lambda: 10,000 for a queue or a stream
(https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html)."""

_SEEDED_YEAR = datetime(2025, 1, 1, tzinfo=UTC)


class _Made(NamedTuple):
    """A generated event, and the scope that answers for its first record."""

    value: Any
    scope: Scope


def generate(
    service: str,
    event: str | None = None,
    *,
    params: Mapping[str, Any] | None = None,
    records: int = 1,
    set_values: Sequence[tuple[str, Any]] = (),
    seed: int | None = None,
    carry: Sequence[str] = (),
) -> Any:
    """A sample event, as the JSON value that Lambda would hand to the function.

    :param service: a service or an alias of it; ``"s3:put"`` names the event too.
    :param event: an event of the service; without it, the usual one.
    :param params: by name; typed text or Python values. Those of a carried event may be among them.
    :param records: how many records the event holds (1 to 10,000).
    :param set_values: paths and values for :func:`lambdactl.events.paths.apply_set`.
    :param seed: the same seed gives the same event, times included.
    :param carry: the event inside this one, the one inside that, ... (``["sns", "s3:put"]``).
    :raises UserError: an unknown name, a value of the wrong type, a path that leads to nothing.
    """
    if event is None:
        service, event = library.split_name(service)
    chain = [library.find(service, event)]
    chain += [library.find(*library.split_name(name)) for name in carry]
    if not 1 <= records <= MAX_RECORDS:
        raise UserError(f"--records takes a number from 1 to {MAX_RECORDS:,}, not {records}")
    if records > 1 and chain[0].record is None:
        raise UserError(
            f"{chain[0].full_name} has no records to multiply", hint="leave --records out"
        )
    given = _sort_out(chain, params or {})
    random = str(seed) if seed is not None else os.urandom(16).hex()
    value = _make(chain, given, records, random, _clock(seed)).value
    for path, raw in set_values:
        value = apply_set(value, path, raw)
    return value


def parameters_of(chain: Sequence[Event]) -> dict[str, Parameter]:
    """Every parameter of the events, by name; an outer event's wins over an inner one's."""
    result: dict[str, Parameter] = {}
    for event in chain:
        for name, parameter in event.params.items():
            result.setdefault(name, parameter)
    return {**library.common_parameters(), **result}


def _clock(seed: int | None) -> datetime:
    if seed is None:
        now = datetime.now(UTC)
        return now.replace(microsecond=now.microsecond // 1000 * 1000)
    milliseconds = Random(f"{seed}|clock").randrange(365 * 24 * 3600 * 1000)  # noqa: S311
    return _SEEDED_YEAR + timedelta(milliseconds=milliseconds)


def _sort_out(chain: Sequence[Event], raw: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The values of each event of the chain; a shared name belongs to the outermost that has it."""
    common = library.common_parameters()
    known = parameters_of(chain)
    given: list[dict[str, Any]] = [{} for _ in chain]
    for key, value in raw.items():
        name = key.replace("-", "_")
        if name not in known:
            raise UserError(
                f"{' with '.join(event.full_name for event in chain)} has no option "
                f"--{name.replace('_', '-')}",
                hint=closest(name, known)
                or f"it has: {', '.join(parameter.option for parameter in known.values())}",
            )
        converted = convert(known[name], value)
        if name in common:
            for values in given:
                values[name] = converted
        else:
            owner = next(index for index, event in enumerate(chain) if name in event.params)
            given[owner][name] = converted
    for event, values in zip(chain, given, strict=True):
        for name in values:
            for other in known[name].excludes if name in event.params else ():
                if other in values:
                    raise UserError(
                        f"{known[name].option} and {known[other].option} exclude each other"
                    )
    for index, event in enumerate(chain[:-1]):
        carrier = _carrier(event)
        if carrier.param in given[index]:
            raise UserError(f"--from and {known[carrier.param].option} exclude each other")
    return given


def _carrier(event: Event) -> Carrier:
    if event.carrier is None:
        raise UserError(
            f"{event.full_name} can't carry another event",
            hint="sqs, sns, eventbridge, kinesis, firehose, msk, kafka and mq can",
        )
    return event.carrier


def _make(
    chain: Sequence[Event],
    given: Sequence[Mapping[str, Any]],
    records: int,
    random: str,
    clock: datetime,
) -> _Made:
    event = chain[0]
    label = f"{random}|{event.full_name}"
    scope = Scope(label, _templates(event), _built_in(given[0], clock))
    carried: list[Mapping[str, Any]] = [{} for _ in range(records)]
    if len(chain) > 1:
        for index in range(records):
            inner = _make(chain[1:], given[1:], 1, f"{random}|from {index}", clock)
            carried[index] = _carried(event, chain[1], inner)
    first = scope
    if event.record is None:
        scope.values.update(carried[0])
    else:
        rows = []
        for index in range(records):
            row = Scope(
                f"{label}|{index}", event.record_let, {"index": index, **carried[index]}, scope
            )
            rows.append(row.render(event.record))
            first = row if index == 0 else first
        scope.values.update(records=rows, record_count=records)
    return _Made(scope.render(event.template), first)


def _templates(event: Event) -> dict[str, Any]:
    defaults = {name: parameter.default for name, parameter in event.params.items()}
    return {**defaults, **event.let}


def _built_in(given: Mapping[str, Any], clock: datetime) -> dict[str, Any]:
    """Region, partition and account agree unless the user says otherwise."""
    partitions = library.partitions()
    partition = given.get("partition")
    region = given.get("region") or partitions[partition or "aws"]["region"]
    if partition is None:
        # The longest prefix, because every region starts with the empty one of `aws`.
        partition = max(
            (name for name, entry in partitions.items() if region.startswith(entry["prefix"])),
            key=lambda name: len(partitions[name]["prefix"]),
        )
    return {
        **given,
        "region": region,
        "partition": partition,
        "dns_suffix": partitions[partition]["suffix"],
        "account": given.get("account") or library.common_parameters()["account"].default,
        "now": given.get("time") or clock,
    }


def _carried(outer: Event, event: Event, made: _Made) -> dict[str, Any]:
    """What the outer event's parameters are when ``event`` is inside it."""
    carrier = _carrier(outer)
    value = made.value if event.message is None else made.scope.render(event.message)
    if carrier.form == "text":
        if isinstance(value, bytes):
            raise UserError(
                f"{outer.full_name} carries text, and {event.full_name} is binary data there",
                hint="kinesis, firehose, msk, kafka and mq carry data",
            )
        value = value if isinstance(value, str) else _compact(value)
    elif carrier.form == "data":
        value = value if isinstance(value, str | bytes) else _compact(value)
    elif isinstance(value, bytes):
        raise UserError(
            f"{outer.full_name} carries JSON, and {event.full_name} is binary data there"
        )
    values = {carrier.param: value}
    if carrier.subject and event.subject:
        values[carrier.subject] = made.scope.render(event.subject)
    return values


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
