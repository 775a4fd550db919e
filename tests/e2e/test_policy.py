# SPDX-License-Identifier: Apache-2.0
"""Rules as they act on real mail, through Postfix and Sendmail, and their change while mail flows."""
import json
import socket
import threading

import milter_frames as m
import pytest
from mail_compare import compare
from mails import message, part, photo, photo_mail
from milter_client import MilterClient
from policy_rig import PolicyRig, reason, value
from rig import SmtpClient, new_recipient

pytestmark = pytest.mark.both_mtas

RULES = r'''
[[rule]]
name = "press"
when = { recipient = ["press.test", "layout@"], part_type = "image/*" }
then = { leave_alone = "for print" }

[[rule]]
name = "archive"
when = { recipient = "regexp:LISTS/archive" }
then = { leave_alone = "evidence" }

[[rule]]
name = "boss"
when = { sender = "texthash:LISTS/boss" }
then = { leave_alone = "the boss said so" }

[[rule]]
name = "tagged"
when = { header = { name = "X-Tag", matches = '^keep\b' } }
then = { leave_alone = "tagged" }

[[rule]]
name = "listener"
when = { listener = ["mx.optimilter.test", "filtered"], header = { name = "X-Ask", equals = "listener" } }
then = { leave_alone = "this listener" }

[[rule]]
name = "client"
when = { client = "cidr:LISTS/clients", header = { name = "X-Ask", equals = "client" } }
then = { leave_alone = "this client" }

[[rule]]
name = "trial"
when = { header = { name = "X-Ask", equals = "trial" } }
then = { dry_run = true }

[[rule]]
name = "untraced"
when = { header = { name = "X-Ask", equals = "untraced" } }
then = { trace_header = false, min_gain_percent = 0 }
'''


@pytest.fixture(scope="module")
def rig(tmp_path_factory, mta):
    running = PolicyRig(tmp_path_factory.mktemp("policy"), "", mta=mta)
    lists = running.engine.folder
    (lists / "archive").write_text("/^archive-.*@/ OK\n")
    (lists / "boss").write_text("boss@sender.test yes\n")
    (lists / "clients").write_text("127.0.0.0/8 yes\n")
    running.write(RULES.replace("LISTS", str(lists)))
    with running:
        yield running


def ask(word):
    return b"X-Ask: " + word.encode() + b"\r\n"


@pytest.mark.parametrize("name, options, fields, want", [
    ("nobody", {}, b"", ""),
    ("press", {"recipients": ["layout@receiver.test"]}, b"", "for print"),
    ("press", {"recipients": ["x@press.test"]}, b"", "for print"),
    ("archive", {"recipients": ["archive-7@receiver.test"]}, b"", "evidence"),
    ("boss", {"sender": "Boss@Sender.test"}, b"", "the boss said so"),
    ("tagged", {}, b"x-tag: keep\r\n\tit\r\n", "tagged"),
    ("listener", {}, ask("listener"), "this listener"),
    ("client", {}, ask("client"), "this client"),
    ("trial", {}, ask("trial"), "dry run"),
])
def test_a_rule_decides(rig, name, options, fields, want):
    parts, whole = rig.lines_of(photo_mail(200, fields=fields), **options)
    if name == "nobody":
        assert reason(whole)[0] == "replaced" and value(whole, "rule") == "", whole
        return
    by_part = name == "press"
    assert reason(whole) == ("passed", "no part became smaller" if by_part else want), whole
    assert value(whole, "rule") == ("" if by_part else name)
    # What rules leave alone as a whole is not even read.
    assert len(parts) == (1 if by_part or name == "trial" else 0)
    if by_part:
        assert value(parts[0], "rule") == name and reason(parts[0]) == ("untouchable", want)


def test_what_a_rule_leaves_alone_arrives_as_it_was(rig):
    original, filtered = rig.send_both_ways(photo_mail(201), sender="boss@sender.test")
    changes, problems = compare(original, filtered)
    assert changes == [] and problems == [] and b"\r\nX-Optimilter:" not in filtered


