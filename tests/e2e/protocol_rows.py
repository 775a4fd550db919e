# SPDX-License-Identifier: Apache-2.0
"""Offers, sessions and rudeness of an MTA, in tables: what holds before the engine has to hold before the guard too."""
import struct
import time

import milter_frames as m
from mail_compare import compare
from mails import message, part, photo, photo_mail
from milter_client import MilterClient, split_mail

PHOTO_MAIL = photo_mail(1)
PLAIN_MAIL = message()
LARGE_PARTS = 12
_PHOTO_PART = part(photo(2))
SMALL_MAIL = photo_mail(3, size=(200, 150))
LARGE_MAIL = message(*[_PHOTO_PART] * LARGE_PARTS)  # 1.1 MB: its new body fills every usual socket buffer


def assert_replaced(outcome, mail=PHOTO_MAIL, parts=1):
    changes, problems = compare(mail, outcome.applied_to(mail))
    assert problems == [] and len(changes) == parts, (outcome.final, problems)


def assert_passed(outcome):
    assert outcome.unchanged, f"{outcome.added}, a body of {len(outcome.body or b'')} bytes"


def assert_optimizes(endpoint, mail=SMALL_MAIL, **offer):
    """A session that has nothing wrong: the other side is alive and whole."""
    with MilterClient(endpoint) as client:
        assert_replaced(client.open(**offer).send(mail), mail)
        client.finish()


def assert_optimizes_soon(endpoint):
    """The same where a loaded machine may need more than one try to keep short time-outs."""
    for _ in range(20):
        try:
            return assert_optimizes(endpoint)
        except AssertionError:
            time.sleep(0.1)
    return assert_optimizes(endpoint)


# ---- offers: version, actions, protocol, and whether a photo gets smaller ----

ALL, KNOWN = m.ALL_ACTIONS, m.ALL_PROTOCOL
# An MTA that offers no flag at all means those of version 1 (libmilter reads it so, and so does the client).
OFFERS = {
    "postfix 3.7": (6, ALL, KNOWN, True),
    "sendmail 8.17": (6, ALL, 0x1FFFFF | 0x10000000, True),
    "version 2": (2, 0x3F, 0x7F, True),
    "version 3": (3, 0x3F, 0x7F, True),
    "version 4": (4, ALL, 0x3FF, True),
    "version 5": (5, ALL, KNOWN, True),
    "version 7": (7, ALL, KNOWN, True),
    "version 99": (99, ALL, KNOWN, True),
    "every bit": (6, 0xFFFFFFFF, 0xFFFFFFFF, True),
    "lockstep": (6, ALL, 0x7F, True),
    "no SKIP": (6, ALL, KNOWN & ~m.KNOWS_SKIP, True),
    "no leading space": (6, ALL, KNOWN & ~m.LEADING_SPACE, True),
    "no NR flags": (6, ALL, KNOWN & ~m.ALL_NO_REPLY, True),
    "only NR flags": (6, ALL, m.ALL_NO_REPLY, True),
    "every event wanted": (6, ALL, KNOWN & ~m.ALL_UNWANTED, True),
    "body edits only": (6, m.CHANGES_BODY, KNOWN, True),
    "header edits only": (6, m.ADDS_HEADERS, KNOWN, False),
    "recipient edits only": (6, 0x0C, KNOWN, False),
    "no body": (6, ALL, m.UNWANTED[m.BODY] | m.UNWANTED[m.HEADER], True),
}

# ---- sessions ----


def _three_messages(client):
    for _ in range(3):
        assert_replaced(client.send(PHOTO_MAIL))


def _photo_between_plain_mails(client):
    assert_passed(client.send(PLAIN_MAIL))
    client.abort()
    assert_replaced(client.send(PHOTO_MAIL))
    client.abort()
    assert_passed(client.send(PLAIN_MAIL))


def _aborts_at_every_phase(client):
    """The abort is sent together with the next MAIL, or not sent at all."""
    for abort in (True, False):
        for stop in range(1, len(client.phases(PHOTO_MAIL)) + 1):
            for _, play in client.phases(PHOTO_MAIL)[:stop]:
                play()
            if abort:
                client.abort()
    assert_replaced(client.send(PHOTO_MAIL))


def _late_abort_in_one_piece_with_the_next_mail(client):
    client.wire.style = "joined"
    assert_replaced(client.send(PHOTO_MAIL))
    client.abort()
    assert_replaced(client.send(PHOTO_MAIL))
    for _, play in client.phases(PHOTO_MAIL)[:4]:
        play()
    client.abort()
    client.abort()
    assert_replaced(client.send(PHOTO_MAIL))


