"""A process whose clock goes wrong: all that asks the system for the time in it is told one that is so much off.

A small library is put between the process and the C library (LD_PRELOAD), so that nobody in it can know better:
Python, libpq and those that it starts. Clocks that only measure (CLOCK_MONOTONIC) are as they were, as where a system's
time is set wrong.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

#: By how much, in seconds.
OFF = "PROOF_CLOCK"
SOURCE = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

static long off(void) {
    const char *text = getenv("PROOF_CLOCK");
    return text ? atol(text) : 0;
}

int clock_gettime(clockid_t id, struct timespec *now) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
    int failed = real(id, now);
    if (!failed && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) now->tv_sec += off();
    return failed;
}

int gettimeofday(struct timeval *now, void *zone) {
    static int (*real)(struct timeval *, void *);
    if (!real) real = dlsym(RTLD_NEXT, "gettimeofday");
    int failed = real(now, zone);
    if (!failed && now) now->tv_sec += off();
    return failed;
}

time_t time(time_t *kept) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (kept) *kept = now.tv_sec;
    return now.tv_sec;
}
"""
_ASK = "import datetime, threading, time; threading.Event().wait(0.01); print(time.time(), datetime.datetime.now().timestamp())"


class Clocks:
    """Sets clocks wrong, where there is a C compiler."""

    def __init__(self, folder: Path) -> None:
        self._library = folder / "clock.so"
        #: Why no clock can be set wrong here; None if it can.
        self.missing = self._build(folder)

    def off(self, seconds: int) -> dict[str, str]:
        """The environment of a process whose clock is ahead by so much, or behind."""
        return {"LD_PRELOAD": str(self._library), OFF: str(seconds)}

    def _build(self, folder: Path) -> str | None:
        compiler = shutil.which("cc") or shutil.which("gcc")
        if compiler is None:
            return "there is no C compiler"
        (folder / "clock.c").write_text(SOURCE, "utf-8")
        command = [compiler, "-shared", "-fPIC", "-O1", "-o", str(self._library), str(folder / "clock.c"), "-ldl"]
        built = subprocess.run(command, capture_output=True, text=True, timeout=60)
        if built.returncode:
            return f"the clock's library does not compile: {built.stderr.strip()[-200:]}"
        # Whatever this machine's C library is: what cannot be set wrong here must not count as tried.
        asked = subprocess.run(
            [sys.executable, "-c", _ASK],
            env={**os.environ, **self.off(-3600)},
            capture_output=True,
            text=True,
            timeout=60,
        )
        told = [time.time() - float(word) for word in asked.stdout.split()]
        return None if len(told) == 2 and all(3590 < off < 3650 for off in told) else f"it has no effect: {asked}"
