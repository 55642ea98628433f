"""What leaves: all of what a message says, to whom it is for, and no value where it does not belong."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from messaging.nouns.adapter import Adapter, Verdict
from messaging.testing.contract.authoring import AdapterBench
from messaging.testing.contract.bench import check_accounts, fault
from messaging.testing.contract.provider import Provider
from messaging.testing.contract.reading import says

#: What customers are called, and what templates say of them.
_HOSTILE = {
    "CR LF": "Ann\r\nX-Injected: yes\r\nBcc: evil@example.com\r\n\r\n<b>injected</b>",
    "LF": "Ann\nX-Injected: yes\n\ninjected",
    "NUL": "Ann\0Bob",
    "bidi": "Ann \u202egnp.exe\u2066",
    "quotes": 'Ann "O\'Hara" \\ `x` \\',
    "JSON": 'Ann","to":"evil@example.com","x":{"y":["',
    "XML": "Ann</text><to>evil@example.com</to><text>]]><!--",
    "form": "Ann&to=evil@example.com&x=%26;y#z?a+b",
    "formats": "Ann {0} {name} %s %(x)s {{ 7 * 7 }} ${x} #{x} \\u0041 &#65;",
    "SMTP": "Ann\r\n.\r\nMAIL FROM:<evil@example.com>\r\nRCPT TO:<evil@example.com>\r\nDATA\r\n",
}
_CONTROLS = ("CR LF", "LF", "NUL", "SMTP")
_WORLD = "Zoë Ærø Łódź Ελένη Олена שלום 北京 ﷽ 👩‍👩‍👧 e\u0301 ½€"


class Contents(AdapterBench):
    """Tests of what came to the provider, or lies in the files that were written."""

    def left(self, open: Callable[..., Adapter], remote: Provider, folder: Path, **fields: Any) -> list[bytes] | None:
        """What left of one message; None if it was refused."""
        message = self.message(1, remote, **fields)
        before = self.sent(remote, folder)
        run = self.run(open(), [message])
        check_accounts(run, [message])
        if run.of(message).verdict is not Verdict.ACCEPTED:
            return None
        sent = self.sent(remote, folder)
        return sent[len(before) :] or sent

    def visible(self, open: Callable[..., Adapter], remote: Provider, folder: Path) -> list[bytes]:
        """What left of a harmless message; skips if nothing can be seen."""
        sent = self.left(open, remote, folder, **self.parts("Hello Ann"))
        if sent is None:
            fault("a good message was not accepted", "say in accepted(self, request, id) how a good answer looks")
        if not sent:
            if remote.asked_for:
                fault(
                    "a message was accepted, and nothing came to the provider",
                    "say accepted only after the provider did",
                )
            pytest.skip("nothing can be seen of what leaves: settings() leads to no provider, and no file was written")
        return sent

    def test_to_whom_and_what(self, open: Callable[..., Adapter], remote: Provider, tmp_path: Path) -> None:
        self.visible(open, remote, tmp_path)
        parts = self.parts("Tea for Ann, and only for her")
        sent = self.left(open, remote, tmp_path, **parts)
        message = self.message(1, remote)
        if not any(self.carries(raw, message) for raw in sent or ()):
            fault("the recipient is not in what left", "send it to message.to")
        self.all_there(sent or [], parts, "a part of the message is not in what left")

    def all_there(self, sent: list[bytes], parts: Any, what: str) -> None:
        for name, text in parts.items():
            if not any(says(raw, text) for raw in sent):
                fault(
                    f"{what}: {name}",
                    "send every part as it is, in UTF-8 and to its end; refuse a message with a part that cannot be "
                    "expressed: Receipt.refused(message.id, reason)",
                )

    @pytest.mark.parametrize("kind", ["long", "all scripts", "lines", "spaces"])
    def test_texts_arrive_whole(
        self, open: Callable[..., Adapter], remote: Provider, tmp_path: Path, kind: str
    ) -> None:
        self.visible(open, remote, tmp_path)
        length = 300 if self.adapter.channel == "sms" else 20_000
        text = {
            "long": ("Tea and more tea. " * (length // 18))[: length - 7] + "THE END",
            "all scripts": _WORLD,
            "lines": "One\n\nTwo\n.\n..\nFrom here\n-- \nFour",
            "spaces": "a  b\tc = d+e =3D %20 &amp; f",
        }[kind]
        parts = self.parts(text)
        sent = self.left(open, remote, tmp_path, **parts)
        if sent is not None:  # whoever says that it cannot, is right
            self.all_there(sent, parts, f"a text ({kind}) did not arrive whole")

    @pytest.mark.parametrize("kind", list(_HOSTILE))
    def test_values_stay_in_their_place(
        self, open: Callable[..., Adapter], remote: Provider, tmp_path: Path, kind: str
    ) -> None:
        tame = self.visible(open, remote, tmp_path)
        parts = self.parts(_HOSTILE[kind])
        self.in_place(open, remote, tmp_path, tame, kind, parts)
        if kind not in _CONTROLS:
            sent = self.left(open, remote, tmp_path, **parts)
            if sent is not None:
                self.all_there(sent, parts, f"a value ({kind}) did not arrive as it was")

    @pytest.mark.parametrize("kind", list(_HOSTILE))
    def test_subjects_stay_in_their_place(
        self, open: Callable[..., Adapter], remote: Provider, tmp_path: Path, kind: str
    ) -> None:
        if "subject" not in self.parts("Hello"):
            pytest.skip("its messages have no subject")
        tame = self.visible(open, remote, tmp_path)
        parts = {**self.parts("Hello Ann"), "subject": _HOSTILE[kind]}
        self.in_place(open, remote, tmp_path, tame, f"{kind}, in the subject", parts)

    @pytest.mark.parametrize("kind", list(_HOSTILE))
    def test_addresses_stay_in_their_place(
        self, open: Callable[..., Adapter], remote: Provider, tmp_path: Path, kind: str
    ) -> None:
        if self.adapter.channel in ("email", "sms", "webhook"):
            pytest.skip("the core lets no such address through on this channel")
        tame = self.visible(open, remote, tmp_path)
        fields = {**self.parts("Hello Ann"), "to": f"../../../admin?x=1&y=2#{_HOSTILE[kind]}"}
        self.in_place(open, remote, tmp_path, tame, f"{kind}, in the address", fields)

    def in_place(
        self,
        open: Callable[..., Adapter],
        remote: Provider,
        folder: Path,
        tame: list[bytes],
        kind: str,
        fields: Mapping[str, str],
    ) -> None:
        """What left of a hostile message is built like a harmless one, or it was refused."""
        sent = self.left(open, remote, folder, **fields)
        if sent is not None and [self.shape(raw) for raw in sent] != [self.shape(raw) for raw in tame]:
            fault(
                f"a customer's value ({kind}) changed how the request is built",
                "never put requests together from text: json.dumps, urlencode, quote(value, safe=''), an XML writer, "
                "EmailMessage; refuse what cannot be written",
            )

    # What an email has beside its parts

    def test_headers_are_sent_or_refused(self, open: Callable[..., Adapter], remote: Provider, tmp_path: Path) -> None:
        self.visible(open, remote, tmp_path)
        headers = {"List-Unsubscribe": "<https://shop.example/u/tea-7>", "X-Campaign": "spring-7"}
        sent = self.left(open, remote, tmp_path, headers=headers)
        for name, value in headers.items() if sent is not None else ():
            if not any(says(raw, value) for raw in sent or ()):
                fault(
                    f"the header {name} was dropped in silence",
                    "send message.headers, or refuse a message that has some: without List-Unsubscribe mailbox "
                    "providers turn the shop's mail away",
                )

    def test_who_answers_go_to(self, open: Callable[..., Adapter], remote: Provider, tmp_path: Path) -> None:
        self.email_only()
        self.visible(open, remote, tmp_path)
        sent = self.left(open, remote, tmp_path, reply_to="Help <help-7@example.com>")
        if sent is not None and not any(says(raw, "help-7@example.com") for raw in sent):
            fault("reply_to was dropped in silence", "send it, or refuse a message that has one")

    def test_the_sender(self, open: Callable[..., Adapter], remote: Provider, tmp_path: Path) -> None:
        self.email_only()
        self.visible(open, remote, tmp_path)
        sent = self.left(open, remote, tmp_path, from_="Other shop <other-7@example.com>")
        if sent is not None and not any(says(raw, "other-7@example.com") for raw in sent):
            fault("the message's sender was dropped in silence", "send it from message.from_, or refuse it")

    @pytest.mark.parametrize("part", ["html", "text"])
    def test_a_letter_of_one_part(
        self, open: Callable[..., Adapter], remote: Provider, tmp_path: Path, part: str
    ) -> None:
        self.email_only()
        self.visible(open, remote, tmp_path)
        words = "<p>Only so 7</p>" if part == "html" else "Only so 7"
        sent = self.left(open, remote, tmp_path, **{"html": None, "text": None, part: words})
        if sent is not None and not any(says(raw, words) for raw in sent):
            fault(
                f"a letter that has only the part {part} left without it",
                "send the parts there are; refuse a message whose parts cannot be expressed",
            )

    def email_only(self) -> None:
        if self.adapter.channel != "email":
            pytest.skip("it is no email")
