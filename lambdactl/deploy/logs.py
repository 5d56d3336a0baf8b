"""The logs of all functions, as one stream ordered by time.

Events come from ``FilterLogEvents``, which gives those of one log group sorted by their time stamps
(https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html).
"""

from __future__ import annotations

import contextlib
import heapq
import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from lambdactl.deploy.account import Account
from lambdactl.deploy.faults import code
from lambdactl.deploy.naming import Naming
from lambdactl.execution.logs import level_of

POLL_S = 1.0
"""How often a group is asked for what is new. An account may ask five to ten times a second
(https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html)."""
LATE_S = 30.0
"""Events that come this late are shown where they came, not missed."""
_JOBS = 8
_STREAM = re.compile(r"\d{4}/\d\d/\d\d/(?P<function>[^\[]*)\[(?P<version>[^\]]*)\]")


@dataclass(frozen=True, slots=True)
class Group:
    """A log group, and the functions that write to it, by their names in AWS.

    :ivar shared: others may write to it, too: of each event its stream says who did.
    """

    name: str
    functions: Mapping[str, str]
    shared: bool = False


@dataclass(frozen=True, slots=True)
class LogEvent:
    """One event.

    :ivar time: milliseconds since the epoch.
    :ivar function: its name in the manifest.
    :ivar version: None where the stream's name doesn't say it.
    """

    time: int
    id: str
    function: str
    stream: str
    text: str
    version: str | None = None

    @property
    def document(self) -> Any:
        """The text as JSON, where it is an object; else None."""
        if not self.text.startswith("{"):
            return None
        try:
            found = json.loads(self.text)
        except (ValueError, RecursionError):
            return None
        return found if isinstance(found, dict) else None

    @property
    def level(self) -> str:
        """As ``error``: what a JSON record or the text of a runtime says, "info" where nothing."""
        if not self.text.startswith("{"):
            return _level_of_text(self.text)
        record = (self.document or {}).get("record")
        if isinstance(record, dict) and record.get("status") in _FAILURES:
            return "error"
        return level_of(self.text.encode())


_FAILURES = ("error", "failure", "timeout")
"""Of what the platform says
(https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html)."""
_LEVEL = re.compile(
    r"^\[(?P<python>CRITICAL|ERROR|WARNING|INFO|DEBUG)\]|"
    r"^\S+\t[0-9a-f-]{36}\t(?P<node>FATAL|ERROR|WARN|INFO|DEBUG|TRACE)\t"
)
_FAILED = re.compile(r"^(?:REPORT|INIT_REPORT) .*\bStatus: (?:error|timeout)|Task timed out after")


def _level_of_text(text: str) -> str:
    """Of a line in the text format
    (https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-logformat.html)."""
    found = _LEVEL.search(text)
    if found is None:
        return "error" if _FAILED.search(text) else "info"
    word = (found["python"] or found["node"]).lower()
    return {"critical": "fatal", "warning": "warn"}.get(word, word)


def groups_of(naming: Naming, names: Collection[str] = ()) -> tuple[Group, ...]:
    """The log groups of functions.

    :param names: of the manifest's functions; empty: all.
    """
    found: dict[str, dict[str, str]] = {}
    shared = set()
    for name, function in naming.app.functions.items():
        if names and name not in names:
            continue
        group = naming.log_group(name)
        found.setdefault(group, {})[naming.function(name)] = name
        if function.logging.group is not None:
            shared.add(group)
    return tuple(Group(name, functions, name in shared) for name, functions in found.items())


