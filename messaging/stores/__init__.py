"""Where everything is kept: one port (`base`), one contract, several stores behind it."""
