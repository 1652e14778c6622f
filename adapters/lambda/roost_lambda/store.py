"""The port `Store` over one DynamoDB table (semantics.md section 10)."""

from __future__ import annotations


class DynamoStore:
    """Work in progress."""

    @staticmethod
    def open(table: str, *, endpoint: str | None = None, region: str | None = None) -> DynamoStore:
        """Credentials as botocore finds them."""
        raise NotImplementedError
