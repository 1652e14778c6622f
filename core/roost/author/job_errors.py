"""What the body of a job is told of a step that did not return."""

from __future__ import annotations

from ..contract.errors import AgentError


class StepFailed(AgentError):
    """A step ended in an error. The same when it happens and when it is replayed."""

    default_code = "step-failed"

    def __init__(self, type: str, message: str, *, code: str = "step-failed") -> None:
        super().__init__(message, code=code)
        self.type = type
        """The name of the exception's class."""

    def __str__(self) -> str:
        return f"{self.type}: {self.message}"


class StepUnknown(AgentError):
    """A step that may run once at most had begun when its host died. Whether it took effect nobody here knows."""

    default_code = "step-unknown"


class Fatal(AgentError):
    """Raised by a step: it will never succeed, so it is not tried again. The body gets it as it is."""

    default_code = "fatal"


class QuestionExpired(AgentError):
    """Nobody answered a question of the job in time."""

    default_code = "question-expired"
