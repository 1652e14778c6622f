"""Logs as JSON and metrics as CloudWatch reads them out of logs, by AWS's Powertools."""

from __future__ import annotations

import logging
import os
from typing import Any

from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter

from roost.contract.visible import visible_json


class Formatter(LambdaPowertoolsFormatter):
    """Powertools' JSON, in which nothing moves the cursor of who reads it in a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        return visible_json(super().format(record))


_seen: set[str] = set()
"""Functions that this process has run: at most one, and none before the first invocation."""


def set_up() -> None:
    """Every logger of this process writes JSON, one object a line."""
    root = logging.getLogger()
    handler = logging.StreamHandler()
    service = os.environ.get("POWERTOOLS_SERVICE_NAME", "roost")
    handler.setFormatter(Formatter(service=service))
    root.handlers[:] = [handler]
    level = os.environ.get("ROOST_LOG_LEVEL", "").upper()
    root.setLevel(level or "WARNING")
    # Where credentials were found, at each cold start; every request, whose URL may hold a secret.
    for noisy in ("botocore", "mangum", "httpx", "httpx2", "httpcore", "httpcore2"):
        logging.getLogger(noisy).setLevel("WARNING")
    logging.getLogger("roost").setLevel(level or "INFO")


def begin(context: Any) -> None:
    """An invocation starts: its id is in every line; the first of a process counts as a cold start."""
    cold = not _seen
    _seen.add(context.function_name)
    for handler in logging.getLogger().handlers:
        if isinstance(handler.formatter, LambdaPowertoolsFormatter):
            handler.formatter.append_keys(  # pyright: ignore[reportUnknownMemberType] (its keys have no annotation)
                function_name=context.function_name, function_request_id=context.aws_request_id, cold_start=cold
            )
    if cold:
        count("ColdStarts", 1, context.function_name)


def count(name: str, value: float, function: str) -> None:
    """Add to a metric, by function."""
    from aws_lambda_powertools.metrics import MetricUnit, single_metric

    namespace = os.environ.get("POWERTOOLS_METRICS_NAMESPACE", "Roost")
    with single_metric(name=name, unit=MetricUnit.Count, value=value, namespace=namespace) as metric:
        metric.add_dimension(name="function", value=function)
