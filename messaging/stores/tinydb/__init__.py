"""The embedded store: TinyDB over an append-only journal. Nothing to install, nothing to run.

Everything is in memory as well as on disk: about 3 MB for 1,000 customers with a message each, and a start of
about a second for 50,000 of both (CPython 3.11 on one of two shared cores; `python -m bench.store` measures
yours). A message costs the same however many there are. What comes next, when a shop has outgrown it, is
PostgreSQL.
"""
