"""A pool of equal workers over PostgreSQL."""
