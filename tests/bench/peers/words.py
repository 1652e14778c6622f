"""The words of docs/benchmarks.md."""

from typing import Final

HEAD: Final = """# Benchmarks

```bash
{command}
```

One run: the same work on the same machine, the systems in turn, each alone while it is measured, medians of three
rounds (wake and schedules: one). The client is the C load generator of `scripts/bench`. The bench installs every peer
as pinned under `tests/bench/peers`, needs some 2 GB and a quarter of an hour, and writes this page itself from the
lines in [benchmarks.jsonl](benchmarks.jsonl). Compare figures of one run with each other only.

The work is a counter, spread over 64 keys: a call adds one, stores it and answers the sum. An *ask* is a call of an
agent that calls another one and waits. *Fan-out* is one message to 1,000 WebSockets of one agent, from the send to
each socket; the first is sent two seconds after all are open. *Wake* is a call of an object that has left memory while
idle. *Schedules* are 10,000, one an agent (ten on the Agents SDK), all due in the same millisecond: the bold figure is
when all have run and a call made after them was durable. Each program is asked seldom what has run (after half of the
time that the rest will take at the pace so far, and 50 ms at the least), for the answer is work too.
Restate is its server with the Python SDK on hypercorn; DBOS is a workflow with one transaction on PostgreSQL; the
hand-written Durable Objects are one row of SQL a call, with nothing of what an agent framework gives.

"""

NONE: Final = """## Figures

None yet. Figures stand here only from a run that had its machine to itself, and there was none so far.
"""

TITLES: Final = {
    "local": "Roost, local",
    "workerd": "Roost, on workerd",
    "lambda": "Roost, on Lambda in an emulator",
    "agents": "Cloudflare's Agents SDK",
    "javascript": "Durable Object by hand, JavaScript",
    "python": "Durable Object by hand, Python",
    "restate": "Restate, Python SDK",
    "dbos": "DBOS on PostgreSQL",
}
"""The systems, in the order of the table."""

GATED: Final = "yes: one transaction a call; the platform holds the reply back until it is on disk"

DURABLE: Final = {
    "local": "yes: SQLite in WAL mode, synchronous FULL; all that wait share one fsync",
    "workerd": GATED,
    "lambda": "yes, by its database; the emulator keeps it in memory, so this shows requests and not disks",
    "agents": GATED,
    "javascript": GATED,
    "python": GATED,
    "restate": "yes, by its documentation: an entry in its log before the reply",
    "dbos": "yes: PostgreSQL commits the row, and then the end of the workflow",
}

WORKS: Final = {
    "call.http.1": "HTTP, 1 connection",
    "call.http.32": "HTTP, 32 connections",
    "call.ws.1": "WebSocket, 1 in flight",
    "call.ws.32": "WebSocket, 32 in flight",
    "ask.1": "ask, 1 connection",
    "ask.32": "ask, 32 connections",
    "fan": "fan-out to 1,000 sockets",
    "wake": "wake",
    "schedules": "10,000 schedules due at once",
}

_ALONE = (
    "One caller leaves nothing to group: each call waits for its own fsync, and a thread's hop there and back. "
    "workerd does the same fsync in C++ without leaving its thread."
)
_WASM = (
    "Python runs as WebAssembly there, and every crossing into JavaScript (the request, each statement of SQL, the "
    "reply) costs it some ten microseconds and more."
)
AHEAD: Final = {
    ("local", "call.http.1"): _ALONE,
    ("local", "call.ws.1"): _ALONE,
    ("local", "ask.1"): f"{_ALONE} An ask is two commits, one after the other.",
    ("local", "fan"): "Its frames are made and written by compiled code; Roost's are one system call each from Python.",
    ("local", "schedules"): "Its alarms run in compiled code; each of Roost's is a tick in Python with its own commit.",
    ("local", ""): "Compiled code does there what Roost does in Python.",
    ("workerd", ""): _WASM,
    ("workerd", "wake"): f"{_WASM} A wake builds Roost's runtime and reads the agent's tables.",
    ("lambda", ""): (
        "Every call is an HTTP request to the emulator, which starts a function for it, which writes to the emulated "
        "DynamoDB over HTTP again; the emulator is Python. It shows what a call asks of AWS, not how fast AWS is."
    ),
}
"""Why another system is ahead: by what of Roost is behind in which work; "" is for any other work."""
