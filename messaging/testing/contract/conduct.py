"""What holds all of an adapter's life, however its provider is: what it says, keeps, changes and leaves behind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from messaging.nouns.adapter import RenderedMessage
from messaging.testing.contract.authoring import AdapterBench
from messaging.testing.contract.bench import check_accounts, fault
from messaging.testing.contract.leaks import NO_ADDRESSES, check_addresses, check_secrets, stands_in
from messaging.testing.contract.life import Life, Step
from messaging.testing.contract.provider import Fate, Provider


class Conduct(AdapterBench):
    """Tests of a life that was led once for all of them."""

    led: ClassVar[Life | None] = None

    @pytest.fixture
    def life(self, remote: Provider, tmp_path: Path) -> Life:
        """It, whole."""
        own = vars(type(self))
        if own.get("led") is None:
            life = Life(self, remote)
            life.lead(tmp_path, own["at_first"])
            type(self).led = life
        led = type(self).led
        assert led is not None
        return led

    # What it lets others see

    def test_no_secret_gets_out(self, life: Life) -> None:
        if life.betrayed:
            fault(
                "an error or a log tells the right signature of a request that came with a wrong one",
                "say that it is wrong and no more: whoever reads that can sign what they like",
            )
        if not life.secrets:
            pytest.skip("its settings hold no secret (pydantic.SecretStr)")
        shown = {
            "a log": life.heard.text,
            "what was printed": life.printed.text,
            "an error": "\n".join(life.raised),
            "a receipt or the repr of the adapter": "\n".join(life.said),
            **life.shown,
        }
        check_secrets(life.secrets, shown, "a secret of the settings, or a token that was lent,")

    def test_no_address_is_logged(self, life: Life) -> None:
        given = {message.to for step in life.steps for message in step.messages}
        shown = {"a log": life.heard.text, "what was printed": life.printed.text, "an error": "\n".join(life.raised)}
        check_addresses(given | life.posted, shown)
        for where, text in shown.items():
            if any(stands_in(post, text) for post in life.posts):
                fault(f"all that the provider posted stands in {where}", NO_ADDRESSES)

    # What it does with what it is given

    def test_messages_are_left_as_they_are(self, life: Life) -> None:
        if life.messages_changed is not None:
            fault(
                f"deliver changed the messages it was given when {life.messages_changed}",
                "copy what you change: dict(message.headers)",
            )

    def test_each_message_has_one_receipt_whatever_comes(self, life: Life) -> None:
        for step in life.steps:
            try:
                check_accounts(step.run, step.messages, unusable=step.fate in (Fate.LOCKED_OUT, Fate.ODD))
            except pytest.fail.Exception as failed:
                what, _, remedy = str(failed.msg).partition("\n→ ")
                fault(f"when {step.what}: {what}", remedy)

    def test_nothing_goes_out_twice(self, life: Life) -> None:
        """Nor later, nor beside what is handed over then, nor at the end."""
        for step in life.steps:
            for what, message in self.of_others(life, step):
                if self.reached(step, message):
                    fault(
                        f"a message that was handed over when {what} went out again later, when nobody asked for it",
                        "keep no message after deliver: say try_again or unknown, and the core hands it over again",
                    )
            for message in step.messages:
                times = sum(self.carries(arrival.raw, message) for arrival in step.arrived)
                if times > 1:
                    fault(
                        f"when {step.what}, a message was handed over {times} times in one call of deliver",
                        "do not retry: say try_again or unknown, and the core retries at the right time",
                    )
        if life.late:
            fault(
                "when it was closed, something was handed over",
                "keep no message after deliver: what is under way when close() is called has its receipt already",
            )

    def of_others(self, life: Life, step: Step) -> Iterator[tuple[str, RenderedMessage]]:
        """The messages of other steps, and when those were."""
        own = {message.to for message in step.messages}
        for other in life.steps:
            yield from ((other.what, message) for message in other.messages if message.to not in own)

    def test_a_second_try_goes_out(self, life: Life) -> None:
        """What was not taken is handed over again, by the core."""
        first = life.steps[0]
        if not all(self.reached(first, message) for message in first.messages):
            pytest.skip("nothing can be seen of what leaves")
        for step in life.steps:
            again = [message for message in step.messages if message.attempt > 1]
            for message in again if step.run.raised is None else ():
                if not self.reached(step, message):
                    fault(
                        "a message that had been turned away was handed over again, and did not leave",
                        "hand it over whenever you are given it: whether it is due again is the core's business",
                    )

    def reached(self, step: Step, message: RenderedMessage) -> bool:
        """Whether a message came to the provider in that step."""
        return any(self.carries(arrival.raw, message) for arrival in step.arrived)

    # What it leaves behind

    def test_the_process_is_left_as_it_was(self, life: Life) -> None:
        if life.process_changed is not None:
            fault(
                f"it changed {life.process_changed}",
                "leave alone what belongs to the whole process, also for a moment: others work in it",
            )

    def test_everything_is_closed(self, life: Life) -> None:
        if life.left:
            fault(
                f"after close() there is still {', '.join(life.left)}",
                "give back in close() what was opened: connections, clients, files, pools, event loops, child "
                "processes; delete what was written for a moment, and keep files in self.context.workspace",
            )
