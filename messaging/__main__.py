"""`python -m messaging` is the command line."""

from messaging.cli import main

main(prog_name="messaging")
