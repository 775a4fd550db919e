# SPDX-License-Identifier: Apache-2.0
"""Plays the MTA's side of the milter protocol, strictly: what a filter of ours may not say is a ProtocolViolation.

MilterClient does what Postfix does: macros before every event, no event that the filter declined, no wait for an answer
that the filter announced not to give, nothing more of a message after ACCEPT, no more body after SKIP. The methods
event() and raw() do whatever a test wants instead. Knows no Postfix, no engine and no guard.
"""
import re
import socket
import struct
import time
from collections import namedtuple

import milter_frames as m

Agreement = namedtuple("Agreement", "version actions protocol symbols")

ALLOWED_AT_END = m.ACCEPT + m.CONTINUE


class ProtocolViolation(AssertionError):
    pass


class PeerClosed(ConnectionError):
    pass


class Outcome(namedtuple("Outcome", "final added body waits")):
    """final: the letter that ended the message. added: [(name, value)]. body: the new one, or None. waits: (event,
    seconds until its answer) in order."""

    @property
    def seconds(self):
        return sum(seconds for _, seconds in self.waits)

    @property
    def unchanged(self):
        return self.body is None and not self.added

    def applied_to(self, mail):
        """The message as the MTA would pass it on."""
        head, body = split_mail(mail)
        fields = b"".join(name + b":" + value.replace(b"\n", b"\r\n") + b"\r\n" for name, value in self.added)
        return head + fields + b"\r\n" + (body if self.body is None else self.body)


def split_mail(mail):
    head, _, body = mail.partition(b"\r\n\r\n")
    return head + b"\r\n", body


def header_fields(head):
    """[(name, value)] as an MTA hands them over: folded lines end in LF, the space after the colon is still there."""
    fields = re.findall(rb"(?:^[^ \t\r\n].*\r\n(?:[ \t].*\r\n)*)", head, re.MULTILINE)
    return [(field.split(b":", 1)[0], field.split(b":", 1)[1][:-2].replace(b"\r\n", b"\n")) for field in fields]


