# SPDX-License-Identifier: Apache-2.0
"""Listens like the engine and plays a script instead of filtering: answers late, wrong, in part, or never.

The script says for each letter the MTA may send which steps follow it; a letter that is not in it gets the answer of a
filter that does nothing. A step is bytes to send, or one of Stall, Die, Drip. The script may be exchanged at any time
and counts from the next event on, in all connections. Knows the protocol, but neither guard nor mail.
"""
import os
import socket
import struct
import threading
import time
from dataclasses import dataclass, field

import milter_frames as m


@dataclass(frozen=True)
class Stall:
    """Neither reads nor answers until release(); what follows in the script is then said late."""


@dataclass(frozen=True)
class Die:
    """Closes; with reset=True by an RST where the socket has such a thing."""
    reset: bool = False


@dataclass(frozen=True)
class Drip:
    """Sends a byte at a time."""
    raw: bytes


@dataclass
class Connection:
    wire: m.Wire
    letters: str = ""
    mails: list = field(default_factory=list)  # payloads of MAIL
    body_bytes: int = 0
    offer: tuple = ()
    over: bool = False

    @property
    def is_session(self):
        """The guard may keep connections of its own on which no message comes."""
        return m.NEGOTIATE in self.letters


class FakeEngine:
    """claims: (version, actions, protocol) of the answer to the offer."""

    LOCKSTEP = (6, m.ADDS_HEADERS | m.CHANGES_BODY, 0)
    SILENT = (6, m.ADDS_HEADERS | m.CHANGES_BODY, m.ALL_NO_REPLY)

    def __init__(self, endpoint, script=None, claims=LOCKSTEP, backlog=128):
        self._family, self._address = m.socket_address(endpoint)
        self.script = script or {}
        self.claims = claims
        self.connections = []
        self._backlog = backlog
        self._changed = threading.Condition()
        self._released = threading.Event()
        self._threads = []
        self._listener = None

    # ---- life ----

    def start(self):
        self._released = threading.Event()
        self._listener = socket.socket(self._family)
        if self._family == socket.AF_INET:
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind(self._address)
        if self._family == socket.AF_UNIX:
            os.chmod(self._address, 0o666)
        self._listener.listen(self._backlog)
        acceptor = threading.Thread(target=self._accept, args=(self._listener,), daemon=True)
        acceptor.start()
        self._threads.append(acceptor)
        return self

    def stop(self):
        """As when the process dies: nobody listens any more and every connection ends."""
        if self._listener:
            self._listener.shutdown(socket.SHUT_RDWR)  # close alone would not wake the thread in accept()
            self._listener.close()
            self._listener = None
            if self._family == socket.AF_UNIX:
                os.unlink(self._address)
        self._released.set()
        with self._changed:
            open_ones = [one for one in self.connections if not one.over]
        for one in open_ones:
            self._shut(one)
        for thread in self._threads:
            thread.join(10)
            assert not thread.is_alive(), "a connection of the fake engine did not end"
        self._threads = []

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def release(self):
        """Ends every stall; later ones stall anew."""
        released, self._released = self._released, threading.Event()
        released.set()

    def play(self, script=None, claims=LOCKSTEP):
        self.script, self.claims = script or {}, claims

    # ---- what tests ask ----

    def sessions(self):
        with self._changed:
            return [one for one in self.connections if one.is_session]

    def wait_for(self, condition, timeout=10):
        """Until condition(self) holds; it is asked after every event."""
        until = time.monotonic() + timeout
        with self._changed:
            if not self._changed.wait_for(lambda: condition(self), max(0, until - time.monotonic())):
                raise TimeoutError(f"letters so far: {[one.letters for one in self.connections]}")

    def wait_for_letter(self, letter, count=1, timeout=10):
        self.wait_for(lambda engine: sum(one.letters.count(letter) for one in engine.connections) >= count, timeout)

    # ---- the play ----

    def _accept(self, listener):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            one = Connection(m.Wire(connection, timeout=60))
            with self._changed:
                self.connections.append(one)
                self._changed.notify_all()
            thread = threading.Thread(target=self._serve, args=(one,), daemon=True)
            thread.start()
            self._threads.append(thread)

    def _serve(self, one):
        try:
            while (event := one.wire.receive(600)) is not None:
                self._note(one, event)
                if event.letter == m.QUIT:
                    break
                if not self._answer(one, event):
                    break
        except OSError:
            pass  # the other side has gone
        with self._changed:
            one.over = True
            one.wire.close()
            self._changed.notify_all()

    def _note(self, one, event):
        with self._changed:
            one.letters += event.letter
            if event.letter == m.NEGOTIATE:
                one.offer = struct.unpack("!III", event.payload[:12])
            if event.letter == m.MAIL:
                one.mails.append(event.payload)
                one.body_bytes = 0
            if event.letter in (m.BODY, m.EOM):
                one.body_bytes += len(event.payload)
            self._changed.notify_all()

    def _answer(self, one, event):
        """False: this connection is over."""
        steps = self.script.get(event.letter)
        for step in self._usual_answer(event.letter) if steps is None else steps:
            if isinstance(step, Stall):
                self._released.wait()
            elif isinstance(step, Die):
                if step.reset:
                    one.wire.reset()
                return False
            elif isinstance(step, Drip):
                for position in range(len(step.raw)):
                    one.wire.send(step.raw[position:position + 1])
            else:
                one.wire.send(step)
        return True

    def _usual_answer(self, letter):
        if letter == m.NEGOTIATE:
            return [m.frame(m.NEGOTIATE, m.options(*self.claims))]
        if letter == m.EOM:
            return [m.frame(m.ACCEPT)]
        if letter in m.UNANSWERED or self.claims[2] & m.NO_REPLY.get(letter, 0):
            return []
        return [m.frame(m.CONTINUE)]

    def _shut(self, one):
        try:
            one.wire.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
