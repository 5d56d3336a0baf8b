"""What CloudWatch has counted of functions."""

from __future__ import annotations

import datetime
from collections.abc import Collection, Mapping
from typing import NamedTuple

from lambdactl.deploy.account import Account

NAMESPACE = "AWS/Lambda"
_PERIOD_S = 60
"""Lambda sends its metrics each minute
(https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics.html)."""
_MOST = 500
"""Metrics of one call
(https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html)."""


class Metric(NamedTuple):
    """One of Lambda's metrics
    (https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html).

    :ivar statistic: ``Sum``, ``SampleCount`` or ``Maximum``: what can be told of a time by its
        minutes.
    :ivar resource: ``function:alias``; None: the function as a whole.
    :ivar executed: the version that an alias led to, to tell its two versions apart.
    """

    name: str
    statistic: str
    function: str
    resource: str | None = None
    executed: str | None = None

    @property
    def dimensions(self) -> list[dict[str, str]]:
        found = {
            "FunctionName": self.function,
            "Resource": self.resource,
            "ExecutedVersion": self.executed,
        }
        return [{"Name": name, "Value": value} for name, value in found.items() if value]


def totals(
    account: Account, metrics: Collection[Metric], begin: float, end: float
) -> Mapping[Metric, float]:
    """What each of ``metrics`` came to between two times; 0.0 where nothing was counted.

    The minute that ``begin`` is in counts as a whole: points have the time of their minute's begin.
    """
    client = account.client("cloudwatch")
    found = dict.fromkeys(metrics, 0.0)
    for some in _batches([*found]):
        queries = [
            {
                "Id": f"m{number}",
                "MetricStat": {
                    "Metric": {
                        "Namespace": NAMESPACE,
                        "MetricName": metric.name,
                        "Dimensions": metric.dimensions,
                    },
                    "Period": _PERIOD_S,
                    "Stat": metric.statistic,
                },
            }
            for number, metric in enumerate(some)
        ]
        pages = client.get_paginator("get_metric_data").paginate(
            MetricDataQueries=queries,
            StartTime=_time(begin - begin % _PERIOD_S),
            EndTime=_time(end),
        )
        for page in pages:
            for result in page["MetricDataResults"]:
                metric = some[int(result["Id"][1:])]
                for value in result["Values"]:
                    before = found[metric]
                    found[metric] = (
                        max(before, value) if metric.statistic == "Maximum" else before + value
                    )
    return found


def _batches(metrics: list[Metric]) -> list[list[Metric]]:
    return [metrics[start : start + _MOST] for start in range(0, len(metrics), _MOST)]


def _time(seconds: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC)
