"""A counter that remembers, and rings when it is told to."""

from pydantic import BaseModel

from roost import PUBLIC, Agent, App, action


class Tally(BaseModel):
    count: int = 0


class Counter(Agent[Tally]):
    """Counts. Each key is a counter of its own."""

    @action
    async def increment(self, by: int = 1) -> int:
        """Add `by` and return the new count."""
        self.state.count += by
        return self.state.count

    @action
    async def remind(self, seconds: float, text: str) -> None:
        """Ring later; a second reminder replaces the first."""
        self.schedule("reminder", seconds, self.ring, text)

    async def ring(self, text: str) -> None:
        self.record("rang", {"text": text})
        self.broadcast({"ring": text})


app = App([Counter], auth=PUBLIC)  # anybody may call: put a hook here before it guards something
