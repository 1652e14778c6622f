"""All deliberate defects of jobs."""

from __future__ import annotations

from typing import Final

from .fleet_job_defects import FLEET_JOBS
from .job_defects import JOBS
from .mutation import Mutation
from .stream_defects import STREAMS
from .told_defects import TOLD

TOILING: Final[tuple[Mutation, ...]] = (*JOBS, *STREAMS, *FLEET_JOBS, *TOLD)
