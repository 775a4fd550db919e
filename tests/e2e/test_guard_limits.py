# SPDX-License-Identifier: Apache-2.0
"""The guard's limits, each with the smallest load that reaches it: breaker, sessions, reply sizes, log, stop, death."""
import fcntl
import json
import os
import re
import signal
import socket
import time

import milter_frames as m
import pytest
from fake_engine import FakeEngine, Stall
from guarded import (HASTY, HASTY_SECONDS, MAIL, NEW_BODY, OPTIMIZES, PATIENCE, GuardedFake, assert_new, assert_old, mail_of,
                     reply_of, until)
from milter_client import MilterClient

SOCKETS = ["unix", "inet"]


def bypassed(client):
    """Was this session's offer answered without the engine?"""
    return client.agreed.actions == 0


# ---- circuit breaker ----


def test_breaker_opens_and_closes():
    with GuardedFake({**HASTY, "engine_timeout": "1s", "breaker_timeouts": 2, "breaker_probe": "300ms"}) as guarded:
        guarded.play({**OPTIMIZES, m.NEGOTIATE: [Stall()]})
        for _ in range(2):
            with guarded.client() as client:
                assert_old(client.send(MAIL))
        with guarded.client() as client:
            assert_old(client.send(MAIL))
            assert sum(seconds for _, seconds in client.waits) < 0.9, "the breaker did not open"
        assert guarded.counter("breaker_opened") == 1 and guarded.counter("breaker_open") >= 1
        assert guarded.guard.status()["engine"] == "hanging"
        guarded.play()
        guarded.fake.release()

        def optimized():
            with guarded.client() as client:
                return client.send(MAIL).body == NEW_BODY
        until(optimized)
        assert guarded.guard.status()["engine"] == "up"


def test_breaker_stays_shut_while_the_engine_only_dies():
    """Deaths cost no time, so there is nothing to save; and a good answer in between begins the count anew."""
    with GuardedFake({"engine_timeout": "500ms", "breaker_timeouts": 2}) as guarded:
        for script in {m.MAIL: [Stall()]}, None, {m.MAIL: [Stall()]}, None:
            guarded.play(script)
            with guarded.client() as client:
                outcome = client.send(MAIL)
                assert_new(outcome) if script is None else assert_old(outcome)
            guarded.fake.release()
        assert guarded.counter("breaker_opened") == 0


# ---- sessions ----


def test_sessions_beyond_the_limit_pass():
    with GuardedFake({"guard_sessions": 2}) as guarded:
        until(lambda: guarded.guard.status()["sessions"] == 0)  # the probe of the start
        first, second, third = guarded.client(), guarded.client(), guarded.client()
        assert [bypassed(client) for client in (first, second, third)] == [False, False, True]
        for client in third, second, first:
            outcome = client.send(MAIL)
            assert_old(outcome) if client is third else assert_new(outcome)
        second.finish()
        guarded.assert_optimizes()  # the third one does not reach the engine and takes nobody's place
        first.finish()
        third.finish()
        assert guarded.counter("session_limit") >= 1


def test_300_idle_sessions():
    """They cost no CPU and no other session anything."""
    with GuardedFake() as guarded:
        clients = [guarded.client() for _ in range(300)]
        assert guarded.guard.status()["sessions"] == 300
        before = cpu_seconds(guarded.guard)
        guarded.assert_optimizes()
        for client in clients[::50]:
            assert_new(client.send(MAIL))
        assert cpu_seconds(guarded.guard) - before < 0.5
        for client in clients:
            client.wire.close()
        until(lambda: guarded.guard.status()["sessions"] == 0)
        assert open_files(guarded.guard) < 30


def cpu_seconds(program):
    with open(f"/proc/{program.process.pid}/stat") as stat:
        return sum(map(int, stat.read().rsplit(")", 1)[1].split()[11:13])) / os.sysconf("SC_CLK_TCK")


def open_files(program):
    return len(os.listdir(f"/proc/{program.process.pid}/fd"))


def memory(program):
    with open(f"/proc/{program.process.pid}/status") as status:
        return int(re.search(r"VmHWM:\s*(\d+) kB", status.read()).group(1)) * 1024


# ---- replies and buffers ----

LARGE, LARGE_BODY = mail_of(1_500_000)


@pytest.mark.parametrize("kind", SOCKETS)
def test_killed_after_the_reply_was_sent(kind):
    """The whole reply is in the kernel before the MTA has read a byte of it; nothing can tear it any more."""
    with GuardedFake(socket_kind=kind, script={m.EOM: [reply_of(LARGE_BODY)]}) as guarded:
        with guarded.client() as client:
            for _, play in client.phases(LARGE):
                play()
            client.raw(m.frame(m.EOM))
            until(lambda: guarded.counter("replaced") == 1)
            assert guarded.counter("torn") == 0
            guarded.guard.kill()
            assert_new(client.outcome(), LARGE_BODY)


