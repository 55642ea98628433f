"""What the shop's world is made of: frozen data, no I/O.

Every noun turns into a plain JSON document and back (`to_document`, `from_document`), so that each store can keep
it its own way. Times are aware and in UTC; money is `Decimal`, in documents a string.
"""
