"""What somebody says is heard, wherever they say it."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import warnings

from messaging.testing.contract.hearing import listening, printing


def test_a_logger_of_its_own_is_heard() -> None:
    log = logging.getLogger("kit.alone")
    log.propagate = False
    with listening() as heard:
        log.debug("off to %s", "ann", extra={"roof": "q7x"})
        warnings.warn("mind the cat", stacklevel=1)
    log.debug("nobody listens")
    assert heard.lines == ["kit.alone: off to ann roof=q7x", "warnings: mind the cat"]


def test_what_led_to_an_error_is_heard() -> None:
    with listening() as heard:
        try:
            raise ValueError("the secret")
        except ValueError:
            logging.getLogger("kit").exception("it failed")
    assert "the secret" in heard.text


def test_what_is_printed_is_caught_by_whomever() -> None:
    with printing() as printed:
        print("one")
        os.write(2, b"two\n")
        subprocess.run([sys.executable, "-c", "print('three')"], check=True)
    assert {"one", "two", "three"} <= set(printed.text.split())
