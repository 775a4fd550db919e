# SPDX-License-Identifier: Apache-2.0
"""The guard with the real engine behind it: all that holds before the engine holds before the guard, and more: the
engine may crash and hang at every phase."""
import signal

import milter_frames as m
import pytest
from milter_client import MilterClient, PeerClosed
from protocol_rows import (LARGE_MAIL, LEAVE, LEAVING_PHASES, NEW_CONNECTIONS, OFFERS, PHOTO_MAIL, RUDE, SESSION_OFFERS, SESSIONS,
                           SMALL_MAIL, answers_at_most, assert_optimizes, assert_optimizes_soon, assert_passed, assert_replaced,
                           leave_at, say_rude)
from rig import BUILD, LOSSLESS, Engine, Guard

PHASES = m.NEGOTIATE + m.CONNECT + m.MAIL + m.DATA + m.HEADER + m.EOH + m.BODY + m.EOM


class GuardedEngine:
    def __init__(self, socket_kind="unix", settings=None):
        self.engine = Engine(BUILD, {**LOSSLESS, **(settings or {})})
        self.guard = Guard(self.engine, socket_kind)
        self.endpoint = self.guard.endpoint

    def __enter__(self):
        self.engine.start()
        self.guard.start()
        return self

    def __exit__(self, *_):
        try:
            self.guard.stop()
        finally:
            self.engine.stop()


@pytest.fixture(scope="module", params=["unix", "inet"])
def stack(request):
    with GuardedEngine(request.param) as running:
        yield running
        assert running.guard.process.poll() is None, running.guard.log()[-3000:]


@pytest.fixture(scope="module")
def unix_stack():
    with GuardedEngine() as running:
        yield running
        assert running.guard.process.poll() is None, running.guard.log()[-3000:]
        assert running.engine.process.poll() is None, running.engine.log()[-3000:]


@pytest.mark.parametrize("name", OFFERS)
def test_offer(unix_stack, name):
    version, actions, protocol, smaller = OFFERS[name]
    with MilterClient(unix_stack.endpoint) as client:
        client.open(version=version, actions=actions, protocol=protocol)
        outcome = client.send(PHOTO_MAIL)
        assert_replaced(outcome) if smaller else assert_passed(outcome)
        client.finish()


@pytest.mark.parametrize("style", m.Wire.STYLES)
def test_ways_of_cutting_frames(stack, style):
    mail = SMALL_MAIL if style == "bytes" else PHOTO_MAIL
    with MilterClient(stack.engine.endpoint) as client:
        direct = client.open().send(mail)
    for offer in {}, {"protocol": 0x7F}:
        with MilterClient(stack.endpoint, style) as client:
            guarded = client.open(**offer).send(mail)
            client.finish()
        assert (guarded.final, guarded.added, guarded.body) == (direct.final, direct.added, direct.body)


@pytest.mark.parametrize("offer", SESSION_OFFERS)
@pytest.mark.parametrize("name", SESSIONS)
def test_session(unix_stack, name, offer):
    with MilterClient(unix_stack.endpoint) as client:
        SESSIONS[name](client.open(**SESSION_OFFERS[offer]))
        client.finish()


@pytest.mark.parametrize("offer", SESSION_OFFERS)
@pytest.mark.parametrize("name", NEW_CONNECTIONS)
def test_new_connection(unix_stack, name, offer):
    """K: libmilter might take the next client for the last one, so the guard ends the connection instead."""
    with MilterClient(unix_stack.endpoint) as client:
        NEW_CONNECTIONS[name](client.open(**SESSION_OFFERS[offer]))
        client.quit_nc()
        with pytest.raises((PeerClosed, ConnectionError)):
            client.connect(address=b"192.0.2.1")
            client.helo()
            client.send(PHOTO_MAIL)
    assert_optimizes(unix_stack.endpoint)


@pytest.mark.parametrize("name", RUDE)
def test_nonsense(unix_stack, name):
    say_rude(unix_stack.endpoint, RUDE[name])
    assert_optimizes(unix_stack.endpoint)


