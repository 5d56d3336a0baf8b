"""Rules of releases and of what is kept: the alias that moves, the steps, and days of logs."""

from __future__ import annotations

import re
from collections.abc import Callable

from lambdactl.manifest import scalars
from lambdactl.manifest.document import Node
from lambdactl.manifest.subject import Subject

RETENTION_DAYS = (
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731),
    *(1096, 1827, 2192, 2557, 2922, 3288, 3653),
)
"""https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html"""

_DAY = 86400
_STEP = r"(?:every|for) +([0-9dhms]+)$"


def release(s: Subject) -> None:
    """Only numbered versions share the calls of an alias
    (https://docs.aws.amazon.com/lambda/latest/dg/configuring-alias-routing.html)."""
    settings = s.data.get("release")
    if not isinstance(settings, dict):
        return
    if "alias" not in settings:
        if s.node.get("release", "alias") is None:
            # Not in the schema: a stage, or the defaults, may say a part of it.
            s.problems.add(
                "missing-field",
                "`release` needs `alias`",
                s.key("release"),
                node=s.node.get("release"),
            )
        return
    step = re.search(_STEP, settings.get("strategy", ""))
    if step is not None and not scalars.seconds(step[1]):
        s.problems.add(
            "out-of-range",
            "a step of a release takes a second or more",
            s.at("release", "strategy"),
        )
    name = settings["alias"]
    alias = s.data.get("aliases", {}).get(name, {})
    if alias.get("weights"):
        s.problems.add(
            "conflict",
            f"`release` gives the alias `{name}` its weights",
            s.at("aliases", name, "weights"),
            "remove them, or the release",
        )
    if str(alias.get("version", "latest")).startswith("$LATEST"):
        s.problems.add(
            "conflict",
            f"a release moves the alias `{name}` between versions, and it points at "
            f"{alias['version']}",
            s.at("aliases", name, "version"),
            "write `version: latest` for the newest published version",
        )
    _unaffected(s, name)


def _unaffected(s: Subject, alias: str) -> None:
    """Calls of $LATEST come to new code at once, whatever the alias does."""
    places: list[tuple[str, tuple[int, int], Node]] = []
    url = s.node.get("url")
    if url is not None and url.is_mapping and url.get("alias") is None:
        places.append(("the function URL", s.node.keys["url"], url))
    triggers = s.node.get("triggers")
    for item in triggers.value if triggers is not None and isinstance(triggers.value, list) else ():
        for kind, trigger in item.items():
            if not trigger.unknown and trigger.get("alias") is None:
                places.append((f"this `{kind}` trigger", item.keys[kind], trigger))
    for what, at, node in places:
        s.problems.add(
            "unreleased-calls",
            f"{what} calls $LATEST, which a release does not shift",
            at,
            f"add `alias: {alias}`",
            node=node,
            severity="warning",
        )


def log_retention(s: Subject) -> None:
    seconds = s.data.get("logging", {}).get("retention_s")
    if seconds is None or (seconds % _DAY == 0 and seconds // _DAY in RETENTION_DAYS):
        return
    days = seconds / _DAY
    more = next(known for known in RETENTION_DAYS if known >= days)
    s.problems.add(
        "invalid-value",
        f"CloudWatch Logs can't keep lines for {s.at('logging', 'retention').text}",
        s.at("logging", "retention"),
        f"the next that it can is {more}d",
    )


RULES: tuple[Callable[[Subject], None], ...] = (release, log_retention)
