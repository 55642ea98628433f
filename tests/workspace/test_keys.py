"""Keys change, and links that were sent go on working as far as they should."""

from __future__ import annotations

import secrets
from pathlib import Path

from messaging.errors import TokenError
from messaging.ids import digest
from messaging.rules.tokens import LinkSigner, Purpose, SigningKeys, read_token
from messaging.workspace.keys import make_keys, read_keys


def keys_of(folder: Path) -> SigningKeys:
    keys = read_keys(folder)
    return SigningKeys(current=keys.current, keys=keys.signing, retired=keys.retired)


def working(folder: Path, links: dict[Purpose, str]) -> set[Purpose]:
    """Which of `links` the workspace's keys still take for ours."""
    found = set()
    for purpose, url in links.items():
        try:
            read_token(keys_of(folder), purpose, url.rpartition("/")[2])
        except TokenError:
            continue
        found.add(purpose)
    return found


def links_of(folder: Path) -> dict[Purpose, str]:
    signed = LinkSigner(keys_of(folder), "").for_message(digest("message"), digest("version"))
    return {
        Purpose.CLICK: signed.click(1, 0, None),
        Purpose.UNSUBSCRIBE: signed.unsubscribe(),
        Purpose.PREFERENCES: signed.preferences(),
    }


def test_a_key_is_changed_as_the_file_says(tmp_path: Path) -> None:
    make_keys(tmp_path)
    file, old = tmp_path / "keys.toml", links_of(tmp_path)
    text = file.read_text("utf-8").replace("current = 1", "current = 2") + f'2 = "{secrets.token_hex(32)}"\n'
    file.write_text(text, "utf-8")
    new = links_of(tmp_path)
    assert new[Purpose.CLICK] != old[Purpose.CLICK]
    assert working(tmp_path, old) == working(tmp_path, new) == set(old)

    # It leaked: whoever has it could lead readers anywhere from the shop's own address.
    file.write_text(text.replace("# retired", "retired = [1] #"), "utf-8")
    assert working(tmp_path, old) == {Purpose.UNSUBSCRIBE, Purpose.PREFERENCES}
    assert working(tmp_path, new) == set(new)

    file.write_text("\n".join(line for line in text.splitlines() if not line.startswith("1 =")), "utf-8")
    assert working(tmp_path, old) == set()
    assert working(tmp_path, new) == set(new)


def test_the_app_signs_and_reads_with_them(live_shop) -> None:
    file = live_shop.workspace.root / "keys.toml"
    text = file.read_text("utf-8").replace("current = 1", "retired = [1]\ncurrent = 2")
    file.write_text(text + f'2 = "{secrets.token_hex(32)}"\n', "utf-8")
    keys = live_shop.open().signing_keys
    assert (keys.current, set(keys.keys), keys.retired) == (2, {1, 2}, {1})