def test_settings_of_a_rule_count(rig):
    original, filtered = rig.send_both_ways(photo_mail(202, fields=ask("untraced")))
    assert len(filtered) < len(original) and b"\r\nX-Optimilter:" not in filtered


@pytest.mark.parametrize("others, want", [
    (["layout@receiver.test"], "press+none"), (["archive-1@receiver.test"], "archive"),
    (["layout@receiver.test", "archive-1@receiver.test"], "archive")])
def test_one_of_several_recipients_decides(rig, others, want):
    recipients = [new_recipient("mixed"), *others, new_recipient("mixed")]
    mail = photo_mail(203)
    parts, whole = rig.lines_of(mail, recipients=recipients)
    assert reason(whole)[0] == "passed"
    assert want in (value(whole, "rule"), *(value(line, "rule") for line in parts))
    rig.sink.wait_for(recipients[-1])
    for recipient in (recipients[0], recipients[-1]):
        assert len(rig.sink.wait_for(recipient)) >= len(mail), "smaller than it was sent"


def test_of_two_parts_one_is_left_alone(rig):
    mail = message(part(photo(204)), part(photo(205), "application/octet-stream", "photo2.jpg"))
    changes, problems = compare(*rig.send_both_ways(mail))
    assert problems == [] and len(changes) == 2
    parts, whole = rig.lines_of(mail, recipients=["layout@receiver.test"])
    assert reason(whole)[0] == "replaced"
    assert [value(line, "rule") for line in parts] == ["press", ""]


def test_opting_out_counts_from_inside_only_and_stays(tmp_path, mta):
    """The same message, and the same client, once in internal_networks and once not."""
    mail = photo_mail(206, fields=b"X-Optimilter-Opt-Out: yes\r\n")
    with PolicyRig(tmp_path, "", mta=mta) as rig:
        parts, whole = rig.lines_of(mail)
        assert reason(whole) == ("passed", "opted out by X-Optimilter-Opt-Out") and parts == []
        original, filtered = rig.send_both_ways(mail)
        assert b"\r\nX-Optimilter-Opt-Out: yes\r\n" in filtered and len(filtered) >= len(original)
        rig.set_settings({"internal_networks": []})
        rig.reload()
        original, filtered = rig.send_both_ways(mail)
        assert len(filtered) < len(original), "a stranger opted out"
        assert b"\r\nX-Optimilter-Opt-Out: yes\r\n" in filtered
        # A rule trusts this one.
        rig.write('[[rule]]\nname = "partner"\nwhen = { sender = "anna@" }\nthen = { opt_trust = "everybody" }\n')
        rig.reload()
        parts, whole = rig.lines_of(mail)
        assert reason(whole) == ("passed", "opted out by X-Optimilter-Opt-Out") and value(whole, "rule") == "partner"


def test_opting_in(tmp_path, mta):
    with PolicyRig(tmp_path, "", {"opt_in_header": "X-Smaller"}, mta=mta) as rig:
        assert reason(rig.lines_of(photo_mail(207))[1]) == ("passed", "not opted in by X-Smaller")
        original, filtered = rig.send_both_ways(photo_mail(207, fields=b"X-Smaller: please\r\n"))
        assert len(filtered) < len(original) and b"\r\nX-Smaller: please\r\n" in filtered


def status(rig):
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(10)
        client.connect(str(rig.engine.control))
        client.sendall(b"status\n")
        return json.loads(b"".join(iter(lambda: client.recv(65536), b"")))


STOP = '[[rule]]\nname = "stop"\nthen = { leave_alone = "stopped" }\n'


