"""Metrics for Prometheus: what the store knows, asked at a scrape and true for all processes; what this one counted.

Needs the extra `metrics`, which `scale` brings along. Where `PROMETHEUS_MULTIPROC_DIR` names a folder, processes that
share it are counted as one.
"""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from time import monotonic
from typing import TYPE_CHECKING, Any

from messaging import meters
from messaging.clock import Clock
from messaging.errors import InputError, SettingsError, StoreError
from messaging.nouns.campaign import CampaignState
from messaging.nouns.message import Lane
from messaging.services.resting import Rests
from messaging.stores.base import Store

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

#: How old what the store said may be, in seconds: it is asked no more often, however many scrape.
AGE = 5.0
#: The folder that processes share.
SHARED = "PROMETHEUS_MULTIPROC_DIR"
#: From the fastest page to the slowest provider.
BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)

#: Of campaigns that are over there are ever more, and nothing to watch.
_NOT_OVER = [state for state in CampaignState if state not in (CampaignState.DONE, CampaignState.CANCELLED)]

_begun: list[CollectorRegistry] = []
_beginning = threading.Lock()


def begin() -> CollectorRegistry:
    """Count and time from now on what this process does; the same again when called again.

    Raises:
        InputError: the folder to share is not there.
        SettingsError: prometheus-client is not installed.
    """
    folder = os.environ.get(SHARED)
    if folder and not os.path.isdir(folder):
        raise InputError(f"{SHARED}: {folder} is no folder", hint="make it, or unset the variable")
    try:
        from prometheus_client import CollectorRegistry, Histogram
        from prometheus_client import Counter as PrometheusCounter
    except ImportError:
        raise SettingsError(
            "metrics need a package that is not installed", hint='install it: pip install "customer-messaging[metrics]"'
        ) from None
    with _beginning:
        if _begun:
            return _begun[0]
        registry = CollectorRegistry()
        made: dict[str, Any] = {}
        for meter in meters.METERS:
            name = f"messaging_{meter.name}"
            if meter.timed:
                made[meter.name] = Histogram(name, meter.help, meter.labels, buckets=BUCKETS, registry=registry)
            else:
                made[meter.name] = PrometheusCounter(name, meter.help, meter.labels, registry=registry)

        def sink(name: str, value: float, labels: Mapping[str, str]) -> None:
            one = made[name].labels(**labels) if labels else made[name]
            one.observe(value) if isinstance(one, Histogram) else one.inc(value)

        meters.listen(sink)
        _begun.append(registry)
        return registry


class Metrics:
    """All that is known, as a page for Prometheus."""

    def __init__(self, store: Store, clock: Clock, rests: Rests, *, age: float = AGE) -> None:
        """
        Raises:
            SettingsError: prometheus-client is not installed.
        """
        registry = begin()
        self._store = store
        self._clock = clock
        self._rests = rests
        self._age = age
        self._lock = threading.Lock()
        self._known: tuple[float, list[Any]] | None = None
        from prometheus_client import CollectorRegistry
        from prometheus_client.multiprocess import MultiProcessCollector

        #: All of it, for whoever serves it.
        self.registry = CollectorRegistry()
        if os.environ.get(SHARED):
            MultiProcessCollector(self.registry)  # type: ignore[no-untyped-call] # the package has none there
        else:
            self.registry.register(registry)
        self.registry.register(self)

    def page(self) -> tuple[bytes, str]:
        """The page and its media type."""
        from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

        return generate_latest(self.registry), CONTENT_TYPE_LATEST

    def describe(self) -> list[Any]:
        """Nothing is asked before a scrape."""
        return []

    def collect(self) -> list[Any]:
        """What the store knows."""
        with self._lock:
            if self._known is None or monotonic() - self._known[0] >= self._age:
                try:
                    found = [*self._asked(), _gauge("store_up", "Whether the store can be used.", 1)]
                except StoreError:
                    found = [_gauge("store_up", "Whether the store can be used.", 0)]
                self._known = monotonic(), found
            return self._known[1]

    def _asked(self) -> Iterator[Any]:
        self._store.health()
        outbox, now = self._store.outbox, self._clock.now()
        messages = _gauge("messages", "Messages by lane, channel and state.", labels=("lane", "channel", "state"))
        for (lane, channel, state), number in sorted(outbox.totals().items()):
            messages.add_metric((lane.name.lower(), channel, state.value), number)
        yield messages
        late = _gauge("oldest_due_seconds", "How late the first message that is due is.", labels=("lane",))
        for lane in (Lane.ORDER, Lane.EVENT, Lane.CAMPAIGN):
            due = outbox.next_due(lanes=(lane,))
            late.add_metric((lane.name.lower(),), max(0.0, (now - due).total_seconds()) if due else 0.0)
        yield late
        yield _gauge("events_waiting", "Accepted events without effects yet.", self._store.events.waiting())
        states = Counter(campaign.state for campaign in self._store.campaigns.all(_NOT_OVER))
        campaigns = _gauge("campaigns", "Campaigns that are not over, by state.", labels=("state",))
        for one in _NOT_OVER:
            campaigns.add_metric((one.value,), states[one])
        yield campaigns
        resting = _gauge("adapter_resting", "Adapters that are not well: 1 while one rests.", labels=("adapter",))
        for name, rest in self._rests.all().items():
            resting.add_metric((name,), float(rest.until is not None))
        yield resting


def _gauge(name: str, help: str, value: float | None = None, labels: tuple[str, ...] | None = None) -> Any:
    from prometheus_client.core import GaugeMetricFamily

    return GaugeMetricFamily(f"messaging_{name}", help, value, labels)