@pytest.mark.parametrize("kind", SOCKETS)
def test_reply_that_does_not_fit(kind):
    with GuardedFake({"send_buffer": "64KiB"}, kind, {m.EOM: [reply_of(LARGE_BODY)]}) as guarded:
        with guarded.client() as client:
            outcome = client.send(LARGE)
            assert outcome.final == m.ACCEPT
            assert_old(outcome)
            guarded.play({m.EOM: [reply_of(NEW_BODY[:20000])]})
            assert_new(client.send(MAIL), NEW_BODY[:20000])
            client.finish()
        assert guarded.counter("reply_does_not_fit") == 1 and guarded.counter("torn") == 0
        assert "does not fit" in guarded.guard.log()


@pytest.mark.parametrize("kind", SOCKETS)
def test_reply_in_pieces(kind):
    settings = {"send_buffer": "64KiB", "reply_in_pieces": True}
    with GuardedFake(settings, kind, {m.EOM: [reply_of(LARGE_BODY)]}) as guarded:
        with guarded.client() as client:
            for _, play in client.phases(LARGE):
                play()
            client.raw(m.frame(m.EOM))
            guarded.fake.wait_for_letter(m.EOM)
            guarded.guard.status()  # the guard lives while the MTA does not read
            assert_new(client.outcome(), LARGE_BODY)
            assert_new(client.send(LARGE), LARGE_BODY)
            client.finish()


def test_reply_budget():
    with GuardedFake({"guard_reply_budget": "1MiB"}, script={m.EOM: [reply_of(LARGE_BODY)]}) as guarded:
        with guarded.client() as client:
            assert_old(client.send(LARGE))
            guarded.play()
            for _ in range(20):  # what was taken is given back
                assert_new(client.send(MAIL))
            client.finish()
        assert guarded.counter("reply_budget") == 1


@pytest.mark.parametrize("claims", [FakeEngine.LOCKSTEP, FakeEngine.SILENT])
def test_memory_stays_small_while_the_engine_does_not_read(claims):
    """A body of 30 MB meets an engine that stopped reading: it must wait in the sockets, not in the guard."""
    huge, _ = mail_of(30_000_000)
    with GuardedFake(HASTY, script={m.BODY: [Stall()], m.EOH: [Stall()]}) as guarded:
        guarded.fake.claims = claims
        with guarded.client() as client:
            assert_old(client.send(huge))
            client.finish()
        assert memory(guarded.guard) < 30 << 20


# ---- log and status ----


def pass_many(guarded, count=400):
    """Messages that the guard has to pass, with a log line each; none waits for the log."""
    began = time.monotonic()
    with guarded.client() as client:
        for _ in range(count):
            outcome = client.send(b"Subject: x\r\n\r\ntext\r\n")
            assert_old(outcome)
            assert outcome.seconds < PATIENCE
        client.finish()
    assert time.monotonic() - began < 10


def test_stopped_syslog_reader():
    with GuardedFake(script={m.CONNECT: []}) as guarded:
        path = guarded.guard.folder / "log.sock"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as never_read:
            never_read.bind(str(path))
            path.chmod(0o666)
            guarded.engine.configure({**guarded.engine.settings, "log_target": "syslog", "log_socket": path})
            restart(guarded.guard)
            guarded.fake.stop()
            pass_many(guarded)
            assert b"status=passed (guard: no engine" in never_read.recv(4096) + never_read.recv(4096) + never_read.recv(4096)
        pass_many(guarded, 20)  # and with no reader at all


def restart(guard):
    assert guard.stop(keep_folder=True) == 0
    guard.start()


def test_stopped_reader_of_stderr():
    with GuardedFake() as guarded:
        guarded.guard.stop(keep_folder=True)
        guarded.guard.log_file.unlink()
        os.mkfifo(guarded.guard.log_file)
        never_read = os.open(guarded.guard.log_file, os.O_RDWR | os.O_NONBLOCK)
        try:
            fcntl.fcntl(never_read, fcntl.F_SETPIPE_SZ, 8192)
            guarded.guard.start()
            guarded.fake.stop()
            pass_many(guarded)
            assert b"status=passed (guard: no engine" in os.read(never_read, 65536)
        finally:
            guarded.guard.process.terminate()
            guarded.guard.process.wait(10)
            os.close(never_read)


def test_one_line_and_one_count_for_each_message_passed():
    with GuardedFake() as guarded:
        guarded.play({m.EOM: [m.frame(m.TEMPFAIL)]})
        with guarded.client() as client:
            assert_old(client.send(MAIL))
            assert_old(client.send(MAIL))
            client.finish()
        lines = [line for line in guarded.guard.log().splitlines() if "status=passed" in line]
        assert len(lines) == 2, lines
        assert "0123ABCD: status=passed (guard: engine gave a wrong answer 't', at end of message)" in lines[0]
        assert "NOQUEUE: status=passed (guard: " in lines[1]  # answered at MAIL, when there is no queue id yet
        counters = guarded.guard.status()["counters"]
        assert counters["passed"] == counters["engine_wrong"] == 2 and counters["messages"] == 2


