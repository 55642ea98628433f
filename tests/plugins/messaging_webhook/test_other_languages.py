"""Signatures as another language has them: Node.js, by its own cryptography and from the specification alone.

Whoever receives our requests seldom writes Python. What a text's bytes are, what base64 is and how headers are read
differs between languages, so both directions are tried: what we sign, and what a receiver signs in its reports.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from base64 import b64encode
from typing import Any

import pytest

from messaging_webhook.signing import key_of, refusal, sign

NODE = shutil.which("node")
pytestmark = pytest.mark.skipif(NODE is None, reason="Node.js is not installed")

#: Reads cases (a JSON array) from its input; says of each whether it believes the request, and what it would sign.
RECEIVER = r"""
const { createHmac, timingSafeEqual } = require('node:crypto');
const keyOf = (secret) => Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
const mac = (secret, id, timestamp, body) =>
  createHmac('sha256', keyOf(secret)).update(`${id}.${timestamp}.`).update(body).digest();
const same = (one, other) => one.length === other.length && timingSafeEqual(one, other);
let input = '';
process.stdin.setEncoding('utf8');
process.stdin.on('data', (part) => { input += part; });
process.stdin.on('end', () => {
  const answers = JSON.parse(input).map(({ secret, id, timestamp, signature, body }) => {
    const bytes = Buffer.from(body, 'base64');
    const expected = mac(secret, id, timestamp, bytes);
    const told = signature.split(' ').filter((each) => each.startsWith('v1,')).map((each) => each.slice(3));
    return {
      believed: told.some((each) => same(Buffer.from(each, 'base64'), expected)),
      signed: `v1,${expected.toString('base64')}`,
    };
  });
  process.stdout.write(JSON.stringify(answers));
});
"""

NEW, OLD = (f"whsec_{b64encode(bytes(range(start, start + size))).decode()}" for start, size in ((3, 24), (99, 64)))
NOW = 1_772_445_600
BODIES = [
    b"{}",
    b"",
    '{"name": "Zoë Łukasz 🌿 ‮ é"}'.encode(),
    b'{"total": 1.10, "id": 9007199254740993}',
    b'{"text": "line\\nline", "nul": "\\u0000", "quote": "\\""}\r\n',
    b"\xff\xfe not UTF-8 \x00",
    b"x" * 100_000,
]


def ask_node(cases: list[dict[str, Any]]) -> list[dict[str, Any]]:
    assert NODE is not None
    done = subprocess.run(
        [NODE, "-e", RECEIVER], input=json.dumps(cases), capture_output=True, text=True, timeout=60, check=True
    )
    answers: list[dict[str, Any]] = json.loads(done.stdout)
    return answers


def case(secret: str, body: bytes, signature: str, id: str = "msg_1") -> dict[str, Any]:
    encoded = b64encode(body).decode()
    return {"secret": secret, "id": id, "timestamp": str(NOW), "signature": signature, "body": encoded}


def test_node_believes_what_we_sign_and_nothing_else() -> None:
    keys = [key_of(NEW), key_of(OLD)]
    cases, expected = [], []
    for body in BODIES:
        signed = sign(keys, "msg_1", NOW, body)
        for secret, told, believed in (
            (NEW, signed, True),
            (OLD, signed, True),  # during a rotation either fits
            (OLD, sign(keys[:1], "msg_1", NOW, body), False),
            (NEW, sign(keys, "msg_2", NOW, body), False),
            (NEW, sign(keys, "msg_1", NOW + 1, body), False),
            (NEW, sign(keys, "msg_1", NOW, body + b" "), False),
        ):
            cases.append(case(secret, body, told))
            expected.append(believed)
    assert [answer["believed"] for answer in ask_node(cases)] == expected


def test_we_believe_what_node_signs() -> None:
    answers = ask_node([case(OLD, body, "") for body in BODIES])
    for body, answer in zip(BODIES, answers, strict=True):
        keys = [key_of(NEW), key_of(OLD)]
        assert answer["signed"] == sign(keys[1:], "msg_1", NOW, body)
        assert refusal(keys, "msg_1", str(NOW), answer["signed"], body, now=NOW) is None
        assert refusal(keys[:1], "msg_1", str(NOW), answer["signed"], body, now=NOW) is not None
