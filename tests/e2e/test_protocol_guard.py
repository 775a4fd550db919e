# SPDX-License-Identifier: Apache-2.0
"""The guard between our own MTA and a fake engine that does everything wrong: the MTA gets exactly the answers that are
due, in time, and a new body whole or not at all. MilterClient itself sees to the rules; these are the tables."""
import milter_frames as m
import pytest
from fake_engine import Die, Drip, FakeEngine, Stall
from guarded import (GOOD_REPLY, HASTY, HASTY_SECONDS, MAIL, NEW_BODY, OPTIMIZES, PATIENCE, TRACE, GuardedFake, assert_new,
                     assert_old)
from milter_client import MilterClient, split_mail
from protocol_rows import OFFERS, RUDE, say_rude

CLAIMS = {"lockstep": FakeEngine.LOCKSTEP, "all NR flags": FakeEngine.SILENT}
PHASES = m.NEGOTIATE + m.CONNECT + m.HELO + m.UNKNOWN + m.MAIL + m.RCPT + m.DATA + m.HEADER + m.EOH + m.BODY
OLD_BODY = split_mail(MAIL)[1]


@pytest.fixture(scope="module")
def guarded():
    with GuardedFake() as running:
        yield running
        assert running.guard.process.poll() is None, running.guard.log()[-3000:]


@pytest.fixture(scope="module")
def hasty():
    with GuardedFake(HASTY) as running:
        yield running
        assert running.guard.process.poll() is None, running.guard.log()[-3000:]


def play_session(guarded, messages=1):
    """The outcomes of a session in which Postfix would send all that may be sent."""
    with MilterClient(guarded.endpoint) as client:
        client.open()
        if client.agreed.protocol & m.UNWANTED[m.UNKNOWN] == 0:
            client.event(m.UNKNOWN, b"FOO\0")
        outcomes = [client.send(MAIL) for _ in range(messages)]
        client.finish()
    return outcomes


# ---- wrong before the end of a message ----

HALF = m.frame(m.CONTINUE)[:3]
FAULTS = {
    "dies": [Die()],
    "resets": [Die(reset=True)],
    "half an answer, then dies": [HALF, Die()],
    "REJECT": [m.frame(m.REJECT)],
    "TEMPFAIL": [m.frame(m.TEMPFAIL)],
    "DISCARD": [m.frame(m.DISCARD)],
    "reply code": [m.frame(m.REPLY_CODE, b"550 5.7.1 no\0")],
    "SHUTDOWN": [m.frame(m.SHUTDOWN)],
    "CONN_FAIL": [m.frame(m.CONNECTION_FAILS)],
    "PROGRESS": [m.frame(m.PROGRESS)],
    "SKIP twice": [m.frame(m.SKIP) * 2],
    "two answers": [m.frame(m.CONTINUE) * 2],
    "three answers": [m.frame(m.CONTINUE) + m.frame(m.ACCEPT) * 2],
    "an answer nobody knows": [m.frame("Z", b"what")],
    "a header edit": [TRACE],
    "a body edit": [m.frame(m.REPLACE_BODY, b"text")],
    "a whole reply": [GOOD_REPLY],
    "an offer, again": [m.frame(m.NEGOTIATE, m.options(*FakeEngine.LOCKSTEP)) * 2],
    "length 2 G": [b"\x7f\xff\xff\xffc" + b"x" * 1000],
    "length 4 G": [b"\xff\xff\xff\xffc"],
    "200 kB": [m.frame(m.CONTINUE, b"x" * 200000)],
    "noise": [bytes(range(255, -1, -1)) * 10],
}


@pytest.mark.parametrize("claims", CLAIMS)
@pytest.mark.parametrize("fault", FAULTS)
def test_wrong_before_the_end(guarded, fault, claims):
    wrong = []
    for phase in PHASES:
        guarded.play({**OPTIMIZES, phase: FAULTS[fault]}, CLAIMS[claims])
        try:
            outcomes = play_session(guarded, messages=2)
            # What is said where nothing is due may arrive when the end is, and then passes for the answer to that.
            assert claims == "all NR flags" or all(one.unchanged for one in outcomes), "a new body after a wrong answer"
        except (AssertionError, OSError) as problem:
            wrong.append(f"at {phase}: {problem!r}")
    assert not wrong
    guarded.assert_optimizes()


