"""Values that are only names: `ssm:NAME` and `secretsmanager:NAME` in a function's environment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from roost.contract.errors import Rejected

from .aws import Aws

SSM: Final = "ssm:"
SECRET: Final = "secretsmanager:"


async def resolved(aws: Aws, environment: Mapping[str, str]) -> dict[str, str]:
    """The ROOST_ variables with what their names stand for. Rejected `bad-config`: those that can't be read."""
    import asyncio

    own = {k: v for k, v in environment.items() if k.startswith("ROOST_")}
    named = [k for k, v in own.items() if v.startswith((SSM, SECRET))]
    answers = await asyncio.gather(*(_read(aws, own[k]) for k in named), return_exceptions=True)
    wrong = [f"{k}={own[k]}: {a}" for k, a in zip(named, answers, strict=True) if isinstance(a, BaseException)]
    if wrong:
        raise Rejected("secrets can't be read:\n  " + "\n  ".join(wrong), code="bad-config", status=500)
    own.update({k: a for k, a in zip(named, answers, strict=True) if isinstance(a, str)})
    return own


async def _read(aws: Aws, value: str) -> str:
    if value.startswith(SSM):
        answer = await aws.call("ssm", "get_parameter", Name=value[len(SSM) :], WithDecryption=True)
        return str(answer["Parameter"]["Value"])
    answer = await aws.call("secretsmanager", "get_secret_value", SecretId=value[len(SECRET) :])
    return str(answer["SecretString"])
