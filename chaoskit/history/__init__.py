"""The history of a run: one SQLite file."""
