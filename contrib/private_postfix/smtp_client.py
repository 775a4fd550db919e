# SPDX-License-Identifier: Apache-2.0
"""A small SMTP client that sends bytes exactly as given, by DATA or by BDAT, several messages a session."""
import re
import socket
from collections import namedtuple

SmtpReply = namedtuple("SmtpReply", "code text")


def to_crlf(message):
    """A file's line ends as SMTP wants them; a bare CR stays."""
    return re.sub(rb"\r?\n", b"\r\n", message)


class SmtpClient:
    def __init__(self, port, timeout=120):
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._replies = self._socket.makefile("rb")
        self.greeting = self._reply()
        self.features = self.command("EHLO client.invalid").text

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.quit()

    def send(self, sender, recipients, message, parameters="", chunk=None):
        """Sends one message. message: CRLF line ends. chunk: use BDAT with pieces of this many bytes."""
        recipients = [recipients] if isinstance(recipients, str) else recipients
        reply = self.command(f"MAIL FROM:<{sender}> {parameters}".strip())
        for recipient in recipients:
            if reply.code == 250:
                reply = self.command(f"RCPT TO:<{recipient}>")
        if reply.code != 250:
            self.command("RSET")
            return reply
        return self._data(message) if chunk is None else self._bdat(message, chunk)

    def command(self, line):
        self._socket.sendall(line.encode("utf-8", "surrogateescape") + b"\r\n")
        return self._reply()

    def _data(self, message):
        reply = self.command("DATA")
        return self.content(message) if reply.code == 354 else reply

    def content(self, message):
        """What follows the answer to DATA."""
        stuffed = re.sub(rb"(?m)^\.", b"..", message)
        if not stuffed.endswith(b"\r\n"):
            stuffed += b"\r\n"
        self._socket.sendall(stuffed + b".\r\n")
        return self._reply()

    def _bdat(self, message, chunk):
        for start in range(0, len(message), chunk):
            piece = message[start:start + chunk]
            last = " LAST" if start + chunk >= len(message) else ""
            self._socket.sendall(f"BDAT {len(piece)}{last}\r\n".encode() + piece)
            reply = self._reply()
            if reply.code != 250:
                break
        return reply

    def _reply(self):
        lines = []
        while True:
            line = self._replies.readline()
            if not line:
                raise ConnectionError("the SMTP server closed the connection")
            lines.append(line.decode("ascii", "replace").rstrip())
            if line[3:4] != b"-":
                return SmtpReply(int(lines[-1][:3]), "\n".join(lines))

    def quit(self):
        try:
            self.command("QUIT")
        except OSError:
            pass
        self._replies.close()
        self._socket.close()
