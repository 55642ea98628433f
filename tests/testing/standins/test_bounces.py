"""What comes back by mail."""

from __future__ import annotations

from messaging.testing.standins.bounces import bounce

KEPT = {"from": "shop@example.com", "to": "ann@example.com", "source": "Subject: Tea\r\nX-M: 1\r\n\r\nsecret\r\n"}


def test_a_delay_is_no_failure() -> None:
    report = bounce(KEPT, status="4.4.1", diagnostic="451 4.4.1 no answer")
    assert "Action: delayed" in report.as_string()


def test_the_headers_come_back_and_not_what_was_said() -> None:
    text = bounce(KEPT, status="5.1.1", diagnostic="550 no").as_string()
    assert "X-M: 1" in text
    assert "secret" not in text
    assert "To: shop@example.com" in text
