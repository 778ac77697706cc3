"""What an operator would be shown: the functions' own metrics, from their logs, and the alarms that ring on them."""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from infra.local import LocalAws
from infra.local.aws import LOGS

_NAMESPACE = "Duebell/duebell"

type Metrics = Counter[tuple[str, str]]
"""The sum of each metric, by service and name."""


def metrics(aws: LocalAws) -> Metrics:
    """All that was counted so far. The emulator keeps no metric of a log line, so they are read where CloudWatch would
    read them: in the lines of embedded metric format."""
    found: Metrics = Counter()
    for line in _lines(aws, '"CloudWatchMetrics"'):
        try:
            said = json.loads(line[line.index("{") :])
        except ValueError:
            continue
        for directive in said.get("_aws", {}).get("CloudWatchMetrics", []):
            for metric in directive["Metrics"]:
                values = said[metric["Name"]]
                found[said["service"], metric["Name"]] += int(sum(values if isinstance(values, list) else [values]))
    return found


def ringing(aws: LocalAws, before: Metrics, after: Metrics) -> list[str]:
    """The alarms on own metrics that what was counted in between sets off, by their names."""
    counted = after - before
    pages = aws.client("cloudwatch").get_paginator("describe_alarms").paginate()
    alarms = [alarm for page in pages for alarm in page["MetricAlarms"]]
    return sorted(a["AlarmName"] for a in alarms if a["Namespace"] == _NAMESPACE and _rings(a, counted))


def _rings(alarm: dict[str, Any], counted: Metrics) -> bool:
    services = [dimension["Value"] for dimension in alarm["Dimensions"] if dimension["Name"] == "service"]
    return any(counted[service, alarm["MetricName"]] > alarm["Threshold"] for service in services)


def _lines(aws: LocalAws, pattern: str) -> Iterator[str]:
    logs = aws.client("logs")
    for group in logs.describe_log_groups(logGroupNamePrefix=LOGS)["logGroups"]:
        pages = logs.get_paginator("filter_log_events").paginate(
            logGroupName=group["logGroupName"], filterPattern=pattern
        )
        for page in pages:
            for event in page["events"]:
                yield from event["message"].splitlines()
