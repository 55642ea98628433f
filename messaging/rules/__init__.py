"""Pure rules over nouns: no I/O, no clock of their own, the same answer for the same arguments."""
