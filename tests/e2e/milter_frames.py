# SPDX-License-Identifier: Apache-2.0
"""Words and frames of the milter protocol, for both of its ends: a frame is a length of four bytes, a letter and a
payload; the length counts the letter. Knows nothing of who may say what when."""
import random
import socket
import struct
import time
from collections import deque, namedtuple

Frame = namedtuple("Frame", "letter payload")

# What the MTA sends.
NEGOTIATE, MACRO, ABORT, QUIT, QUIT_NC = "ODAQK"
CONNECT, HELO, MAIL, RCPT, DATA, HEADER, EOH, BODY, EOM, UNKNOWN = "CHMRTLNBEU"
UNANSWERED = MACRO + ABORT + QUIT + QUIT_NC

# What the filter sends.
ACCEPT, CONTINUE, SKIP, PROGRESS, ADD_HEADER, REPLACE_BODY = "acsphb"
REJECT, TEMPFAIL, DISCARD, REPLY_CODE, SHUTDOWN, CONNECTION_FAILS = "rtdy4f"
CHANGE_HEADER, INSERT_HEADER, ADD_RCPT, DELETE_RCPT, CHANGE_FROM, QUARANTINE = "mi+-eq"

# Actions.
ADDS_HEADERS, CHANGES_BODY, SETS_SYMBOLS = 0x01, 0x02, 0x100
ALL_ACTIONS = 0x1FF  # as Postfix 3.7 offers it
# Protocol flags: the events that the filter does not want, ...
UNWANTED = {CONNECT: 0x1, HELO: 0x2, MAIL: 0x4, RCPT: 0x8, BODY: 0x10, HEADER: 0x20, EOH: 0x40, UNKNOWN: 0x100, DATA: 0x200}
# ... and those that it does not answer.
NO_REPLY = {HEADER: 0x80, CONNECT: 0x1000, HELO: 0x2000, MAIL: 0x4000, RCPT: 0x8000, DATA: 0x10000, UNKNOWN: 0x20000,
            EOH: 0x40000, BODY: 0x80000}
KNOWS_SKIP, LEADING_SPACE = 0x400, 0x100000
ALL_UNWANTED, ALL_NO_REPLY = sum(UNWANTED.values()), sum(NO_REPLY.values())
ALL_PROTOCOL = 0x1FFFFF

MAX_CHUNK = 65535


def frame(letter, payload=b""):
    return struct.pack("!I", len(payload) + 1) + letter.encode("latin-1") + payload


def options(version, actions, protocol):
    return struct.pack("!III", version, actions, protocol)


def strings(*texts):
    return b"".join(text + b"\0" for text in texts)


def body_frames(body, chunk=MAX_CHUNK):
    """A body as a run of REPLBODY frames."""
    return b"".join(frame(REPLACE_BODY, body[start:start + chunk]) for start in range(0, len(body), chunk))


def socket_address(endpoint):
    """(family, address) of "unix:/path" or Postfix's "inet:host:port"."""
    kind, _, place = endpoint.partition(":")
    if kind == "unix":
        return socket.AF_UNIX, place
    host, port = place.rsplit(":", 1)
    return socket.AF_INET, (host, int(port))


class Wire:
    """A connection with a way of cutting what it sends. All waits are bounded by timeout.

    frame    a send() a frame
    parts    length, letter and payload each by itself
    bytes    a send() a byte
    joined   as late as possible and all at once: before an answer is waited for
    cut      as joined, in pieces of random sizes
    """
    STYLES = ("frame", "parts", "bytes", "joined", "cut")

    def __init__(self, connection, style="frame", timeout=10):
        assert style in self.STYLES
        self.socket = connection
        self.socket.settimeout(timeout)
        self.timeout = timeout
        if connection.family == socket.AF_INET:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.style = style
        self._chance = random.Random(7)
        self._late = b""
        self._arrived = b""
        self._frames = deque()

    def send(self, raw):
        """raw: usually one frame, but any bytes do."""
        if self.style in ("joined", "cut"):
            self._late += raw
            return
        ends = {"frame": [len(raw)], "parts": [4, 5, len(raw)], "bytes": range(1, len(raw) + 1)}[self.style]
        self._send_pieces(raw, ends)

    def _send_pieces(self, raw, ends):
        begin = 0
        for end in ends:
            if raw[begin:end]:
                self.socket.sendall(raw[begin:end])
            begin = end

    def flush(self):
        late, self._late = self._late, b""
        ends = [len(late)]
        if self.style == "cut" and late:
            ends = sorted(self._chance.sample(range(1, len(late) + 1), min(len(late), 60)) + ends)
        self._send_pieces(late, ends)

    def receive(self, timeout=None):
        """The next frame; None: the peer has closed or reset. TimeoutError: neither."""
        self.flush()
        until = time.monotonic() + (self.timeout if timeout is None else timeout)
        while not self._take_frame():
            left = until - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"nothing came; the last bytes: {self._arrived[-20:]!r}")
            self.socket.settimeout(left)
            try:
                arrived = self.socket.recv(1 << 20)
            except ConnectionError:
                arrived = b""
            finally:
                self.socket.settimeout(self.timeout)
            if not arrived:
                return None
            self._arrived += arrived
        return self._frames.popleft()

    def _take_frame(self):
        if not self._frames and len(self._arrived) >= 4:
            size = struct.unpack("!I", self._arrived[:4])[0]
            if 0 < size <= len(self._arrived) - 4:
                letter, payload = self._arrived[4:5], self._arrived[5:4 + size]
                self._arrived = self._arrived[4 + size:]
                self._frames.append(Frame(letter.decode("latin-1"), payload))
        return bool(self._frames)

    def rest_until_end(self, timeout=None):
        """Every frame until the peer closes; half a frame at the end counts as one named "half"."""
        frames = []
        while (one := self.receive(timeout)) is not None:
            frames.append(one)
        return frames + ([Frame("half", self._arrived)] if self._arrived else [])

    def close(self):
        self._late = b""
        self.socket.close()

    def half_close(self):
        self.flush()
        self.socket.shutdown(socket.SHUT_WR)

    def reset(self):
        """RST on TCP; a unix socket has no such thing and closes."""
        self._late = b""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()
