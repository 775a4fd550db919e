# SPDX-License-Identifier: Apache-2.0
"""`optimilterctl policy explain` tells what the daemon then does: the same rules, sender and recipients for both, message by
message, over our own samples and odd mails, and over the mails of the corpus where there is one."""
import json
import re
import subprocess

import odd_mails
import pytest
from mails import photo_mail
from policy_rig import PolicyRig, reason, value
from rig import CORPUS, CTL, SAMPLES, to_crlf

pytestmark = pytest.mark.both_mtas

RULES = r'''
[[rule]]
name = "tiny"
when = { size_max = 3000, format = ["jpeg", "png", "gif"] }
then = { leave_alone = "not worth it" }

[[rule]]
name = "documents"
when = { format = ["ooxml", "odf", "pdf"], message_size_min = "100kB" }
then = { profile = "lossless", min_size = "100KiB" }

[[rule]]
name = "by-name"
when = { file_name = ["*.zip", "*.png"], part_type = "*/*" }
then = { effort = 1 }

[[rule]]
name = "press"
when = { recipient = "press@", part_type = "image/*" }
then = { leave_alone = "for print" }

[[rule]]
name = "lists"
when = { header = [{ name = "List-Id" }, { name = "Precedence", matches = "(?i)bulk|list" }] }
then = { leave_alone = "mailing list" }

[[rule]]
name = "boss"
when = { sender = "boss@" }
then = { leave_alone = "the boss" }

[[rule]]
name = "careful"
when = { recipient = "careful@" }
then = { profile = "lossless", skip_dkim_outbound = true }

[[rule]]
name = "staff"
when = { sender = "anna@", direction = "outbound" }
then = { profile = "compact" }
'''

# Sender and recipients, by turns.
ENVELOPES = [
    ("anna@sender.test", ["ben@receiver.test"]),
    ("carl@sender.test", ["press@receiver.test", "ben@receiver.test"]),
    ("anna@sender.test", ["careful@receiver.test", "ben@receiver.test"]),
    ("boss@sender.test", ["ben@receiver.test"]),
    ("carl@sender.test", ["careful@receiver.test"]),
]


# What MTAs take out by themselves (message_drop_headers), so that a milter never sees it.
DROPPED = re.compile(rb"(?im)^(?:bcc|content-length|resent-bcc|return-path):.*\r\n(?:[ \t].*\r\n)*")
# MTAs mend such heads, each in its way; a file that has one is no message to us.
NO_MESSAGE = ("a header line that is no field", "NUL in a header", "a message without header fields")
compared = []


def without_dropped(mail):
    head, separator, body = mail.partition(b"\r\n\r\n")
    return DROPPED.sub(b"", head + b"\r\n")[:-2] + separator + body


def mails():
    for path in sorted(SAMPLES.glob("*.eml")):
        yield path.name, to_crlf(path.read_bytes())
    for name, mail in odd_mails.MAILS.items():
        yield name, mail
    yield "mailing list", photo_mail(301, fields=b"List-Id: <list.sender.test>\r\n")
    yield "opted out", photo_mail(302, fields=b"X-Optimilter-Opt-Out: 1\r\n")
    yield "tiny photo", photo_mail(303, size=(16, 12))
    if CORPUS.is_dir():
        for path in sorted((CORPUS / "eml").iterdir()):
            yield path.name, to_crlf(path.read_bytes())


MAILS = list(enumerate(mails()))


@pytest.fixture(scope="module")
def rig(tmp_path_factory, mta):
    # Every part that the rules let through is one whose worker answers in time.
    with PolicyRig(tmp_path_factory.mktemp("explain"), RULES, {"profile": "balanced", "deadline": "60s", "min_size": 1000},
                   mta=mta) as running:
        yield running


def explain(rig, folder, mail, sender, recipients):
    path = folder / "mail.eml"
    path.write_bytes(mail)
    done = subprocess.run([CTL, "policy", "explain", "-c", rig.engine.settings_file, "--json", "--from", sender,
                           *(word for one in recipients for word in ("--to", one)), "--client", "127.0.0.1",
                           "--listener", "mx.optimilter.test", path], capture_output=True, text=True, timeout=60)
    if done.returncode != 0 and done.stderr.strip().endswith(NO_MESSAGE):
        return None
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("number, mail", MAILS, ids=[name for _, (name, _) in MAILS])
def test_explained_is_what_happens(rig, tmp_path, number, mail):
    content = without_dropped(mail[1])
    if rig.refuses(content) or not content.strip():
        return
    sender, recipients = ENVELOPES[number % len(ENVELOPES)]
    told = explain(rig, tmp_path, content, sender, recipients)
    if told is None:
        return
    compared.append(number)
    parts, whole = rig.lines_of(content, sender, recipients, parameters="BODY=8BITMIME")
    assert value(whole, "rule") == told["rule"] and value(whole, "direction") == told["direction"]
    if told["reason"]:
        assert reason(whole) == ("passed", told["reason"]) and parts == []
        return
    worth_a_line = [part for part in told["parts"] if part["work"] or part["format"] != "unknown" or part["filename"]]
    assert [int(value(line, "part")) for line in parts] == [part["index"] for part in worth_a_line]
    for line, part in zip(parts, worth_a_line):
        assert value(line, "rule") == part["rule"], line
        assert value(line, "format") == part["format"] and value(line, "in") == str(part["bytes_in"]), line
        if part["work"]:
            assert value(line, "opt") or "not smaller" in line or "over_budget" in line, line
        else:
            assert reason(line)[1] == part["reason"], line


def test_all_of_that_was_worth_comparing(rig):
    """Mails enough, and the log of all of them names each rule."""
    assert len(compared) >= 35
    log = rig.engine.log()
    for name in ("tiny", "documents", "by-name", "press", "lists", "boss", "careful", "staff"):
        assert f"rule={name} " in log or f"rule={name}+" in log or f"+{name} " in log, name
