"""An adapter that is right, for text messages, and says how many parts one has and what they cost."""

from __future__ import annotations

from decimal import Decimal

from right_form import Pigeon as Posting

from messaging import Measure, RenderedMessage


class Pigeon(Posting):
    def measure(self, message: RenderedMessage) -> Measure | None:
        units = self.units(message.parts["text"])
        return Measure(units=units, price=Decimal("0.075") * units, currency="EUR", note=self.note(message))

    def units(self, text: str) -> int:
        """Of the 7-bit alphabet it knows those of ASCII, and €: others cost it dear, which is no mistake."""
        plain = text.replace("€", "~~")
        if plain.isascii():
            return 1 if len(plain) <= 160 else -(-len(plain) // 153)
        octets = len(text.encode("utf-16-be"))
        return 1 if octets <= 140 else -(-octets // 134)

    def note(self, message: RenderedMessage) -> str | None:
        return None if message.parts["text"].isascii() else "not all of it is ASCII"
