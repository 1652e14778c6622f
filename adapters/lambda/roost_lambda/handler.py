"""The functions' entry points, one an event source. Each loads what its own path needs and no more.

`web` HTTP; `socket` WebSockets (after connect.py); `drain` doorbells; `jobs` bells of jobs; `wake` far timers; `relay`
the table's stream; `sweep` a clock.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

from roost.contract.errors import TransientError

from . import telemetry
from .deployment import Deployment, Process, end_of

PROCESS: Final = Process()
_made: Final[dict[str, Any]] = {}

telemetry.set_up()


def web(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """A request to the Function URL."""
    telemetry.begin(context)
    handle = _made.get("web")
    if handle is None:
        from roost_http.surface import Surface

        from .entrance import guarded
        from .lifespan import Lifespan
        from .web import adapter

        found = PROCESS.deployment()
        surface = Surface(found.app, found.backend.runtime, admin_token=found.operators)
        if found.app.web is not None:
            PROCESS.run(Lifespan(found.app.web).start())
        handle = _made["web"] = guarded(adapter(surface), found.origin_secret)
    answer: dict[str, Any] = handle(event, context)
    return _done(answer)


def socket(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """The follow-up of $connect, a frame, or an end."""
    telemetry.begin(context)
    gateway = _made.get("socket")
    if gateway is None:
        from .frame_lanes import Lanes
        from .gateway import ApiGateway

        found = PROCESS.deployment()
        lanes = Lanes(found.store.table)
        gateway = _made["socket"] = ApiGateway(
            found.backend, found.sockets, lanes, found.again, found.operators, found.origin_secret
        )
    from .events import decode

    PROCESS.run(gateway.handle(decode(event), end_of(context)))
    return _done({"statusCode": 200})


def drain(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Doorbells: somebody waits, or a schedule is due."""
    telemetry.begin(context)
    found, end = PROCESS.deployment(), end_of(context)
    asked: dict[str, Any] = {}

    async def look(record: Any) -> None:
        from .sqs_bells import heard

        address, wake, _ = heard(record.body)
        if str(address) not in asked:  # several bells of one agent: one look answers them all
            asked[str(address)] = PROCESS.loop.create_task(found.backend.drain(address, end, wake))
        else:
            found.backend.hear(address, wake)
        await asked[str(address)]

    return _batch(event, look)


def jobs(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """A bell of a job: carry it out."""
    telemetry.begin(context)
    found, end = PROCESS.deployment(), end_of(context)

    async def look(record: Any) -> None:
        from .carrying import carry
        from .job_message import SqsMessage
        from .sqs_bells import job_heard

        bell = job_heard(record.body)
        if bell is None:
            raise ValueError(f"not a job's bell: {record.body[:200]}")
        if not await carry(found.backend, bell, SqsMessage(found.aws, found.jobs, record), end, found.claim):
            raise TransientError(f"{bell.address} job {bell.uid}: its message comes again", code="bell")

    return _batch(event, look)


def wake(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Far timers, 90 s early: each becomes a doorbell for its time. Never early, so what is not due yet waits on."""
    telemetry.begin(context)
    found, end = PROCESS.deployment(), end_of(context)

    async def look(record: Any) -> None:
        from .sqs_bells import heard, job_heard

        address, wake, due = heard(record.body)
        left = due - found.backend.runtime.host.now()
        job = job_heard(record.body)
        if job is not None:
            await found.bells.ring_job(job, max(0.0, left))
        elif left > 0:
            await found.bells.ring(address, left, wake)
        else:
            await found.backend.wake(address, end, wake)

    return _batch(event, look)


def relay(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """New envelopes in the table: deliver those whose sender died over them. In order, so the first failure stops."""
    telemetry.begin(context)
    found = PROCESS.deployment()
    records: list[dict[str, Any]] = event["Records"]
    again = PROCESS.run(found.backend.relay([r["dynamodb"]["NewImage"] for r in records]))
    failed = [{"itemIdentifier": records[i]["dynamodb"]["SequenceNumber"]} for i in sorted(again)[:1]]
    if again:
        telemetry.count("RelayRetries", len(again), context.function_name)
    return _done({"batchItemFailures": failed})


def sweep(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """The clock: ring for agents whose wake was lost."""
    telemetry.begin(context)
    found = PROCESS.deployment()
    rung = PROCESS.run(found.backend.sweep(end_of(context)))
    if rung:
        telemetry.count("LostWakes", rung, context.function_name)
    return {"rung": rung}


def _batch(event: dict[str, Any], look: Callable[[Any], Awaitable[None]]) -> dict[str, Any]:
    """Every record on its own: the ones that failed come again."""
    from aws_lambda_powertools.utilities.batch import AsyncBatchProcessor, EventType

    processor: Any = AsyncBatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
    with processor(event["Records"], look):
        processor.async_process()  # it runs the loop of this process itself
    answer: Any = processor.response()
    return _done(dict(answer))


def _done(answer: dict[str, Any]) -> dict[str, Any]:
    """The answer, once no bell of a job is under way: the process is frozen after it."""
    runtime = PROCESS.deployment().backend.runtime
    if runtime.ringing:
        PROCESS.run(runtime.rung())
    return answer


__all__ = ["Deployment", "drain", "jobs", "relay", "socket", "sweep", "wake", "web"]
