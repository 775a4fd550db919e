# SPDX-License-Identifier: Apache-2.0
"""What a private Postfix and a private Sendmail have in common: a folder, ports that greet, a log, a queue."""
import contextlib
import ctypes
import signal
import socket
import time


class PrivatePostfixError(RuntimeError):
    """Also of the private Sendmail."""


def die_with_parent():
    """Runs in the child: a killed test run must leave no MTA behind."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG


class PrivateMta:
    """A subclass sets name, folder, ports, log_file and stderr_file, and knows start(), stop() and queued()."""

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def wait_until_it_greets(self, daemon, timeout):
        deadline = time.monotonic() + timeout
        while not all(_greets(port) for port in self.ports.values()):
            if daemon.poll() is not None or time.monotonic() > deadline:
                raise PrivatePostfixError(f"the private {self.name} did not start:\n{self.log_tail()}")
            time.sleep(0.05)

    def wait_until_empty(self, timeout=60):
        """Until nothing waits any more; a message that is held or corrupt counts as waiting, so it is not missed."""
        deadline = time.monotonic() + timeout
        while self.queued():
            if time.monotonic() > deadline:
                raise PrivatePostfixError(f"still queued after {timeout} s: {self.queued()[:5]}\n{self.log_tail()}")
            time.sleep(0.05)

    def log(self):
        with contextlib.suppress(FileNotFoundError):
            return self.log_file.read_text(errors="replace")
        return ""

    def log_tail(self, lines=20):
        text = self.log() + self.stderr_file.read_text(errors="replace")
        return "\n".join(text.splitlines()[-lines:]) or "(no log)"


def _greets(port):
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            answer = connection.recv(200)
            connection.sendall(b"QUIT\r\n")
            return answer.startswith(b"220")
    except OSError:
        return False
