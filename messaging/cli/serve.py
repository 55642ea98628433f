"""`messaging serve`: both web apps, and sending what is due."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from messaging.cli.common import pass_app, say

if TYPE_CHECKING:
    from messaging.app import Messaging


@click.command()
@click.option("--host", help="Where to listen; elsewhere than on 127.0.0.1 the staff pages want the staff password.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port of the public app; 0 takes any that is free.")
@click.option("--staff-port", type=click.IntRange(0, 65535), help="Port of the staff app.")
@pass_app
def serve(app: Messaging, host: str | None, port: int | None, staff_port: int | None) -> None:
    """Serve links, events and the staff pages, and send what is due, until stopped."""
    from messaging.logs import speak_alike
    from messaging.server.run import serve as run

    speak_alike(app)
    server = app.settings.server

    def announce(public: str, staff: str) -> None:
        say(f"Links and events: {public}")
        say(f"Staff pages:      {staff}")
        base = urlsplit(server.base_url)
        if base.hostname in ("127.0.0.1", "localhost") and f"http://{base.netloc}" != public:
            say(f"Note: links in messages lead to {server.base_url}, as [server] base_url says.")

    run(
        app,
        host=host or server.host,
        port=server.port if port is None else port,
        staff_port=server.staff_port if staff_port is None else staff_port,
        announce=announce,
    )
