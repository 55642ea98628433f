"""Measurements, as ratios in one run. `python -m bench` runs them all; each also runs alone: `python -m bench.pipeline`."""
