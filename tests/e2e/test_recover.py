# SPDX-License-Identifier: Apache-2.0
"""optimilter-recover and optimilterctl selfcheck, in folders of their own: what they end and remove, what they leave, and
the mail to the admin."""
import email
import email.policy
import fcntl
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

import pytest
from guarded import until
from rig import BUILD, CTL, MailSink, PROJECT, WORKER, new_recipient

from private_postfix import free_port  # on the path since rig

RECOVER = BUILD / "console/optimilter-recover"
UNIT = PROJECT / "contrib/systemd/optimilter-recover.service.in"

# Holds the zygote's socket and starts it: what an engine does. With "leave" it is gone at once, and its zygote lives on.
PARENT = """
import os, subprocess, sys, time
worker, fd, leave = sys.argv[1], int(sys.argv[2]), sys.argv[3] == "leave"
os.dup2(fd, 3)
zygote = subprocess.Popen([worker, "--zygote", "3", "--uid", "65534", "--gid", "65534", "--memory", "1073741824"], pass_fds=[3])
print(zygote.pid, flush=True)
if leave:
    os._exit(0)
time.sleep(600)
"""


class Machine:
    """A settings file, sockets and a worker program that only this test has."""

    def __init__(self, folder):
        self.folder = folder
        self.worker = shutil.copy2(WORKER, folder / "optimilter-worker")
        self.settings_file = folder / "optimilter.toml"
        self.held = []
        self.settings = {"listen": f"unix:{folder}/listen.sock", "alert_file": str(folder / "alert"), "engine_socket": f"unix:{folder}/engine.sock",
                         "control_socket": "", "guard_status_socket": "", "worker_program": str(self.worker)}
        self.configure()

    def configure(self, **settings):
        self.settings.update(settings)
        self.settings_file.write_text("".join(f"{key} = {json.dumps(value, ensure_ascii=False)}\n"
                                              for key, value in self.settings.items()))

    def recover(self, *options, env=None, before=()):
        return subprocess.run([*before, RECOVER.absolute(), "-c", self.settings_file, "--state", self.folder / "state", *options],
                              capture_output=True, text=True, timeout=120, env=env)

    def socket(self, name, listening):
        one = socket.socket(socket.AF_UNIX)
        one.bind(str(self.folder / name))
        os.chmod(self.folder / name, 0o600)
        if listening:
            one.listen(16)
            self.held.append(one)
        else:
            one.close()
        return self.folder / name

    def zygote(self, leave):
        """A zygote whose parent lives or has gone. Its socket stays open here, or it would end by itself."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        parent = subprocess.Popen([sys.executable, "-c", PARENT, self.worker, str(theirs.fileno()), "leave" if leave else "stay"],
                                  stdout=subprocess.PIPE, pass_fds=[theirs.fileno()], text=True)
        pid = int(parent.stdout.readline())
        ours.settimeout(30)
        assert ours.recv(4096)  # ready
        theirs.close()
        self.held.append(ours)
        if leave:
            parent.wait()
        else:
            self.held.append(parent)
        return pid

    def close(self):
        for one in self.held:
            if isinstance(one, subprocess.Popen):
                one.kill()
                one.wait()
            else:
                one.close()


@pytest.fixture
def machine(tmp_path):
    one = Machine(tmp_path)
    yield one
    one.close()


def runs(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def parent_of(pid):
    return int(pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])


# ---- What is ended and removed

def test_a_stale_socket_goes_and_a_live_one_stays(machine):
    stale, live = machine.socket("listen.sock", False), machine.socket("engine.sock", True)
    trial = machine.recover("--dry-run")
    assert f"would remove {stale}" in trial.stdout and trial.returncode == 1
    assert stale.exists() and not (machine.folder / "state").exists()
    done = machine.recover()
    assert f"remove {stale}, a socket that nobody serves: done" in done.stdout, done.stdout
    assert not stale.exists() and live.exists()
    probe = socket.socket(socket.AF_UNIX)
    probe.connect(str(live))
    probe.close()


def test_what_is_no_socket_stays(machine):
    (machine.folder / "listen.sock").write_text("a file of somebody")
    machine.recover()
    assert (machine.folder / "listen.sock").read_text() == "a file of somebody"


def test_an_orphaned_zygote_is_ended_and_an_owned_one_is_not(machine):
    orphan, owned = machine.zygote(leave=True), machine.zygote(leave=False)
    assert parent_of(orphan) == 1, "something on this machine takes orphans over before process 1 does"
    os.kill(orphan, signal.SIGSTOP)  # as one that hangs
    assert f"would end process {orphan} " in machine.recover("-n").stdout and runs(orphan)
    done = machine.recover()
    assert re.search(rf"end process {orphan} \(optimilter-work\), which nothing owns: done", done.stdout), done.stdout
    assert str(owned) not in done.stdout
    until(lambda: not runs(orphan))
    assert runs(owned)
    assert "none without an owner" in machine.recover().stdout


def test_an_engine_keeps_its_workers(rig):
    """A whole running system: nothing is ended or removed, and all processes answer."""
    done = subprocess.run([RECOVER, "-n", "-c", rig.engine.settings_file, "--postfix-config", rig.postfix.config],
                          env=rig.postfix.environment, capture_output=True, text=True, timeout=60)
    assert "would do nothing" in done.stdout, done.stdout
    states = {line.split()[1]: line.split()[0] for line in done.stdout.splitlines() if line.split()[0] in ("ok", "warn", "fail")}
    assert [states[name] for name in ("guard", "engine", "processes", "queue")] == ["ok"] * 4, done.stdout


def test_selfcheck_json(rig):
    words = [CTL, "selfcheck", "--json", "-c", rig.engine.settings_file, "--postfix-config", rig.postfix.config]
    done = subprocess.run(words, env=rig.postfix.environment, capture_output=True, text=True, timeout=60)
    answer = json.loads(done.stdout)
    assert [check["name"] for check in answer["checks"]] == [
        "settings", "disk", "memory", "sockets", "guard", "engine", "processes", "queue", "mta", "units", "certs", "cores"]
    assert all(check["reason"] and check["state"] in ("ok", "warn", "fail") for check in answer["checks"])
    assert done.returncode == (0 if answer["state"] == "ok" else 1)
    assert re.search(r"incoming \d+, active \d+", [c["reason"] for c in answer["checks"] if c["name"] == "queue"][0])


# ---- The mail to the admin

def check_mail(data, to):
    """By Python's reader; the fields that keep programs from answering."""
    mail = email.message_from_bytes(data, policy=email.policy.default)
    assert not mail.defects and mail["To"] == to and mail["Auto-Submitted"] == "auto-generated"
    assert mail["Precedence"] == "bulk" and mail["X-Optimilter-Alert"] and len(mail.get_all("X-Optimilter")) == 1
    assert mail["Date"].datetime.timestamp() == pytest.approx(time.time(), abs=300)
    assert mail["Subject"].startswith("optimilter on ") and mail["Message-ID"]
    assert mail.get_content_type() == "text/plain" and mail.get_content_charset() == "utf-8"
    return mail.get_content()


