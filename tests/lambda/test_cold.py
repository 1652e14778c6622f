"""What each path loads before its first event: the cold start's budget, in modules that may and may not be there."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

LOADED = """
import json, os, sys
os.environ.update(AWS_REGION="us-east-1", ROOST_APP="examples.main:app")
{path}
print(json.dumps(sorted(sys.modules)))
"""
CONNECT = "import roost_lambda.connect"
HANDLER = "import roost_lambda.handler"
SOCKET = "import roost_lambda.handler, roost_lambda.gateway, roost_lambda.frame_lanes, roost_lambda.events"
DRAIN = "import roost_lambda.handler; from aws_lambda_powertools.utilities.batch import AsyncBatchProcessor"
WEB = "import roost_lambda.handler, roost_http.surface, roost_lambda.web"
DEPLOYMENT = """
os.environ.update(AWS_DEFAULT_REGION="us-east-1", ROOST_TABLE="t", ROOST_DOORBELLS="q", ROOST_TIMERS_ARN="a")
os.environ.update(ROOST_JOBS="j")
os.environ.update(ROOST_SCHEDULES="s", ROOST_SCHEDULES_ROLE="r")
import roost_lambda.deployment
roost_lambda.deployment.Process().deployment()
"""

NEVER = (
    "boto3",
    "uvicorn",
    "uvloop",
    "httptools",
    "websockets",
    "roost_local",
    "roost_cloudflare",
    "roost.testing",
    "roost_conformance",
    "roost_cli",
    "roost_server",
)


def loaded(path: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", LOADED.format(path=path)], capture_output=True, text=True, timeout=120, check=True
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize(
    ("path", "absent", "most"),
    [
        # $connect must be answered within a client's 4 s, cold: neither core nor app, nor what they need.
        (
            CONNECT,
            ("roost", "pydantic", "mangum", "httpx", "aws_lambda_powertools", "botocore", "asyncio"),
            250,
        ),
        (SOCKET, ("mangum", "roost_http", "aws_lambda_powertools.utilities.parser"), 620),
        (DRAIN, ("mangum", "roost_http.surface", "mangum.handlers"), 700),
        (WEB, ("aws_lambda_powertools.utilities.batch", "roost_lambda.gateway"), 700),
        (HANDLER, ("mangum", "httpx", "roost_lambda.gateway", "aws_lambda_powertools.utilities.batch"), 600),
        (DEPLOYMENT, ("mangum", "httpx", "roost_http"), 680),
    ],
    ids=["connect", "socket", "drain", "web", "handler", "deployment"],
)
def test_a_path_loads_only_its_own(path: str, absent: tuple[str, ...], most: int) -> None:
    found = loaded(path)
    assert not found.intersection(absent), f"{path} loads {found.intersection(absent)}"
    assert not found.intersection(NEVER)
    assert len(found) <= most, f"{path} loads {len(found)} modules; its budget is {most}"
