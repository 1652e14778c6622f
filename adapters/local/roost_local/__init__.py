"""The local backend: one process, asyncio, one SQLite file."""
