"""What requests of models cost, by the list prices of genai-prices."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_CEILING, Decimal
from typing import TYPE_CHECKING, Any

from .budget import NANO

if TYPE_CHECKING:
    from datetime import datetime


def price(provider: str, url: str, model: str, came: int, went: int, at: datetime) -> int | None:
    """Nano-dollars for so many tokens in and out; None: nobody knows a price. Loads genai-prices: 30 ms, once."""
    from genai_prices import Usage, calc_price

    for where in ({"provider_api_url": url} if url else None, {"provider_id": provider} if provider else None):
        if where is None:
            continue
        given: dict[str, Any] = where
        try:
            found = calc_price(
                Usage(input_tokens=came, output_tokens=went), model, genai_request_timestamp=at, **given
            ).total_price
        except (LookupError, ValueError):  # nobody knows the model there, or a price of it
            continue
        return int((Decimal(found) * NANO).to_integral_value(ROUND_CEILING))
    return None


def models_in(model: Any) -> Sequence[Any]:
    """A model, or those of a list of fallbacks."""
    from pydantic_ai.models.fallback import FallbackModel

    return [one for each in model.models for one in models_in(each)] if isinstance(model, FallbackModel) else [model]
