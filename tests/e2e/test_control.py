# SPDX-License-Identifier: Apache-2.0
"""How it stands, and who may ask: the engine's control socket, optimilterctl status, drain and resume, and what systemd
is told."""
import contextlib
import grp
import json
import os
import pwd
import re
import signal
import socket
import subprocess
import threading
import time

import pytest
from mail_compare import compare
from mails import photo_mail
from milter_client import MilterClient
from protocol_rows import PHOTO_MAIL, assert_passed, assert_replaced
from rig import BUILD, CTL, LOSSLESS, Engine, Rig

WATCHDOG_MS = 1200
GROUP = "optimdrop"  # any that the engine's user is not in


def ctl(engine, *arguments, program=CTL, **options):
    done = subprocess.run([program, *arguments, "-c", engine.settings_file], capture_output=True, text=True, timeout=20,
                          **options)
    assert "Sanitizer" not in done.stderr, done.stderr
    return done


def status(engine):
    """(exit status, the JSON)."""
    done = ctl(engine, "status", "--json")
    return done.returncode, json.loads(done.stdout)


def until(condition, what, seconds=10):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.02)


def ask(engine, line, timeout=5):
    """What the control socket answers to these bytes."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(timeout)
        client.connect(str(engine.control))
        client.sendall(line)
        answer = b""
        with contextlib.suppress(ConnectionResetError):  # the engine did not read all that was sent
            while more := client.recv(65536):
                answer += more
    return answer


def send(engine, mail=PHOTO_MAIL):
    with MilterClient(engine.endpoint) as client:
        client.open()
        outcome = client.send(mail)
        client.finish()
    return outcome


@pytest.fixture
def engine():
    with Engine(BUILD, LOSSLESS) as running:
        yield running


# ---- status ----


def test_status_of_a_running_guard_and_engine(own_rig):
    changes, problems = compare(*own_rig.send_both_ways(photo_mail(81)))
    assert problems == [] and len(changes) == 1
    done = ctl(own_rig.engine, "status")
    assert (done.returncode, done.stderr) == (0, "")
    for words in (rf"guard +running, version \S+, pid {own_rig.guard.process.pid}, up \d+ s\n",
                  rf"engine +running, version \S+, pid {own_rig.engine.process.pid}, up \d+ s\n",
                  r"engine up\n", r"messages_replaced 1", rf"settings {own_rig.engine.settings_file}, read 2\d\d\d-",
                  r"zygote +running, pid \d+", r"workers +0 of \d+ busy, ", r"sandbox +(complete|this kernel lacks: \w)",
                  r"all well\n$"):
        assert re.search(words, done.stdout), f"{words}\n{done.stdout}"


def test_json_of_a_running_engine(own_rig):
    code, found = status(own_rig.engine)
    assert code == 0 and found["ok"] and found["problems"] == []
    engine = found["engine"]
    assert engine["state"] == "running" and engine["pid"] == own_rig.engine.process.pid
    assert engine["settings_file"] == str(own_rig.engine.settings_file)
    assert not engine["draining"] and not engine["stopping"] and engine["problem"] == "" == engine["settings_problem"]
    assert os.path.exists(f"/proc/{engine['workers']['zygote_pid']}")
    assert engine["counters"].keys() >= {"messages", "messages_drained", "workers_started"}
    assert found["guard"]["state"] == "running" and found["guard"]["engine"] == "up"


def test_each_process_that_is_away_or_hangs(own_rig):
    own_rig.engine.send_signal(signal.SIGSTOP)
    began = time.monotonic()
    code, found = status(own_rig.engine)
    assert time.monotonic() - began < 6
    own_rig.engine.send_signal(signal.SIGCONT)
    assert (code, found["engine"]["state"], found["guard"]["state"]) == (1, "not answering", "running")
    own_rig.engine.kill()
    code, found = status(own_rig.engine)
    assert (code, found["engine"]["state"]) == (1, "not running")
    assert found["guard"]["engine"] == "down" and len(found["problems"]) == 2
    own_rig.engine.start()
    until(lambda: status(own_rig.engine)[0] == 0, "all well after the engine's start")
    own_rig.guard.kill()
    done = ctl(own_rig.engine, "status")
    assert done.returncode == 1
    assert re.search(r"guard +not running: ", done.stdout) and re.search(r"engine +running", done.stdout)


def test_failed_reload_is_told(engine):
    engine.configure({**LOSSLESS, "profile": "best"})
    engine.reload()
    until(lambda: json.loads(ask(engine, b"status\n"))["settings_problem"], "the reload")
    done = ctl(engine, "status")
    assert done.returncode == 1 and "optimilter.toml:" in done.stderr
    assert "settings or rules have problems, older settings are used: " in done.stdout
    engine.configure(LOSSLESS)
    engine.reload()
    until(lambda: not json.loads(ask(engine, b"status\n"))["settings_problem"], "the second reload")


def test_workers_that_cannot_be_started_are_told(engine):
    engine.worker.unlink()
    os.kill(json.loads(ask(engine, b"status\n"))["workers"]["zygote_pid"], signal.SIGKILL)
    until(lambda: json.loads(ask(engine, b"status\n"))["workers"]["down_reason"], "a reason")
    done = ctl(engine, "status")
    assert done.returncode == 1 and "workers cannot be started: " in done.stdout and "zygote    not running" in done.stdout


# ---- drain ----


def test_drain_passes_and_resume_ends_it(own_rig):
    engine = own_rig.engine
    assert ctl(engine, "drain").returncode == 0
    before = json.loads(ask(engine, b"status\n"))["counters"]
    original, filtered = own_rig.send_both_ways(photo_mail(82))
    assert compare(original, filtered) == ([], [])
    after = json.loads(ask(engine, b"status\n"))["counters"]
    assert after["messages_drained"] == before["messages_drained"] + 1
    assert after["bytes_in"] == before["bytes_in"], "the body was read"
    done = ctl(engine, "status")
    assert done.returncode == 1 and "engine draining: new mail passes unchanged" in done.stdout
    assert ctl(engine, "resume").returncode == 0
    changes, problems = compare(*own_rig.send_both_ways(photo_mail(82)))
    assert problems == [] and len(changes) == 1
    assert status(engine)[0] == 0
    for words in ("drain: all new messages pass unchanged until resume, ordered by uid 0",
                  "resume: drain has ended, ordered by uid 0"):
        assert engine.log().count(words) == 1


def test_a_message_under_way_is_finished(engine):
    with MilterClient(engine.endpoint) as client:
        client.open()
        for number, (_, play) in enumerate(client.phases(PHOTO_MAIL)):
            play()
            if number == 0:
                assert json.loads(ask(engine, b"drain\n"))["draining"]
        assert_replaced(client.end_message())
        assert_passed(client.send(PHOTO_MAIL))  # the next of the same session
        assert not json.loads(ask(engine, b"resume\n"))["draining"]
        assert_replaced(client.send(PHOTO_MAIL))
        client.finish()


@pytest.mark.parametrize("command", ["drain", "resume"])
def test_order_to_nobody(engine, command):
    engine.stop(keep_folder=True)
    done = ctl(engine, command)
    assert done.returncode == 1 and "could not be told: there is no socket" in done.stderr
    assert done.stdout == ""


# ---- who may ask ----


def test_permissions(tmp_path):
    """Root, the engine's user, the group; and the others are told which group it takes."""
    engine = Engine(BUILD, {**LOSSLESS, "control_group": GROUP})
    engine._starts_as_root = True  # as its unit does: only root may give the socket to that group
    with engine:
        found = engine.control.stat()
        assert (found.st_mode & 0o7777, pwd.getpwuid(found.st_uid).pw_name, grp.getgrgid(found.st_gid).gr_name) \
            == (0o660, engine.user.pw_name, GROUP)
        tmp_path.chmod(0o755)
        program = engine.folder / "programs/optimilterctl"
        program.write_bytes(CTL.read_bytes())
        program.chmod(0o755)
        someone = {"user": 65534, "group": 65534, "extra_groups": [], "program": program}
        denied = ctl(engine, "status", **someone)
        assert denied.returncode == 1
        assert f"engine    not allowed to ask: {engine.control} is open to root and to group {GROUP} only" in denied.stdout
        assert GROUP in ctl(engine, "drain", **someone).stderr
        allowed = ctl(engine, "drain", **{**someone, "extra_groups": [grp.getgrnam(GROUP).gr_gid]})
        assert allowed.returncode == 0, allowed.stderr
        assert "ordered by uid 65534" in engine.log()


