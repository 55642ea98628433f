"""Flag, environment, file, default, in this order; a mistake says where it stands."""

from __future__ import annotations

import math
import tomllib
from datetime import timedelta
from pathlib import Path

import pytest

from messaging.errors import SettingsError
from messaging.nouns.customer import Customer
from messaging.settings import Settings
from messaging.settings_file import load_settings
from messaging.workspace.folder import make_workspace


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


def test_topics_are_named_once_or_by_language(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text('[topics]\nclub = "Our club"\noffers = {en = "Offers", pt-BR = "Ofertas"}\n', "utf-8")
    monkeypatch.setenv("MESSAGING__TOPICS__OFFERS__DE", "Angebote")
    assert load_settings(file).topics == {
        "club": {"": "Our club"},
        "offers": {"en": "Offers", "pt": "Ofertas", "de": "Angebote"},
    }


def test_a_new_workspace_names_the_topics_of_its_templates(tmp_path: Path) -> None:
    make_workspace(tmp_path / "shop")
    named = load_settings(tmp_path / "shop" / "messaging.toml").topics
    used = {
        tomllib.loads(template.read_text("utf-8"))["topic"]
        for template in (tmp_path / "shop" / "templates").glob("*/template.toml")
    }
    assert set(named) == used
    assert all(set(labels) == {"en", "de", "pt"} for labels in named.values())


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
        ("[server]\nprot = 1\n", "server.prot: there is no such setting (did you mean port?)"),
        ("[sevrer]\nport = 1\n", "sevrer: there is no such setting (did you mean server?)"),
        (
            "[channels.email]\nadaptor = 'smtp'\n",
            "channels.email.adaptor: there is no such setting (did you mean adapter?)",
        ),
        ("[brand]\nfrom_ = 'a@example.com'\n", "brand.from_: there is no such setting (did you mean from?)"),
        ("[plugins]\nof = ['email']\n", "plugins: of is no setting: a plugin's own are a table, [plugins.of]"),
        ("server = 1\n", "server: must be a table (write [server] above it)"),
        ("[sending]\nrate = 5\n", "sending.rate: must be a table (write [sending.rate] above it)"),
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


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("brand.from", "Shop\nBcc: x@example.com <a@example.com>", "must be on one line, without control characters"),
        ("brand.from", "Shop <a@example.com>\x7f", "must be on one line, without control characters"),
        ("brand.from", "a@example.com, b@example.com", "must be one address"),
        ("brand.from", "Shop <shop>", "not an email address"),
        ("brand.from", "", "must be one address"),
        ("brand.reply_to", "nobody", "not an email address"),
        ("brand.name", "A\tshop", "must be on one line"),
        ("brand.phone", "1\r\n2", "must be on one line"),
        ("brand.url", "shop.example", "must be an address of the web"),
        ("brand.url", "https://", "must be an address of the web"),
        ("brand.contact_url", "javascript:alert(1)", "must be an address of the web"),
        ("brand.logo_url", "mailto:a@example.com", "must be an address of the web"),
        ("brand.currency", "EURO", "is no currency: write its ISO 4217 code, like EUR"),
        ("brand.currency", "XYZ", "is no currency"),
        ("brand.locale", "german!", "not a language tag"),
        ("brand.timezone", "Mars/Olympus", "not a time zone"),
        ("brand.country", "Ruritania", "is no country: write its two letters, like AT"),
        ("brand.country", "XX", "is no country"),
        ("server.base_url", "mail.shop.example", "must be an address of the web"),
        ("server.base_url", "https://shop.example:70000", "must be an address of the web"),
        ("server.base_url", "https://shop.example/?a=b", "must have no ?, # or @"),
        ("server.port", 70000, "less than or equal to 65535"),
        ("server.port", -1, "greater than or equal to 0"),
        ("server.max_body", 0, "greater than or equal to 1"),
        ("sending.attempts", 0, "greater than or equal to 1"),
        ("sending.attempts", 10_001, "less than or equal to 10000"),
        ("sending.backoff", -5, "must be from 0 to 10 years"),
        ("sending.backoff_max", "200000 days", "must be from 0 to 10 years"),
        ("sending.timeout", 0, "must be more than 0"),
        ("sending.message_late", "0 days", "must be more than 0"),
        ("sending.rate", {"smtp": -1.0}, "smtp must have a number from 0.0001 to 1,000,000, or 0 for no limit"),
        ("sending.rate", {"smtp": math.nan}, "smtp must have a number from"),
        ("sending.rate", {"smtp": math.inf}, "smtp must have a number from"),
        ("sending.rate", {"smtp": 1e308}, "smtp must have a number from"),
        ("sending.rate", {"smtp": 1e-300}, "smtp must have a number from"),
        ("sending.rate", {"smtp": True}, "smtp must have a number from"),
        ("sending.rate", {"smtp": False}, "smtp must have a number from"),
        ("retention.content", -1, "must be from 0 to 10 years"),
    ],
)
def test_a_value_that_cannot_be(file: Path, setting: str, value: object, message: str) -> None:
    section, _, name = setting.partition(".")
    with pytest.raises(SettingsError) as raised:
        load_settings(file, {section: {name: value}})
    assert str(raised.value).startswith(f"{file}: {setting}: ")
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("setting", "value", "kept"),
    [
        ("brand.from", "Müller & Co <shop@müller.example>", "Müller & Co <shop@müller.example>"),
        ("brand.reply_to", "", None),
        ("brand.contact_url", "mailto:help@example.com", "mailto:help@example.com"),
        ("brand.contact_url", "", None),
        ("brand.currency", "chf", "CHF"),
        ("brand.locale", "de_at", "de-AT"),
        ("brand.timezone", "europe/vienna", "Europe/Vienna"),
        ("brand.country", "Austria", "AT"),
        ("server.base_url", "https://[::1]:8400/mail", "https://[::1]:8400/mail"),
        ("server.port", 0, 0),
        ("sending.rate", {"smtp": 0}, {"smtp": 0}),
        ("sending.rate", {"smtp": "0.0001", "mailbox": 1_000_000}, {"smtp": 0.0001, "mailbox": 1_000_000}),
        ("retention.content", "0 days", timedelta()),
    ],
)
def test_a_value_in_the_form_we_keep(file: Path, setting: str, value: object, kept: object) -> None:
    section, _, name = setting.partition(".")
    settings = load_settings(file, {section: {name: value}})
    assert getattr(getattr(settings, section), "from_" if name == "from" else name) == kept


