# SPDX-License-Identifier: Apache-2.0
"""How much memory guard, engine, zygote and workers take, and what they say of themselves."""
import contextlib
import json
import os
import pathlib
import re
import socket
import threading

from faults_rig import children_of

ROLES = ("guard", "engine", "zygote", "worker")
MIB = 1 << 20


def kilobytes(pid, key):
    """A line of /proc/PID/status, in bytes; 0 when the process has gone."""
    try:
        found = re.search(rf"{key}:\s*(\d+) kB", pathlib.Path(f"/proc/{pid}/status").read_text())
    except OSError:
        return 0
    return int(found.group(1)) * 1024 if found else 0


def memory_files(pids):
    """Bytes of memory in the memfds that these processes hold, each counted once. They are in no VmHWM."""
    sizes = {}
    for pid in pids:
        for descriptor in pathlib.Path(f"/proc/{pid}/fd").glob("*"):
            with contextlib.suppress(OSError):
                if os.readlink(descriptor).startswith("/memfd:"):
                    found = os.stat(descriptor)
                    sizes[found.st_ino] = found.st_blocks * 512
    return sum(sizes.values())


def engine_status(engine, command="status"):
    """What the engine says on its control socket, as a dict."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(10)
        connection.connect(str(engine.control))
        connection.sendall(command.encode() + b"\n")
        return json.loads(b"".join(iter(lambda: connection.recv(65536), b"")))


class Peaks:
    """Looks again and again while it runs. VmHWM is the process's own peak, so only a worker that lives for less than one
    round can hide something; memfds are seen as they are at each look."""

    def __init__(self, guard, engine, every_s=0.02):
        self._guard, self._engine, self._every_s = guard, engine, every_s
        self.bytes = dict.fromkeys((*ROLES, "memfds", "workers"), 0)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()

    def _run(self):
        while not self._over.wait(self._every_s):
            self.look()

    def look(self):
        engine = self._engine.process.pid
        zygotes = children_of(engine)
        workers = [worker for zygote in zygotes for worker in children_of(zygote)]
        if self._guard:
            self._note("guard", kilobytes(self._guard.process.pid, "VmHWM"))
        self._note("engine", kilobytes(engine, "VmHWM"))
        for zygote in zygotes:
            self._note("zygote", kilobytes(zygote, "VmHWM"))
        for worker in workers:
            self._note("worker", kilobytes(worker, "VmHWM"))
        self._note("workers", sum(kilobytes(worker, "VmRSS") for worker in workers))
        self._note("memfds", memory_files([engine]))

    def _note(self, name, size):
        self.bytes[name] = max(self.bytes[name], size)

    def text(self, *names):
        return ", ".join(f"{name} {self.bytes[name] / MIB:.0f}" for name in names or (*ROLES, "memfds")) + " MiB"
