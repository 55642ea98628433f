"""`messaging templates test`: do triggers send what their tests say?"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from messaging.cli.common import counted, json_option, pass_app, print_json, progress, say
from messaging.errors import MessagingError

if TYPE_CHECKING:
    from messaging.app import Messaging


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@json_option
@pass_app
def test(app: Messaging, names: tuple[str, ...], as_json: bool) -> None:
    """Run the tests beside templates (tests.toml), of all or of those named: events, waiting, what is then sent."""
    from messaging.rehearsing.template_tests import run_template_tests

    chosen = list(dict.fromkeys(names)) or app.library.names()
    results = [result for name in progress(chosen, "Testing", len(chosen)) for result in run_template_tests(app, name)]
    failed = [result for result in results if result.problem is not None]
    if as_json:
        print_json({"passed": len(results) - len(failed), "failed": len(failed), "tests": list(map(asdict, results))})
    else:
        for result in failed:
            click.echo(f"{result.template}: {result.test}: step {result.step}: {result.problem}")
        if not results:
            say("There are no tests. Write tests.toml beside a template; docs/templates.md says how.")
        else:
            say(f"{counted(len(results) - len(failed), 'test')} passed.")
    if failed:
        raise MessagingError(f"{counted(len(failed), 'test')} failed")