@pytest.mark.parametrize("way", LEAVE)
def test_mta_goes_at_every_phase(stack, way):
    for phase in LEAVING_PHASES:
        leave_at(stack.endpoint, phase, way)
    leave_at(stack.endpoint, m.EOM, way, LARGE_MAIL)
    assert_optimizes(stack.endpoint)


def test_macros_that_crash_libmilter():
    """A name without a value ends Debian's libmilter 8.17.1.9 in smfi_getsymval; the MTA does not notice."""
    with GuardedEngine() as stack, MilterClient(stack.endpoint) as client:
        client.open()
        for letter in m.CONNECT + m.HELO + m.MAIL + m.RCPT + m.DATA + m.EOH + m.EOM + m.HEADER + m.BODY:
            client.raw(m.frame(m.MACRO, letter.encode() + b"name without value\0"))
        for _ in range(2):
            outcome = client.send(PHOTO_MAIL)
            if outcome.body is not None:
                assert_replaced(outcome)
        client.finish()


# ---- the engine dies or hangs when the MTA is at that phase ----


def play_around(client, phase, what, offer):
    """A session up to phase, then what() to the engine, then the rest of it; the Outcome."""
    for letter, play in (m.NEGOTIATE, lambda: client.negotiate(**offer)), (m.CONNECT, client.connect), (m.HELO, client.helo):
        if letter == phase:
            what()
        play()
    client.waits = []
    for letter, play in client.phases(PHOTO_MAIL):
        if letter == phase and what:
            what()
            what = None
        play()
    if phase == m.EOM:
        what()
    return client.end_message()


@pytest.fixture(scope="module")
def short_stack():
    settings = {"deadline": "500ms", "engine_timeout": "300ms", "guard_slack": "200ms", "breaker_timeouts": 1000}
    with GuardedEngine(settings=settings) as running:
        yield running


# libmilter says nothing to a command that comes out of order; an MTA that waits for it must not wait for long.
OUT_OF_ORDER = ["end after the offer", "end after connect", "body before MAIL", "header before MAIL", "end of headers twice",
                "MAIL twice", "end twice", "connect twice", "connect within a message"]


@pytest.mark.parametrize("name", OUT_OF_ORDER)
def test_every_command_is_answered(short_stack, name):
    with MilterClient(short_stack.endpoint, timeout=3) as client:
        client.raw(RUDE[name])
        answers = [client.wire.receive().letter for _ in range(answers_at_most(RUDE[name]))]
        assert set(answers) <= {m.NEGOTIATE, m.CONTINUE, m.ACCEPT}
        client.finish()


@pytest.mark.parametrize("offer", ["full", "lockstep"])
def test_engine_killed(short_stack, offer):
    for phase in PHASES:
        with MilterClient(short_stack.endpoint) as client:
            outcome = play_around(client, phase, short_stack.engine.kill, SESSION_OFFERS[offer])
            assert_passed(outcome)
            assert outcome.seconds < 1.0
            assert_passed(client.send(PHOTO_MAIL))
            client.finish()
        short_stack.engine.start()
    assert_optimizes_soon(short_stack.endpoint)


@pytest.mark.parametrize("offer, phases", [("full", PHASES), ("lockstep", m.HEADER + m.BODY + m.EOM)])
def test_engine_stopped(short_stack, offer, phases):
    def stop():
        short_stack.engine.send_signal(signal.SIGSTOP)
    for phase in phases:
        with MilterClient(short_stack.endpoint) as client:
            try:
                outcome = play_around(client, phase, stop, SESSION_OFFERS[offer])
                assert_passed(outcome)
                assert outcome.seconds < 0.7 + 1.0
            finally:
                short_stack.engine.send_signal(signal.SIGCONT)
            assert_passed(client.send(PHOTO_MAIL))
            client.finish()
    assert_optimizes_soon(short_stack.endpoint)
