# SPDX-License-Identifier: Apache-2.0
"""The engine dies, hangs, stops, or gets nonsense to read: every message still arrives, once, and whole."""
import signal
import threading

import pytest
from mail_compare import compare
from mails import photo_mail
from rig import LOSSLESS, Rig, SmtpClient, new_recipient

pytestmark = pytest.mark.both_mtas


def assert_unchanged(rig, seed):
    original, filtered = rig.send_both_ways(photo_mail(seed))
    assert compare(original, filtered) == ([], [])


def assert_smaller(rig, seed):
    changes, problems = compare(*rig.send_both_ways(photo_mail(seed)))
    assert problems == [] and len(changes) == 1


def test_killed_between_messages_and_started_again(own_rig):
    assert_smaller(own_rig, 51)
    own_rig.engine.kill()
    assert_unchanged(own_rig, 52)
    own_rig.engine.start()
    assert_smaller(own_rig, 53)


def test_killed_within_a_session(own_rig):
    """The milter was there at the session's start: the rest of its messages pass as they are."""
    recipients = [new_recipient("killed") for _ in range(3)]
    with SmtpClient(own_rig.postfix.ports["filtered"]) as client:
        for number, recipient in enumerate(recipients):
            if number == 1:
                own_rig.engine.kill()
            assert client.send("a@sender.test", recipient, photo_mail(54)).code == 250
    sizes = [len(own_rig.sink.wait_for(recipient)) for recipient in recipients]
    assert sizes[0] < sizes[1] == sizes[2]


def test_never_started(own_rig):
    own_rig.engine.stop(keep_folder=True)
    assert_unchanged(own_rig, 55)


def test_hanging_engine_costs_one_time_out(own_rig):
    own_rig.engine.send_signal(signal.SIGSTOP)
    try:
        assert_unchanged(own_rig, 56)
    finally:
        own_rig.engine.send_signal(signal.SIGCONT)
    assert_smaller(own_rig, 57)


def test_stopped_under_load_loses_nothing(own_rig):
    """SIGTERM with messages at every stage: what was begun is finished or passed, nothing is lost or doubled."""
    mails = [photo_mail(600 + number, size=(900, 700)) for number in range(6)]
    sent, replies = [], []
    guard = threading.Lock()

    def client_run(first):
        for number in range(8):
            recipient = new_recipient("drain")
            with SmtpClient(own_rig.postfix.ports["filtered"]) as client:
                reply = client.send("a@sender.test", recipient, mails[(first + number) % 6])
            with guard:
                sent.append((recipient, (first + number) % 6))
                replies.append(reply.code)
                if len(sent) == 12:
                    own_rig.engine.process.terminate()

    clients = [threading.Thread(target=client_run, args=(first,)) for first in range(6)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    own_rig.engine.process.wait(30)
    assert set(replies) == {250}
    own_rig.postfix.wait_until_empty()
    changed = _check_all(own_rig, sent, mails)
    assert 0 < changed < len(sent), "the stop did not fall into the load"


def _check_all(rig, sent, mails):
    plain = [b"Received: x\r\n" + mail for mail in mails]
    changed = 0
    for recipient, number in sent:
        arrived = rig.sink.mails_for(recipient)
        assert len(arrived) == 1, f"{recipient}: {len(arrived)} times"
        changes, problems = compare(plain[number], arrived[0].path.read_bytes())
        assert problems == []
        changed += len(changes)
    return changed


def test_stop_leaves_no_socket_and_no_process(own_rig):
    assert_smaller(own_rig, 58)
    assert own_rig.engine.stop(keep_folder=True) == 0
    assert not own_rig.engine.path.exists()


@pytest.mark.parametrize("program", ["/bin/false", "/nonexistent/worker", "/bin/cat"])
def test_worker_program_that_does_not_work(tmp_path, mta, program):
    """The engine may refuse to start or run without workers; mail passes either way."""
    rig = Rig(tmp_path, {**LOSSLESS, "deadline": "2s", "worker_program": program}, mta=mta)
    try:
        rig.postfix.start()
        try:
            rig.engine.start(timeout=10)
        except RuntimeError:
            assert program in rig.engine.log() or "worker" in rig.engine.log()
        assert_unchanged(rig, 59)
    finally:
        rig.close()
