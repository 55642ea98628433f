"""A new plugin installs and passes as it is, whichever kind; and what is not made says why."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer

from messaging.errors import InputError
from messaging.workspace.new_plugin import KINDS, Kind, make_plugin

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_made(tmp_path: Path, kind: Kind) -> None:
    folder = make_plugin("tea-shop", kind, tmp_path)
    assert folder == tmp_path / "messaging-tea-shop"
    files = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    assert files == ["README.md", "messaging_tea_shop.py", "pyproject.toml", "tests/test_tea_shop.py"]
    for file in files:
        assert "<<" not in (folder / file).read_text("utf-8"), file


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("Tea", "'Tea' is no name for a plugin (lower-case letters and digits, words joined by - or _"),
        ("3com", "is no name"),
        ("tea--shop", "is no name"),
        ("-tea", "is no name"),
        ("../tea", "is no name"),
        ("", "is no name"),
        ("t" * 41, "is no name"),
        ("messaging-tea", "'messaging-tea' says messaging twice (say tea: the package gets the rest)"),
    ],
)
def test_names_that_are_none(tmp_path: Path, name: str, problem: str) -> None:
    with pytest.raises(InputError) as caught:
        make_plugin(name, "adapter", tmp_path)
    assert problem in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_there_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "messaging-tea").symlink_to("nowhere")
    with pytest.raises(InputError, match="messaging-tea is already there"):
        make_plugin("tea", "rule", tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_it_installs_passes_and_is_found(tmp_path: Path, fresh_environment: Run, kind: Kind) -> None:
    made = fresh_environment(f"messaging plugins new tea-shop --kind {kind} --dir packages")
    assert made.returncode == 0, made.stdout
    folder = tmp_path / "packages" / "messaging-tea-shop"
    for command in (
        "python -m pip install --no-build-isolation --no-deps --disable-pip-version-check -e .",
        "python -m pytest -q -p no:cacheprovider",
        "messaging plugins check tea-shop",
    ):
        done = fresh_environment(command, folder=folder)
        assert done.returncode == 0, f"{command}\n{done.stdout}"
    listed = {
        plugin["name"]: plugin for plugin in json.loads(fresh_environment("messaging plugins list --json").stdout)
    }
    plugin = listed["tea-shop"]
    assert (plugin["distribution"], plugin["version"], plugin["state"]) == ("messaging-tea-shop", "0.1.0", "works")
    hooks = {
        "adapter": ["register_adapters"],
        "source": ["register_event_sources"],
        "rule": ["check_messages", "register_settings"],
    }
    assert plugin["hooks"] == hooks[kind]
    if kind == "adapter":
        assert [(adapter["name"], adapter["channel"]) for adapter in plugin["adapters"]] == [("tea-shop", "tea-shop")]
    again = fresh_environment("messaging plugins new tea-shop --dir elsewhere")
    assert (again.returncode, again.stdout) == (
        1,
        "messaging: 'tea-shop' is already there, from messaging-tea-shop. Take another name.\n",
    )


SETTINGS = """
[channels.pigeon]
adapter = "pigeon"

[adapters.pigeon]
url = "{url}"
token = "s3cret"
"""


@pytest.mark.slow
@pytest.mark.parametrize("drop_in", [False, True])
def test_a_campaign_goes_through_it(
    tmp_path: Path, fresh_environment: Run, httpserver: HTTPServer, drop_in: bool
) -> None:
    """Installed, or as a module in the workspace's `plugins/`."""
    httpserver.expect_request("/messages", method="POST").respond_with_json({"id": "loft-1"})
    package, shop = make_plugin("pigeon", "adapter", tmp_path), tmp_path / "shop"

    def run(command: str, folder: Path = shop) -> str:
        done = fresh_environment(command, folder=folder, MESSAGING__SERVER__BASE_URL="https://shop.example")
        assert done.returncode == 0, f"{command}\n{done.stdout}"
        return done.stdout

    run("messaging init shop", tmp_path)
    if drop_in:
        (shop / "plugins" / "pigeon.py").write_text((package / "messaging_pigeon.py").read_text("utf-8"), "utf-8")
    else:
        run("python -m pip install --no-build-isolation --no-deps --disable-pip-version-check -e .", package)
    with (shop / "messaging.toml").open("a", encoding="utf-8") as file:
        file.write(SETTINGS.format(url=httpserver.url_for("/messages")))
    (shop / "people.csv").write_text("id,addresses.pigeon\nann,roof 7\nbob,\n", "utf-8")
    template = shop / "templates" / "coo"
    template.mkdir()
    (template / "template.toml").write_text('class = "marketing"\ntopic = "news"\nchannels = ["pigeon"]\n', "utf-8")
    (template / "pigeon.txt").write_text(
        "Coo, {{ customer.id }}!\n{{ brand.contact_url }}\n{{ unsubscribe_url }}\n", "utf-8"
    )
    run('messaging customers import people.csv --consent pigeon --consent-source "at the loft"')
    run("messaging plugins check pigeon")
    run("messaging campaigns create coo --template coo --segment everyone")
    run("messaging campaigns send coo --yes")
    counts = json.loads(run("messaging messages list --campaign coo --json"))
    assert sorted((row["customer_id"], row["state"], row.get("provider_id")) for row in counts) == [
        ("ann", "sent", "loft-1"),
        ("bob", "skipped", None),
    ]
    (request, _) = httpserver.log[0]
    told = request.get_json()
    assert (told["to"], request.headers["Authorization"]) == ("roof 7", "Bearer s3cret")
    assert told["parts"]["body"].startswith("Coo, ann!\nhttps://shop.example/")