@pytest.mark.parametrize("answer", [m.ACCEPT, m.CONTINUE])
def test_right_before_the_end(guarded, answer):
    for phase in PHASES[1:]:
        guarded.play({**OPTIMIZES, phase: [m.frame(answer)]})
        outcome = play_session(guarded)[0]
        assert_old(outcome) if answer == m.ACCEPT and phase != m.UNKNOWN else assert_new(outcome)


def test_skip_ends_the_body_and_forbids_a_new_one(guarded):
    guarded.play({**OPTIMIZES, m.BODY: [m.frame(m.SKIP)]}, (6, m.CHANGES_BODY | m.ADDS_HEADERS, m.KNOWS_SKIP))
    with guarded.client() as client:
        assert_old(client.send(MAIL))
        assert client.skipping
        client.finish()
    assert guarded.fake.sessions()[-1].letters.count(m.BODY) == 1


@pytest.mark.parametrize("claims", CLAIMS)
@pytest.mark.parametrize("phase", PHASES)
def test_hangs_before_the_end(hasty, phase, claims):
    hasty.play({**OPTIMIZES, phase: [HALF, Stall()]}, CLAIMS[claims])
    with MilterClient(hasty.endpoint) as client:
        client.open()
        if phase == m.UNKNOWN:
            client.event(m.UNKNOWN, b"FOO\0")
        early = sum(seconds for _, seconds in client.waits)
        outcome = client.send(MAIL)
        assert_old(outcome)
        assert early + outcome.seconds < HASTY_SECONDS + PATIENCE
        hasty.fake.release()  # what it says now is too late
        assert_old(client.send(MAIL))
        client.finish()
    hasty.assert_optimizes_soon()


def test_frames_of_length_0(hasty):
    """Such a one says nothing; the answer is still due."""
    for phase in m.MAIL + m.BODY + m.EOM:
        hasty.play({**OPTIMIZES, phase: [b"\0\0\0\0"]})
        with hasty.client() as client:
            assert_old(client.send(MAIL))
            client.finish()
    hasty.assert_optimizes_soon()


# ---- wrong at the end ----

BODY = m.body_frames(NEW_BODY)
ONE = m.frame(m.REPLACE_BODY, NEW_BODY[:1000])
END = m.frame(m.ACCEPT)
NEW, OLD = assert_new, assert_old


def new(body):
    return lambda outcome: assert_new(outcome, body)


ENDS = {
    "as it should be": ([GOOD_REPLY], NEW),
    "with CONTINUE": ([TRACE + BODY + m.frame(m.CONTINUE)], NEW),
    "byte by byte": ([Drip(TRACE + m.body_frames(NEW_BODY[:2000]) + END)], new(NEW_BODY[:2000])),
    "one byte less than it was": ([TRACE + m.body_frames(OLD_BODY[:-1]) + END], new(OLD_BODY[:-1])),
    "an empty body": ([TRACE + m.frame(m.REPLACE_BODY) + END], new(b"")),
    "PROGRESS before": ([m.frame(m.PROGRESS) + GOOD_REPLY], NEW),
    "PROGRESS within": ([TRACE + ONE + m.frame(m.PROGRESS) + m.body_frames(NEW_BODY[1000:]) + END], NEW),
    "ACCEPT": ([END], OLD),
    "CONTINUE": ([m.frame(m.CONTINUE)], OLD),
    "REJECT": ([m.frame(m.REJECT)], OLD),
    "TEMPFAIL": ([m.frame(m.TEMPFAIL)], OLD),
    "DISCARD": ([m.frame(m.DISCARD)], OLD),
    "reply code": ([m.frame(m.REPLY_CODE, b"451 later\0")], OLD),
    "SHUTDOWN": ([m.frame(m.SHUTDOWN)], OLD),
    "CONN_FAIL": ([m.frame(m.CONNECTION_FAILS)], OLD),
    "SKIP": ([m.frame(m.SKIP)], OLD),
    "TEMPFAIL after body": ([TRACE + BODY + m.frame(m.TEMPFAIL)], OLD),
    "DISCARD after body": ([TRACE + BODY + m.frame(m.DISCARD)], OLD),
    "quarantine": ([m.frame(m.QUARANTINE, b"why\0") + END], OLD),
    "quarantine and body": ([m.frame(m.QUARANTINE, b"why\0") + GOOD_REPLY], OLD),
    "add recipient": ([m.frame(m.ADD_RCPT, b"<x@y.test>\0") + GOOD_REPLY], OLD),
    "delete recipient": ([m.frame(m.DELETE_RCPT, b"<ben@receiver.test>\0") + GOOD_REPLY], OLD),
    "change sender": ([m.frame(m.CHANGE_FROM, b"<x@y.test>\0") + GOOD_REPLY], OLD),
    "change header": ([m.frame(m.CHANGE_HEADER, b"\0\0\0\1Subject\0x\0") + GOOD_REPLY], OLD),
    "insert header": ([m.frame(m.INSERT_HEADER, b"\0\0\0\1X-New\0x\0") + GOOD_REPLY], OLD),
    "header without body": ([TRACE + END], OLD),
    "header after body": ([BODY + TRACE + END], OLD),
    "header between bodies": ([ONE + TRACE + ONE + END], OLD),
    "1 MB of headers": ([m.frame(m.ADD_HEADER, m.strings(b"X-A", b"x" * 60000)) * 17 + BODY + END], OLD),
    "as large as it was": ([TRACE + m.body_frames(OLD_BODY) + END], OLD),
    "larger than it was": ([TRACE + m.body_frames(OLD_BODY + b"x") + END], OLD),
    "far larger than it was": ([TRACE + m.body_frames(OLD_BODY * 50) + END], OLD),
    "chunk of 65536": ([TRACE + m.frame(m.REPLACE_BODY, NEW_BODY[:65536]) + END], OLD),
    "an offer": ([m.frame(m.NEGOTIATE, m.options(*FakeEngine.LOCKSTEP))], OLD),
    "an answer nobody knows": ([TRACE + BODY + m.frame("Z")], OLD),
    "length 2 G": ([TRACE + BODY + b"\x7f\xff\xff\xffa"], OLD),
    "noise": ([bytes(range(255, -1, -1))], OLD),
    "dies": ([Die()], OLD),
    "resets": ([Die(reset=True)], OLD),
    "dies after the header": ([TRACE, Die()], OLD),
    "dies between body frames": ([TRACE + ONE, Die()], OLD),
    "dies within a body frame": ([TRACE + BODY[:40000], Die()], OLD),
    "dies before the last reply": ([TRACE + BODY, Die()], OLD),
    "dies within the last reply": ([TRACE + BODY + END[:4], Die()], OLD),
    "dies after the last reply": ([GOOD_REPLY, Die()], NEW),
}