def test_without_a_control_socket_mail_flows(tmp_path):
    """It cannot be opened, or is not wanted: the engine starts all the same."""
    for path, logged in (("/nonexistent/control.sock", "no control socket: "), ("", "")):
        with Engine(BUILD, {**LOSSLESS, "control_socket": path}) as engine:
            assert_replaced(send(engine))
            assert logged in engine.log() and (logged or "control socket" not in engine.log())
            code, found = status(engine)
            assert found["engine"]["state"] == ("not running" if path else "not asked")
            assert ctl(engine, "drain").returncode == 1


def test_file_of_a_killed_engine_is_replaced(engine):
    engine.kill()
    assert engine.control.exists()
    engine.start()
    assert json.loads(ask(engine, b"status\n"))["pid"] == engine.process.pid
    engine.stop(keep_folder=True)
    assert not engine.control.exists()


# ---- clients that mean no good ----


@pytest.mark.parametrize("line, want", [
    (b"status\r\n", b'"process":"engine"'),
    (b"STATUS\n", b'{"error":"unknown command'),
    (b"\n", b'{"error":"unknown command'),
    (b"status drain\n", b'{"error":"unknown command'),
    (b"\0\xff\xfe\x80\n", b'{"error":"unknown command'),
    (b"x" * 257 + b"\n", b'{"error":"the line is too long"}'),
    (b"x" * 1_000, b'{"error":"the line is too long"}'),
    (b"status", b""),  # no line end: after 2 s it is hung up on
], ids=lambda value: repr(value[:12]))
def test_lines(shared_engine, line, want):
    began = time.monotonic()
    answer = ask(shared_engine, line)
    assert want in answer and bool(want) == bool(answer)
    assert time.monotonic() - began < 3


