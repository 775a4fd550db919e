# SPDX-License-Identifier: Apache-2.0
"""The engine's queue socket: who may send, and senders that mean no good."""
import collections
import contextlib
import grp
import os
import pathlib
import pwd
import socket
import struct
import subprocess
import sys
import threading
import time

import pytest
from mail_compare import compare
from mails import photo_mail
from queue_scene import FAST, OWNER, counts, engine_with, queue_of, status, until
from rig import LOSSLESS, Engine, Rig

RECORD = struct.Struct("<4sHHH6xQIIQQQQQQII16s136s")


def record(**changes):
    fields = {"magic": b"OMQS", "version": 1, "read": 2, "lost": 0, "source": 99, "interval": 60_000, "cost": 1, "incoming": 1,
              "active": 2, "deferred": 3, "hold": 4, "age": 5, "age2": 6, "pid": 7, "uptime": 8, "text": b"\x03abc", "problem": b""}
    return RECORD.pack(*{**fields, **changes}.values())


def send_as(user, path, packets):
    """A process of that user sends; what went wrong, in words."""
    entry = pwd.getpwnam(user)
    script = ("import socket, sys\ns = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)\n"
              "for line in sys.stdin: s.sendto(bytes.fromhex(line.strip()), sys.argv[1])\n")
    done = subprocess.run([sys.executable, "-c", script, str(path)], input="".join(packet.hex() + "\n" for packet in packets),
                          capture_output=True, text=True, timeout=60, cwd="/", user=entry.pw_uid, group=entry.pw_gid,
                          extra_groups=[])
    return done.stderr.strip().splitlines()[-1] if done.returncode else ""


@pytest.fixture
def engine():
    with engine_with({}) as running:
        yield running


def test_who_may_send(engine):
    path = engine.folder / "queue.sock"
    found = path.stat()
    assert (found.st_mode & 0o7777, pwd.getpwuid(found.st_uid).pw_name, grp.getgrgid(found.st_gid).gr_name) \
        == (0o620, engine.user.pw_name, OWNER)
    assert "PermissionError" in send_as("nobody", path, [record()])
    assert queue_of(engine)["samples"] == 0
    assert send_as(OWNER, path, [record()]) == ""
    until(lambda: queue_of(engine)["samples"] == 1, "the sample")
    assert counts(engine) == {"incoming": 1, "active": 2, "deferred": 3, "hold": 4}


def test_garbage_is_counted_and_dropped(engine):
    path = engine.folder / "queue.sock"
    bad = [b"", b"x", os.urandom(240), os.urandom(30_000), record()[:-1], record() + b"\0", record(magic=b"OMJQ"),
           record(version=2), record(interval=1), record(active=2**64 - 1), record(age=2**63), record(pid=2**32 - 1),
           record(text=b"\x10"), record(problem=b"\x02\xff\xfe"), record(problem=b"\x04\x1b[2J")]
    for packet in bad:
        assert send_as(OWNER, path, [packet]) == ""
    until(lambda: queue_of(engine)["refused"] == len(bad), "all are refused")
    assert queue_of(engine)["samples"] == 0 and queue_of(engine)["off_reason"] == "no sample has come yet"
    assert engine.process.poll() is None


def test_a_flood_disturbs_neither_mail_nor_memory(tmp_path, monkeypatch):
    """Four senders, as fast as they can, of records of ever new sources and of garbage."""
    class RootEngine(Engine):
        _starts_as_root = True

    monkeypatch.setattr("rig.Engine", RootEngine)
    with Rig(tmp_path, {**LOSSLESS, **FAST}) as rig:
        engine, stop, sent = rig.engine, threading.Event(), collections.Counter()
        path, pid = str(engine.folder / "queue.sock"), rig.engine.process.pid

        def flood(number):
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                sender.setblocking(False)
                while not stop.is_set():
                    packet = record(source=int.from_bytes(os.urandom(8), "little")) if number % 2 else os.urandom(240)
                    with contextlib.suppress(BlockingIOError):
                        sender.sendto(packet, path)
                        sent[number] += 1

        def cpu_seconds():
            words = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")

        rig.send_both_ways(photo_mail(801))
        senders = [threading.Thread(target=flood, args=(number,)) for number in range(4)]
        for sender in senders:
            sender.start()
        try:
            for number in range(3):
                changes, problems = compare(*rig.send_both_ways(photo_mail(802 + number)))
                assert problems == [] and len(changes) == 1
            before, began = cpu_seconds(), time.monotonic()
            until(lambda: time.monotonic() - began > 2, "two seconds of flood")
            took = (cpu_seconds() - before) / (time.monotonic() - began)
            found = queue_of(engine)
        finally:
            stop.set()
            for sender in senders:
                sender.join()
        assert len(found["sources"]) <= 16 and found["refused"] > 100
        assert took < 0.2, f"the engine spends {took:.0%} of a CPU on it"
        assert found["refused"] + found["samples"] < 700 * (time.monotonic() - began + 60)


@pytest.mark.parametrize("path, why", [("/nonexistent/queue.sock", "bind /nonexistent/queue.sock"), ("", "queue_socket is empty")])
def test_without_a_queue_socket_mail_flows(path, why):
    with engine_with({"queue_socket": path}) as engine:
        assert why in queue_of(engine)["off_reason"]
        assert bool(path) == ("no queue socket: " in engine.log())
        assert status(engine)["engine"]["state"] == "running"
