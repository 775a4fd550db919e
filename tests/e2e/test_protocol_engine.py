# SPDX-License-Identifier: Apache-2.0
"""The engine alone before our own MTA: every offer, every way of cutting frames, odd sessions, nonsense."""
import signal

import milter_frames as m
import pytest
from milter_client import MilterClient, PeerClosed
from protocol_rows import (LARGE_MAIL, LEAVE, LEAVING_PHASES, OFFERS, PHOTO_MAIL, RUDE, SESSION_OFFERS, SESSIONS, SMALL_MAIL,
                           assert_optimizes, assert_passed, assert_replaced, leave_at, say_rude)
from rig import BUILD, LOSSLESS, Engine


@pytest.fixture(scope="module", params=["unix", "inet"])
def engine(request):
    with Engine(BUILD, LOSSLESS, request.param) as running:
        yield running


@pytest.fixture(scope="module")
def unix_engine():
    with Engine(BUILD, LOSSLESS) as running:
        yield running
        assert running.process.poll() is None, running.log()[-3000:]


@pytest.mark.parametrize("name", OFFERS)
def test_offer(unix_engine, name):
    version, actions, protocol, smaller = OFFERS[name]
    with MilterClient(unix_engine.endpoint) as client:
        agreed = client.open(version=version, actions=actions, protocol=protocol).agreed
        assert not agreed.protocol & (m.NO_REPLY[m.MAIL] | m.NO_REPLY[m.EOH] | m.NO_REPLY[m.BODY]), \
            "an ACCEPT or SKIP that nobody waits for is lost"
        for _ in range(2):
            outcome = client.send(PHOTO_MAIL)
            assert_replaced(outcome) if smaller else assert_passed(outcome)
            assert bool(outcome.added) == (smaller and bool(actions & m.ADDS_HEADERS))
        client.finish()


@pytest.mark.parametrize("version", [0, 1])
def test_versions_too_old_are_refused(unix_engine, version):
    with MilterClient(unix_engine.endpoint) as client, pytest.raises(PeerClosed):
        client.negotiate(version=version)
    assert_optimizes(unix_engine.endpoint)


@pytest.mark.parametrize("style", m.Wire.STYLES)
def test_ways_of_cutting_frames(engine, style):
    replies = []
    mail = SMALL_MAIL if style == "bytes" else PHOTO_MAIL
    for frames, offer in ("frame", {}), (style, {}), (style, {"protocol": 0x7F}):
        with MilterClient(engine.endpoint, frames) as client:
            client.open(**offer)
            replies.append(client.send(mail))
            client.finish()
    assert_replaced(replies[0], mail)
    assert len({(one.final, tuple(one.added), one.body) for one in replies}) == 1


@pytest.mark.parametrize("offer", SESSION_OFFERS)
@pytest.mark.parametrize("name", SESSIONS)
def test_session(unix_engine, name, offer):
    with MilterClient(unix_engine.endpoint) as client:
        SESSIONS[name](client.open(**SESSION_OFFERS[offer]))
        client.finish()


@pytest.mark.parametrize("name", RUDE)
def test_nonsense(unix_engine, name):
    say_rude(unix_engine.endpoint, RUDE[name])
    assert_optimizes(unix_engine.endpoint)


@pytest.mark.parametrize("way", LEAVE)
def test_mta_goes_at_every_phase(engine, way):
    for phase in LEAVING_PHASES:
        leave_at(engine.endpoint, phase, way)
    leave_at(engine.endpoint, m.EOM, way, LARGE_MAIL)
    assert_optimizes(engine.endpoint)


def test_a_stalled_mta_holds_no_other_up(unix_engine):
    stalled = []
    for phase in LEAVING_PHASES[2:]:
        stalled.append(MilterClient(unix_engine.endpoint).open())
        for letter, play in stalled[-1].phases(PHOTO_MAIL):
            play()
            if letter == phase:
                break
    assert_optimizes(unix_engine.endpoint)
    assert_replaced(stalled[-1].end_message())
    for client in stalled:
        client.finish()


def test_nothing_is_left_in_flight():
    """After every way of going, SIGTERM finds no message that it would have to wait for."""
    with Engine(BUILD, LOSSLESS) as engine:
        for way in LEAVE:
            for phase in LEAVING_PHASES:
                leave_at(engine.endpoint, phase, way)
        assert_optimizes(engine.endpoint)
        engine.send_signal(signal.SIGTERM)
        assert engine.process.wait(10) == 0
        assert "with work in flight" not in engine.log()
