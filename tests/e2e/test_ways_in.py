# SPDX-License-Identifier: Apache-2.0
"""Every way a message can take into the MTA and to the engine."""
import re
import time

import pytest
from mail_compare import compare, header_fields, split_head
from mails import message, part, photo, photo_mail
from rig import BUILD, LOSSLESS, Milter, NullMilter, Rig, SmtpClient, new_recipient, private_folder

pytestmark = pytest.mark.both_mtas


def assert_only_smaller(original, filtered):
    changes, problems = compare(original, filtered)
    assert problems == [] and len(changes) == 1


@pytest.mark.parametrize("socket_kind", ["unix", "inet"])
def test_sockets(tmp_path, mta, socket_kind):
    with Rig(tmp_path, socket_kind=socket_kind, mta=mta) as rig:
        assert_only_smaller(*rig.send_both_ways(photo_mail(11)))


@pytest.mark.postfix_only
def test_socket_in_the_chroot(tmp_path):
    with Rig(tmp_path, jail=True) as rig:
        assert_only_smaller(*rig.send_both_ways(photo_mail(11)))


def test_between_two_other_milters(tmp_path, mta):
    with NullMilter(BUILD, "unix", folder=private_folder()) as before, NullMilter(BUILD, "inet") as after:
        with Rig(tmp_path, before=[Milter(before.endpoint)], after=[Milter(after.endpoint)], mta=mta) as rig:
            mail = photo_mail(12)
            original, filtered = rig.send_both_ways(mail)
            assert_only_smaller(original, filtered)
            assert _body_bytes(before) == len(split_head(mail)[1])
            assert _body_bytes(after) == len(split_head(filtered)[1])


def _body_bytes(milter):
    milter.wait_for_log(" body=")
    return int(re.findall(r" body=(\d+)", milter.log())[-1])


def test_one_message_after_another_in_one_session(rig):
    recipients = [new_recipient("session") for _ in range(5)]
    with SmtpClient(rig.postfix.ports["filtered"]) as client:
        for seed, recipient in enumerate(recipients):
            assert client.send("a@sender.test", recipient, photo_mail(100 + seed)).code == 250
            if seed == 2:  # a message given up in between must leave nothing behind
                client.command("MAIL FROM:<a@sender.test>")
                client.command("RCPT TO:<nobody@receiver.test>")
                assert client.command("RSET").code == 250
    for seed, recipient in enumerate(recipients):
        plain = rig.send(photo_mail(100 + seed), "plain", recipient=new_recipient("session"))
        changes, problems = compare(_same_recipient(plain), _same_recipient(rig.sink.wait_for(recipient)))
        assert problems == [] and len(changes) == 1


def _same_recipient(mail):
    return re.sub(rb"session-\d+@", b"session@", mail)


@pytest.mark.postfix_only
@pytest.mark.parametrize("chunk", [37, 4096, 10_000_000])
def test_bdat(rig, chunk):
    mail = photo_mail(13) if chunk > 1000 else photo_mail(13, size=(160, 120))
    assert_only_smaller(*rig.send_both_ways(mail, chunk=chunk))


def test_8bitmime(rig):
    mail = message(part(photo(14)), text="Grüße aus Köln\r\n".encode())
    original, filtered = rig.send_both_ways(mail, parameters="BODY=8BITMIME")
    assert_only_smaller(original, filtered)
    assert "Grüße aus Köln".encode() in filtered


@pytest.mark.postfix_only
def test_smtputf8(rig):
    mail = message(part(photo(15), name="süß.jpg"), fields="X-Note: Grüße\r\n".encode())
    original, filtered = rig.send_both_ways(mail, parameters="SMTPUTF8 BODY=8BITMIME", sender="jörg@sender.test")
    assert_only_smaller(original, filtered)


@pytest.mark.postfix_only
def test_smtputf8_recipient(rig):
    recipient = "empfänger@receiver.test"
    filtered = rig.send(photo_mail(16), recipient=recipient, parameters="SMTPUTF8")
    assert len(filtered) < len(photo_mail(16))


def test_mail_from_sendmail_1(rig, mta):
    recipient = new_recipient("local")
    mail = photo_mail(17).replace(b"\r\n", b"\n")
    rig.mta.sendmail("anna@sender.test", recipient, mail)
    delivered = rig.sink.wait_for(recipient)
    if mta == "sendmail":  # sendmail(1) hands it on by SMTP, and either of them adds a field
        delivered = delivered[len(header_fields(split_head(delivered)[0])[0]):]
    original = b"Received: by x\r\n" + photo_mail(17)
    assert_only_smaller(original, delivered)
    rig.postfix.wait_until_empty()
    assert len(rig.sink.mails_for(recipient)) == 1


@pytest.mark.postfix_only
def test_a_message_sent_on_again_after_requeueing_is_not_changed_twice(rig):
    """postsuper -r sends a queued message through cleanup, and so through non_smtpd_milters, once more."""
    recipient = new_recipient("requeued")
    rig.sink.deferring = True
    try:
        with SmtpClient(rig.postfix.ports["filtered"]) as client:
            assert client.send("a@sender.test", recipient, photo_mail(18)).code == 250
        wait_for(lambda: rig.postfix.queued("deferred"))
        rig.postfix.command("postsuper", "-r", "ALL")
        wait_for(lambda: f"from=<a@sender.test>" in rig.postfix.log().split("postfix/pickup")[-1])
    finally:
        rig.sink.deferring = False
    rig.postfix.command("postqueue", "-f")
    delivered = rig.sink.wait_for(recipient)
    assert len(re.findall(rb"(?m)^X-Optimilter:", delivered)) == 1
    rig.postfix.wait_until_empty()
    assert len(rig.sink.mails_for(recipient)) == 1


def wait_for(condition, timeout=20):
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
