"""Jobs in SQL tables: the statements of every store that has SQLite beneath it."""