@pytest.mark.parametrize("claims", CLAIMS)
@pytest.mark.parametrize("name", ENDS)
def test_end(guarded, name, claims):
    steps, check = ENDS[name]
    guarded.play({m.EOM: steps}, CLAIMS[claims])
    with guarded.client() as client:
        outcome = client.send(MAIL)
        check(outcome)
        guarded.play(claims=CLAIMS[claims])
        again = client.send(MAIL)  # the rest of the session: with or without the engine, but in step
        assert again.unchanged or again.body == NEW_BODY
        client.finish()
    guarded.assert_optimizes()


@pytest.mark.parametrize("extra", [END, m.frame(m.CONTINUE), m.frame(m.REJECT), GOOD_REPLY, TRACE, ONE])
def test_more_after_the_last_reply(guarded, extra):
    """It comes at once or with the next message's answers; neither is taken for one of them."""
    guarded.play({m.EOM: [GOOD_REPLY + extra]})
    with guarded.client() as client:
        assert client.send(MAIL).body in (NEW_BODY, None)
        guarded.play()
        for _ in range(2):
            assert client.send(MAIL).body in (NEW_BODY, None)
        client.finish()
    guarded.assert_optimizes()


@pytest.mark.parametrize("steps", [[Stall()], [TRACE, Stall()], [TRACE + ONE, Stall()], [TRACE + BODY, Stall()],
                                   [TRACE + BODY + END[:4], Stall()]])
def test_hangs_at_the_end(hasty, steps):
    hasty.play({m.EOM: [*steps, GOOD_REPLY]})
    with hasty.client() as client:
        outcome = client.send(MAIL)
        assert_old(outcome)
        assert outcome.seconds < HASTY_SECONDS + PATIENCE
        hasty.fake.release()
        assert_old(client.send(MAIL))
        client.finish()
    hasty.assert_optimizes_soon()


@pytest.mark.parametrize("claims", CLAIMS)
def test_engine_that_does_not_read(hasty, claims):
    """It stops reading at the end of headers, and a body comes that no socket buffer holds."""
    hasty.play({**OPTIMIZES, m.EOH: [Stall()]}, CLAIMS[claims])
    head, body = split_mail(MAIL)
    with hasty.client() as client:
        outcome = client.send(head + b"\r\n" + body * 100)
        assert_old(outcome)
        client.finish()
    hasty.fake.release()
    hasty.assert_optimizes_soon()


