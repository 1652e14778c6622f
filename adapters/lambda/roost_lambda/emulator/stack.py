"""Deploys a built template into the emulator as `sam deploy` would: code to S3, then CloudFormation.

The one substitution: AWS's managed Python is here `provided.al2023` with a `bootstrap` that runs the same
`awslambdaric`, since no machine but AWS's has the managed runtime.
"""

from __future__ import annotations

import io
import json
import re
import shlex
import stat
import time
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import httpx

from roost.contract.errors import TransientError

from .runtime import HERE as RUNTIME

if TYPE_CHECKING:
    from .process import Ministack

BUCKET: Final = "roost-code"
PATIENCE: Final = 60.0
BOOTSTRAP: Final = """#!/bin/sh
exec {python} -P {runtime} "$_HANDLER"
"""
REGION: Final = "us-east-1"
_VARIABLES: Final = "    Environment:\n      Variables:\n"
"""Of Globals: what every function gets."""
_CODE: Final = re.compile(r"^(\s+CodeUri:) (?!s3:)(\S+)\s*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Stack:
    """What was deployed."""

    name: str
    outputs: Mapping[str, str]
    functions: Mapping[str, str]
    """Logical id -> the function's name."""
    behind: Mapping[str, str]
    """What the edge is told to put at the emulator's `url`."""


def client(emulator: Ministack, service: str, path: str = "") -> Any:
    """A client of one of the emulator's APIs."""
    from botocore.config import Config  # type: ignore[import-untyped]
    from botocore.session import get_session  # type: ignore[import-untyped]

    session: Any = get_session()
    return session.create_client(
        service, endpoint_url=emulator.endpoint + path, region_name=REGION, aws_access_key_id=emulator.key,
        aws_secret_access_key="any",
        config=Config(retries={"total_max_attempts": 1}, read_timeout=70, s3={"addressing_style": "path"}),
    )  # fmt: skip


def deploy(
    emulator: Ministack, template: Path, runtime: Path, parameters: Mapping[str, str], *,
    environment: Mapping[str, str] | None = None, name: str = "roost",
) -> Stack:  # fmt: skip
    """Create or update the stack and put it behind the emulator's `url`.

    `environment`: more variables of every function. TransientError: CloudFormation refused it, with its reasons.
    """
    s3 = client(emulator, "s3")
    s3.create_bucket(Bucket=BUCKET)
    keys: dict[Path, str] = {}

    def uploaded(found: re.Match[str]) -> str:
        folder = (template.parent / found[2]).resolve()
        if folder not in keys:
            keys[folder] = f"{name}-{len(keys)}-{time.time_ns()}.zip"
            s3.put_object(Bucket=BUCKET, Key=keys[folder], Body=packed(folder, runtime))
        return f"{found[1]} s3://{BUCKET}/{keys[folder]}"

    body = _CODE.sub(uploaded, template.read_text())
    for key, value in {"ROOST_LOOPBACK": "1", **(environment or {})}.items():  # quotas are for what others can reach
        body = body.replace(_VARIABLES, f"{_VARIABLES}        {key}: {json.dumps(value)}\n")
    cfn = client(emulator, "cloudformation")
    given = {"Runtime": "provided.al2023", "Architecture": "x86_64", **parameters}
    arguments = {
        "StackName": name, "TemplateBody": body, "Capabilities": ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        "Parameters": [{"ParameterKey": k, "ParameterValue": v} for k, v in given.items()],
    }  # fmt: skip
    existing = any(s["StackName"] == name for s in cfn.describe_stacks()["Stacks"])
    (cfn.update_stack if existing else cfn.create_stack)(**arguments)
    edge = time.monotonic() + PATIENCE
    while True:
        stack = cfn.describe_stacks(StackName=name)["Stacks"][0]
        status = stack["StackStatus"]
        if not status.endswith("IN_PROGRESS"):
            break
        if time.monotonic() > edge:
            raise TransientError(f"the stack is still {status} after {PATIENCE:.0f} s", code="deploy")
        time.sleep(0.05)
    if status not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
        events = cfn.describe_stack_events(StackName=name)["StackEvents"]
        reasons = [
            f"{e['LogicalResourceId']}: {e.get('ResourceStatusReason')}"
            for e in events
            if e["ResourceStatus"].endswith("FAILED")
        ]
        raise TransientError("\n".join([f"the deployment ended as {status}", *reasons]), code="deploy")
    rows = cfn.describe_stack_resources(StackName=name)["StackResources"]
    outputs = {o["OutputKey"]: o["OutputValue"] for o in stack.get("Outputs", [])}
    functions = {
        r["LogicalResourceId"]: r["PhysicalResourceId"] for r in rows if r["ResourceType"] == "AWS::Lambda::Function"
    }
    behind = {
        "url": outputs["FunctionUrl"].split("//")[1].split(".")[0], "function": functions["Web"],
        "api": outputs["SocketApiId"], "stage": "prod",
    }  # fmt: skip
    httpx.put(f"{emulator.endpoint}/_edge", json=behind, headers=emulator.signed).raise_for_status()
    return Stack(name, outputs, functions, behind)


def packed(folder: Path, runtime: Path) -> bytes:
    """The folder as Lambda takes it, with the bootstrap. Stored, not compressed: it never leaves this machine."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as made:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                made.write(path, path.relative_to(folder))
        entry = zipfile.ZipInfo("bootstrap", (2020, 1, 1, 0, 0, 0))
        entry.external_attr = (stat.S_IFREG | 0o755) << 16
        made.writestr(entry, BOOTSTRAP.format(python=shlex.quote(str(runtime)), runtime=shlex.quote(RUNTIME)))
    return out.getvalue()
