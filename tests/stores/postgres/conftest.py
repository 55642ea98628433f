"""The store on PostgreSQL alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from messaging.stores.base import Store


@pytest.fixture
def open_store(open_postgres: Callable[[], Store]) -> Callable[[], Store]:
    """No other store is tested here."""
    return open_postgres


@pytest.fixture
def aside(postgres: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection of somebody else's."""
    with psycopg.connect(postgres, autocommit=True) as connection:
        yield connection