class MilterClient:
    def __init__(self, endpoint, style="frame", timeout=10):
        self.endpoint = endpoint
        family, address = m.socket_address(endpoint)
        connection = socket.socket(family)
        connection.settimeout(timeout)
        connection.connect(address)
        self.wire = m.Wire(connection, style, timeout)
        self.agreed = None
        self.connection_over = self.message_over = self.skipping = False
        self.body_bytes = 0
        self.waits = []

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.wire.close()

    # ---- negotiation ----

    def negotiate(self, version=6, actions=m.ALL_ACTIONS, protocol=m.ALL_PROTOCOL, extra=b""):
        """Offers, and checks what comes back: nothing that was not offered."""
        self.raw(m.frame(m.NEGOTIATE, m.options(version, actions, protocol) + extra))
        reply = self._receive(m.NEGOTIATE)
        if reply.letter != m.NEGOTIATE or len(reply.payload) < 12:
            raise ProtocolViolation(f"answer to the offer: {reply}")
        self.agreed = Agreement(*struct.unpack("!III", reply.payload[:12]), reply.payload[12:])
        if self.agreed.version > min(version, 6) or self.agreed.version < 2:
            raise ProtocolViolation(f"offered version {version}, got {self.agreed.version}")
        for word, offered, got in (("actions", actions, self.agreed.actions), ("protocol", protocol, self.agreed.protocol)):
            if got & ~offered:
                raise ProtocolViolation(f"{word}: offered {offered:#x}, got {got:#x}")
        return self.agreed

    def unwanted(self, letter):
        return bool(self.agreed.protocol & m.UNWANTED.get(letter, 0))

    def answers_due(self, letter):
        """Does an answer follow this command?"""
        return letter not in m.UNANSWERED and not self.agreed.protocol & m.NO_REPLY.get(letter, 0)

    # ---- one command ----

    def raw(self, raw):
        try:
            self.wire.send(raw)
        except ConnectionError:
            pass  # what the peer said before it closed is still to be read

    def macros(self, letter, *names_and_values):
        self.raw(m.frame(m.MACRO, letter.encode() + m.strings(*names_and_values)))

    def event(self, letter, payload=b""):
        """Sends it, whatever the state; its answer's letter, or None when none is due. For all but end of message."""
        self.raw(m.frame(letter, payload))
        if not self.answers_due(letter):
            return None
        return self.answer(letter)

    def answer(self, letter):
        """Waits for the answer to an event."""
        reply = self._receive(letter)
        allowed = ALLOWED_AT_END + (m.SKIP if letter == m.BODY and self.agreed.protocol & m.KNOWS_SKIP else "")
        if reply.letter not in allowed or reply.payload:
            raise ProtocolViolation(f"answer to {letter}: {reply.letter} {reply.payload[:60]!r}")
        return reply.letter

    def _receive(self, letter):
        """The next frame; the wait for it counts for this event."""
        began = time.monotonic()
        try:
            self.wire.flush()
        except ConnectionError:
            pass
        reply = self.wire.receive()
        self.waits.append((letter, time.monotonic() - began))
        if reply is None:
            raise PeerClosed(f"closed instead of an answer to {letter}")
        return reply

    # ---- a session as Postfix has it ----

    def step(self, letter, payload=b"", macros=()):
        """An event the way Postfix does it: perhaps not at all."""
        if self.connection_over or self.message_over:
            return None
        self.macros(letter, *macros)
        if self.unwanted(letter):
            return None
        reply = self.event(letter, payload)
        if reply == m.ACCEPT:
            if letter in (m.CONNECT, m.HELO):
                self.connection_over = True
            else:
                self.message_over = True
        self.skipping = self.skipping or reply == m.SKIP
        return reply

    def connect(self, host=b"client.test", address=b"127.0.0.1"):
        return self.step(m.CONNECT, host + b"\0" + b"4" + struct.pack("!H", 4321) + address + b"\0",
                         (b"j", b"mx.test", b"{client_addr}", address, b"{daemon_name}", b"smtpd"))

    def helo(self, name=b"client.test"):
        return self.step(m.HELO, name + b"\0")

    def mail(self, sender=b"<sender@sender.test>"):
        self.message_over = self.skipping = False
        self.body_bytes = 0
        self.waits = []
        return self.step(m.MAIL, sender + b"\0", (b"{mail_addr}", sender.strip(b"<>")))

    def rcpt(self, recipient=b"<ben@receiver.test>"):
        return self.step(m.RCPT, recipient + b"\0", (b"{rcpt_addr}", recipient.strip(b"<>")))

    def data(self):
        return self.step(m.DATA, b"", (b"i", b"0123ABCD"))

    def header(self, name, value):
        """value: with the space after the colon."""
        if not self.agreed.protocol & m.LEADING_SPACE:
            value = value.removeprefix(b" ")
        return self.step(m.HEADER, name + b"\0" + value + b"\0", (b"i", b"0123ABCD"))

    def end_headers(self):
        return self.step(m.EOH, b"", (b"i", b"0123ABCD"))

    def body(self, body, chunk=m.MAX_CHUNK):
        for start in range(0, len(body), chunk):
            if self.skipping or self.message_over or self.connection_over:
                break
            self.body_bytes += len(body[start:start + chunk])
            self.step(m.BODY, body[start:start + chunk], (b"i", b"0123ABCD") if start == 0 else ())
        self.body_bytes = max(self.body_bytes, len(body))  # the MTA knows it all

    def end_message(self, payload=b""):
        """Sends end of message and takes the reply apart."""
        if self.connection_over or self.message_over:
            return Outcome(m.ACCEPT, [], None, self.waits)
        self.body_bytes += len(payload)
        self.macros(m.EOM, b"i", b"0123ABCD")
        self.raw(m.frame(m.EOM, payload))
        return self.outcome()

    def outcome(self):
        """The whole reply to an end of message that was sent: header edits, then a body, then the end."""
        added, body = [], None
        while (reply := self._receive(m.EOM)).letter not in ALLOWED_AT_END:
            if reply.letter == m.ADD_HEADER and body is None:
                added.append(self._added_header(reply.payload))
            elif reply.letter == m.REPLACE_BODY:
                self._check_body_edit(reply.payload)
                body = (body or b"") + reply.payload
            else:
                raise ProtocolViolation(f"at end of message, {'after body' if body else 'before body'}: {reply.letter} "
                                        f"{reply.payload[:60]!r}")
        if reply.payload:
            raise ProtocolViolation(f"the last reply has a payload: {reply}")
        if added and body is None:
            raise ProtocolViolation(f"a header without a new body: {added}")
        if body is not None and len(body) >= self.body_bytes:
            raise ProtocolViolation(f"new body of {len(body)} bytes for {self.body_bytes}")
        return Outcome(reply.letter, added, body, self.waits)

    def _added_header(self, payload):
        texts = payload.split(b"\0")
        if len(texts) != 3 or texts[2] or not texts[0] or not self.agreed.actions & m.ADDS_HEADERS:
            raise ProtocolViolation(f"add header: {payload!r}, agreed actions {self.agreed.actions:#x}")
        return texts[0], texts[1] if self.agreed.protocol & m.LEADING_SPACE else b" " + texts[1]

    def _check_body_edit(self, payload):
        if not self.agreed.actions & m.CHANGES_BODY:
            raise ProtocolViolation(f"a new body, agreed actions {self.agreed.actions:#x}")
        if self.skipping:
            raise ProtocolViolation("a new body after SKIP")
        if len(payload) > m.MAX_CHUNK:
            raise ProtocolViolation(f"a body chunk of {len(payload)} bytes")

    # ---- whole ones ----

    def open(self, **offer):
        """Negotiates, connects and says helo."""
        self.negotiate(**offer)
        self.connect()
        self.helo()
        return self

    def phases(self, mail, recipients=(b"<ben@receiver.test>",), chunk=m.MAX_CHUNK):
        """[(event, what to call)] of a message, up to its end, for tests that stop in between."""
        head, body = split_mail(mail)
        return [(m.MAIL, self.mail), *((m.RCPT, lambda name=name: self.rcpt(name)) for name in recipients),
                (m.DATA, self.data),
                *((m.HEADER, lambda field=field: self.header(*field)) for field in header_fields(head)),
                (m.EOH, self.end_headers), (m.BODY, lambda: self.body(body, chunk))]

    def send(self, mail, **options):
        """A whole message; its Outcome."""
        for _, play in self.phases(mail, **options):
            play()
        return self.end_message()

    def abort(self):
        self.raw(m.frame(m.ABORT))

    def quit_nc(self):
        """The client has gone, but the connection serves the next one."""
        self.raw(m.frame(m.QUIT_NC))
        self.connection_over = self.message_over = False

    def finish(self):
        """Ends the session as Postfix does, and sees that not one answer too many was given."""
        for letter in (m.ABORT, m.ABORT, m.QUIT):
            self.raw(m.frame(letter))
        extra = self.wire.rest_until_end()
        if extra:
            raise ProtocolViolation(f"{len(extra)} answers too many: {extra[:3]}")
        self.wire.close()
