"""Against a plain dict: whatever is done in whatever order, memory, files and indexes agree with it."""

from __future__ import annotations

import tempfile
from collections import Counter
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from messaging.clock import FrozenClock
from messaging.stores.tinydb.rows import Groups, MarkedGroups, Ordered, OrderedGroups, Tally, merged
from messaging.stores.tinydb.storage import JournalStorage
from messaging.stores.tinydb.table import JournalDB

KEYS = st.sampled_from(["a", "b", "c", "é", "10"])
VALUES = st.none() | st.integers(-3, 3) | st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=3)
GROUPS = st.sampled_from(["x", "y", "Y"])
DOCUMENTS = st.fixed_dictionaries(
    {"fixed": st.just("f")}, optional={"group": GROUPS, "value": VALUES, "list": st.lists(VALUES, max_size=2)}
)
FIELDS = st.fixed_dictionaries({}, optional={"group": GROUPS | st.none(), "value": VALUES})


def _marks(document):
    return [repr(value) for value in (document.get("value"), *document.get("list", ()))]


class Opened:
    """One process's view."""

    def __init__(self, path: Path) -> None:
        self.storage = JournalStorage(path, clock=FrozenClock(datetime(2026, 3, 2, tzinfo=UTC)))
        self.groups = Groups("group", fold=str.lower)
        self.marked = MarkedGroups("group", _marks, ["value", "list"], few=1)
        self.order = Ordered()
        self.fixed = OrderedGroups("fixed")
        self.tally: Tally[str, object] = Tally(
            lambda document: (document["fixed"], document.get("group")), ["fixed", "group"]
        )
        self.table = JournalDB(self.storage).journal_table(
            "t", indexes=(self.groups, self.marked, self.order, self.fixed, self.tally), shared=("group",)
        )
        self.storage.open()

    def check(self, model: dict[str, dict[str, object]]) -> None:
        with self.storage.reading():
            assert self.table.documents == model
            assert list(self.order.after(None)) == list(self.fixed.of("f").after(None)) == sorted(model)
            assert list(self.order.after("b")) == sorted(key for key in model if key > "b")
            for group in ("x", "y"):
                members = [k for k, d in model.items() if str(d.get("group", "")).lower() == group]
                assert sorted(self.groups.of(group)) == sorted(members)
            for group in ("x", "y", "Y"):
                members = {key for key, document in model.items() if document.get("group") == group}
                for value in range(-3, 4):
                    found = self.marked.marked(group, repr(value), self.table.documents)
                    having = {key for key in members if repr(value) in _marks(model[key])}
                    assert sorted(found) == sorted(having if len(members) > 1 else members)
            assert self.tally.of("f") == Counter(document.get("group") for document in model.values())


class JournalMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "store.jsonl"
        self.opened = [Opened(self.path), Opened(self.path)]
        self.committed: dict[str, dict[str, object]] = {}
        self.model = self.committed
        self.stack: list[tuple[object, dict[str, dict[str, object]]]] = []
        self.table = self.opened[0].table

    # Inside a transaction all that is done is done by the process that began it: the first.

    @rule(which=st.integers(0, 1), key=KEYS, document=DOCUMENTS)
    def put(self, which, key, document):
        with self._changing(which) as table:
            table.put(key, document)
        self.model[key] = document

    @rule(which=st.integers(0, 1), keys=st.lists(KEYS, max_size=3), fields=FIELDS)
    def patch(self, which, keys, fields):
        with self._changing(which) as table:
            table.patch(keys, fields)
        for key in keys:
            if key in self.model:
                self.model[key] = merged(self.model[key], fields)

    @rule(which=st.integers(0, 1), keys=st.lists(KEYS, max_size=3))
    def drop(self, which, keys):
        with self._changing(which) as table:
            table.drop(keys)
        for key in keys:
            self.model.pop(key, None)

    @precondition(lambda self: len(self.stack) < 3)
    @rule()
    def begin(self):
        transaction = self.opened[0].storage.changing()
        transaction.__enter__()
        self.stack.append((transaction, self.model))
        self.model = deepcopy(self.model)

    @precondition(lambda self: self.stack)
    @rule()
    def commit(self):
        transaction, _ = self.stack.pop()
        transaction.__exit__(None, None, None)

    @precondition(lambda self: self.stack)
    @rule()
    def roll_back(self):
        transaction, self.model = self.stack.pop()
        error = RuntimeError("rolled back")
        assert not transaction.__exit__(RuntimeError, error, None)

    @precondition(lambda self: not self.stack)
    @rule(which=st.integers(0, 1))
    def compact(self, which):
        self.opened[which].storage.compact()

    @precondition(lambda self: not self.stack)
    @rule(which=st.integers(0, 1))
    def reopen(self, which):
        self.opened[which].storage.close()
        self.opened[which] = Opened(self.path)

    @precondition(lambda self: not self.stack and self.path.exists())
    @rule(length=st.integers(1, 12))
    def tear(self, length):
        whole = self.path.read_bytes()
        if whole.endswith(b"\n"):
            self.path.write_bytes(whole + b'00000000 [["'[:length])

    @invariant()
    def agree(self):
        self.opened[0].check(self.model)
        if not self.stack:
            self.opened[1].check(self.model)

    def teardown(self):
        while self.stack:
            self.commit()
        for opened in self.opened:
            opened.storage.close()
        self.folder.cleanup()

    def _changing(self, which):
        opened = self.opened[0 if self.stack else which]
        return _Changing(opened)


class _Changing:
    def __init__(self, opened):
        self.transaction = opened.storage.changing(durable=False)
        self.table = opened.table

    def __enter__(self):
        self.transaction.__enter__()
        return self.table

    def __exit__(self, *exc):
        return self.transaction.__exit__(*exc)


TestJournal = JournalMachine.TestCase
TestJournal.settings = settings(
    max_examples=60, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
