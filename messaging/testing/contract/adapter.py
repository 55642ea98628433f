"""The suite that a plugin's test subclasses."""

from __future__ import annotations

from messaging.testing.contract.answers import Answers
from messaging.testing.contract.callbacks import Callbacks
from messaging.testing.contract.capabilities import Abilities
from messaging.testing.contract.contents import Contents
from messaging.testing.contract.manners import Manners
from messaging.testing.contract.receipts import Receipts


class AdapterContract(Receipts, Answers, Contents, Abilities, Callbacks, Manners):
    """Whether an adapter is right. Subclass it in a test, name the class, and say what differs:

    class TestPigeon(AdapterContract):
        adapter = Pigeon

        def settings(self, provider):
            return {"url": provider.url, "token": "s3cret-token"}
    """
