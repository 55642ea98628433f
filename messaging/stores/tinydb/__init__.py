"""The embedded store: TinyDB over an append-only journal. Nothing to install, nothing to run.

It keeps everything in memory and on disk: `bench/store.py` says how much memory and how long a start takes.
What comes next, when a shop has outgrown it, is the store on PostgreSQL.
"""
