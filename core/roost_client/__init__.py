"""Client for Roost deployments: async, with a sync face.

async with Client("http://127.0.0.1:8787") as client:
    counter = client.agent("counter", "room 1")
    await counter.call("increment", 2)
"""

from .client import AgentRow, Client
from .connection import Connection
from .events import Event
from .frames import Identity
from .handle import AgentHandle, Snapshot
from .job import Job, SyncJob
from .job_stream import Said, said_items
from .link import Closed
from .retry import Backoff
from .stream import Stream
from .sync import SyncClient
from .sync_connection import SyncConnection
from .sync_handle import SyncAgentHandle

__all__ = [
    "AgentHandle",
    "AgentRow",
    "Backoff",
    "Client",
    "Closed",
    "Connection",
    "Event",
    "Identity",
    "Job",
    "Said",
    "Snapshot",
    "Stream",
    "SyncAgentHandle",
    "SyncClient",
    "SyncConnection",
    "SyncJob",
    "said_items",
]
