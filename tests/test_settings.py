"""Flag, environment, file, default, in this order; a mistake says where it stands."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from messaging.errors import SettingsError
from messaging.nouns.customer import Customer
from messaging.settings import Settings, load_settings


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "messaging.toml"
    path.write_text('[server]\nport = 1111\n[brand]\nname = "From file"\nfrom = "a@example.com"\n', "utf-8")
    return path


def test_order_of_precedence(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings(file).server.port == 1111
    assert load_settings(file).server.staff_port == Settings().server.staff_port
    monkeypatch.setenv("MESSAGING__SERVER__PORT", "2222")
    assert load_settings(file).server.port == 2222
    assert load_settings(file, {"server": {"port": 3333}}).server.port == 3333
    assert load_settings(file).brand.from_ == "a@example.com"


@pytest.mark.parametrize(
    ("variable", "value", "path", "expected"),
    [
        ("MESSAGING__SERVER__BASE_URL", "https://x.example", ("server", "base_url"), "https://x.example"),
        ("MESSAGING__SERVER__ALLOW_INSECURE_LINKS", "true", ("server", "allow_insecure_links"), True),
        ("MESSAGING__STORE__URL", "tinydb:x.jsonl", ("store", "url"), "tinydb:x.jsonl"),
        ("MESSAGING__BRAND__FROM", "b@example.com", ("brand", "from_"), "b@example.com"),
        ("MESSAGING__SENDING__BACKOFF", "5 minutes", ("sending", "backoff"), timedelta(minutes=5)),
        ("MESSAGING__PLUGINS__OFF", '["a", "b"]', ("plugins", "off"), ("a", "b")),
    ],
)
def test_every_setting_has_an_environment_name(
    file: Path,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    value: str,
    path: tuple[str, str],
    expected: object,
) -> None:
    monkeypatch.setenv(variable, value)
    assert getattr(getattr(load_settings(file), path[0]), path[1]) == expected


def test_channels_adapters_and_attributes_have_names_of_their_own(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MESSAGING__CHANNELS__EMAIL__ADAPTER", "smtp")
    monkeypatch.setenv("MESSAGING__ADAPTERS__SMTP__HOST", "mail.example")
    monkeypatch.setenv("MESSAGING__SENDING__RATE__SMTP", "2.5")
    settings = load_settings(file)
    assert settings.adapter_for("email") == "smtp"
    assert settings.adapters == {"smtp": {"host": "mail.example"}}
    assert settings.sending.rate == {"smtp": 2.5}


def test_a_customer_may_go_by_their_id_where_the_channel_says_so(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ann = Customer(id="ann", email="ann@example.com", addresses={"push": "t-1"})
    monkeypatch.setenv("MESSAGING__CHANNELS__WEBHOOK__BY_ID", "true")
    monkeypatch.setenv("MESSAGING__CHANNELS__PUSH__BY_ID", "true")
    settings = load_settings(file)
    told = {channel: settings.address_of(ann, channel) for channel in ("email", "sms", "push", "webhook", "fax")}
    assert told == {"email": "ann@example.com", "sms": None, "push": "t-1", "webhook": "ann", "fax": None}


def test_only_email_has_an_adapter_by_default() -> None:
    assert Settings().adapter_for("email") == "mailbox"
    assert Settings().adapter_for("sms") is None


def test_a_plugin_has_its_own_table(file: Path) -> None:
    file.write_text("[plugins.rules]\nquiet = true\n", "utf-8")
    settings = load_settings(file)
    assert settings.plugins.of("rules") == {"quiet": True}
    assert settings.plugins.of("others") == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[server]\nprot = 1\n", "server.prot: there is no such setting"),
        ('[server]\nport = "many"\n', "server.port: Input should be a valid integer"),
        ("[server]\nport = 99999\n", "server.port: Input should be less than or equal to 65535"),
        ('[sending]\nbackoff = "soon"\n', "sending.backoff: 'soon' is not a duration"),
        (
            '[attributes]\nvip = "maybe"\n',
            "attributes.vip: Input should be 'text', 'number', 'boolean' or 'date'",
        ),
        ('[outgoing]\nallow_private = ["10.0.0.1/8"]\n', "outgoing.allow_private: must be networks"),
        ('[outgoing]\nallow_private = ["localhost"]\n', "outgoing.allow_private: must be networks"),
        ('[outgoing]\nproxy = "https://proxy.example"\n', "outgoing.proxy: must be like http://proxy.example:3128"),
        ("[server\n", "Expected ']'"),
        ("\ufeff[server]\nport = 0\nport = 1\n", "Cannot overwrite"),
    ],
)
def test_a_mistake_in_the_file_says_where(file: Path, text: str, message: str) -> None:
    file.write_text(text, "utf-8")
    with pytest.raises(SettingsError) as raised:
        load_settings(file)
    assert message in str(raised.value)
    assert str(file) in str(raised.value)


def test_a_mistake_in_the_environment_names_the_variable(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MESSAGING__SERVER__PORT", "many")
    with pytest.raises(SettingsError, match="^MESSAGING__SERVER__PORT: Input should be a valid integer"):
        load_settings(file)
    monkeypatch.delenv("MESSAGING__SERVER__PORT")
    monkeypatch.setenv("MESSAGING__BRAND__NAME__X", "1")
    with pytest.raises(SettingsError, match="MESSAGING__BRAND__NAME__X: 'name' is a value"):
        load_settings(file)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no settings at"):
        load_settings(tmp_path / "messaging.toml")
