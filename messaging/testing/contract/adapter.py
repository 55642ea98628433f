"""The suite that a plugin's test subclasses."""

from __future__ import annotations

from messaging.testing.contract.answers import Answers
from messaging.testing.contract.callbacks import Callbacks
from messaging.testing.contract.capabilities import Abilities
from messaging.testing.contract.conduct import Conduct
from messaging.testing.contract.manners import Manners
from messaging.testing.contract.measuring import Measures
from messaging.testing.contract.personal import Personal
from messaging.testing.contract.receipts import Receipts
from messaging.testing.contract.statuses import Statuses
from messaging.testing.contract.waiting import Waiting


class AdapterContract(Receipts, Answers, Statuses, Waiting, Personal, Abilities, Measures, Callbacks, Manners, Conduct):
    """Whether an adapter is right. Subclass it in a test, name the class, and say what differs:

    class TestPigeon(AdapterContract):
        adapter = Pigeon

        def settings(self, provider):
            return {"url": provider.url, "token": "s3cret-token"}
    """
