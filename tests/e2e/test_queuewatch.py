# SPDX-License-Identifier: Apache-2.0
"""optimilter-queuewatch over real queues: what it counts, as whom, and what happens when queue, MTA, engine or the watch
itself go and come back."""
import collections
import grp
import json
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import pytest
from queue_scene import NOBODY, OWNER, counts, engine_with, make_queue, plant, queue_of, status, until
from rig import BUILD, CTL, PROJECT, MailSink, PrivatePostfix, PrivateSendmail, QueueWatch, SmtpClient


@pytest.fixture
def queue():
    """A queue directory without a Postfix, in a folder that lets other users through, as those of pytest do not."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="optimilter-queue."))
    folder.chmod(0o755)
    make_queue(folder / "spool", 0)
    yield folder / "spool"
    shutil.rmtree(folder)


@pytest.fixture
def watched(queue):
    """(engine, watch, queue)"""
    with engine_with({"queue_directories": [queue]}) as engine, QueueWatch(engine) as watch:
        until(lambda: not queue_of(engine)["off_reason"], "samples")
        yield engine, watch, queue


# ---- What is counted ----


def one_by_one(postfix):
    """Messages by queue name, as Postfix itself says."""
    lines = postfix.command("postqueue", "-j").splitlines()
    return dict(collections.Counter(json.loads(line)["queue_name"] for line in lines))


class SilentServer:
    """Takes connections and says nothing, so that Postfix waits and the message stays active."""

    def __init__(self):
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.port = self.socket.getsockname()[1]


@pytest.fixture
def busy_postfix(tmp_path):
    """5 messages in incoming, 3 in active, 4 in deferred, 2 in hold, and they stay there."""
    silent, sink = SilentServer(), MailSink(tmp_path / "delivered")
    settings = {
        "qmgr_message_active_limit": "3", "queue_run_delay": "1000s", "minimal_backoff_time": "1000s",
        "maximal_backoff_time": "2000s", "smtp_helo_timeout": "1000s", "smtp_connect_timeout": "1000s",
        "transport_maps": f"inline:{{ {{ silent.test = smtp:[127.0.0.1]:{silent.port} }}, {{ later.test = smtp:[127.0.0.1]:1 }} }}",
        "smtpd_recipient_restrictions": "check_recipient_access inline:{ { held.test = HOLD } }, permit_mynetworks, reject",
        "hash_queue_names": "deferred defer hold", "hash_queue_depth": "2", "enable_long_queue_ids": "yes"}
    with PrivatePostfix(sink.port, {"plain": []}, settings=settings) as postfix:
        with SmtpClient(postfix.ports["plain"]) as client:
            for domain, number in (("later.test", 4), ("held.test", 2)):
                for index in range(number):
                    assert client.send("a@sender.test", f"{index}@{domain}", b"Subject: x\r\n\r\nx\r\n").code == 250
            until(lambda: len(postfix.queued("deferred")) == 4 and not postfix.queued("active", "incoming"), "deferred mail")
            for index in range(8):
                assert client.send("a@sender.test", f"{index}@silent.test", b"Subject: x\r\n\r\nx\r\n").code == 250
        until(lambda: len(postfix.queued("active")) == 3, "active mail")
        yield postfix
    sink.close()


def test_counts_are_those_of_postqueue(busy_postfix):
    want = {"incoming": 5, "active": 3, "deferred": 4, "hold": 2}
    assert one_by_one(busy_postfix) == want
    with engine_with({"queue_directories": [busy_postfix.queue]}) as engine, QueueWatch(engine) as watch:
        until(lambda: counts(engine) == want, "the counts")
        found = queue_of(engine)
        source, = found["sources"]
        assert found["off_reason"] == "" == source["problem"]
        assert (source["folders_read"], source["folders_lost"], source["pid"]) == (2, 0, watch.process.pid)
        for age in (found["oldest_ms"], source["incoming_oldest_ms"], source["active_oldest_ms"]):
            assert 0 < age < 120_000
        code, text = watch.count_once()
        assert code == 0 and "incoming 5 (oldest " in text and "deferred 4, hold 2" in text


def test_a_message_that_is_still_being_sent_is_not_counted(busy_postfix):
    with engine_with({"queue_directories": [busy_postfix.queue]}) as engine, QueueWatch(engine):
        with socket.create_connection(("127.0.0.1", busy_postfix.ports["plain"])) as client:
            lines = client.makefile("rb")
            for line in (b"", b"HELO c.test\r\n", b"MAIL FROM:<a@sender.test>\r\n", b"RCPT TO:<b@silent.test>\r\n", b"DATA\r\n"):
                client.sendall(line)
                lines.readline()
            client.sendall(b"Subject: x\r\n\r\n" + b"x\r\n" * 20_000)
            until(lambda: len(busy_postfix.queued("incoming")) == 6, "the file of the message under way")
            samples = queue_of(engine)["samples"]
            until(lambda: queue_of(engine)["samples"] > samples + 1, "a sample after that")
            assert counts(engine)["incoming"] == 5 == one_by_one(busy_postfix)["incoming"]
            client.sendall(b".\r\n")
            assert lines.readline().startswith(b"250")
        until(lambda: counts(engine)["incoming"] == 6, "the message is there")


def test_postfix_is_restarted(busy_postfix):
    with engine_with({"queue_directories": [busy_postfix.queue]}) as engine, QueueWatch(engine) as watch:
        until(lambda: counts(engine)["active"] == 3, "the counts")
        busy_postfix.stop(keep_folder=True)
        busy_postfix.start()
        busy_postfix.command("postsuper", "-d", "ALL", "hold")
        until(lambda: counts(engine)["hold"] == 0 and counts(engine)["active"] == 3, "the counts after the restart")
        assert sum(counts(engine).values()) == sum(one_by_one(busy_postfix).values()) == 12
        assert watch.process.poll() is None and "cannot be read" not in watch.log()


def test_several_instances_and_several_watches(queue):
    """One process may count several queues, and several processes may count: all is added up."""
    second, third = queue.parent / "second", queue.parent / "third"
    for place, number in ((queue, 1), (second, 20), (third, 300)):
        make_queue(place, number)
    with engine_with({"queue_directories": [queue, second]}) as engine, QueueWatch(engine):
        until(lambda: counts(engine) == dict.fromkeys(("incoming", "active", "deferred", "hold"), 21), "two instances")
        engine.configure({**engine.settings, "queue_directories": [third]})
        other = QueueWatch(engine)
        with other:
            until(lambda: counts(engine)["active"] == 321 and len(queue_of(engine)["sources"]) == 2, "two watches")
        until(lambda: counts(engine)["active"] == 21, "the second is forgotten")


# ---- Sendmail ----


def test_sendmail():
    """As a member of the queue's group, as on Debian; fresh mail is active, older mail deferred, quarantine hold."""
    silent = SilentServer()
    with PrivateSendmail(BUILD, silent.port, {"plain": []}) as sendmail:
        group = grp.getgrnam(OWNER).gr_gid
        os.chown(sendmail.queue, -1, group)
        sendmail.queue.chmod(0o2750)
        before = time.time()
        with SmtpClient(sendmail.ports["plain"]) as client:
            for index in range(5):
                assert client.send("a@sender.test", f"{index}@receiver.test", b"Subject: x\r\n\r\nx\r\n").code == 250
        control = until(lambda: len(found := sorted(sendmail.queue.glob("qf*"))) == 5 and found, "queued mail")
        # The ID tells the time in UTC, whatever the machine's zone is.
        digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwx"
        year, month, *rest = (digits.index(character) for character in control[0].name[2:8])
        now = time.gmtime(before)
        assert (year, month + 1, rest[:2]) == ((now.tm_year - 1900) % 60, now.tm_mon, [now.tm_mday, now.tm_hour])
        with engine_with({"queue_directories": [f"sendmail:{sendmail.queue}"]}) as engine, QueueWatch(engine) as watch:
            until(lambda: counts(engine) == {"incoming": 0, "active": 5, "deferred": 0, "hold": 0}, "fresh mail")
            # Nobody waits five minutes here: copies with the IDs of yesterday, and of quarantine.
            yesterday = time.gmtime(before - 86400)
            for index in range(3):
                old = digits[(yesterday.tm_year - 1900) % 60] + digits[yesterday.tm_mon - 1] + digits[yesterday.tm_mday]
                shutil.copy(control[0], sendmail.queue / f"qf{old}000{index}012345")
            shutil.copy(control[0], sendmail.queue / f"hf{control[0].name[2:]}")
            until(lambda: counts(engine) == {"incoming": 0, "active": 5, "deferred": 3, "hold": 1}, "all of it")
            assert queue_of(engine)["oldest_ms"] == 0
            stranger = QueueWatch(engine, NOBODY)
            code, text = stranger.count_once()
            assert code == 1 and f"{sendmail.queue} cannot be read: Permission denied" in text
            assert watch.count_once()[0] == 0