def unwrapped(text):
    """Lines that were broken at blanks are one again."""
    return re.sub(r"\s+", " ", text)


def test_mail_by_sendmail_once_and_our_milter_leaves_it_alone(rig, machine):
    recipient = new_recipient("admin")
    machine.configure(notify=[recipient], notify_via=str(rig.postfix.programs / "usr/sbin/sendmail"))
    first = machine.recover("--postfix-config", rig.postfix.config, env=rig.postfix.environment)
    assert "the admin was told by mail" in first.stdout, first.stdout + first.stderr
    text = check_mail(rig.sink.wait_for(recipient), recipient)
    assert "fail  sockets" in text and "passes unchanged" in text and "next reminder comes in 60 min" in text
    assert rig.sink.mails_for(recipient)[0].sender == ""
    assert "already processed" in rig.engine.log() and "status=replaced" not in rig.engine.log()
    second = machine.recover("--postfix-config", rig.postfix.config, env=rig.postfix.environment)
    assert "told" not in second.stdout and len(rig.sink.mails_for(recipient)) == 1


def test_mail_by_sendmail_with_no_more_rights_than_the_unit_has(rig, machine):
    recipient = new_recipient("caged")
    machine.configure(notify=[recipient], notify_via=str(rig.postfix.programs / "usr/sbin/sendmail"))
    orphan = machine.zygote(leave=True)
    cage = [sys.executable, pathlib.Path(__file__).with_name("unit_cage.py"), UNIT, "root"]
    done = machine.recover("--postfix-config", rig.postfix.config, env=rig.postfix.environment, before=cage)
    assert "which nothing owns: done" in done.stdout and "was told by mail" in done.stdout, done.stdout + done.stderr
    assert "which nothing owns: done" in unwrapped(check_mail(rig.sink.wait_for(recipient), recipient))
    until(lambda: not runs(orphan))


