"""`python -m messaging` is the command line."""

from messaging.cli.ending import run

run()