class Reader:
    """Reads groups. A group that isn't there yet has no events.

    :param pattern: a filter pattern of CloudWatch Logs
        (https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html).
    :param missing: told of a group that isn't there, once.
    """

    def __init__(
        self,
        account: Account,
        groups: Iterable[Group],
        *,
        pattern: str | None = None,
        missing: Callable[[str], None] = lambda group: None,
    ) -> None:
        self._account = account
        self._client = account.client("logs")
        self._groups = tuple(groups)
        self._pattern = pattern
        self._missing = missing
        self._told: set[str] = set()

    def between(self, begin: float, end: float) -> Iterator[LogEvent]:
        """All events of a time, in order. Of each group one page is kept, and the next one asked
        for while it is read."""
        with _threads() as pool:
            streams = [_ahead(pool, self._pages(group, begin, end)) for group in self._groups]
            yield from heapq.merge(*streams, key=_when)

    def follow(self, begin: float) -> Iterator[LogEvent]:
        """All events from ``begin`` on, without an end. Those of one look are in order."""
        clock = self._account.clock
        newest = {group.name: begin for group in self._groups}
        seen: dict[str, dict[str, int]] = {group.name: {} for group in self._groups}
        with _threads() as pool:
            while True:
                now = clock.now()

                def look(group: Group) -> list[LogEvent]:
                    known = seen[group.name]
                    since = max(begin, newest[group.name] - LATE_S)
                    fresh = [
                        event
                        for page in self._pages(group, since, None)
                        for event in page
                        if event.id not in known
                    ]
                    for event in fresh:
                        known[event.id] = event.time
                        newest[group.name] = max(newest[group.name], event.time / 1000)
                    oldest = 1000 * (newest[group.name] - LATE_S)
                    seen[group.name] = {id_: at for id_, at in known.items() if at >= oldest}
                    return fresh

                found = [event for some in pool.map(look, self._groups) for event in some]
                yield from sorted(found, key=_when)
                clock.sleep(max(0.0, POLL_S - (clock.now() - now)))

    def newest(
        self, begin: float, end: float, wanted: Callable[[LogEvent], bool]
    ) -> LogEvent | None:
        """The last event of a time that is ``wanted``."""
        model = self._client.meta.service_model.operation_model("FilterLogEvents")
        # botocore knows it since 2026; before, everything has to be read.
        backwards = "startFromHead" in model.input_shape.members
        found = []
        for group in self._groups:
            for page in self._pages(group, begin, end, backwards=backwards):
                some = [event for event in page if wanted(event)]
                if some:
                    found.append(max(some, key=_when))
                    if backwards:
                        break
        return max(found, default=None, key=_when)

    def _pages(
        self, group: Group, begin: float, end: float | None, *, backwards: bool = False
    ) -> Iterator[list[LogEvent]]:
        """Pages may be empty though others follow.

        :param backwards: the newest first.
        """
        from botocore.exceptions import ClientError

        asked: dict[str, Any] = {
            "logGroupName": group.name,
            "startTime": int(1000 * begin),
            # AWS takes it for granted; a stand-in may not.
            "interleaved": True,
        }
        if end is not None:
            asked["endTime"] = int(1000 * end)
        if self._pattern:
            asked["filterPattern"] = self._pattern
        if backwards:
            asked["startFromHead"] = False
        try:
            for page in self._client.get_paginator("filter_log_events").paginate(**asked):
                yield [event for raw in page["events"] if (event := _event(group, raw))]
        except ClientError as error:
            if code(error) != "ResourceNotFoundException":
                raise
            if group.name not in self._told:
                self._told.add(group.name)
                self._missing(group.name)


@contextlib.contextmanager
def _threads() -> Iterator[ThreadPoolExecutor]:
    """Threads that nobody waits for when the reader has had enough."""
    pool = ThreadPoolExecutor(_JOBS, "logs")
    try:
        yield pool
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _when(event: LogEvent) -> int:
    # Those of one millisecond stay as they came.
    return event.time


def _ahead(pool: ThreadPoolExecutor, pages: Iterator[list[LogEvent]]) -> Iterator[LogEvent]:
    """What ``pages`` have, of which the next is asked for ahead of time."""
    return _read_ahead(pool, pages, pool.submit(next, pages, None))


def _read_ahead(
    pool: ThreadPoolExecutor,
    pages: Iterator[list[LogEvent]],
    coming: Future[list[LogEvent] | None],
) -> Iterator[LogEvent]:
    while (page := coming.result()) is not None:
        coming = pool.submit(next, pages, None)
        yield from page


def _event(group: Group, raw: Mapping[str, Any]) -> LogEvent | None:
    """None: it is of a function that wasn't asked for."""
    stream = str(raw["logStreamName"])
    found = _STREAM.match(stream)
    name = found["function"] if found else ""
    if group.shared and name and name not in group.functions:
        return None
    function = group.functions.get(name) or next(iter(group.functions.values()))
    return LogEvent(
        time=int(raw["timestamp"]),
        id=str(raw["eventId"]),
        function=function,
        stream=stream,
        text=str(raw["message"]).rstrip("\r\n"),
        version=found["version"] if found else None,
    )
