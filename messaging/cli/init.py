"""`messaging init`: make a workspace."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
def init(folder: Path) -> None:
    """Make a workspace in DIR: settings, starter segments and templates, a key file.

    A fresh clone of one gets what git does not carry.
    """
    from messaging.cli.common import say
    from messaging.workspace.folder import SETTINGS, make_workspace

    cloned = (folder / SETTINGS).exists()
    workspace = make_workspace(folder)
    if cloned:
        say(f"{folder} was a workspace without keys, as git carries it: made keys.toml. Back that up.")
        return
    segments = sum(1 for _ in workspace.segments.glob("*.toml"))
    templates = sum(1 for _ in workspace.templates.glob("*/template.toml"))
    say(
        f"Made {folder} with {segments} segments and {templates} templates.\n"
        f"Next: edit {workspace.settings.name}, then\n"
        f"  cd {folder}\n"
        '  messaging customers import customers.csv --consent email --consent-source "newsletter form"\n'
        "  messaging segments list"
    )
