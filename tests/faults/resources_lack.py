# SPDX-License-Identifier: Apache-2.0
"""Rows of resources: something runs out, or stands in the way. Each asks for mail before, during and after."""
import contextlib
import fcntl
import io
import os
import pathlib
import re
import socket
import struct
import subprocess
import time

from faults_rig import BUILD, SmtpClient, children_of, compare, message, new_recipient, part, photo, reachable
from mails import photo_mail
from milter_client import MilterClient
from peaks import MIB, kilobytes
from PIL import Image
from resource_scene import need, row
from resources_load import Bodies

# ---- disks and folders ----


def _boxed(program, then):
    """Its command runs in a mount namespace of its own, where the temporary folders are small and new, after these shell
    commands. Its folder, below /tmp, is there as it was."""
    command = program._command
    folders = " ".join({str(program.folder), str(getattr(program, "engine", program).folder)})
    shell = (f"set -e; mount --bind /tmp /mnt; for one in {TEMPORARY}; do mount -t tmpfs -o size=64k tmpfs $one; done; "
             f"for one in {folders}; do mkdir -p $one; mount --bind /mnt/${{one#/tmp/}} $one; done; "
             f"for one in {TEMPORARY}; do {then}; done; exec \"$@\"")
    program._command = lambda: ["unshare", "--mount", "--propagation", "private", "sh", "-c", shell, "sh", *map(str, command())]
    program._starts_as_root = True  # it becomes its user itself


TEMPORARY = "/tmp /var/tmp /dev/shm"


def _full_disks(rig):
    for program in (rig.engine, rig.guard):
        need(str(program.folder).startswith("/tmp/"), "this row needs TMPDIR=/tmp")
        _boxed(program, "dd if=/dev/zero of=$one/full bs=4k 2>/dev/null || true")
        program.log_file = pathlib.Path("/dev/full")
        program.log = lambda: ""


@row("/tmp, /var/tmp, /dev/shm and the log's disk are full (tmpfs of 64 KiB in a mount namespace, log to /dev/full)",
     prepare=_full_disks)
def disk_full(scene):
    scene.mail("smaller"), scene.mail("smaller")
    scene.need_usual_memory()
    return f"optimised; {scene.guard.status()['log_lines_lost']} log lines of the guard lost"


def _no_temporary_folder(rig):
    for program in (rig.engine, rig.guard):
        _boxed(program, "mount -o remount,ro $one")
        program.environment |= {"TMPDIR": "/nonexistent"}


@row("no temporary folder can be written (read-only tmpfs in a mount namespace, TMPDIR=/nonexistent)",
     prepare=_no_temporary_folder)
def no_temporary_folder(scene):
    scene.mail("smaller"), scene.mail("smaller")
    scene.need_usual_memory()
    return "optimised"


# ---- limits of a process ----


