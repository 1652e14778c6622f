"""The app that `scripts/dev` serves: a shop's assistant, and beside it the four small agents of main.py.

No key needed: without a model, rules answer and say so. `order number=8` asks for an order, `refund number=8
amount=500` asks a person before it pays.
"""

from decimal import Decimal

from pydantic import BaseModel

from roost import PUBLIC, App, Rejected, action
from roost_chat import ChatAgent, Models, run, session_may, tool

from .main import Audit, Board, Chat, Counter

ORDERS = {7: ("a lamp", Decimal(40)), 8: ("a sofa", Decimal(500))}


class Till(BaseModel):
    paid: dict[int, Decimal] = {}


class Support(ChatAgent[Till, Models]):
    """Helps the customers of a small shop. Each key is a conversation."""

    instructions = "You help the customers of a small shop, in one or two sentences."

    @tool
    async def order(self, number: int) -> str:
        """What was ordered under a number."""
        if number not in ORDERS:
            raise Rejected(f"there is no order {number}", code="no-order")
        what, price = ORDERS[number]
        return f"order {number} is {what} for {price}"

    @tool(once="at_most")
    async def refund(self, number: int, amount: Decimal) -> str:
        """Pay money back for an order."""
        await run().tick(self.pay, number, amount)  # atomic, and applied once
        return f"{amount} paid back for order {number}"

    @refund.approve
    def _(self, number: int, amount: Decimal) -> bool:
        return amount > 100  # then somebody is asked first

    @action(public=False)
    async def pay(self, number: int, amount: Decimal) -> None:
        self.state.paid[number] = self.state.paid.get(number, Decimal(0)) + amount


app = App([Support, Counter, Audit, Chat, Board], auth=PUBLIC, may=session_may)  # a playground: anybody may call
