"""The kit for whoever writes a plugin: what its tests need, shipped with the project.

`AdapterContract`, `SourceContract` and `RuleContract` are suites to subclass; `make_…` and `sign_…` build what tests
hand in. `messaging.testing.standins` are the providers as far as an adapter sees them; `messaging.testing.plugin` is
loaded by pytest where this project is installed.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from messaging.testing.builders import (
        NOW,
        make_customer,
        make_message,
        make_planned,
        sign_sendgrid,
        sign_standard_webhook,
        sign_twilio,
    )
    from messaging.testing.contract.adapter import AdapterContract
    from messaging.testing.contract.provider import Arrival, Deaf, Fate, HttpProvider, Provider
    from messaging.testing.contract.rule import RuleContract
    from messaging.testing.contract.source import SourceContract
    from messaging.testing.outbox import Outbox, make_app
    from messaging.testing.standins.http import Answer, as_json
    from messaging.testing.standins.sendgrid_events import Signer as SendGridKey

#: Where each name stands: pytest loads this package at every start, so nothing is imported before it is asked for.
_PLACES = {
    "NOW": "builders",
    "AdapterContract": "contract.adapter",
    "Answer": "standins.http",
    "Arrival": "contract.provider",
    "Deaf": "contract.provider",
    "Fate": "contract.provider",
    "HttpProvider": "contract.provider",
    "Outbox": "outbox",
    "Provider": "contract.provider",
    "RuleContract": "contract.rule",
    "SendGridKey": "standins.sendgrid_events:Signer",
    "SourceContract": "contract.source",
    "as_json": "standins.http",
    "make_app": "outbox",
    "make_customer": "builders",
    "make_message": "builders",
    "make_planned": "builders",
    "sign_sendgrid": "builders",
    "sign_standard_webhook": "builders",
    "sign_twilio": "builders",
}

__all__ = [
    "NOW",
    "AdapterContract",
    "Answer",
    "Arrival",
    "Deaf",
    "Fate",
    "HttpProvider",
    "Outbox",
    "Provider",
    "RuleContract",
    "SendGridKey",
    "SourceContract",
    "as_json",
    "make_app",
    "make_customer",
    "make_message",
    "make_planned",
    "sign_sendgrid",
    "sign_standard_webhook",
    "sign_twilio",
]


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    place, _, called = _PLACES[name].partition(":")
    return getattr(import_module(f"{__name__}.{place}"), called or name)
