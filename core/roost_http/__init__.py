"""The HTTP surface that every backend serves: one ASGI application."""

from .surface import Surface

__all__ = ["Surface"]