@contextlib.contextmanager
def limited(pid, name, value):
    """The soft limit of a running process, as prlimit(1) names it, until the block ends. Asked for by the process's own
    user, who may, while root in a container may not."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    uid, gid = (int(re.search(rf"{word}:\s*(\d+)", status).group(1)) for word in ("Uid", "Gid"))

    def prlimit(*words):
        return subprocess.run(["prlimit", "--pid", str(pid), *words], check=True, capture_output=True, text=True, user=uid,
                              group=gid, extra_groups=[]).stdout.strip()

    before = prlimit(f"--{name}", "--raw", "--noheadings", "-o", "SOFT")
    prlimit(f"--{name}={value}:")
    try:
        yield
    finally:
        with contextlib.suppress(subprocess.CalledProcessError):  # it may have ended
            prlimit(f"--{name}={before}:")


def open_descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


@row("the guard has no free descriptor (RLIMIT_NOFILE at what it has open)")
def descriptors_guard(scene):
    scene.mail("smaller")
    with limited(scene.pid("guard"), "nofile", open_descriptors(scene.pid("guard"))):
        seen = {scene.mail() for _ in range(3)}
        with limited(scene.pid("guard"), "nofile", open_descriptors(scene.pid("guard")) + 1):
            seen.add(scene.mail())  # enough for the MTA, not for the engine
    shed = scene.guard.status()["counters"]["shed"]
    need(shed > 0, "the limit was not reached")
    scene.recovers()
    scene.need_usual_memory()
    return f"{' or '.join(sorted(seen))}; {shed} connections shed; then optimised again"


@row("the engine has no free descriptor (RLIMIT_NOFILE at what it has open)")
def descriptors_engine(scene):
    scene.mail("smaller")
    seen = []
    with limited(scene.pid("engine"), "nofile", open_descriptors(scene.pid("engine"))):
        seen += [scene.mail() for _ in range(3)]
    need("as it came" in seen, "the limit was not reached")
    scene.recovers()
    scene.need_usual_memory()
    return "as it came; then optimised again"


def _virtual_bytes(pid):
    return kilobytes(pid, "VmSize")


def _many_mails(scene, count=8):
    return {scene.mail(most_s=12) for _ in range(count)}


@row("the guard's memory limit is hit (RLIMIT_AS 2 MiB above what it has, then 8 bodies of 8 MB)")
def memory_guard(scene):
    scene.mail("smaller")
    mail = message(part(os.urandom(6 * MIB), "application/octet-stream", "noise.bin"), part(photo(77)))
    with limited(scene.pid("guard"), "as", _virtual_bytes(scene.pid("guard")) + 2 * MIB):
        for _ in range(8):
            with SmtpClient(scene.rig.mta.ports["filtered"], timeout=60) as client:
                reply = client.send("a@sender.test", new_recipient("large"), mail)
            need(reply.code == 250, f"answer: {reply}")
        seen = _many_mails(scene, 3)
        scene.need_alive()
    scene.recovers()
    return f"large ones 250, others {' or '.join(sorted(seen))}; then optimised again"


@row("the engine's memory limit is hit (RLIMIT_AS 4 MiB above what it has)")
def memory_engine(scene):
    scene.mail("smaller")
    with limited(scene.pid("engine"), "as", _virtual_bytes(scene.pid("engine")) + 4 * MIB):
        seen = _many_mails(scene)
        scene.need_alive()
    with limited(scene.pid("engine"), "as", _virtual_bytes(scene.pid("engine")) - 1):
        seen |= _many_mails(scene)  # not one page more
        scene.need_alive()
    need("as it came" in seen, "the limit was not reached")
    scene.recovers()
    return f"{' or '.join(sorted(seen))}; then optimised again"


@row("a worker's memory limit is hit (worker_memory 256 MiB, a PNG of 100 million pixels)",
     settings={"worker_memory": "256MiB", "deadline": "10s", "min_size": 0})
def memory_worker(scene):
    out = io.BytesIO()
    Image.new("RGB", (9990, 9990), (9, 99, 199)).save(out, "PNG", compress_level=1)
    recipient = new_recipient("large")
    mail = message(part(out.getvalue(), "image/png", "large.png"))
    with SmtpClient(scene.rig.mta.ports["filtered"], timeout=60) as client:
        reply = client.send("a@sender.test", recipient, mail)
    need(reply.code == 250, f"answer: {reply}")
    need(_body(scene.rig.sink.wait_for(recipient)) == _body(mail), "it was changed")
    reason = re.search(r'large.png".* status=(.*)', scene.engine.log()).group(1)
    scene.mail("smaller")
    counters = scene.status()["counters"]
    scene.notes.append(f"worker {scene.peaks.bytes['worker'] / MIB:.0f} of 256 MiB")
    scene.need_usual_memory()
    ended = f"workers died {counters['workers_died']}, killed {counters['workers_killed']}"
    return f"as it came ({reason}), {ended}; the next one optimised"


def _body(mail):
    return mail.partition(b"\r\n\r\n")[2]


@row("files may not grow beyond 20 KiB (RLIMIT_FSIZE of the engine, which memory files obey too)")
def file_size(scene):
    scene.mail("smaller")
    with limited(scene.pid("engine"), "fsize", 20 << 10):
        scene.mail("as it came")
        scene.need_alive()
    scene.recovers()
    return "as it came; then optimised again"


CGROUP = pathlib.Path("/sys/fs/cgroup/memory")


@row("the memory of engine and workers together is used up (control group of 96 MiB, 12 bodies of 20 MB at once)",
     settings={"client_share": 100, "deadline": "4s"})
def memory_group(scene):
    if not _group_possible():
        return "not possible here: no memory control group (version 1) can be made"
    group = CGROUP / f"optimilter-faults-{os.getpid()}"
    group.mkdir()
    try:
        limit = 96 * MIB
        (group / "memory.limit_in_bytes").write_text(str(limit))
        engine = scene.pid("engine")
        for pid in (engine, *children_of(engine), *(worker for zygote in children_of(engine) for worker in children_of(zygote))):
            with contextlib.suppress(OSError):
                (group / "cgroup.procs").write_text(str(pid))
        Bodies(scene, count=12, size=20 * MIB, clients=12).send_all()
        failures = int((group / "memory.failcnt").read_text())
        died = scene.engine.process.poll() is not None
        seen = scene.mail()
        if died:  # the kernel chose it; systemd starts it again
            scene.engine.start()
        scene.recovers()
        scene.notes.append(f"group {int((group / 'memory.max_usage_in_bytes').read_text()) / MIB:.0f} of {limit / MIB:.0f} MiB")
    finally:
        _move_out(group)
        group.rmdir()
    need(failures > 0, "the limit was not reached")
    became = "ended by the kernel, started again" if died else "lived on"
    return f"all answered, whole or as they came; a mail right after {seen}; engine {became}"


def _group_possible():
    return (CGROUP / "memory.limit_in_bytes").exists() and os.access(CGROUP, os.W_OK)


def _move_out(group):
    for _ in range(50):
        pids = (group / "cgroup.procs").read_text().split()
        if not pids:
            return
        for pid in pids:
            with contextlib.suppress(OSError):
                (CGROUP / "cgroup.procs").write_text(pid)
        time.sleep(0.05)


# ---- the clock ----


class ClockJump:
    """The other end of clock_jump.cpp."""

    def __init__(self, folder):
        self._file = folder / "clock"
        self._file.write_bytes(bytes(16))
        self._file.chmod(0o666)
        self.environment = {"LD_PRELOAD": str(reachable(BUILD / "tests/faults/libclock_jump.so", folder)),
                            "OPTIMILTER_CLOCK_JUMP": str(self._file)}

    def to(self, seconds):
        with open(self._file, "r+b") as file:
            file.write(struct.pack("<q", seconds))

    def answers(self):
        return struct.unpack("<qq", self._file.read_bytes())[1]


def _preload_clock(rig):
    for program in (rig.engine, rig.guard):
        program.clock = ClockJump(program.folder)
        program.environment |= program.clock.environment


YEAR_S = 365 * 86400


@row("the wall clock jumps by 10 years, forward and back, with sessions open (preloaded clock; the monotonic one cannot jump)",
     prepare=_preload_clock)
def clock_jump(scene):
    clocks = scene.engine.clock, scene.guard.clock
    scene.mail("smaller")
    seen = []
    with contextlib.ExitStack() as sessions:
        clients = [sessions.enter_context(MilterClient(scene.guard.endpoint).open()) for _ in range(3)]
        for seconds, client in zip((10 * YEAR_S, -10 * YEAR_S, 0), clients):
            phases = client.phases(photo_mail(31))
            for _, play in phases[:-1]:
                play()
            for clock in clocks:
                clock.to(seconds)
            time.sleep(scene.pick(3, 1.2))  # libmilter and pool look round once a second
            phases[-1][1]()
            outcome = client.end_message()
            need(outcome.seconds < 4, f"a message in mid-jump took {outcome.seconds:.1f} s")
            need(outcome.unchanged or not compare(photo_mail(31), outcome.applied_to(photo_mail(31))).problems, "damaged")
            seen.append("as it came" if outcome.unchanged else "smaller")
            scene.mail("smaller")
    scene.engine.reload(), scene.guard.reload()
    changed = sum(clock.answers() for clock in clocks)
    need(changed > 0, "nobody asked for the time")
    scene.need_usual_memory()
    return (f"optimised; in the middle of a session or message: {', '.join(seen)} (libmilter closes what seems idle for "
            f"years, the guard then passes that session); {changed} answers of the clock were changed")


# ---- the log ----


def _syslog(rig):
    """A log socket that nobody reads."""
    rig.log_path = rig.engine.folder / "log.sock"
    rig.log_socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    rig.log_socket.bind(str(rig.log_path))
    rig.log_path.chmod(0o666)
    rig.engine.configure({**rig.engine.settings, "log_target": "syslog", "log_socket": rig.log_path, "log_level": "debug"})


def _pass_many(scene, count):
    """Messages of a line each, which the log has a line for."""
    began = time.monotonic()
    with MilterClient(scene.guard.endpoint).open() as client:
        for _ in range(count):
            need(client.send(b"Subject: x\r\n\r\ntext\r\n").unchanged, "changed")
    need(time.monotonic() - began < 10, f"{count} messages took {time.monotonic() - began:.1f} s")


@row("the reader of the log socket has stopped", prepare=_syslog)
def log_reader_stopped(scene):
    _pass_many(scene, 500)
    scene.mail("smaller")
    need(scene.rig.log_socket.recv(4096), "nothing was logged")
    scene.need_usual_memory()
    scene.rig.log_socket.close()
    return "optimised"


@row("the log socket is gone, and comes back", prepare=_syslog)
def log_socket_gone(scene):
    scene.rig.log_socket.close()
    scene.rig.log_path.unlink()
    _pass_many(scene, 100)
    scene.mail("smaller")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as again:
        again.settimeout(10)
        again.bind(str(scene.rig.log_path))
        scene.rig.log_path.chmod(0o666)
        scene.mail("smaller")
        lines = again.recv(4096) + again.recv(4096)
        need(b"optimilter" in lines, f"the log is not used again: {lines!r}")
    scene.need_usual_memory()
    return "optimised; logged again when the socket was back"


def _full_pipe(rig):
    """stderr is a pipe of 8 KiB that nobody reads."""
    rig.pipes = []
    for program in (rig.engine, rig.guard):
        program.log_file.unlink(missing_ok=True)
        os.mkfifo(program.log_file)
        rig.pipes.append(os.open(program.log_file, os.O_RDWR | os.O_NONBLOCK))
        fcntl.fcntl(rig.pipes[-1], fcntl.F_SETPIPE_SZ, 8192)
        program.log = lambda: ""


@row("log_target=stderr, and the pipe is full", prepare=_full_pipe)
def stderr_full(scene):
    _pass_many(scene, 500)
    scene.mail("smaller")
    for pipe in scene.rig.pipes:
        need(os.read(pipe, 4096), "nothing was logged")
    scene.mail("smaller")
    scene.need_usual_memory()
    return "optimised"
