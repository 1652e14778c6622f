"""What is promised in one line each, and the cases that prove it; and what each rule of the contract is about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True, slots=True)
class Guarantee:
    """One line of the table: kept by a backend on which every one of `cases` passes."""

    promise: str
    cases: tuple[str, ...]
    also: tuple[str, ...] = ()
    """Tests beside the catalogue that prove it too."""
    notes: Mapping[str, str] = field(default_factory=dict[str, str])
    """What to say instead of "yes" for a backend."""


GUARANTEES: Final = (
    Guarantee("a tick commits whole or not at all", ("failed-tick-leaves-nothing", "values-commit-with-the-state")),
    Guarantee(
        "an acknowledged write survives `kill -9`",
        ("crash-after-the-reply-loses-nothing", "crash-among-many-calls-applies-each-once"),
        also=("tests/kills",),
        notes={"memory": "until the process ends"},
    ),
    Guarantee(
        "a repeated key returns the stored outcome, never a second run",
        ("repeated-key-answers-the-same", "repeated-key-joins-the-run"),
    ),
    Guarantee(
        "a reply, frame or tell leaves only after the durable commit",
        ("replies-are-durable", "running-tick-shows-nothing"),
    ),
    Guarantee(
        "an acknowledged tell runs, and applies once",
        ("acknowledged-tell-survives-a-crash", "crash-among-deliveries-repeats-none"),
    ),
    Guarantee(
        "tells that keep failing become dead letters; redrive keeps the id",
        ("last-attempt-leaves-a-dead-letter", "redriven-letter-keeps-its-id"),
    ),
    Guarantee(
        "ticks of one agent never overlap; agents don't wait for each other",
        ("one-lane-is-first-come-first-served", "agents-do-not-wait-for-each-other"),
    ),
    Guarantee("a tick that overruns is cancelled and stores nothing", ("overrun-is-cancelled",)),
    Guarantee(
        "a schedule is never early, and none is lost while the host is down",
        ("schedule-is-never-early", "crash-makes-schedules-late-not-lost"),
    ),
    Guarantee(
        "the event log has no holes, and is resumed from any number", ("log-numbers-are-dense", "log-survives-a-crash")
    ),
    Guarantee(
        "frames of a connection keep their order",
        ("calls-of-a-connection-keep-their-order", "many-numbered-frames-keep-order"),
    ),
    Guarantee("sockets and attachments survive hibernation", ("attachment-survives-hibernation",)),
    Guarantee(
        "an agent moves between backends as one document",
        ("export-and-import-carry-everything", "imported-schedules-fire-once"),
    ),
    Guarantee(
        "the JavaScript client of Cloudflare's Agents SDK works unmodified",
        ("reply-frame-is-exact",),
        also=("tests/clients",),
    ),
)

RULES: Final[Mapping[str, str]] = {
    "1": "Handlers run at least once, commits apply once",
    "2": "Outcomes are kept by key",
    "3": "Lost answers are settled, never run again first",
    "4": "Nothing leaves before the commit is durable",
    "5": "Outbound requests carry stable keys",
    "6": "Agents ask agents",
    "7": "A tick is bounded in time and size",
    "8": "Death between commit and release",
    "9": "Readers see committed snapshots",
    "10": "A caller who leaves cancels nothing",
    "11": "Time never runs backwards",
    "12": "Rolling deploys",
    "13": "State is what it validates as",
    "14": "Two lanes, first come first served",
    "15": "Tells are durable, retried, then dead letters",
    "16": "Frames keep their order",
    "17": "The event log is dense and can be resumed",
    "18": "Streams",
    "19": "Windows of event streams",
    "20": "Schedules have identities",
    "21": "Schedules are never early, never lost",
    "22": "One alarm, many schedules",
    "23": "Connections and attachments",
    "24": "Greeting and on_connect",
    "25": "on_disconnect",
    "26": "Refused connections",
    "27": "Clients and the state",
    "28": "Birth and death",
    "29": "Export and import",
    "30": "Quarantine",
    "31": "Listing",
    "32": "Starting a job",
    "33": "Jobs are replayed on a loop of their own",
    "34": "Steps run at least once, their outcome is kept once",
    "35": "Steps that run once at most",
    "36": "The position in the journal is the fence",
    "37": "Waiting jobs cost nothing",
    "38": "Requests of steps",
    "40": "Questions and signals of jobs",
    "41": "Cancelling jobs",
    "42": "The end of a job",
    "44": "Streams of jobs",
    "46": "Limits of jobs",
    "47": "Who may do what to a job",
    "48": "Held jobs",
    "49": "Quotas",
    "50": "Tenants",
    "http": "The HTTP surface",
    "ws": "The WebSocket surface",
    "kv": "Key-value data",
    "chat": "Chat agents",
    "limits": "Limits",
    "resource": "Config and resources",
}
"""By number of the contract or by surface, in the order of a report."""