def _new_connection_after_a_message(client):
    assert_replaced(client.send(PHOTO_MAIL))


def _new_connection_within_a_message(client):
    for _, play in client.phases(PHOTO_MAIL):
        play()


def _new_connection_at_once(client):
    del client


def _last_body_bytes_with_the_end(client):
    """Version 2 allows body bytes in the end of message itself."""
    head, body = split_mail(PHOTO_MAIL)
    for _, play in client.phases(head + b"\r\n" + body[:1000])[:-1]:
        play()
    client.body(body[:60000])
    assert_replaced(client.end_message(body[60000:]))


def _chunks(size):
    def play(client):
        mail = PHOTO_MAIL if size > 50 else PLAIN_MAIL
        outcome = client.send(mail, chunk=size)
        assert_replaced(outcome) if size > 50 else assert_passed(outcome)
    return play


def _no_header_at_all(client):
    assert_passed(client.send(b"\r\n\r\ntext\r\n"))


def _no_body_at_all(client):
    assert_passed(client.send(split_mail(PHOTO_MAIL)[0] + b"\r\n"))


def _nul_bytes(client):
    assert_passed(client.send(split_mail(PHOTO_MAIL)[0] + b"\r\n" + bytes(100000)))


def _many_fields(client):
    assert_replaced(client.send(MANY_FIELDS), MANY_FIELDS)


def _header_beyond_its_limit(client):
    assert_passed(client.send(b"X-Long: " + b"x" * 60000 + b"\r\n" + PHOTO_MAIL.replace(b"\r\n", b"\r\n" + 19 * (
        b"X-Long: " + b"x" * 60000 + b"\r\n"), 1)))
    assert_replaced(client.send(PHOTO_MAIL))


def _many_recipients(client):
    assert_replaced(client.send(PHOTO_MAIL, recipients=[b"<r%d@receiver.test>" % number for number in range(500)]))


def _unknown_smtp_commands(client):
    """Postfix sends them at any moment between two others of the session."""
    if not client.unwanted(m.UNKNOWN):
        assert client.event(m.UNKNOWN, b"FOO\0") in (m.CONTINUE, None)
    for letter, play in client.phases(PHOTO_MAIL):
        play()
        if letter in (m.MAIL, m.RCPT) and not client.unwanted(m.UNKNOWN):
            assert client.event(m.UNKNOWN, b"FOO bar\0") in (m.CONTINUE, None)
    assert_replaced(client.end_message())


def _macros_of_every_kind(client):
    for letter in m.CONNECT + m.HELO + m.MAIL + m.RCPT + m.DATA + m.EOH + m.EOM + m.HEADER + m.BODY:
        client.macros(letter)
        client.macros(letter, b"i", b"x" * 2000, b"{odd", b"\xff\xfe", b"", b"", b"{v}", b"a\nb")
        client.macros(letter, b"i", b"no end")
    assert_replaced(client.send(PHOTO_MAIL))


def _large_reply_read_late(client):
    """The reply is larger than any usual buffer, and the MTA takes its time to read it."""
    for _, play in client.phases(LARGE_MAIL):
        play()
    client.raw(m.frame(m.EOM))
    client.wire.flush()
    with MilterClient(client.endpoint) as other:  # which does not hold others up
        assert_replaced(other.open().send(PHOTO_MAIL))
        other.finish()
    assert_replaced(client.outcome(), LARGE_MAIL, parts=LARGE_PARTS)


MANY_FIELDS = b"".join(b"X-Field-%d: some text\r\n" % number for number in range(1000)) + SMALL_MAIL

SESSIONS = {
    "three messages": _three_messages,
    "a photo between plain mails": _photo_between_plain_mails,
    "aborts at every phase": _aborts_at_every_phase,
    "late abort with the next MAIL": _late_abort_in_one_piece_with_the_next_mail,
    "last body bytes with the end": _last_body_bytes_with_the_end,
    "chunks of 1 byte": _chunks(1),
    "chunks of 500 bytes": _chunks(500),
    "chunks of 65535 bytes": _chunks(65535),
    "no header at all": _no_header_at_all,
    "no body at all": _no_body_at_all,
    "NUL bytes": _nul_bytes,
    "1000 fields": _many_fields,
    "header beyond its limit": _header_beyond_its_limit,
    "500 recipients": _many_recipients,
    "unknown SMTP commands": _unknown_smtp_commands,
    "macros of every kind": _macros_of_every_kind,
    "large reply read late": _large_reply_read_late,
}

