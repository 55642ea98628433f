"""The end of the program: whatever plugins left running, it comes."""

from __future__ import annotations

import os
import sys
import threading
import time
from typing import NoReturn

#: Seconds that threads and exit handlers may take when the command is done.
PATIENCE = 10.0


def run() -> None:
    """The command line, as the shell calls it."""
    from messaging.cli import main

    code: object = 1
    try:
        main(prog_name="messaging")
    except SystemExit as end:
        code = end.code
        raise
    finally:
        # The interpreter waits for threads that are no daemons, and for what is registered to run at the end.
        status = code if isinstance(code, int) else int(code is not None)
        threading.Thread(target=_end, args=(status,), name="end", daemon=True).start()


def _end(code: int) -> NoReturn:
    time.sleep(PATIENCE)
    others = [
        thread.name for thread in threading.enumerate() if thread.name not in ("MainThread", "end", "plugin-call")
    ]
    what = f"threads ({', '.join(others)})" if others else "something that is to run at the end"
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is sys.stderr:
                stream.write(
                    f"messaging: done, but {what} would not end: left by a plugin? messaging --no-plugins … tells\n"
                )
            stream.flush()
        except (AttributeError, ValueError, OSError):
            pass  # it is closed, or nobody reads
    os._exit(code)