def test_a_broken_file_keeps_rules_and_settings(tmp_path, mta):
    with PolicyRig(tmp_path, STOP, mta=mta) as rig:
        assert value(rig.lines_of(photo_mail(208))[1], "rule") == "stop"
        rig.write('\n[[rule]]\nname = "broken"\nwhen = { sendr = "x" }\nthen = {}\n', "20-broken.toml")
        rig.write("", "10-test.toml")
        rig.set_settings({"dry_run": True})
        rig.reload()
        problem = f'{rig.rules}/20-broken.toml:4: unknown condition "sendr"; did you mean "sender"?'
        assert problem in rig.engine.log() and status(rig)["settings_problem"] == problem
        assert status(rig)["policy"]["rules"] == 1
        # The file that became good and the settings wait for the broken one.
        assert reason(rig.lines_of(photo_mail(208))[1]) == ("passed", "stopped")
        rig.write("valid_until = 2037-12-31\n", "20-broken.toml")
        rig.reload()
        assert status(rig)["settings_problem"] == ""
        assert status(rig)["policy"] == {"folder": str(rig.rules), "rules": 0, "valid_until": "2037-12-31", "out_of_date": False}
        assert reason(rig.lines_of(photo_mail(208))[1]) == ("passed", "dry run")


def test_rules_past_their_time_let_all_mail_pass(tmp_path, mta):
    with PolicyRig(tmp_path, "valid_until = 2020-01-31\n" + STOP, mta=mta) as rig:
        was = f"{rig.rules}/10-test.toml was valid until 2020-01-31"
        assert f"{was}: all mail passes unchanged" in rig.engine.log()
        assert reason(rig.lines_of(photo_mail(209))[1]) == ("passed", was)
        assert status(rig)["policy"]["out_of_date"]
        rig.write("valid_until = 2037-01-31\n")
        rig.reload()
        assert reason(rig.lines_of(photo_mail(209))[1])[0] == "replaced"


def test_mail_flows_while_rules_change(tmp_path, mta):
    """Good and broken rules by turns under a stream of mail: each arrives once, by the old rules or by the new ones."""
    mail = photo_mail(210)
    recipients = [new_recipient("flow") for _ in range(24)]
    with PolicyRig(tmp_path, STOP, mta=mta) as rig:
        stop = threading.Event()

        def keep_changing():
            texts = [STOP, "", "[[rule]]\nname = 1\n"]
            turn = 0
            while not stop.is_set():
                rig.write(texts[turn % 3])
                rig.reload()
                turn += 1

        changer = threading.Thread(target=keep_changing)
        changer.start()
        try:
            with SmtpClient(rig.mta.ports["filtered"]) as client:
                codes = [client.send("anna@sender.test", recipient, mail).code for recipient in recipients]
        finally:
            stop.set()
            changer.join()
        assert codes == [250] * len(recipients)
        rig.sink.wait_for(recipients[-1])
        rig.mta.wait_until_empty()
        sizes = {len(rig.sink.wait_for(recipient)) // 1000 for recipient in recipients}
        assert all(len(rig.sink.mails_for(recipient)) == 1 for recipient in recipients)
        assert len(sizes) <= 2, "neither the old nor the new"
        log = rig.engine.log()
        assert log.count(": parts=") >= len(recipients) and "the old settings and rules stay" in log


@pytest.mark.postfix_only
def test_who_has_authenticated(tmp_path):
    """By our own milter client: the MTAs of the tests know no users."""
    rules = '[[rule]]\nname = "user"\nwhen = { auth_user = "anna", authenticated = true }\nthen = { leave_alone = "hers" }\n'
    with PolicyRig(tmp_path, rules) as rig:
        for user, passes in ((b"Anna", True), (b"ben", False), (b"", False)):
            with MilterClient(rig.guard.endpoint) as client:
                client.open()
                phases = client.phases(photo_mail(211))
                client.message_over = client.skipping = False
                client.step(m.MAIL, b"<a@sender.test>\0", (b"{auth_authen}", user) if user else ())
                for _, play in phases[1:]:
                    play()
                assert client.end_message().unchanged == passes, user
                client.finish()