def test_log_lines_hold_no_bytes_of_strangers():
    with GuardedFake(script={m.EOM: [m.frame(m.TEMPFAIL)]}) as guarded:
        with guarded.client() as client:
            client.mail()
            client.macros(m.DATA, b"i", b"\x1b[31m\r\noptimilter: forged \xff")
            client.end_headers()
            client.body(b"text")
            client.raw(m.frame(m.EOM))
            assert_old(client.outcome())
        until(lambda: "status=passed" in guarded.guard.log())
        assert not re.search(r"[^\n -~]|(?m:^optimilter: forged)", guarded.guard.log())


STATUS_KEYS = {"process", "version", "pid", "uptime_s", "draining", "engine", "sessions", "counters"}


def test_status():
    with GuardedFake() as guarded:
        status = guarded.guard.status()
        assert STATUS_KEYS <= set(status)
        assert (status["process"], status["pid"], status["draining"]) == ("guard", guarded.guard.process.pid, False)
        with guarded.client() as client:
            assert_new(client.send(MAIL))
            assert guarded.guard.status()["sessions"] == 1
            client.finish()
        counters = guarded.guard.status()["counters"]
        assert counters["messages"] == counters["replaced"] == 1 and counters["passed"] == 0


def test_status_readers_that_do_not_read_or_talk_much():
    with GuardedFake() as guarded:
        path = str(guarded.guard.status_socket)
        silent = []
        for _ in range(100):
            silent.append(socket.socket(socket.AF_UNIX))
            silent[-1].settimeout(5)
            silent[-1].connect(path)
        for one in silent[:50]:
            one.close()
        with socket.socket(socket.AF_UNIX) as talker:
            talker.settimeout(5)
            talker.connect(path)
            try:
                talker.sendall(b"drain\n" * 100000)
            except OSError:
                pass  # it takes no commands and need not read them
        guarded.assert_optimizes()
        assert guarded.guard.status()["draining"] is False
        assert json.loads(b"".join(iter(lambda: silent[99].recv(65536), b"")))["process"] == "guard"
        for one in silent:
            one.close()


# ---- stop ----


@pytest.mark.parametrize("kind", SOCKETS)
def test_drain(kind):
    """SIGTERM: the message that is under way is finished, idle sessions end, nobody new comes in."""
    with GuardedFake({"deadline": "5s"}, kind) as guarded:
        guarded.play({m.EOM: [Stall(), *OPTIMIZES[m.EOM]]})
        busy, idle = guarded.client(), guarded.client()
        for _, play in busy.phases(MAIL):
            play()
        busy.raw(m.frame(m.EOM))
        guarded.fake.wait_for_letter(m.EOM)
        guarded.guard.send_signal(signal.SIGTERM)
        assert idle.wire.receive() is None
        with pytest.raises(OSError):
            MilterClient(guarded.endpoint)
        assert guarded.guard.process.poll() is None
        guarded.fake.release()
        assert_new(busy.outcome())
        assert busy.wire.receive() is None
        assert guarded.guard.process.wait(5) == 0


def test_drain_is_bounded_by_the_deadline():
    with GuardedFake(HASTY, script={m.EOM: [Stall()]}) as guarded:
        busy, slow = guarded.client(), guarded.client()
        for _, play in busy.phases(MAIL):
            play()
        slow.mail()  # within a message that never goes on
        busy.raw(m.frame(m.EOM))
        guarded.fake.wait_for_letter(m.EOM)
        began = time.monotonic()
        guarded.guard.send_signal(signal.SIGTERM)
        assert_old(busy.outcome())
        assert guarded.guard.process.wait(10) == 0
        assert time.monotonic() - began < HASTY_SECONDS + 1.0 + PATIENCE
        slow.wire.close()


def test_hangup_keeps_sessions():
    with GuardedFake() as guarded:
        with guarded.client() as client:
            guarded.engine.configure({**guarded.engine.settings, "guard_sessions": 1})
            guarded.guard.reload()

            def limited():
                with guarded.client() as other:
                    return bypassed(other)
            until(limited)
            assert_new(client.send(MAIL))
            client.finish()


def test_stop_after_a_reload_removes_the_old_sockets_only():
    """A reload may name other sockets, which are somebody else's until a restart."""
    with GuardedFake() as guarded:
        other = guarded.engine.folder / "other.sock"
        other.write_text("not ours")
        guarded.engine.configure({**guarded.engine.settings, "listen": f"unix:{other}", "guard_status_socket": str(other)})
        guarded.guard.reload()
        guarded.guard.wait_for_log("reload: settings read")
        assert guarded.guard.path.exists()
        guarded.guard.process.terminate()
        assert guarded.guard.process.wait(20) == 0
        assert other.exists() and not guarded.guard.path.exists()
