"""The app that is measured: a number, as every peer's first example has it."""

from pydantic import BaseModel

from roost import Agent, App, action


class Tally(BaseModel):
    count: int = 0


class Counter(Agent[Tally]):
    @action
    async def increment(self, by: int = 1) -> int:
        self.state.count += by
        return self.state.count

    @action(readonly=True)
    async def get(self) -> int:
        return self.state.count

    @action
    async def say(self, text: str) -> None:
        self.broadcast({"said": text})


app = App([Counter])
