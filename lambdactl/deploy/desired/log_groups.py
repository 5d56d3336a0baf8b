"""The log group of each function: there before its first line, with the retention it shall have.

Lambda would make it at the first call, without an end to what it keeps
(https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-loggroups.html).
"""

from __future__ import annotations

from collections.abc import Iterable

from lambdactl.deploy.desired import Wanted
from lambdactl.deploy.model import Resource
from lambdactl.errors import UserError
from lambdactl.manifest.model import Function


def resources(wanted: Wanted) -> Iterable[Resource]:
    groups: dict[str, list[Function]] = {}
    # What one keeps depends on all that write to it, deployed now or not.
    for function in wanted.app.functions.values():
        groups.setdefault(wanted.naming.log_group(function.name), []).append(function)
    deployed = {wanted.naming.log_group(function.name) for function in wanted.functions}
    for name, functions in groups.items():
        if name not in deployed:
            continue
        retentions = {one.logging.retention_days for one in functions} - {None}
        if len(retentions) > 1:
            raise UserError(
                f"functions that share the log group {name} want different retentions: "
                f"{', '.join(f'{days} days' for days in sorted(filter(None, retentions)))}",
                where=functions[-1].where,
                hint="give them one `logging.retention`, or a `logging.group` each",
            )
        yield Resource(
            kind="log_group",
            name=name,
            properties={"retention_days": next(iter(retentions), None)},
            function=functions[0].name if len(functions) == 1 else None,
            where=functions[0].where,
        )
