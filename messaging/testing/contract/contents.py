"""What leaves: all of what a message says, to whom it is for, and no value where it does not belong."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from messaging.nouns.adapter import Adapter, Verdict
from messaging.testing.contract.authoring import AdapterBench
from messaging.testing.contract.bench import check_accounts, fault
from messaging.testing.contract.provider import Provider
from messaging.testing.contract.reading import says, texts

#: What customers are called, and what templates say of them.
_HOSTILE = {
    "CR LF": "Ann\r\nX-Injected: yes\r\nBcc: evil@example.com\r\n\r\n<b>injected</b>",
    "LF": "Ann\nX-Injected: yes\n\ninjected",
    "CR": "Ann\rX-Injected: yes",
    "NUL": "Ann\0Bob",
    "separators": "Ann\x0bX-Injected: yes\x85one\u2028two\u2029three",
    "bidi": "Ann \u202egnp.exe\u2066",
    "quotes": 'Ann "O\'Hara" \\ `x` \\',
    "JSON": 'Ann","to":"evil@example.com","x":{"y":["',
    "XML": "Ann</text><to>evil@example.com</to><text>]]><!--",
    "form": "Ann&to=evil@example.com&x=%26;y#z?a+b",
    "formats": "Ann {0} {name} %s %(x)s {{ 7 * 7 }} ${x} #{x} \\u0041 &#65;",
    "SMTP": "Ann\r\n.\r\nMAIL FROM:<evil@example.com>\r\nRCPT TO:<evil@example.com>\r\nDATA\r\n",
}
#: Of these an adapter may make something else, as long as all words get there.
_CONTROLS = ("CR LF", "LF", "CR", "NUL", "SMTP", "separators")
#: How long texts are: each side of what SMS, subjects, mail lines, columns of databases and APIs cut at.
_LENGTHS = (100, 200, 300, 500, 700, 1000, 1300, 1700, 2100, 3300, 5000, 10_000, 20_000, 70_000)
_TAME = "Hello Ann"
_WORD = re.compile(r"[A-Za-z]{3,}")
_BOUNDARY = re.compile(rb'(?i)multipart/[\w.+-]+\s*;(?:[^\r\n]|\r\n[ \t])*?boundary="?([^";\r\n]+)')
_PRINTED = "“Tea” – it’s ‘fine’… «so» ﬁne — 5\u00a0€ • ™ ² fünf"
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
        return [new for _, new in since(before, sent)] or sent

    def visible(self, open: Callable[..., Adapter], remote: Provider, folder: Path) -> list[bytes]:
        """What left of a harmless message; skips if nothing can be seen."""
        sent = self.left(open, remote, folder, **self.parts(_TAME))
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

    def test_odd_addresses_stay_whole(self, open: Callable[..., Adapter], remote: Provider, tmp_path: Path) -> None:
        """Those that are good, and are read as something else where they are not quoted."""
        self.visible(open, remote, tmp_path)
        channel = self.adapter.channel
        if channel == "webhook":
            pytest.skip("its addresses lead to the provider")
        to = {"email": "o'hara+tea%20x/y=z@example.com", "sms": "+12025550142"}.get(channel, "Q7x.4BLh+7q=")
        sent = self.left(open, remote, tmp_path, to=to)
        blank = to.replace("+", " ")
        if sent is not None and any(blank in texts(raw) for raw in sent):
            fault("the + of an address became a blank", "quote values: urlencode, quote(value, safe='')")
        if sent is not None and not any(says(raw, to.removeprefix("+")) for raw in sent):
            fault(f"the address {to} is not in what left", "send it as it is, or refuse it")

    def all_there(self, sent: list[bytes], parts: Any, what: str) -> None:
        for name, text in parts.items():
            if not any(says(raw, text) for raw in sent):
                fault(
                    f"{what}: {name}",
                    "send every part as it is, in UTF-8 and to its end; refuse a message with a part that cannot be "
                    "expressed: Receipt.refused(message.id, reason)",
                )

    @pytest.mark.parametrize("kind", ["all scripts", "typography", "lines", "spaces"])
    def test_texts_arrive_whole(
        self, open: Callable[..., Adapter], remote: Provider, tmp_path: Path, kind: str
    ) -> None:
        self.visible(open, remote, tmp_path)
        text = {
            "all scripts": _WORLD,
            "typography": _PRINTED,
            "lines": "One\n\nTwo\n.\n..\nFrom here\n-- \nFour",
            "spaces": "a  b\tc = d+e =3D %20 &amp; f",
        }[kind]
        parts = self.parts(text)
        sent = self.left(open, remote, tmp_path, **parts)
        if sent is not None:  # whoever says that it cannot, is right
            self.all_there(sent, parts, f"a text ({kind}) did not arrive whole")

    @pytest.mark.parametrize("word", ["tea", "чай", "🍵"])
    def test_long_texts_arrive_whole(
        self, open: Callable[..., Adapter], remote: Provider, tmp_path: Path, word: str
    ) -> None:
        """However long, each part by itself: whole or refused."""
        self.visible(open, remote, tmp_path)
        adapter, short = open(), self.parts(_TAME)
        for length in _LENGTHS:
            text = f"{f'{word} and more ' * (length // 10)}"[: length - 4] + " END"
            for name, part in {**self.parts(text), **({"subject": text} if "subject" in short else {})}.items():
                if name == "subject" and length > 2100:
                    continue  # the core lets no such subject through
                sent = self.left(lambda: adapter, remote, tmp_path, **{**short, name: part})
                if sent is not None:
                    self.all_there(sent, {name: part}, f"a text of {length} characters did not arrive whole")

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

    def test_a_boundary_is_not_to_be_guessed(
        self, open: Callable[..., Adapter], remote: Provider, tmp_path: Path
    ) -> None:
        """What stood between the parts of one message may stand in a value of the next."""
        tame = self.visible(open, remote, tmp_path)
        seen = next((found[1] for raw in tame if (found := _BOUNDARY.search(raw))), None)
        if seen is None:
            pytest.skip("what leaves has no parts with a boundary between them")
        between = f"\r\n--{seen.decode('latin-1')}\r\n"
        parts = self.parts(f'Ann{between}Content-Disposition: form-data; name="more"\r\n\r\nof it{between}')
        self.in_place(open, remote, tmp_path, tame, "the boundary of the message before", parts)

    @pytest.mark.parametrize("kind", list(_HOSTILE))
    def test_subjects_stay_in_their_place(
        self, open: Callable[..., Adapter], remote: Provider, tmp_path: Path, kind: str
    ) -> None:
        if "subject" not in self.parts("Hello"):
            pytest.skip("its messages have no subject")
        tame = self.visible(open, remote, tmp_path)
        parts = {**self.parts(_TAME), "subject": _HOSTILE[kind]}
        self.in_place(open, remote, tmp_path, tame, f"{kind}, in the subject", parts)

    @pytest.mark.parametrize("kind", list(_HOSTILE))
    def test_addresses_stay_in_their_place(
        self, open: Callable[..., Adapter], remote: Provider, tmp_path: Path, kind: str
    ) -> None:
        if self.adapter.channel in ("email", "sms", "webhook"):
            pytest.skip("the core lets no such address through on this channel")
        tame = self.visible(open, remote, tmp_path)
        fields = {**self.parts(_TAME), "to": f"../../../admin?x=1&y=2#{_HOSTILE[kind]}"}
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
        """What left of a hostile message is built like a harmless one and holds all its words, or it was refused."""
        before = self.sent(remote, folder)
        sent = self.left(open, remote, folder, **fields)
        if sent is None:
            return
        grown = any(more for more, _ in since(before, self.sent(remote, folder)))
        free = not remote.asked_for and not grown  # files of their own: at their end a value may be as it likes
        alike = len(sent) == len(tame) and all(
            self.built_alike(*(without_ends(one, other, self.parts(_TAME), fields) if free else (one, other)))
            for one, other in zip(tame, sent, strict=True)
        )
        if not alike:
            fault(
                f"a customer's value ({kind}) changed how the request is built",
                "never put requests together from text: json.dumps, urlencode, quote(value, safe=''), csv.writer, an "
                "XML writer, EmailMessage; draw the boundary between parts anew each time (secrets.token_hex); refuse "
                "what cannot be written. In a protocol of lines, a line break begins a line of its own",
            )
        for name, value in fields.items():
            lost = next((word for word in _WORD.findall(value) if not any(says(raw, word) for raw in sent)), None)
            if lost is not None and name != "to":
                fault(
                    f"a customer's value ({kind}) did not arrive whole: {name}, from {lost!r} on",
                    "a line break, or a NUL, ends no value: send all of it, or refuse it",
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


def since(before: Sequence[bytes], after: Sequence[bytes]) -> list[tuple[bool, bytes]]:
    """What is there that was not; of what grew (True), what was added."""
    old, new = list(before), []
    for raw in after:
        if raw in old:
            old.remove(raw)
        else:
            new.append(raw)
    found = []
    for raw in new:
        former = max((each for each in old if each and raw.startswith(each)), key=len, default=b"")
        found.append((bool(former), raw[len(former) :]))
    return found


def without_ends(tame: bytes, other: bytes, calm: Mapping[str, str], fields: Mapping[str, str]) -> tuple[bytes, bytes]:
    """Both without the value that they end with, if it is the same one's in both."""
    one, two = tame.rstrip(), other.rstrip()
    for name in calm.keys() & fields.keys():
        ends = calm[name].rstrip().encode(), fields[name].rstrip().encode()
        if one.endswith(ends[0]) and two.endswith(ends[1]):
            return one.removesuffix(ends[0]), two.removesuffix(ends[1])
    return tame, other
