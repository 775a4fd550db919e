# SPDX-License-Identifier: Apache-2.0
"""The comparison itself must find what it is there to find."""
import base64

import pytest
from mail_compare import compare


def encode(content):
    return base64.encodebytes(content).replace(b"\n", b"\r\n")


BIG, SMALL = encode(bytes(range(256)) * 8), encode(bytes(range(256)) * 4)
MAIL = (b"Received: from a\r\n\tid 1\r\nSubject: x\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed;\r\n boundary=\"b\"\r\n\r\npreamble\r\n"
        b"--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n"
        b"--b\r\nContent-Type: image/jpeg; name=a.jpg\r\nContent-Disposition: attachment; size=2048\r\n"
        b"Content-Transfer-Encoding: base64\r\n\r\n" + BIG + b"--b--\r\nepilogue\r\n")


def test_the_same_message_has_no_changes():
    assert compare(MAIL, MAIL) == ([], [])


def test_a_smaller_part_with_trace_and_size_is_fine():
    after = MAIL.replace(BIG, SMALL).replace(b"id 1", b"id 2").replace(b"Subject", b"X-Optimilter: yes\r\nSubject").replace(b"2048", b"1024")
    changes, problems = compare(MAIL, after)
    assert problems == []
    assert [(change.filename, len(change.before), len(change.after)) for change in changes] == [("a.jpg", 2048, 1024)]


def test_a_folded_transfer_encoding_is_base64_too():
    mail = MAIL.replace(b"Content-Transfer-Encoding: base64", b"Content-Transfer-Encoding:\r\n base64").replace(b"; size=2048", b"")
    assert compare(mail, mail.replace(BIG, SMALL)).problems == []


SMALLER = MAIL.replace(BIG, SMALL)
BAD = {
    "another header": SMALLER.replace(b"Subject: x", b"Subject: y"),
    "another boundary": SMALLER.replace(b"--b", b"--c").replace(b'"b"', b'"c"'),
    "text changed": SMALLER.replace(b"hello", b"hallo"),
    "preamble changed": SMALLER.replace(b"preamble", b"Preamble"),
    "epilogue lost": SMALLER.replace(b"epilogue\r\n", b""),
    "part header changed": SMALLER.replace(b"name=a.jpg", b"name=b.jpg"),
    "size= wrong": SMALLER.replace(b"size=2048", b"size=1000"),
    "size= alone": MAIL.replace(b"size=2048", b"size=1024"),
    "part grown": MAIL.replace(BIG, BIG + BIG),
    "broken base64": MAIL.replace(BIG, SMALL[:-6] + b"*\r\n"),
    "long lines": MAIL.replace(BIG, SMALL.replace(b"\r\n", b"") + b"\r\n"),
    "bare line feeds": MAIL.replace(BIG, SMALL.replace(b"\r\n", b"\n", 2)),
    "a line end more": MAIL.replace(BIG, SMALL + b"\r\n"),
    "two trace fields": SMALLER.replace(b"Subject", b"X-Optimilter: a\r\nX-Optimilter: b\r\nSubject"),
    "trace without change": MAIL.replace(b"Subject", b"X-Optimilter: a\r\nSubject"),
    "spliced with the old tail": MAIL.replace(BIG, SMALL + BIG[len(BIG) // 2:]),
    "part lost": SMALLER.replace(b"--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n", b""),
}


@pytest.mark.parametrize("name", BAD)
def test_damage_is_found(name):
    assert compare(MAIL, BAD[name]).problems
