"""What a promotion must show is one rule: `templates check` says it, and no door to customers lets it through."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from messaging.errors import TemplateError
from messaging.rendering.check import check
from messaging.settings import brand_values

WAY_OUT = "a marketing message must carry a way to unsubscribe"
ADDRESS = "a marketing message must carry the postal address"
PERSON = "it does not say how to reach a person"

HTML = {
    WAY_OUT: "<p>{{ brand.address }} {{ brand.phone }}</p>",
    ADDRESS: '<p>{{ brand.phone }} <a href="{{ unsubscribe_url }}">no more</a></p>',
    PERSON: '<p>{{ brand.address }} <a href="{{ unsubscribe_url }}">no more</a></p>',
}
SMS = {WAY_OUT: "{{ brand.name }}: tea. {{ brand.phone }}", PERSON: "{{ brand.name }}: tea. STOP to end"}
LACKING = [*(("email", words) for words in HTML), *(("sms", words) for words in SMS), ("pigeon", WAY_OUT)]


def write(shop: Any, channel: str, words: str, *, marketing: bool = True) -> None:
    """The letter, without what `words` say."""
    kind = "marketing" if marketing else "transactional"
    trigger = '[[triggers]]\nevent = "cart.updated"\nafter = "4 hours"\n'
    head = f'class = "{kind}"\ntopic = "news"\nchannels = ["{channel}"]\n'
    shop.write_template("letter", head + ('subject = "Tea"\n' if channel == "email" else "") + trigger)
    folder = shop.workspace.templates / "letter"
    if channel == "email":
        (folder / "email.html").write_text(HTML[words], "utf-8")
    else:
        (folder / "email.html").unlink()
        (folder / f"{channel}.txt").write_text(SMS[words], "utf-8")


@pytest.mark.parametrize(("channel", "words"), LACKING)
@pytest.mark.parametrize(
    "door",
    [
        lambda shop: shop.app.campaigning.create("another", template="letter", segment="all"),
        lambda shop: shop.app.campaigning.plan("spring"),
        lambda shop: shop.app.campaigning.start("spring"),
        lambda shop: shop.app.triggers.enable("letter"),
    ],
    ids=["create", "plan", "send", "trigger"],
)
def test_what_check_refuses_goes_to_nobody(
    live_shop: Any, channel: str, words: str, door: Callable[[Any], object]
) -> None:
    live_shop.add_parrot()
    live_shop.add_customers(1)
    live_shop.app.campaigning.create("spring", template="letter", segment="all", channel="email")
    write(live_shop, channel, words)
    with pytest.raises(TemplateError) as refused:
        door(live_shop)
    assert refused.value.problem == words
    app = live_shop.app
    found = check(app.library.get("letter"), brand_values(app.settings))
    assert str(refused.value) in [str(problem).replace("error: ", "") for problem in found]
    assert app.library.version("letter"), "to look at it is no harm"


def test_an_order_message_is_not_stopped_for_it(live_shop: Any) -> None:
    write(live_shop, "email", PERSON, marketing=False)
    assert live_shop.app.library.sendable("letter")


def test_what_the_settings_leave_empty_is_told_with_the_plan(live_shop: Any) -> None:
    settings = live_shop.workspace.settings
    lines = settings.read_text("utf-8").splitlines(keepends=True)
    settings.write_text("".join(line for line in lines if not line.startswith("address")), "utf-8")
    live_shop.app = live_shop.open()
    live_shop.add_customers(1)
    live_shop.app.campaigning.create("spring", template="letter", segment="all")
    plan = live_shop.app.campaigning.plan("spring")
    assert plan.warnings == ["marketing messages carry no postal address: brand.address is not set (set it in [brand])"]
