# SPDX-License-Identifier: Apache-2.0
"""Mail that comes at its own pace, whether the MTA keeps up or not: an open loop, as floods are."""
import re
import threading
import time
from collections import namedtuple

from private_postfix import SmtpClient

# Times in seconds: when it was due and when it went, both counted from the beginning; and from the end of its data to
# the answer. code 0: the connection broke.
Sent = namedtuple("Sent", "number due began delay code")


def stuffed(message):
    """A message as it goes over the wire, the final dot included; done once, as the machine has other work."""
    text = re.sub(rb"(?m)^\.", b"..", message)
    return (text if text.endswith(b"\r\n") else text + b"\r\n") + b".\r\n"


class Flood:
    """rate messages a second to a port over so many sessions, drawn from messages (stuffed) in turn. recipient: of the
    message with that number."""

    def __init__(self, port, messages, rate, sessions=40, recipient=lambda number: f"flood-{number}@receiver.test", first=0):
        self.port, self.messages, self.rate, self.recipient, self.first = port, messages, rate, recipient, first
        self.sent = []
        self._number = 0
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._session, daemon=True) for _ in range(sessions)]

    def start(self):
        self.began = time.monotonic()
        for thread in self._threads:
            thread.start()
        return self

    def stop(self):
        """What is under way is finished."""
        self._stop.set()
        for thread in self._threads:
            thread.join()
        return self.sent

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def run(self, seconds):
        """A flood of so long; its list of Sent."""
        with self:
            time.sleep(seconds)
        return self.sent

    def _next(self):
        with self._lock:
            number, self._number = self._number, self._number + 1
        due = self.began + number / self.rate
        self._stop.wait(max(0.0, due - time.monotonic()))
        return number, due

    def _session(self):
        client = None
        while True:
            number, due = self._next()
            if self._stop.is_set():
                break
            client = self._send(client, number, due)
        if client:
            client.quit()

    def _send(self, client, number, due):
        """The client for the next message: the same, or none when the connection broke."""
        began = time.monotonic()
        delay, code = 0.0, 0
        try:
            client = client or SmtpClient(self.port)
            delay, code = self._message(client, self.first + number)
        except OSError:
            client = None
        with self._lock:
            self.sent.append(Sent(self.first + number, due - self.began, began - self.began, delay, code))
        return client

    def _message(self, client, number):
        for command in ("MAIL FROM:<sender@sender.test>", f"RCPT TO:<{self.recipient(number)}>", "DATA"):
            reply = client.command(command)
            if reply.code not in (250, 354):
                client.command("RSET")
                return 0.0, reply.code
        data = self.messages[number % len(self.messages)]
        client._socket.sendall(data[:-3])
        began = time.monotonic()
        client._socket.sendall(data[-3:])
        code = client._reply().code
        return time.monotonic() - began, code