# ---- what the engine answers to the offer ----

POSTFIX, OLD_MTA = (6, m.ALL_ACTIONS, m.ALL_PROTOCOL), (2, 0x3F, 0x7F)
ANSWERS = {
    "body edits of an engine that did not claim them": (POSTFIX, (6, 0, 0), OLD),
    "an MTA without body edits": ((6, m.ADDS_HEADERS, m.ALL_PROTOCOL), (6, m.ADDS_HEADERS, 0), OLD),
    "an MTA without header edits": ((6, m.CHANGES_BODY, m.ALL_PROTOCOL), (6, m.CHANGES_BODY, 0), OLD),
    "version 0": (POSTFIX, (0, 3, 0), OLD),
    "version 7": (POSTFIX, (7, 3, 0), OLD),
    "version above the offer": (OLD_MTA, (6, 3, 0), OLD),
    "version below the offer": (POSTFIX, (2, 3, 0), NEW),
    "actions not offered": (OLD_MTA, (2, 0x103, 0), OLD),
    "NR flags not offered": (OLD_MTA, (2, 3, m.ALL_NO_REPLY), OLD),
    "SKIP not offered": (OLD_MTA, (2, 3, m.KNOWS_SKIP), OLD),
    "bits that nobody has": (POSTFIX, (6, 3, 0x80000000), OLD),
    "no events wanted": (POSTFIX, (6, 3, m.ALL_UNWANTED), OLD),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_answer_to_the_offer(guarded, name):
    offer, claims, check = ANSWERS[name]
    guarded.play(claims=claims)
    with guarded.client(**dict(zip(("version", "actions", "protocol"), offer))) as client:
        outcome = client.send(MAIL)  # the client knows what was agreed, and allows nothing else
        check(outcome)
        client.finish()
    guarded.assert_optimizes()


@pytest.mark.parametrize("payload", [b"", b"\0\0\0\6", m.options(6, 3, 0)[:11], m.options(6, 3, 0) + b"\0\0\0\0i {x}\0",
                                     m.options(6, 3, 0) + b"\0" * 60000])
def test_odd_answer_to_the_offer(guarded, payload):
    guarded.play({**OPTIMIZES, m.NEGOTIATE: [m.frame(m.NEGOTIATE, payload)]})
    outcome = play_session(guarded)[0]
    assert outcome.unchanged or outcome.body == NEW_BODY and len(payload) >= 12
    guarded.assert_optimizes()


# ---- no engine ----

@pytest.fixture(scope="module")
def alone():
    """A guard without anything behind it."""
    guarded = GuardedFake()
    with guarded.guard:
        yield guarded
    guarded.engine.stop()


@pytest.mark.parametrize("name", OFFERS)
def test_no_engine(alone, name):
    version, actions, protocol, _ = OFFERS[name]
    with MilterClient(alone.endpoint) as client:
        client.open(version=version, actions=actions, protocol=protocol)
        assert client.agreed[:3] == (min(version, 6), 0, protocol & 0x37F)
        for _ in range(2):
            outcome = client.send(MAIL)
            assert_old(outcome)
            assert outcome.seconds < PATIENCE
        client.finish()


def test_no_engine_and_an_mta_that_sends_everything(alone):
    """Whoever does not heed "no events wanted" still gets every answer."""
    with MilterClient(alone.endpoint) as client:
        client.negotiate()
        for letter in m.CONNECT + m.HELO + m.UNKNOWN + m.MAIL + m.RCPT + m.DATA + m.HEADER + m.EOH + m.BODY + m.EOM:
            answer = client.event(letter, b"x\0y\0")
            assert answer == (m.CONTINUE if letter in m.CONNECT + m.HELO + m.UNKNOWN else m.ACCEPT), letter
        client.finish()


@pytest.mark.parametrize("name", RUDE)
def test_nonsense_without_engine(alone, name):
    say_rude(alone.endpoint, RUDE[name])
    assert alone.guard.process.poll() is None


def test_engine_comes_and_goes():
    with GuardedFake() as guarded:
        for _ in range(3):
            guarded.fake.stop()
            with guarded.client() as client:
                assert_old(client.send(MAIL))
                guarded.fake.start()
                assert_old(client.send(MAIL))  # the session began without it
                client.finish()
            guarded.assert_optimizes()
            with guarded.client() as client:
                assert_new(client.send(MAIL))
                guarded.fake.stop()
                assert_old(client.send(MAIL))
                guarded.fake.start()
                assert_old(client.send(MAIL))
                client.finish()
            guarded.assert_optimizes()