def test_a_file_that_is_not_utf_8(file: Path) -> None:
    file.write_bytes('[brand]\nname = "Café"\n'.encode("latin-1"))
    with pytest.raises(SettingsError, match=r"messaging\.toml, line 2: not UTF-8 text \(save it as UTF-8\)$"):
        load_settings(file)


def test_a_folder_instead_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="Is a directory"):
        load_settings(tmp_path)


def test_a_mistake_in_a_table_from_the_environment(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MESSAGING__SENDING__RATE", '{"smtp": "fast"}')
    with pytest.raises(SettingsError, match="^MESSAGING__SENDING__RATE: Input should be a valid number"):
        load_settings(file)


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


def test_a_variable_means_the_name_that_the_file_has(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No shell has a variable with a `-` in its name."""
    text = '[adapters.tea-shop]\nurl = "x"\n[sources.tea-shop.main]\n[sources.tea_shop.other]\n'
    file.write_text(text, "utf-8")
    monkeypatch.setenv("MESSAGING__ADAPTERS__TEA_SHOP__TOKEN", "t")
    monkeypatch.setenv("MESSAGING__SOURCES__TEA_SHOP__OTHER__SECRET", "s")
    settings = load_settings(file)
    assert settings.adapters["tea-shop"] == {"url": "x", "token": "t"}
    assert settings.sources == {"tea-shop": {"main": {}}, "tea_shop": {"other": {"secret": "s"}}}
    monkeypatch.delenv("MESSAGING__SOURCES__TEA_SHOP__OTHER__SECRET")
    monkeypatch.setenv("MESSAGING__SOURCES__TEA_SHOP__MAIN__SECRET", "s")
    file.write_text(text.replace("[sources.tea_shop.other]", ""), "utf-8")
    assert load_settings(file).sources == {"tea-shop": {"main": {"secret": "s"}}}
