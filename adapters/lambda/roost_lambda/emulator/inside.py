"""Names of the emulator's own modules, in one place: they exist only inside its environment."""

from __future__ import annotations

import importlib
from typing import Any, Final

apigateway: Final[Any] = importlib.import_module("ministack.services.apigateway")
functions: Final[Any] = importlib.import_module("ministack.services.lambda_svc")
provisioners: Final[Any] = importlib.import_module("ministack.services.cloudformation.provisioners")
responses: Final[Any] = importlib.import_module("ministack.core.responses")
runtime: Final[Any] = importlib.import_module("ministack.core.lambda_runtime")
concurrency: Final[Any] = importlib.import_module("ministack.core.concurrency")


async def invoke(found: tuple[Any, Any], event: dict[str, Any]) -> dict[str, Any]:
    """Run a function on one event, in an execution environment of its own; ministack's result."""
    code, config = found
    record = functions._execution_record_for_config(code, config)
    result: dict[str, Any] = await concurrency.run_reentrant(
        functions._execute_function_with_config_scope, record, event, thread_name="edge"
    )
    return result