# libmilter ignores the new connection's CONNECT after an ACCEPT (its state table); the guard has to see to it.
NEW_CONNECTIONS = {"after a message": _new_connection_after_a_message, "within a message": _new_connection_within_a_message,
                   "at once": _new_connection_at_once}

SESSION_OFFERS = {"full": {}, "lockstep": {"protocol": 0x7F}, "every event": {"protocol": KNOWN & ~m.ALL_UNWANTED}}

# ---- what no MTA should send: raw bytes ----

OFFER = m.frame(m.NEGOTIATE, m.options(6, ALL, KNOWN))
_LOCKSTEP = m.frame(m.NEGOTIATE, m.options(6, ALL, 0x7F))
_CLIENT = _LOCKSTEP + m.frame(m.CONNECT, b"host\0U")
_MAIL = _CLIENT + m.frame(m.MAIL, b"<a@b.test>\0")
_BODY = _MAIL + m.frame(m.HEADER, b"A\0b\0") + m.frame(m.EOH) + m.frame(m.BODY, b"text\r\n")

RUDE = {
    "nothing": b"",
    "half a length": b"\0\0",
    "half a frame": _LOCKSTEP + b"\0\0\0\x09C",
    "a web request": b"GET / HTTP/1.0\r\n\r\n",
    "noise": bytes(range(256)) * 40,
    "noise after the offer": OFFER + bytes(range(255, -1, -1)) * 40,
    "length 0": OFFER + b"\0\0\0\0",
    "length 0 first": b"\0\0\0\0" + OFFER,
    "length 0 a thousand times": OFFER + b"\0\0\0\0" * 1000,
    "length 4 G": OFFER + b"\xff\xff\xff\xffB" + b"x" * 100000,
    "length 2 G": OFFER + b"\x7f\xff\xff\xffB" + b"x" * 100000,
    "length 2 G first": b"\x80\0\0\0O" + b"x" * 1000,
    "chunk of 65536": _MAIL + m.frame(m.EOH) + m.frame(m.BODY, b"x" * 65536),
    "chunk of 1 M": _MAIL + m.frame(m.EOH) + m.frame(m.BODY, b"x" * (1 << 20)),
    "offer without payload": m.frame(m.NEGOTIATE),
    "offer of 11 bytes": m.frame(m.NEGOTIATE, b"x" * 11),
    "offer with more": m.frame(m.NEGOTIATE, m.options(6, ALL, KNOWN) + b"more than Postfix sends"),
    "offer of version 0": m.frame(m.NEGOTIATE, m.options(0, ALL, KNOWN)),
    "offer of version 1": m.frame(m.NEGOTIATE, m.options(1, 0xF, 0x3F)),
    "offer of version 4 G": m.frame(m.NEGOTIATE, m.options(0xFFFFFFFF, ALL, KNOWN)),
    "offer of nothing": m.frame(m.NEGOTIATE, m.options(6, 0, 0)),
    "two offers": OFFER + OFFER,
    "an offer within a message": _BODY + OFFER,
    "no offer": m.frame(m.CONNECT, b"host\0U") + m.frame(m.MAIL, b"<a@b.test>\0") + m.frame(m.EOM),
    "no offer but an end": m.frame(m.EOM),
    "no offer but abort": m.frame(m.ABORT) + OFFER,
    "no offer but quit": m.frame(m.QUIT) + OFFER,
    "no offer but new connection": m.frame(m.QUIT_NC) + OFFER,
    "unknown command": OFFER + m.frame("Z", b"what"),
    "unknown command within a message": _MAIL + m.frame("\x01"),
    "replies as commands": OFFER + m.frame("c") + m.frame("a") + m.frame("b", b"x") + m.frame("h", b"a\0b\0"),
    "connect without payload": _LOCKSTEP + m.frame(m.CONNECT),
    "connect without family": _LOCKSTEP + m.frame(m.CONNECT, b"host\0"),
    "connect without port": _LOCKSTEP + m.frame(m.CONNECT, b"host\x004\0"),
    "connect with nonsense for an address": _LOCKSTEP + m.frame(m.CONNECT, b"host\x004\0\x19nonsense\0"),
    "connect of no family": _LOCKSTEP + m.frame(m.CONNECT, b"host\0X\0\x19nonsense\0"),
    "MAIL without payload": _CLIENT + m.frame(m.MAIL),
    "MAIL without end": _CLIENT + m.frame(m.MAIL, b"<a@b.test>"),
    "header without payload": _MAIL + m.frame(m.HEADER),
    "header without value": _MAIL + m.frame(m.HEADER, b"A\0"),
    "header of three": _MAIL + m.frame(m.HEADER, b"A\0b\0c\0"),
    "header without name": _MAIL + m.frame(m.HEADER, b"\0\0"),
    "an empty chunk": _MAIL + m.frame(m.EOH) + m.frame(m.BODY) + m.frame(m.EOM),
    "macros without payload": OFFER + m.frame(m.MACRO),
    "macros of no event": OFFER + m.frame(m.MACRO, b"Zabc\0def\0"),
    "end after the offer": _LOCKSTEP + m.frame(m.EOM),
    "end after connect": _CLIENT + m.frame(m.EOM),
    "body before MAIL": _CLIENT + m.frame(m.BODY, b"x"),
    "header before MAIL": _CLIENT + m.frame(m.HEADER, b"A\0b\0"),
    "header after body": _BODY + m.frame(m.HEADER, b"A\0b\0") + m.frame(m.EOM),
    "end of headers twice": _MAIL + m.frame(m.EOH) + m.frame(m.EOH) + m.frame(m.EOM),
    "body without end of headers": _MAIL + m.frame(m.BODY, b"x") + m.frame(m.EOM),
    "MAIL twice": _MAIL + m.frame(m.MAIL, b"<c@d.test>\0") + m.frame(m.EOM),
    "end twice": _BODY + m.frame(m.EOM) + m.frame(m.EOM),
    "connect twice": _CLIENT + m.frame(m.CONNECT, b"host\0U") + m.frame(m.MAIL, b"<a@b.test>\0"),
    "connect within a message": _BODY + m.frame(m.CONNECT, b"host\0U") + m.frame(m.EOM),
    "everything at once, in lockstep": _BODY * 20,
    "aborts": _MAIL + m.frame(m.ABORT) * 5000,
    "new connections": _BODY + m.frame(m.QUIT_NC) * 1000,
    "after quit": _BODY + m.frame(m.QUIT) + _BODY,
}

