"""Real brokers behind TLS: who is believed, and what is said of who is not."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import trustme

from messaging.errors import SettingsError
from messaging.nouns.work import Kind, Work
from messaging.queue.brokered import CeleryQueue
from tests.queue.test_brokered import published, waiting

pytestmark = pytest.mark.broker

ORDERS = Work(Kind.ORDERS, "email")


class Front:
    """Takes TLS connections, and brings what is in them to a broker that speaks without."""

    def __init__(self, broker: str, authority: trustme.CA, name: str) -> None:
        parts = urlsplit(broker)
        self._to = (parts.hostname, parts.port or (5672 if parts.scheme == "amqp" else 6379))
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(name).configure_cert(self._tls)
        self._listener = socket.create_server(("127.0.0.1", 0))
        port = self._listener.getsockname()[1]
        who = parts.netloc.rpartition("@")[0]
        self.url = parts._replace(
            scheme=f"{parts.scheme}s", netloc=f"{who}{'@' if who else ''}127.0.0.1:{port}", query=""
        ).geturl()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # the listener was closed
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._join, args=(connection,), daemon=True).start()

    def _join(self, connection: socket.socket) -> None:
        with (
            contextlib.suppress(OSError),  # whoever asked has hung up
            connection,
            self._tls.wrap_socket(connection, server_side=True) as inside,
            socket.create_connection(self._to) as to,
        ):
            threading.Thread(target=_carry, args=(to, inside), daemon=True).start()
            _carry(inside, to)

    def close(self) -> None:
        self._listener.close()


def _carry(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError, ValueError):  # one of the two has hung up
        while block := source.recv(65536):
            target.sendall(block)
        target.shutdown(socket.SHUT_RDWR)


class Fronts:
    def __init__(self, broker: str, folder: Path) -> None:
        self._broker = broker
        self._authority = trustme.CA()
        self._made: list[Front] = []
        self.ca = str(folder / "ca.pem")
        self._authority.cert_pem.write_to_path(self.ca)

    def url(self, *, of: str = "127.0.0.1") -> str:
        """A broker with a certificate for that name."""
        self._made.append(Front(self._broker, self._authority, of))
        return self._made[-1].url

    def close(self) -> None:
        for front in self._made:
            front.close()


@pytest.fixture
def fronts(any_broker: str, tmp_path: Path) -> Iterator[Fronts]:
    made = Fronts(any_broker, tmp_path)
    yield made
    made.close()


@contextlib.contextmanager
def queue_at(url: str, prefix: str) -> Iterator[CeleryQueue]:
    queue = CeleryQueue(url, prefix=prefix, channels=["email"])
    yield queue
    queue.close()


def connect_as_a_worker(queue: CeleryQueue) -> None:
    with queue.celery.connection_for_read() as connection:
        connection.ensure_connection(max_retries=0)


def refused(url: str, prefix: str, why: str) -> None:
    with queue_at(url, prefix) as queue:
        with pytest.raises(SettingsError, match=why):
            queue.check(10.0)
        with pytest.raises(Exception, match="CERTIFICATE_VERIFY_FAILED"):
            connect_as_a_worker(queue)


def test_who_signs_for_himself_is_not_believed(fronts: Fronts, prefix: str) -> None:
    refused(fronts.url(), prefix, "certificate is not to be trusted: (self.signed|unable to get local issuer)")


def test_nor_who_has_the_certificate_of_another(fronts: Fronts, prefix: str) -> None:
    url = fronts.url(of="other.example")
    refused(f"{url}?ssl_ca_certs={fronts.ca}", prefix, "not to be trusted: .*mismatch")


@pytest.mark.parametrize(
    ("of", "said"),
    [
        ("127.0.0.1", "ssl_ca_certs={ca}"),
        ("other.example", "ssl_ca_certs={ca}&ssl_check_hostname=false"),
        ("other.example", "ssl_cert_reqs=none"),
    ],
)
def test_who_is_believed_is_woken_by(fronts: Fronts, any_broker: str, prefix: str, of: str, said: str) -> None:
    url = f"{fronts.url(of=of)}?{said.format(ca=fronts.ca)}"
    with queue_at(url, prefix) as queue:
        queue.check(10.0)
        connect_as_a_worker(queue)
        queue.wake(ORDERS)
        published(queue)
    assert len(waiting(any_broker, prefix, ORDERS)) == 1
