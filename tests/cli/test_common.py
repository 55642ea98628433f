"""What commands share: words for numbers, and tables that fit the terminal."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios

import pytest

from messaging.cli.common import counted


@pytest.mark.parametrize(
    ("number", "said"), [(0, "0 rows were"), (1, "1 row was"), (2, "2 rows were"), (1000, "1000 rows were")]
)
def test_one_and_more(number: int, said: str) -> None:
    assert counted(number, "row", "was/were") == said
    assert counted(number, "row") == " ".join(said.split()[:2])


ROWS = """
from messaging.cli.common import print_table
print_table(
    ("id", "email", "phone", "name", "template", "note"),
    [("1", "ann@mail.customers.example", None, "Ann", "order-confirmation", "a few words that can be broken anywhere"),
     ("2", "bob@mail.customers.example", None, "", "order-confirmation", "")])
"""


def in_a_terminal(width: int, script: str = ROWS) -> list[str]:
    """The lines of the table in a terminal of that many columns."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
    environment = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "NO_COLOR")}
    subprocess.run([sys.executable, "-c", script], stdout=theirs, check=True, env={**environment, "TERM": "xterm"})
    os.close(theirs)
    text = b""
    try:
        while part := os.read(ours, 65536):
            text += part
    except OSError:  # Linux says so that the other end is closed
        pass
    os.close(ours)
    return re.sub(r"\x1b\[[0-9;]*m", "", text.decode()).splitlines()


def test_a_table_in_a_narrow_terminal_keeps_words_whole() -> None:
    lines = in_a_terminal(80)
    assert all(len(line) <= 80 for line in lines)
    assert "phone" not in "".join(lines), "a column with nothing in it"
    assert "ann@mail.customers.example" in "".join(lines)
    assert "order-confirmation" in "".join(lines)
    assert "phone" in "".join(in_a_terminal(160))
    assert all(len(line) <= 30 for line in in_a_terminal(30))


WIDE = """
from messaging.cli.common import print_table
print_table(
    ("message", "template", "customer", "channel", "state", "click-through (95 %)"),
    [("0123456789ab", "order-confirmations", "8d50f5eadf50201ccdcedfb9e2ac8455", "email", "planned", "7.1% (3.5%–12.0%)")],
    solid=("message", "customer"),
    least=("channel",))
"""


def test_what_people_copy_and_heads_break_last() -> None:
    lines = in_a_terminal(80, WIDE)
    assert all(len(line) <= 80 for line in lines)
    text = "\n".join(lines)
    assert "No room for: channel." not in text  # that is said apart, not in the table
    assert "email" not in text
    for word in ("0123456789ab", "8d50f5eadf50201ccdcedfb9e2ac8455", "template", "click-through"):
        assert word in text
    assert "email" in "\n".join(in_a_terminal(120, WIDE))