# The answers that could follow RUDE bytes at all.
POLITE_ANSWERS = m.NEGOTIATE + m.CONTINUE + m.ACCEPT + m.SKIP


def say_rude(endpoint, raw, style="frame"):
    """Says it, closes its own half, and reads what there is to read until the other side has closed too."""
    with MilterClient(endpoint, style) as client:
        client.raw(raw)
        try:
            client.wire.half_close()
        except OSError:
            pass  # the other side was quicker
        answers = "".join(one.letter for one in client.wire.rest_until_end())
    assert not set(answers) - set(POLITE_ANSWERS), answers
    assert len(answers) <= answers_at_most(raw), answers


def answers_at_most(raw):
    """How many of these frames could have an answer."""
    count = 0
    while len(raw) >= 5:
        size = struct.unpack("!I", raw[:4])[0]
        count += raw[4:5].decode("latin-1") not in m.UNANSWERED
        raw = raw[4 + max(size, 0):]
    return count


# ---- ways to go ----

LEAVE = {"close": lambda client: client.wire.close(), "reset": lambda client: client.wire.reset(), "half close": None}


def leave_at(endpoint, phase, way, mail=PHOTO_MAIL):
    """Goes after the event of that letter was sent, without reading its answer; NEGOTIATE: right after the offer."""
    client = MilterClient(endpoint)
    if phase == m.NEGOTIATE:
        client.raw(OFFER)
    else:
        client.negotiate()
        _play_until(client, phase, mail)
    if way != "half close":
        LEAVE[way](client)
        return ""
    client.wire.half_close()
    answers = "".join(one.letter for one in client.wire.rest_until_end())
    client.wire.close()
    return answers


def _play_until(client, phase, mail):
    client.wire.style = "joined"  # so that the last one is not waited for
    if phase == m.CONNECT:
        client.raw(m.frame(m.CONNECT, b"host\0U"))
        return
    client.connect()
    client.helo()
    for letter, play in client.phases(mail):
        if letter == phase:
            client.raw(m.frame(letter, {m.MAIL: b"<a@b.test>\0", m.HEADER: b"A\0b\0", m.BODY: b"text"}.get(letter, b"")))
            return
        play()
    client.raw(m.frame(m.EOM))


LEAVING_PHASES = m.NEGOTIATE + m.CONNECT + m.MAIL + m.HEADER + m.EOH + m.BODY + m.EOM
