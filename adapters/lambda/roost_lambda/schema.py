"""The table: keys, indices, stream and TTL, as `template.yaml` must declare them."""

from __future__ import annotations

from typing import Any, Final

KINDS: Final = "kinds"
"""Index of listings: agents that exist, by kind and key."""
WAKES: Final = "wakes"
"""Index of the sweeper: agents that must be woken, by time."""


def table(name: str) -> dict[str, Any]:
    """Arguments of CreateTable. Besides: TTL on `ttl`."""
    return {
        "TableName": name,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "sk", "AttributeType": "S"},
            {"AttributeName": "lk", "AttributeType": "S"},
            {"AttributeName": "ln", "AttributeType": "S"},
            {"AttributeName": "wk", "AttributeType": "S"},
            {"AttributeName": "wt", "AttributeType": "N"},
        ],
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        "GlobalSecondaryIndexes": [
            {
                "IndexName": KINDS,
                "KeySchema": [{"AttributeName": "lk", "KeyType": "HASH"}, {"AttributeName": "ln", "KeyType": "RANGE"}],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            },
            {
                "IndexName": WAKES,
                "KeySchema": [{"AttributeName": "wk", "KeyType": "HASH"}, {"AttributeName": "wt", "KeyType": "RANGE"}],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            },
        ],
        "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
    }
