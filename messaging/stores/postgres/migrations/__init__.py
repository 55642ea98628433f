"""How the schema came about, one step a file; run by `messaging store upgrade`."""
