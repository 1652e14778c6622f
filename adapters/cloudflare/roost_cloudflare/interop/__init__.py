"""The door to JavaScript: the one package that imports `js`, `pyodide` and `workers`.

Strings, numbers and bytes cross it, never deep objects. A crossing costs 20 to 60 microseconds here, so what a
tick does is counted in them: `Sql` keeps the counts.
"""

from __future__ import annotations

from .door import DurableObject as DurableObject
from .door import Js as Js
from .door import WorkerEntrypoint as WorkerEntrypoint
from .door import name_of as name_of
from .door import raw as raw
from .door import variables as variables
from .door import wait_until as wait_until
from .loop import quicken as quicken
from .loop import started as started
from .namespace import Namespace as Namespace
from .outbound import Outbound as Outbound
from .outbound import answer_head as answer_head
from .request import Chunks as Chunks
from .request import aborted as aborted
from .request import body_of as body_of
from .request import head_of as head_of
from .request import raw_request as raw_request
from .request import url_of as url_of
from .response import Stream as Stream
from .response import response as response
from .signatures import verifies as verifies
from .sockets import cid_of as cid_of
from .sockets import close as close
from .sockets import hibernate as hibernate
from .sockets import pair as pair
from .sockets import send as send
from .sockets import sockets as sockets
from .sockets import upgraded as upgraded
from .sql import Sql as Sql
from .sql import blob as blob
from .timers import Timeout as Timeout
from .timers import pause as pause
from .timers import set_alarm as set_alarm