@pytest.fixture
def sink(tmp_path):
    one = MailSink(tmp_path / "sink")
    yield one
    one.close()


def test_mail_by_smtp_with_text_of_all_kinds(machine, sink):
    machine.configure(notify=["a@admin.test", "b@admin.test"], notify_via=f"smtp:127.0.0.1:{sink.port}",
                      notify_from="filter@admin.test", listen=f"unix:{machine.folder}/Grüße = 5 %.sock")
    assert "told by mail" in machine.recover().stdout
    mail = sink.wait_for_count(1)[0]
    assert mail.recipients == ("a@admin.test", "b@admin.test") and mail.sender == ""
    data = mail.path.read_bytes()
    text = check_mail(data, "a@admin.test, b@admin.test")
    assert f"{machine.folder}/Grüße = 5 %.sock" in unwrapped(text)
    assert email.message_from_bytes(data)["From"] == "optimilter <filter@admin.test>"
    assert all(len(line) <= 998 for line in data.split(b"\r\n")) and b"\n" not in data.replace(b"\r\n", b"") and data.isascii()


def test_reminders_and_new_causes(machine, sink):
    machine.configure(notify=["a@admin.test"], notify_via=f"smtp:127.0.0.1:{sink.port}")
    state_file = machine.folder / "state/state.json"
    assert "told by mail" in machine.recover().stdout
    assert "told by mail" not in machine.recover().stdout
    state = json.loads(state_file.read_text())
    assert state["alerts"]["sockets"]["mail"]["sends"] == 1
    state["alerts"]["sockets"]["mail"]["at"] -= 3600
    state_file.write_text(json.dumps(state))
    assert "told by mail" in machine.recover().stdout  # the first reminder
    assert "told by mail" not in machine.recover().stdout
    orphan = machine.zygote(leave=True)  # a cause that is new
    assert "told by mail" in machine.recover().stdout and len(sink.mails()) == 3
    until(lambda: not runs(orphan))
    state_file.write_text("{ broken")
    assert "told by mail" in machine.recover().stdout


def test_broken_settings_are_told_to_the_addresses_of_the_last_good_ones(machine, sink):
    machine.configure(notify=["a@admin.test"], notify_via=f"smtp:127.0.0.1:{sink.port}")
    machine.recover()
    machine.settings_file.write_text("listen = [broken\n")
    done = machine.recover()
    assert "told by mail" in done.stdout, done.stdout
    assert "fail  settings" in check_mail(sink.wait_for_count(2)[1].path.read_bytes(), "a@admin.test")


def test_what_could_not_be_sent_is_sent_later(machine, sink):
    machine.configure(notify=["a@admin.test"], notify_via=f"smtp:127.0.0.1:{free_port()}")
    assert "could not be told" in machine.recover().stdout
    sink.deferring = True
    machine.configure(notify_via=f"smtp:127.0.0.1:{sink.port}")
    done = machine.recover()
    assert "could not be told by mail: the SMTP server said: 451 4.3.0 not now" in done.stdout
    sink.deferring = False
    assert "told by mail" in machine.recover().stdout and len(sink.mails()) == 1


def test_nobody_to_tell(machine):
    done = machine.recover()
    assert done.returncode == 1 and "the settings notify and notify_webhook are empty" in done.stdout


def test_without_a_place_to_remember_no_mail_is_sent(machine, sink):
    machine.configure(notify=["a@admin.test"], notify_via=f"smtp:127.0.0.1:{sink.port}")
    stale = machine.socket("listen.sock", False)
    done = subprocess.run([RECOVER, "-c", machine.settings_file, "--state", "/proc/no/such/folder"], capture_output=True,
                          text=True, timeout=60)
    assert "nobody is told" in done.stdout and not stale.exists() and not sink.mails()


# ---- As a program

def test_one_at_a_time(machine):
    machine.recover()
    with open(machine.folder / "state/lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        stale = machine.socket("listen.sock", False)
        done = machine.recover()
        assert done.returncode == 1 and "another optimilter-recover is at work" in done.stdout and stale.exists()


@pytest.mark.parametrize("words", [["--no-such-option"], ["more"], ["-c"]])
def test_bad_usage(words):
    assert subprocess.run([RECOVER, *words], capture_output=True, timeout=60).returncode == 2