# ---- What goes and comes back ----


def test_a_folder_becomes_unreadable_and_readable(watched):
    engine, watch, queue = watched
    plant(queue, "active", 3)
    until(lambda: counts(engine)["active"] == 3, "the counts")
    place = queue / "active"
    for hide, bring_back, why in (
            (lambda: os.chown(place, 0, 0), lambda: shutil.chown(place, OWNER), "Permission denied"),
            (lambda: place.rename(queue / "away"), lambda: (queue / "away").rename(place), "No such file or directory")):
        hide()
        lost = f"{place} cannot be read: {why}"
        found = until(lambda: (q := queue_of(engine))["sources"] and q["sources"][0]["problem"] == lost and q, "the loss")
        assert found["active"] == 0 and found["off_reason"] == "", "incoming is still counted"
        assert any(lost in problem for problem in status(engine)["problems"])
        samples = found["samples"]
        until(lambda: queue_of(engine)["samples"] > samples + 3, "more samples")
        bring_back()
        until(lambda: counts(engine)["active"] == 3, "it is back")
        assert watch.log().count(lost) == 1 and "warning" not in lost
    assert watch.log().count(f"{place} can be read again") == 2


def test_nothing_can_be_read(queue):
    """As another user: told, the signal is off, and no 0 is taken for an empty queue."""
    plant(queue, "active", 3)
    with engine_with({"queue_directories": [queue], "queue_group": NOBODY}) as engine, QueueWatch(engine, NOBODY) as watch:
        found = until(lambda: (q := queue_of(engine))["samples"] and q, "a sample")
        assert found["off_reason"] == f"{queue}/incoming cannot be read: Permission denied"
        assert found["active"] is None and found["oldest_ms"] is None
        done = subprocess.run([CTL, "status", "-c", engine.settings_file], capture_output=True, text=True)
        assert f"no samples, that signal is off: {queue}/incoming cannot be read" in done.stdout and done.returncode == 1
        assert f"queuewatch running, version 0.1.0, pid {watch.process.pid}" in done.stdout


