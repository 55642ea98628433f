"""`messaging demo`: the whole job on a small shop, by the same commands that everyone types.

Each step prints its command line and runs it. What the shop's system and the customers do, over HTTP, is done here.
"""

from __future__ import annotations

import os
import random
import re
import shlex
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email import policy
from email.parser import BytesParser
from pathlib import Path

import click

MARK = ".made-by-messaging-demo"
CAMPAIGN = "spring-letter"
_BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
_SCANNER = "BarracudaCentral-LinkProtect/1.0"


@click.command()
@click.option(
    "--dir",
    "folder",
    type=click.Path(path_type=Path),
    default=Path("demo"),
    show_default=True,
    help="The demo's workspace; an earlier demo there is replaced.",
)
@click.option("--customers", type=click.IntRange(20, 20_000), default=400, show_default=True)
@click.option("--serve", is_flag=True, help="Stay up at the end, to be looked at.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    help="Port of the public app; 0: 8400, or any that is free.",
)
def demo(folder: Path, customers: int, serve: bool, port: int) -> None:
    """Run the whole job on a small shop: no key, no question."""
    Demo(folder.resolve(), customers, port).run(serve=serve)


class Demo:
    """One run of it."""

    def __init__(self, folder: Path, customers: int, port: int) -> None:
        self.folder = folder
        self.customers = customers
        self.port = port
        self.rng = random.Random(7)
        self.now = datetime.now(UTC).replace(microsecond=0)
        #: The letter goes out two days ago, so that the clicks of today look like people's.
        self.then = self.now - timedelta(days=2)
        self.environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("MESSAGING", "SENDGRID_", "SMTP_"))
        }

    def run(self, *, serve: bool) -> None:
        from messaging.cli.demo_shop import write_shop

        self._clear()
        self._title("A workspace, customers and a year of their orders")
        self._messaging("init", os.path.relpath(self.folder), workspace=False)
        (self.folder / MARK).touch()
        self._take_ports()
        people, history = write_shop(self.folder, customers=self.customers, now=self.then - timedelta(hours=1))
        self._messaging(
            "customers",
            "import",
            people.name,
            "--consent",
            "email",
            "--consent-source",
            "demo sign-up form",
            then=True,
        )
        self._messaging("events", "import", history.name, then=True)

        self._title("Who is who")
        self._messaging("segments", "grade", then=True)
        self._messaging("segments", "list", then=True)
        for segment in ("repeat-buyers", "lapsed", "champions"):
            self._messaging("segments", "count", segment, then=True)
        self._messaging("segments", "explain", "repeat-buyers", "C00001", then=True)

        self._title("A campaign: made, planned, sent")
        self._messaging(
            "campaigns",
            "create",
            CAMPAIGN,
            "--template",
            "promotion",
            "--segment",
            "repeat-buyers",
            then=True,
        )
        self._messaging("campaigns", "plan", CAMPAIGN, then=True)
        self._messaging("campaigns", "send", CAMPAIGN, "--yes", then=True)

        self._title("An order comes in, and its confirmation goes out")
        self._messaging("triggers", "enable", "order-confirmation")
        letters = self._mails()
        with self._server() as (public, staff):
            self._order(public)
            self._title("Customers read and click; so do the scanners of their mail systems")
            self._clicks(letters)
            self._title("What came of it")
            self._messaging("report")
            click.echo(f"\nLook at the messages themselves:  {staff}/mailbox")
            click.echo(f"and at the report as a page:        {staff}/report")
            if serve:
                click.echo("Serving until you press Ctrl-C.")
                self._wait()
        if not serve:
            where = shlex.quote(os.path.relpath(self.folder))
            click.echo(f"(now:  messaging -w {where} serve   or   messaging demo --serve)")

    def _clear(self) -> None:
        if self.folder.exists() and any(self.folder.iterdir()):
            if not (self.folder / MARK).exists():
                raise click.UsageError(f"{self.folder} is not empty and no earlier demo; name another with --dir")
            shutil.rmtree(self.folder)

    def _take_ports(self) -> None:
        """Write the ports into the workspace's settings: links must lead to the server that is to come."""
        public = self.port or _free_port(8400)
        staff = _free_port(8401)
        settings = self.folder / "messaging.toml"
        text = settings.read_text("utf-8")
        ours = f'base_url = "http://127.0.0.1:{public}"\nport = {public}\nstaff_port = {staff}'
        settings.write_text(re.sub(r'base_url = "[^"]*"', ours, text, count=1), "utf-8")

    def _title(self, text: str) -> None:
        click.secho(f"\n── {text} " + "─" * max(0, 76 - len(text)), bold=True)

    def _messaging(self, *arguments: str, then: bool = False, workspace: bool = True) -> None:
        """Print a command line and run it; `then`: as of two days ago."""
        click.secho("$ messaging " + shlex.join(arguments), fg="cyan")
        environment = dict(self.environment)
        if then:
            environment["MESSAGING_NOW"] = self.then.isoformat()
        done = subprocess.run(
            [sys.executable, "-m", "messaging", *arguments],
            cwd=self.folder if workspace else None,
            env=environment,
            check=False,
        )
        if done.returncode:
            raise click.ClickException(f"that command failed (exit code {done.returncode})")

    @contextmanager
    def _server(self) -> Iterator[tuple[str, str]]:
        """`messaging serve` in a process of its own, for as long as it is needed: its two addresses."""
        click.secho("$ messaging serve", fg="cyan")
        server = subprocess.Popen(
            [sys.executable, "-m", "messaging", "serve"],
            cwd=self.folder,
            env=self.environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            yield self._addresses(server)
        finally:
            server.terminate()
            server.wait(20)
            if server.stderr is not None:
                server.stderr.close()

    def _addresses(self, server: subprocess.Popen[str]) -> tuple[str, str]:
        found: list[str] = []
        assert server.stderr is not None
        for line in server.stderr:
            click.echo(line.rstrip())
            found += re.findall(r"https?://\S+", line)
            if len(found) >= 2:
                return found[0].rstrip("/"), found[1].rstrip("/")
        raise click.ClickException("the server did not start")

    def _order(self, public: str) -> None:
        """The shop's system posts an order event, as it would over HTTP."""
        import orjson

        from messaging.cli.demo_shop import order_event
        from messaging.workspace.keys import read_keys

        event = order_event(999001, "order.placed", {"id": "C00001"}, datetime.now(UTC), self.rng)
        request = urllib.request.Request(  # noqa: S310 - our own server
            f"{public}/events",
            data=orjson.dumps(event),
            headers={
                "Content-Type": "application/json",
                "Authorization": f"Bearer {read_keys(self.folder).api_key}",
            },
        )
        headers = '-H "Authorization: Bearer …" -H "Content-Type: application/json"'
        click.secho(f"$ curl {headers} -d @order.json {public}/events", fg="cyan")
        before = set(self._mails())
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - our own server
            click.echo(f"{answer.status} {answer.read().decode()}")
        deadline = time.monotonic() + 20
        while not (new := set(self._mails()) - before):
            if time.monotonic() > deadline:
                raise click.ClickException("the confirmation did not go out within 20 seconds")
            time.sleep(0.05)
        mail = BytesParser(policy=policy.default).parsebytes(new.pop().read_bytes())
        click.echo(f"Sent to {mail['to']}: {mail['subject']}")

    def _mails(self) -> list[Path]:
        return sorted((self.folder / "mailbox").glob("*.eml"))

    def _clicks(self, letters: list[Path]) -> None:
        """Some customers follow links of the letter through the real redirect; a scanner follows all of a few."""
        from messaging.cli.common import progress

        people = scanned = 0
        for path in progress(letters, "Reading mail", len(letters)):
            mail = BytesParser(policy=policy.default).parsebytes(path.read_bytes())
            body = mail.get_body(("html",))
            links = re.findall(r'href="(https?://[^"]+/c/[^"]+)"', body.get_content()) if body else []
            if links and self.rng.random() < 0.22:
                self._follow(self.rng.choice(links), _BROWSER)
                people += 1
            elif links and self.rng.random() < 0.08:
                for link in links:
                    self._follow(link, _SCANNER)
                scanned += 1
        click.echo(f"{people} people clicked; a scanner opened every link of {scanned} messages.")

    def _follow(self, link: str, agent: str) -> None:
        request = urllib.request.Request(link, headers={"User-Agent": agent})  # noqa: S310 - our own links
        try:
            _NoRedirect.opener.open(request, timeout=10)
        except urllib.error.HTTPError as answer:
            if answer.code != 302:
                raise click.ClickException(f"a link answered {answer.code}") from None

    def _wait(self) -> None:
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            click.echo()


def _free_port(wanted: int) -> int:
    """`wanted` if nobody listens there, else one that is free."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise click.ClickException("no free port")


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """The redirect itself is enough; where it leads is not for a demo to visit."""

    opener: urllib.request.OpenerDirector

    def redirect_request(self, *args: object, **kwargs: object) -> None:
        return None


_NoRedirect.opener = urllib.request.build_opener(_NoRedirect)