@pytest.fixture(scope="module")
def shared_engine():
    with Engine(BUILD, LOSSLESS) as running:
        yield running
        assert running.process.poll() is None


def test_hostile_clients_do_not_disturb_mail(shared_engine):
    engine = shared_engine
    descriptors = lambda: len(os.listdir(f"/proc/{engine.process.pid}/fd"))  # noqa: E731
    send(engine)
    before, stop, asked = descriptors(), threading.Event(), []

    def be_rude(number):
        while not stop.is_set():
            with socket.socket(socket.AF_UNIX) as client, contextlib.suppress(OSError):
                client.settimeout(1)
                client.connect(str(engine.control))
                asked.append(number)
                if number % 4 == 1:
                    client.sendall(os.urandom(64 << 10))
                elif number % 4 == 2:
                    client.sendall(b"status\n")  # and does not read
                elif number % 4 == 3:
                    client.sendall(b"status\n" * 40)
                    client.recv(1)
                stop.wait(0.05 if number % 4 else 1)  # the silent ones stay

    rude = [threading.Thread(target=be_rude, args=(number,)) for number in range(60)]
    for thread in rude:
        thread.start()
    try:
        quiet = [socket.socket(socket.AF_UNIX) for _ in range(200)]
        for client in quiet:
            client.connect(str(engine.control))
        for _ in range(5):
            outcome = send(engine)
            assert_replaced(outcome)
            assert outcome.seconds < 10
            assert b'"process":"engine"' in ask(engine, b"status\n")
        assert descriptors() < before + 25, "more clients than the engine may have"
    finally:
        stop.set()
        for thread in rude:
            thread.join()
        for client in quiet:
            client.close()
    assert len(asked) > 60
    until(lambda: descriptors() <= before, "every descriptor is given back")


# ---- systemd ----


class Systemd:
    """What systemd is to a service: the socket, and the memory of what was said."""

    def __init__(self, name):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + name)
        self.environment = {"NOTIFY_SOCKET": "@" + name, "WATCHDOG_USEC": str(WATCHDOG_MS * 1000)}
        self.said = []

    def listen(self, seconds):
        """What is said in that time."""
        first, end = len(self.said), time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.socket.settimeout(left)
            with contextlib.suppress(TimeoutError):
                self.said.append(self.socket.recv(4096).decode())
        return self.said[first:]

    def wait_for(self, words, seconds=20):
        """Listens until it is said; what was said before that, too."""
        end = time.monotonic() + seconds
        while not any(words in one for one in self.said):
            assert time.monotonic() < end, f"no {words} within {seconds} s: {self.said}"
            self.listen(0.05)
        found = next(number for number, one in enumerate(self.said) if words in one)
        before, self.said = self.said[:found + 1], self.said[found + 1:]
        return before


@pytest.fixture
def watched(tmp_path):
    """An engine, and its systemd."""
    systemd = Systemd(f"optimilter-test.{os.getpid()}.{tmp_path.name}")
    engine = Engine(BUILD, {**LOSSLESS, "deadline": "2s"})
    engine.environment = systemd.environment
    with systemd.socket, engine:
        yield engine, systemd
        if engine.process.poll() is None:
            engine.send_signal(signal.SIGCONT)


def alive(words):
    return [one for one in words if "WATCHDOG=1" in one.split("\n")]


