"""Runs every measurement, one after the other, each in a process of its own."""

from __future__ import annotations

import subprocess
import sys

for name in ("rendering", "store", "email", "redirect", "events", "shuffled", "pipeline"):
    print(f"\n== {name}", flush=True)
    subprocess.run([sys.executable, "-m", f"bench.{name}"], check=True)
