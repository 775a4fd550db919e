# SPDX-License-Identifier: Apache-2.0
"""Many at once, and very large ones."""
import random
import subprocess
import threading

import opened
import pytest
from mail_compare import compare
from mails import message, part, photo, photo_mail
from rig import CORPUS, Rig, SmtpClient, new_recipient


def test_200_sessions_at_once(rig):
    """All open at the same moment, each with a message; every one arrives once and whole."""
    mails = [photo_mail(200 + number, size=(320, 240)) for number in range(10)]
    clients = [SmtpClient(rig.postfix.ports["filtered"], timeout=300) for _ in range(200)]
    recipients = [new_recipient("many") for _ in clients]
    replies = [None] * len(clients)

    def run(number):
        replies[number] = clients[number].send("a@sender.test", recipients[number], mails[number % 10]).code
        clients[number].quit()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(clients))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(replies) == {250}
    rig.postfix.wait_until_empty(120)
    changed = 0
    for number, recipient in enumerate(recipients):
        arrived = rig.sink.mails_for(recipient)
        assert len(arrived) == 1
        changes, problems = compare(b"Received: x\r\n" + mails[number % 10], arrived[0].path.read_bytes())
        assert problems == []
        changed += len(changes)
    assert changed > 0


def test_a_message_of_30_mb(rig):
    """A photo in front of 22 MB that nobody can make smaller."""
    noise = random.Random(1).randbytes(22_000_000)
    mail = message(part(photo(41)), part(noise, "application/octet-stream", "noise.bin"))
    assert len(mail) > 30_000_000
    original, filtered = rig.send_both_ways(mail)
    changes, problems = compare(original, filtered)
    assert problems == [] and [change.filename for change in changes] == ["photo.jpg"]


@pytest.mark.full
def test_2000_mails(tmp_path):
    """A business day in a few minutes: eight clients, mails drawn from the corpus, or from our own where it is missing."""
    mails = _corpus_mails(tmp_path / "load", 2000) if CORPUS.is_dir() else [photo_mail(5000 + number) for number in range(2000)]
    with Rig(tmp_path, {"profile": "balanced"}) as rig:
        recipients = [new_recipient("load") for _ in mails]
        _send_all(rig, "filtered", mails, recipients)
        rig.sink.wait_for_count(len(mails), 600)
        _send_all(rig, "plain", mails, recipients)
        rig.sink.wait_for_count(2 * len(mails), 600)
        rig.postfix.wait_until_empty()
        arrived = _by_recipient(rig.sink)
        changed = sum(_checked(*arrived[recipient]) for recipient in recipients)
        assert changed > len(mails) // 50


def _corpus_mails(folder, count):
    subprocess.run(["/usr/bin/python3", CORPUS / "make_mail.py", CORPUS, folder, "-n", str(count), "--seed", "7", "--eol", "crlf"],
                   check=True, capture_output=True)
    return [path.read_bytes() for path in sorted(folder.glob("*.eml"))]


def _send_all(rig, listener, mails, recipients):
    work = iter(list(zip(mails, recipients)))
    guard, failures = threading.Lock(), []

    def run():
        with SmtpClient(rig.postfix.ports[listener], timeout=300) as client:
            while True:
                with guard:
                    mail, recipient = next(work, (None, None))
                if mail is None:
                    return
                reply = client.send("a@sender.test", recipient, mail)
                if reply.code != 250:
                    failures.append(reply)

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def _by_recipient(sink):
    arrived = {}
    for mail in sink.mails():
        arrived.setdefault(mail.recipients[0], []).append(mail.path)
    return arrived


def _checked(filtered, plain):
    changes, problems = compare(plain.read_bytes(), filtered.read_bytes())
    assert problems == []
    for change in changes:
        assert opened.problem(change.before, change.after, lossless=False) == "", change.filename
    return bool(changes)
