#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""An SMTP server that stores every message exactly as it was delivered, one file a message.

NNNNNN.eml holds the bytes after dot-unstuffing (CRLF line ends kept), NNNNNN.json the envelope. Offers
8BITMIME and SMTPUTF8. As a program: sink.py --port PORT --folder FOLDER.
"""
import argparse
import itertools
import json
import pathlib
import re
import socketserver
import threading
import time
from collections import namedtuple

StoredMail = namedtuple("StoredMail", "path sender recipients parameters")


class _Session(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True

    def handle(self):
        self.sender, self.recipients, self.parameters = None, [], ""
        self._reply("220 sink.invalid ESMTP")
        while True:
            line = self.rfile.readline(4096)
            if not line:
                return
            verb = line.strip().split(b" ", 1)[0].upper()
            if verb == b"QUIT":
                self._reply("221 2.0.0 Bye")
                return
            self._command(verb, line.decode("utf-8", "surrogateescape").strip())

    def _command(self, verb, line):
        if verb == b"EHLO":
            self._reply("250-sink.invalid\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 ENHANCEDSTATUSCODES")
        elif verb == b"MAIL":
            self.sender, self.recipients = _address(line), []
            self.parameters = line.rsplit(">", 1)[-1].strip()
            self._reply("250 2.1.0 Ok")
        elif verb == b"RCPT":
            if self.server.sink.deferring:
                self._reply("451 4.3.0 not now")
                return
            self.recipients.append(_address(line))
            self._reply("250 2.1.5 Ok")
        elif verb == b"DATA":
            self._reply("354 go ahead")
            self._store(self._read_data())
        elif verb in (b"HELO", b"RSET", b"NOOP"):
            self._reply("250 2.0.0 Ok")
        else:
            self._reply("500 5.5.1 unknown command")

    def _read_data(self):
        """The message without its final dot; None when the client goes away first."""
        lines = []
        while True:
            line = self.rfile.readline()
            if not line:
                return None
            if line == b".\r\n":
                return b"".join(lines)
            lines.append(line[1:] if line.startswith(b".") else line)

    def _store(self, message):
        if message is None:
            return
        self.server.sink.store(message, self.sender, self.recipients, self.parameters)
        self._reply("250 2.0.0 stored")

    def _reply(self, text):
        self.wfile.write(text.encode() + b"\r\n")


def _address(line):
    found = re.search(r"<(.*?)>", line)
    return found.group(1) if found else ""


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 256


class MailSink:
    """Listens on 127.0.0.1 from construction on. Thread safe."""

    def __init__(self, folder, port=0):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.deferring = False  # True: refuses every recipient for the time being
        self._numbers = itertools.count(1)
        self._stored = []  # complete ones only
        self._changed = threading.Condition()
        self._server = _Server(("127.0.0.1", port), _Session)
        self._server.sink = self
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()

    def store(self, message, sender, recipients, parameters):
        mail = StoredMail(self.folder / f"{next(self._numbers):06}.eml", sender, tuple(recipients), parameters)
        mail.path.with_suffix(".json").write_text(json.dumps(
            {"sender": sender, "recipients": recipients, "parameters": parameters}) + "\n")
        partial = mail.path.with_suffix(".partial")
        partial.write_bytes(message)
        partial.rename(mail.path)
        with self._changed:
            self._stored.append(mail)
            self._changed.notify_all()

    def mails(self):
        """Every complete message so far, in the order they became complete."""
        with self._changed:
            return list(self._stored)

    def mails_for(self, recipient):
        return [mail for mail in self.mails() if recipient in mail.recipients]

    def wait_for(self, recipient, timeout=60):
        """The bytes delivered to an address; the first, where there are several."""
        return self.wait_for_recipient_count(recipient, 1, timeout)[0].path.read_bytes()

    def wait_for_recipient_count(self, recipient, count, timeout=60):
        return self._wait(lambda: [mail for mail in self._stored if recipient in mail.recipients], count, timeout)

    def wait_for_count(self, count, timeout=60):
        """Until so many messages in all are there."""
        return self._wait(lambda: self._stored, count, timeout)

    def _wait(self, candidates, count, timeout):
        deadline = time.monotonic() + timeout
        with self._changed:
            while True:
                complete = candidates()
                if len(complete) >= count:
                    return list(complete)
                left = deadline - time.monotonic()
                if left <= 0:
                    raise TimeoutError(f"{len(complete)} of {count} messages within {timeout} s")
                self._changed.wait(left)

    def close(self):
        self._server.shutdown()
        self._server.server_close()


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--port", type=int, required=True)
    options.add_argument("--folder", required=True)
    arguments = options.parse_args()
    MailSink(arguments.folder, arguments.port)
    threading.Event().wait()


if __name__ == "__main__":
    main()