def test_the_queue_directory_vanishes_and_is_made_anew(watched):
    engine, watch, queue = watched
    plant(queue, "active", 3)
    until(lambda: counts(engine)["active"] == 3, "the counts")
    shutil.rmtree(queue)
    until(lambda: "No such file" in queue_of(engine)["off_reason"], "the loss")
    make_queue(queue, 2)
    until(lambda: counts(engine) == {"incoming": 2, "active": 2, "deferred": 2, "hold": 2}, "it is back")
    assert watch.log().count("can be read again") == 4


def test_engine_is_killed_and_starts_again(watched):
    engine, watch, _ = watched
    for time_number in (1, 2):
        engine.kill()
        watch.wait_for_log("the samples reach nobody: no engine is behind", count=time_number)
        engine.start()
        until(lambda: not queue_of(engine)["off_reason"], "samples after the start")
    assert watch.log().count("the samples reach nobody") == 2
    assert watch.log().count("the engine takes the samples at") == 3
    engine.stop(keep_folder=True)
    assert not (engine.folder / "queue.sock").exists()
    watch.wait_for_log("the samples reach nobody", count=3)
    assert watch.process.poll() is None


def test_engine_hangs(watched):
    """Its socket fills up; nobody waits for it."""
    engine, watch, _ = watched
    engine.send_signal(signal.SIGSTOP)
    try:
        watch.wait_for_log("the engine does not read", timeout=60)
    finally:
        engine.send_signal(signal.SIGCONT)
    until(lambda: not queue_of(engine)["off_reason"], "samples again")


def test_watch_is_killed_and_starts_again(watched):
    engine, watch, queue = watched
    plant(queue, "active", 4)
    until(lambda: counts(engine)["active"] == 4, "the counts")
    watch.kill()
    until(lambda: "the last sample came" in queue_of(engine)["off_reason"], "it is missed")
    assert counts(engine)["active"] is None
    assert not any("queue" in problem for problem in status(engine)["problems"])
    watch.start()
    until(lambda: counts(engine)["active"] == 4, "it is back")
    assert watch.stop(keep_folder=True) == 0
    watch.start()
    watch.kill()
    watch.start()  # again at once: the same source, so nothing is counted twice
    until(lambda: queue_of(engine)["sources"][0]["pid"] == watch.process.pid, "the new process")
    assert counts(engine)["active"] == 4 and len(queue_of(engine)["sources"]) == 1