def test_the_life_of_a_service(watched):
    engine, systemd = watched
    systemd.wait_for("READY=1")
    send(engine)
    assert len(alive(systemd.listen(2 * WATCHDOG_MS / 1000))) >= 4, "WATCHDOG=1 comes at half the interval or sooner"
    systemd.wait_for("STATUS=serving: 0 sessions, 1 messages, 1 replaced, 0 drained")
    engine.reload()
    systemd.wait_for("RELOADING=1")
    systemd.wait_for("READY=1")
    ask(engine, b"drain\n")
    systemd.wait_for("STATUS=draining: ")
    engine.process.terminate()
    assert re.search(r"STOPPING=1\nEXTEND_TIMEOUT_USEC=4000000\nSTATUS=stopping: ", systemd.wait_for("STOPPING=1")[-1])
    assert engine.process.wait(10) == 0


def test_watchdog_is_silent_while_the_process_hangs(watched):
    engine, systemd = watched
    systemd.wait_for("WATCHDOG=1")
    engine.send_signal(signal.SIGSTOP)
    systemd.listen(0.1)  # what was on its way
    assert systemd.listen(2 * WATCHDOG_MS / 1000) == []
    engine.send_signal(signal.SIGCONT)
    systemd.wait_for("WATCHDOG=1")


@pytest.mark.parametrize("instead", ["nobody", "somebody silent"])
def test_watchdog_is_silent_while_the_milter_socket_does_not_answer(watched, instead):
    """The main thread lives, answers and says what is wrong; only the watchdog hears nothing."""
    engine, systemd = watched
    systemd.wait_for("WATCHDOG=1")
    aside = engine.path.with_suffix(".aside")
    engine.path.rename(aside)
    listener = socket.socket(socket.AF_UNIX)
    if instead == "somebody silent":
        listener.bind(str(engine.path))
        listener.listen()
        engine.path.chmod(0o666)
    with listener:
        systemd.wait_for("its own milter socket does not answer")
        assert alive(systemd.listen(1.5 * WATCHDOG_MS / 1000)) == []
        assert json.loads(ask(engine, b"status\n"))["problem"] == "its own milter socket does not answer"
        done = ctl(engine, "status")
        assert done.returncode == 1 and "engine in trouble: its own milter socket does not answer" in done.stdout
    aside.replace(engine.path)
    systemd.wait_for("WATCHDOG=1")
    until(lambda: json.loads(ask(engine, b"status\n"))["problem"] == "", "out of trouble")
    assert engine.log().count("in trouble: its own") == 1 and engine.log().count("out of trouble: ") == 1


def test_eight_slow_messages_are_no_hang(watched):
    """libmilter's workers may all be taken for a while: that must not look like a hang."""
    engine, systemd = watched
    systemd.wait_for("WATCHDOG=1")
    mail = photo_mail(83, size=(1600, 1200))
    senders = [threading.Thread(target=send, args=(engine, mail)) for _ in range(8)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    systemd.wait_for("WATCHDOG=1")
    assert "in trouble" not in engine.log()


def test_it_still_answers_while_it_stops(watched):
    engine, systemd = watched
    systemd.wait_for("READY=1")
    with MilterClient(engine.endpoint) as client:
        client.open()
        assert_replaced(client.send(PHOTO_MAIL))
        assert json.loads(ask(engine, b"status\n"))["in_flight"] == 1  # until the MTA's next command
        engine.process.terminate()
        systemd.wait_for("STOPPING=1")
        found = json.loads(ask(engine, b"status\n"))
        assert found["stopping"] and found["draining"]
        assert ask(engine, b"resume\n") == b'{"error":"the engine is stopping"}\n'
        assert not engine.path.exists()
    assert engine.process.wait(10) == 0
    assert not engine.control.exists()
    assert "with work in flight" not in engine.log()


# ---- the exit status that a unit goes by ----


@pytest.mark.parametrize("settings, want", [
    ({"profile": "best"}, 78),
    ({"user": "no-such-user"}, 78),
    ({"worker_program": "/nonexistent/worker"}, 1),
    ({"engine_socket": "unix:/nonexistent/engine.sock"}, 1),
])
def test_exit_status_of_what_cannot_start(tmp_path, settings, want):
    engine = Engine(BUILD, settings, folder=tmp_path / "engine")
    done = subprocess.run(engine._command(), capture_output=True, text=True, timeout=60, cwd="/")
    assert done.returncode == want, done.stderr
    assert "fatal: " in done.stderr


def test_missing_settings_file():
    done = subprocess.run([BUILD / "milter/optimilter-engine", "-c", "/nonexistent/optimilter.toml"], capture_output=True,
                          text=True, timeout=60)
    assert done.returncode == 78 and "/nonexistent/optimilter.toml" in done.stderr
