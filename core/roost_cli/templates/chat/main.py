"""A chat that remembers, answers word by word, and keeps its promises. No key, no model: put yours in `reply`."""

import asyncio
import re
from collections.abc import AsyncIterator

from pydantic import BaseModel

from roost import PUBLIC, Agent, App, action

KEPT = 100
"""Lines of history."""


class Line(BaseModel):
    who: str
    text: str


class Talk(BaseModel):
    name: str = ""
    lines: list[Line] = []


class Chat(Agent[Talk]):
    """A conversation. Each key is one of its own."""

    @action
    async def say(self, text: str) -> AsyncIterator[str]:
        """Say something; the answer streams."""
        for word in re.findall(r"\S+\s*", self.answer(text)):
            yield word
            await asyncio.sleep(0.03)  # a model would think here

    @action
    async def ask(self, text: str) -> str:
        """Say something; the answer comes whole."""
        return self.answer(text)

    @action
    async def remind(self, seconds: float, text: str) -> None:
        """Say `text` later, even if this process ends meanwhile."""
        self.schedule(f"reminder {text}", seconds, self.ring, text)

    @action(readonly=True)
    async def history(self, last: int = 20) -> list[Line]:
        """The last lines of the conversation."""
        return self.state.lines[-last:]

    @action
    async def forget(self) -> None:
        """Start over."""
        self.state = Talk()

    async def ring(self, text: str) -> None:
        self.add("roost", f"You wanted to be reminded: {text}")
        self.record("reminded", {"text": text})

    def answer(self, text: str) -> str:
        self.add("you", text)
        answer = self.reply(text)
        self.add("roost", answer)
        return answer

    def add(self, who: str, text: str) -> None:
        self.state.lines = [*self.state.lines, Line(who=who, text=text)][-KEPT:]

    def reply(self, text: str) -> str:
        """The rules of the conversation; this is where a model goes."""
        if found := re.search(r"my name is (\w+)", text, re.IGNORECASE):
            self.state.name = found[1]
            return f"Hello {found[1]}, I will remember you."
        if found := re.search(r"remind me in (\d+) ?s\w* to (.+)", text, re.IGNORECASE):
            self.schedule(f"reminder {found[2]}", float(found[1]), self.ring, found[2])
            return f"I will remind you in {found[1]} seconds. Restart me meanwhile, if you like."
        said = [line.text for line in self.state.lines if line.who == "you"]
        if re.search(r"who am i|my name", text, re.IGNORECASE):
            return f"You are {self.state.name}." if self.state.name else "You have not told me: say 'my name is ...'."
        if re.search(r"what did i say|remember", text, re.IGNORECASE) and len(said) > 1:
            return f"Before this you said: {said[-2]!r}. I have {len(said)} lines from you."
        who = f", {self.state.name}" if self.state.name else ""
        return f"I hear you{who}. Try 'my name is Ada', 'what did I say?' or 'remind me in 10 seconds to stretch'."


app = App([Chat], auth=PUBLIC)  # anybody may call: put a hook here before it guards something
