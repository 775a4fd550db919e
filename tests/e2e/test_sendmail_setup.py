# SPDX-License-Identifier: Apache-2.0
"""contrib/sendmail in a real Sendmail, and what `optimilterctl check-mta --sendmail` says of it."""
import re
import signal
import subprocess

import pytest
from mail_compare import compare
from mails import photo_mail
from rig import BUILD, CTL, PROJECT, MailSink, Rig, SmtpClient, new_recipient

from private_postfix import PrivatePostfixError
from private_sendmail import PrivateSendmail

M4 = PROJECT / "contrib/sendmail/optimilter.m4"
SETTINGS = {"profile": "lossless"}  # the deadline that is the default: the time-outs in M4 go with it


@pytest.fixture
def guarded(tmp_path):
    """Guard and engine with a socket that Sendmail takes; its own MTA is left unused."""
    rig = Rig(tmp_path, SETTINGS, mta="sendmail")
    rig.engine.start()
    rig.guard.start()
    yield rig
    rig.close()


def sendmail_with(rig, lines):
    """A Sendmail whose port `filtered` has the filters of the mc lines, and whose port `plain` has none."""
    rig.mta.stop()
    rig.mta = PrivateSendmail(BUILD, rig.sink.port, {"plain": [], "filtered": None}, more=lines)
    return rig.mta


def our_lines(rig, more=""):
    return f"define(`confOPTIMILTER_SOCKET', `{rig.guard.listen}')dnl\n{more}include(`{M4}')dnl\n"


def check_mta(rig, cf):
    answer = subprocess.run([CTL, "check-mta", "-c", rig.engine.settings_file, "--sendmail", cf], capture_output=True, text=True)
    assert answer.stderr == ""
    return answer.returncode, answer.stdout


def test_our_m4_file(guarded):
    with sendmail_with(guarded, our_lines(guarded)) as sendmail:
        code, text = check_mta(guarded, sendmail.cf)
        assert code == 0 and "InputMailFilters: optimilter is filter 1 of 1" in text, text
        changes, problems = compare(*guarded.send_both_ways(photo_mail(301)))
        assert problems == [] and len(changes) == 1
        assert "Milter (optimilter) message: body replaced" in sendmail.log()


def test_the_line_in_the_readme_is_what_the_m4_file_comes_to(guarded):
    readme = (PROJECT / "contrib/sendmail/README.md").read_text()
    lines = [re.search(r"INPUT_MAIL_FILTER\(`optimilter'.*dnl", readme)[0], f"include(`{M4}')dnl"]
    made = [re.findall(r"^Xoptimilter.*|^O InputMailFilters.*", sendmail_with(guarded, line + "\n").cf.read_text(), re.M)
            for line in lines]
    assert made[0] == made[1] and len(made[0]) == 2


def test_before_a_signer_and_after_it(guarded):
    signer = "INPUT_MAIL_FILTER(`opendkim', `S=inet:8891@127.0.0.1')dnl\n"
    code, text = check_mta(guarded, sendmail_with(guarded, our_lines(guarded) + signer).cf)
    assert code == 0 and "filter 1 of 2" in text, text
    code, text = check_mta(guarded, sendmail_with(guarded, signer + our_lines(guarded)).cf)
    assert code == 1 and "looks like a DKIM signer" in text, text


@pytest.mark.parametrize("was, then, said", [
    ("F=,", "F=T,", "F=T: when optimilter is away"),
    ("R:10s", "R:5s", "Sendmail would give up before our answer"),
    ("R:10s", "R:5m", "a hung filter would hold"),
    ("O InputMailFilters=optimilter", "#", "in no InputMailFilters"),
    ("milter.sock", "milter.old", "but optimilter listens on"),
    ("Xoptimilter", "#", "no filter (X line)"),
])
def test_what_is_wrong_is_said(guarded, was, then, said):
    sendmail = sendmail_with(guarded, our_lines(guarded))
    assert sendmail.cf.read_text().count(was) == 1
    sendmail.cf.write_text(sendmail.cf.read_text().replace(was, then))
    code, text = check_mta(guarded, sendmail.cf)
    assert code == 1 and said in text, text


@pytest.mark.parametrize("mode", [0o770, 0o777, 0o1777])
def test_a_place_that_sendmail_calls_unsafe_is_told_before_it_stops_sendmail(guarded, mode):
    guarded.guard.path.parent.chmod(mode)
    sendmail = sendmail_with(guarded, our_lines(guarded))
    code, text = check_mta(guarded, sendmail.cf)
    assert code == 1 and "Sendmail does not start with such a socket" in text, text
    with pytest.raises(PrivatePostfixError, match="unsafe: (Group|World) writable directory"):
        sendmail.start()


def test_started_before_optimilter(tmp_path):
    """A socket that is not there yet is only a warning, and mail passes."""
    sink = MailSink(tmp_path / "delivered")
    lines = f"define(`confOPTIMILTER_SOCKET', `unix:/run/nonexistent/none.sock')dnl\ninclude(`{M4}')dnl\n"
    with PrivateSendmail(BUILD, sink.port, {"plain": [], "filtered": None}, more=lines) as sendmail:
        with SmtpClient(sendmail.ports["filtered"]) as client:
            assert client.send("a@sender.test", "missing@receiver.test", photo_mail(302)).code == 250
        assert sink.wait_for("missing@receiver.test").endswith(photo_mail(302))
    sink.close()


def test_a_guard_that_hangs_costs_one_time_out_a_session(guarded):
    times = "define(`confOPTIMILTER_TIMEOUTS', `C:1s;S:1s;R:2s;E:4s')dnl\n"
    with sendmail_with(guarded, our_lines(guarded, times)) as sendmail:
        guarded.guard.send_signal(signal.SIGSTOP)
        try:
            recipients = [new_recipient("hanging") for _ in range(3)]
            with SmtpClient(sendmail.ports["filtered"]) as client:
                for recipient in recipients:
                    assert client.send("a@sender.test", recipient, photo_mail(303)).code == 250
        finally:
            guarded.guard.send_signal(signal.SIGCONT)
        for recipient in recipients:
            assert guarded.sink.wait_for(recipient).endswith(photo_mail(303))
        assert sendmail.log().count("timeout before data read") == 1
        changes, problems = compare(*guarded.send_both_ways(photo_mail(304)))
        assert problems == [] and len(changes) == 1
