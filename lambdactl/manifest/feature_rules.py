"""Rules of Lambda on what only some functions have: aliases, concurrency, SnapStart and the like.

As in :mod:`lambdactl.manifest.rules`, each rule cites its AWS page and looks only at sound fields.
"""

from __future__ import annotations

from collections.abc import Callable

from lambdactl.errors import did_you_mean
from lambdactl.manifest import runtimes
from lambdactl.manifest.document import Node
from lambdactl.manifest.owned_rules import fifo_queues
from lambdactl.manifest.subject import Subject


def aliases(s: Subject) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/configuring-alias-routing.html"""
    for name, alias in s.data.get("aliases", {}).items():
        weights = alias.get("weights", {})
        if not weights:
            continue
        version = str(alias.get("version"))
        node = s.at("aliases", name, "weights")
        if version.startswith("$LATEST"):
            s.problems.add(
                "conflict",
                f"the alias `{name}` shares calls between versions, so it can't point at {version}",
                s.at("aliases", name, "version"),
                "write `version: latest` for the newest published version",
            )
        elif version in weights:
            s.problems.add(
                "conflict",
                f"the alias `{name}` gives version {version} a share of its own calls",
                node,
                "name another version in `weights`",
            )


def alias_references(s: Subject) -> None:
    """URLs, triggers and provisioned concurrency name an alias of this function (or a version)."""
    known = s.node.get("aliases")
    names = list(known.value) if known is not None and known.is_mapping else []
    released = s.node.get("release", "alias")
    if released is not None:
        names.append(str(released.text))
    places: list[tuple[str, Node, tuple[int, int]]] = []
    url = s.node.get("url", "alias")
    if url is not None:
        places.append((str(url.value), url, url.at))
    provisioned = s.node.get("concurrency", "provisioned")
    if provisioned is not None:
        places += [(key, node, provisioned.keys[key]) for key, node in provisioned.items()]
    triggers = s.node.get("triggers")
    for item in triggers.value if triggers is not None and isinstance(triggers.value, list) else ():
        for _, trigger in item.items():
            alias = trigger.get("alias")
            if alias is not None:
                places.append((str(alias.text), alias, alias.at))
    for name, node, at in places:
        if node.unknown or name in names or name.isdigit() or name == "None":
            continue
        s.problems.add(
            "unknown-alias-name",
            f"`{s.name}` has no alias `{name}`",
            at,
            did_you_mean(name, names) or "add it to `aliases`",
            node=node,
        )


def concurrency(s: Subject) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/provisioned-concurrency.html: it counts towards
    the reserved concurrency and can't exceed it."""
    settings = s.data.get("concurrency", {})
    reserved, provisioned = settings.get("reserved"), settings.get("provisioned", {})
    total = sum(provisioned.values())
    if reserved is not None and total > reserved:
        s.problems.add(
            "conflict",
            f"provisioned concurrency of {total} exceeds the reserved concurrency of {reserved}",
            s.at("concurrency", "provisioned"),
        )


def snap_start(s: Subject) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/snapstart.html#snapstart-runtimes"""
    if s.data.get("snap_start") != "published_versions":
        return
    at = s.at("snap_start")
    runtime = s.data.get("runtime")
    if s.is_image:
        s.problems.add("conflict", "SnapStart does not work with images", at)
    elif runtime is not None and not _snap_startable(runtimes.guess(runtime)):
        s.problems.add(
            "conflict",
            f"SnapStart does not work with {runtime}",
            at,
            "it works with java11, python3.12, dotnet8 and later ones of these",
        )
    if s.data.get("concurrency", {}).get("provisioned"):
        s.problems.add(
            "conflict",
            "SnapStart and provisioned concurrency exclude each other",
            s.at("concurrency", "provisioned"),
        )
    if s.data.get("filesystem"):
        s.problems.add("conflict", "SnapStart and `filesystem` exclude each other", at)
    if s.data.get("ephemeral_storage", 512) > 512:
        s.problems.add(
            "conflict",
            "SnapStart allows 512 MB of ephemeral storage at most",
            s.at("ephemeral_storage"),
        )


