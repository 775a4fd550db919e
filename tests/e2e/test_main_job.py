# SPDX-License-Identifier: Apache-2.0
"""Real mail through a real Postfix gets smaller, and nothing but the attachments changes."""
import re

import opened
import pytest
from mail_compare import compare
from mails import message, part, photo, photo_mail, sample
from odd_mails import CHANGES, MAILS
from rig import LOSSLESS, Rig, SmtpClient, new_recipient

pytestmark = pytest.mark.both_mtas


def checked(original, filtered, lossless):
    """The changes, after everything that can be checked was."""
    changes, problems = compare(original, filtered)
    assert problems == []
    for change in changes:
        assert opened.problem(change.before, change.after, lossless) == "", change.filename
    return changes


def trace_fields(mail):
    return re.findall(rb"(?m)^X-Optimilter: .*", mail.split(b"\r\n\r\n")[0])


def test_a_jpeg_gets_smaller_and_nothing_else_changes(rig):
    original, filtered = rig.send_both_ways(photo_mail(1))
    changes = checked(original, filtered, lossless=True)
    assert len(changes) == 1
    assert len(filtered) < len(original)
    assert len(trace_fields(filtered)) == 1 and not trace_fields(original)


def test_the_log_has_a_line_for_the_message_and_one_for_the_part(rig):
    with SmtpClient(rig.mta.ports["filtered"]) as client:
        reply = client.send("a@sender.test", new_recipient(), photo_mail(2))
    queue_id = re.search(r"\b[0-9A-Za-z]{10,}\b", reply.text.replace("accepted", ""))[0]
    rig.engine.wait_for_log(f"{queue_id}: parts=2 ")
    lines = [line for line in rig.engine.log().splitlines() if f" {queue_id}: " in f" {line}"]
    assert any("part=" in line and "type=image/jpeg" in line and "status=optimized (saved " in line for line in lines), lines
    assert any("parts=2 " in line and "status=replaced (1 optimized, 1 kept)" in line for line in lines), lines


def test_several_recipients_get_the_same_message_once_each(rig):
    recipients = ["one@several.test", "two@several.test", "three@several.test"]
    with SmtpClient(rig.postfix.ports["filtered"]) as client:
        assert client.send("a@sender.test", recipients, photo_mail(3)).code == 250
    for recipient in recipients:
        rig.sink.wait_for(recipient)
    rig.postfix.wait_until_empty()
    assert sum(len(rig.sink.mails_for(recipient)) for recipient in recipients) == 3


def test_the_engine_twice_in_a_row_changes_nothing_the_second_time(rig):
    mail = photo_mail(4)
    original, once = rig.send_both_ways(mail)
    twice = rig.send(mail, "twice")
    assert twice.split(b"\r\n\r\n", 1)[1] == once.split(b"\r\n\r\n", 1)[1]
    assert len(trace_fields(twice)) == 1


def test_a_second_pass_without_trace_field_changes_nothing(tmp_path, mta):
    with Rig(tmp_path, {**LOSSLESS, "trace_header": False}, mta=mta) as rig:
        first = rig.send(message(part(photo(5)), part(opened_zip(), "application/zip", "photos.zip")))
        assert not trace_fields(first)
        second = rig.send(first)
        assert second.endswith(first)


def opened_zip():
    from mails import attachment_of
    return attachment_of("photos-zip")


SMALLER_SAMPLES = ["holiday-photo", "upright-photo", "screenshot", "report-docx", "slides-pptx", "offer-odt", "photos-zip"]
KEPT_SAMPLES = ["plain-text", "pgp-signed", "dkim-signed"]


@pytest.fixture(scope="module")
def inbound_rig(tmp_path_factory, mta):
    """Without internal networks everything counts as inbound, even what comes from this machine."""
    settings = {"profile": "balanced", "deadline": "30s", "internal_networks": []}
    with Rig(tmp_path_factory.mktemp("inbound"), settings, mta=mta) as running:
        yield running


@pytest.mark.parametrize("name", SMALLER_SAMPLES)
def test_samples_get_smaller(inbound_rig, name):
    original, filtered = inbound_rig.send_both_ways(sample(name))
    changes = checked(original, filtered, lossless=False)
    assert changes and len(filtered) < len(original)


@pytest.mark.parametrize("name", SMALLER_SAMPLES)
def test_samples_get_smaller_without_loss(rig, name):
    original, filtered = rig.send_both_ways(sample(name))
    assert checked(original, filtered, lossless=True)


@pytest.mark.parametrize("name", KEPT_SAMPLES)
def test_samples_that_stay_as_they_are(inbound_rig, name):
    original, filtered = inbound_rig.send_both_ways(sample(name))
    assert compare(original, filtered) == ([], [])


@pytest.mark.parametrize("name", MAILS)
def test_odd_mails(rig, name):
    if rig.refuses(MAILS[name]):
        return
    original, filtered = rig.send_both_ways(MAILS[name])
    changes = checked(original, filtered, lossless=True)
    assert bool(changes) == (name in CHANGES)
