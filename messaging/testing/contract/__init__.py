"""What plugins must hold to: a suite for adapters, one for event sources, one for checks."""