def test_reload(watched):
    engine, watch, queue = watched
    other = queue.parent / "other"
    make_queue(other, 7)
    engine.configure({**engine.settings, "queue_directories": ["postfix"]})
    watch.reload()
    watch.wait_for_log("has problems, the old settings stay")
    samples = queue_of(engine)["samples"]
    until(lambda: queue_of(engine)["samples"] > samples, "it goes on")
    assert counts(engine)["active"] == 0
    engine.configure({**engine.settings, "queue_directories": [other]})
    watch.reload()
    until(lambda: 7 in counts(engine).values(), "the other queue")
    assert watch.process.poll() is None


def test_settings_that_cannot_be_used(queue):
    with engine_with({"queue_directories": [queue]}) as engine:
        engine.configure({**engine.settings, "queue_interval": "1ms"})
        watch = QueueWatch(engine)
        code, text = watch.count_once()
        assert code == 78 and "queue_interval" in text
        engine.configure({**engine.settings, "queue_interval": "1s", "queue_user": "no-such-user"})
        done = subprocess.run([watch.program, "-c", engine.settings_file], capture_output=True, text=True, timeout=20)
        assert done.returncode == 78 and "no-such-user is not known" in done.stderr


def test_started_as_root_it_becomes_its_user(queue):
    with engine_with({"queue_directories": [queue], "queue_user": OWNER}) as engine:
        watch = QueueWatch(engine)
        watch._starts_as_root = True
        with watch:
            until(lambda: not queue_of(engine)["off_reason"], "samples")
            words = dict(line.split(":\t", 1) for line in pathlib.Path(f"/proc/{watch.process.pid}/status").read_text().splitlines())
            assert set(words["Uid"].split()) == {str(pwd.getpwnam(OWNER).pw_uid)}
            assert int(words["CapEff"], 16) == 0


# ---- systemd ----


def test_what_systemd_is_told(queue):
    said = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd, engine_with({"queue_directories": [queue]}) as engine:
        name = f"\0optimilter-queuewatch-test-{os.getpid()}"
        systemd.bind(name)
        systemd.settimeout(15)
        watch = QueueWatch(engine)
        watch.environment = {"NOTIFY_SOCKET": "@" + name[1:], "WATCHDOG_USEC": "900000"}
        # The pause between two samples is longer than the watchdog's patience.
        engine.configure({**engine.settings, "queue_interval": "60s"})
        with watch:
            while len(said) < 4:
                said.append(systemd.recv(4096).decode())
            assert said[0].startswith("READY=1\nWATCHDOG=1\nSTATUS=incoming 0, active 0, deferred 0, hold 0")
            assert set(said[1:]) == {"WATCHDOG=1"}
            watch.reload()
            while not any(one.startswith("READY=1") for one in said[4:]):
                said.append(systemd.recv(4096).decode())
            assert "RELOADING=1" in said
        while "STOPPING=1" not in said:
            said.append(systemd.recv(4096).decode())


def test_in_the_cage_of_its_unit(queue):
    """The rights that its unit leaves it are enough."""
    plant(queue, "active", 3)
    cage = [sys.executable, str(pathlib.Path(__file__).with_name("unit_cage.py")),
            str(PROJECT / "contrib/systemd/optimilter-queuewatch.service.in"), OWNER]

    class Caged(QueueWatch):
        _starts_as_root = True  # the cage gives it up

        def _command(self):
            return [*cage, *map(str, super()._command())]

    with engine_with({"queue_directories": [queue]}) as engine, Caged(engine) as watch:
        until(lambda: counts(engine)["active"] == 3, "the counts")
        words = dict(line.split(":\t", 1) for line in pathlib.Path(f"/proc/{watch.process.pid}/status").read_text().splitlines())
        assert int(words["CapBnd"], 16) == 0 and words["NoNewPrivs"] == "1" and words["Seccomp"] == "2"
        watch.reload()
        watch.wait_for_log("reload: settings read from")