def _snap_startable(runtime: runtimes.Runtime) -> bool:
    least = {"java": (11,), "python": (3, 12), "dotnet": (8,)}.get(runtime.family)
    digits = runtime.version.split(".al")[0].split(".")
    if least is None or not all(part.isdigit() for part in digits):
        return False
    return tuple(int(part) for part in digits) >= least


def tenancy(s: Subject) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/tenant-isolation.html: no SnapStart, no
    provisioned concurrency, no function URL, and of event sources API Gateway only."""
    if s.data.get("tenancy") is None:
        return
    rivals = {
        "snap_start": s.data.get("snap_start") == "published_versions",
        "url": "url" in s.data,
        "concurrency": bool(s.data.get("concurrency", {}).get("provisioned")),
    }
    for field, present in rivals.items():
        if present:
            what = "provisioned concurrency" if field == "concurrency" else f"`{field}`"
            s.problems.add(
                "conflict",
                f"tenant isolation and {what} exclude each other",
                s.key(field),
                node=s.node.get(field),
            )


def filesystem(s: Subject) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/configuration-filesystem.html"""
    settings = s.data.get("filesystem")
    if not settings:
        return
    vpc = s.node.get("vpc")
    if vpc is None or vpc.value == "none":
        s.problems.add(
            "conflict",
            "`filesystem` needs a `vpc` that reaches it",
            s.key("filesystem"),
            "add `vpc: {subnets: [...], security_groups: [...]}`",
            node=s.node.get("filesystem"),
        )
    if settings.get("direct_s3_read") and ":elasticfilesystem:" in settings.get("arn", ""):
        s.problems.add(
            "conflict",
            "`direct_s3_read` is for S3 Files, and this is an EFS access point",
            s.at("filesystem", "direct_s3_read"),
        )


def standard_queues(s: Subject) -> None:
    """Destinations and dead-letter queues are standard queues and topics
    (https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html)."""
    paths: tuple[tuple[str, ...], ...] = (
        ("dead_letter",),
        ("async", "on_success"),
        ("async", "on_failure"),
    )
    fifo = fifo_queues(s.app)
    for path in paths:
        node = s.node.get(*path)
        targets = [node] if node is not None else []
        targets += [child for target in targets for _, child in target.items()]
        for target in targets:
            name = target.value
            if isinstance(name, str) and (name.endswith(".fifo") or name in fifo):
                s.problems.add(
                    "conflict",
                    f"`{path[-1]}` must be a standard queue or topic, not a FIFO one",
                    target,
                )


def runtime_management(s: Subject) -> None:
    """https://docs.aws.amazon.com/lambda/latest/api/API_PutRuntimeManagementConfig.html"""
    settings = s.data.get("runtime_management")
    if not settings:
        return
    node = s.at("runtime_management")
    manual = settings.get("update") == "manual"
    if manual and node.get("version") is None:
        s.problems.add(
            "missing-field",
            "`update: manual` needs `version`",
            s.at("runtime_management", "update"),
        )
    elif not manual and "version" in settings and "update" in settings:
        s.problems.add(
            "conflict",
            "`version` goes with `update: manual`",
            node.keys.get("version", node.at),
            node=node.get("version"),
        )


def capacity(s: Subject) -> None:
    settings = s.data.get("capacity_provider", {})
    low, high = settings.get("min_environments"), settings.get("max_environments")
    if low is not None and high is not None and low > high:
        s.problems.add(
            "conflict",
            f"`min_environments` ({low}) exceeds `max_environments` ({high})",
            s.at("capacity_provider", "min_environments"),
        )


RULES: tuple[Callable[[Subject], None], ...] = (
    aliases,
    alias_references,
    concurrency,
    snap_start,
    tenancy,
    filesystem,
    standard_queues,
    runtime_management,
    capacity,
)
