# SPDX-License-Identifier: Apache-2.0
"""A guard with a fake engine behind it, and mails whose new bodies the fake engine knows."""
import time

import milter_frames as m
from fake_engine import FakeEngine
from mails import message
from milter_client import MilterClient, split_mail
from rig import BUILD, Engine, Guard

# PATIENT never times out, not on a loaded machine either; HASTY is for engines that hang. The breaker has its own test.
PATIENT = {"engine_timeout": "5s", "deadline": "5s", "guard_slack": "500ms", "breaker_timeouts": 1000}
HASTY = {"engine_timeout": "300ms", "deadline": "300ms", "guard_slack": "100ms", "breaker_timeouts": 1000}
HASTY_SECONDS = 0.4
PATIENCE = 1.0  # what a loaded machine may add to a time-out

MAIL = message(text=b"Some text that fills a line of a message.\r\n" * 2400)  # 103 kB: two chunks
NEW_BODY = split_mail(MAIL)[1][:70000]
TRACE = m.frame(m.ADD_HEADER, m.strings(b"X-Optimilter", b"made by a test"))
GOOD_REPLY = TRACE + m.body_frames(NEW_BODY) + m.frame(m.ACCEPT)
OPTIMIZES = {m.EOM: [GOOD_REPLY]}


def mail_of(size):
    """A mail and a new body, both of about that many bytes; the new one is smaller."""
    mail = message(text=b"x" * 70 + b"\r\n" + (b"y" * 76 + b"\r\n") * (size // 78))
    return mail, split_mail(mail)[1][:-1000]


def reply_of(new_body):
    return TRACE + m.body_frames(new_body) + m.frame(m.ACCEPT)


def until(condition, timeout=10):
    """Waits for a state that something else brings about; TimeoutError when it does not."""
    end = time.monotonic() + timeout
    while not (found := condition()):
        if time.monotonic() > end:
            raise TimeoutError("it never came to be")
        time.sleep(0.01)
    return found


class GuardedFake:
    """guard speaks to fake, which has a script instead of a filter."""

    def __init__(self, settings=None, socket_kind="unix", script=None):
        self.engine = Engine(BUILD, {**PATIENT, **(settings or {})})  # is not started: its folder and settings are used
        self.fake = FakeEngine(self.engine.endpoint, OPTIMIZES if script is None else script)
        self.guard = Guard(self.engine, socket_kind)
        self.endpoint = self.guard.endpoint

    def __enter__(self):
        self.fake.start()
        self.guard.start()
        self.guard.wait_for_log("ready on")
        return self

    def __exit__(self, *_):
        self.fake.stop()
        try:
            self.guard.stop()
        finally:
            self.engine.stop()

    def play(self, script=None, claims=FakeEngine.LOCKSTEP):
        self.fake.play(OPTIMIZES if script is None else script, claims)

    def client(self, style="frame", **offer):
        return MilterClient(self.endpoint, style).open(**offer)

    def counter(self, name):
        return self.guard.status()["counters"][name]

    def assert_optimizes(self):
        """A new session has an engine behind it, and all is well with it."""
        self.play()
        with self.client() as client:
            assert_new(client.send(MAIL))
            client.finish()

    def assert_optimizes_soon(self):
        """The same for a hasty one: on a loaded machine the fake engine may be late by itself."""
        self.play()
        until(self._optimizes)

    def _optimizes(self):
        with self.client() as client:
            outcome = client.send(MAIL)
            client.finish()
        return not outcome.unchanged


def assert_new(outcome, new_body=NEW_BODY):
    assert outcome.body == new_body and outcome.added == [(b"X-Optimilter", b" made by a test")], outcome.final


def assert_old(outcome):
    assert outcome.unchanged, f"{outcome.added}, a body of {len(outcome.body or b'')} bytes"
