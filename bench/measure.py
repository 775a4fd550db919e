# SPDX-License-Identifier: Apache-2.0
"""What the benchmarks share: optimilterctl over files, peers on copies, CPU as user + system of all children."""
import contextlib
import json
import pathlib
import re
import resource
import shutil
import subprocess
import tempfile
import threading
from collections import namedtuple

# One tool on one file: bytes of what it leaves (never more than before), CPU seconds, and the file it left.
Done = namedtuple("Done", "size cpu path")


def children_cpu():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class WorkerPeak(threading.Thread):
    """The most memory that any one worker below a process had, looked up every few milliseconds; bytes."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.bytes, self._done = pid, 0, threading.Event()
        self.start()

    def run(self):
        while not self._done.wait(0.003):
            for child in self._below(self.pid, 2):
                try:
                    status = pathlib.Path(f"/proc/{child}/status").read_text()
                except OSError:
                    continue
                peak = re.search(r"VmHWM:\s+(\d+)", status)
                self.bytes = max(self.bytes, int(peak.group(1)) * 1024 if peak else 0)

    def _below(self, pid, depth):
        children = []
        with contextlib.suppress(OSError):  # it ended meanwhile
            for task in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
                children += task.read_text().split()
        return children + [grand for child in children for grand in self._below(child, depth - 1)] if depth else []

    def stop(self):
        self._done.set()
        self.join()
        return self.bytes


class Bench:
    """A build and a scratch folder."""

    def __init__(self, build):
        self.program = pathlib.Path(build).resolve() / "console/optimilterctl"
        self._scratch = tempfile.TemporaryDirectory()
        self.scratch = pathlib.Path(self._scratch.name)
        self.worker_peak = 0  # of the last ours()

    def close(self):
        self._scratch.cleanup()

    def ours(self, paths, profile, output=None, **settings):
        """JSON lines of all files in one command, as a mail system has its workers running already, and the CPU of all."""
        file = self.scratch / "settings.toml"
        lines = {"profile": f'"{profile}"', "deadline": '"60s"', "min_size": "0", "max_size": '"256MiB"', **settings}
        file.write_text("".join(f"{key} = {value}\n" for key, value in lines.items()))
        command = [self.program, "optimize", "--config", file, "--json"]
        if output is not None:
            output.mkdir(exist_ok=True)
            command += ["--output", output] if len(paths) > 1 else ["--output", output / paths[0].name]
        before = children_cpu()
        run = subprocess.Popen([*command, *paths], stdout=subprocess.PIPE, text=True)
        peak = WorkerPeak(run.pid)
        printed = run.communicate()[0]
        self.worker_peak = peak.stop()
        if run.returncode != 0:
            raise subprocess.CalledProcessError(run.returncode, command)
        return [json.loads(line) for line in printed.splitlines()], children_cpu() - before

    def peer(self, path, command):
        """command: {in} is a copy that may be changed in place, {out} another file; the smaller of the two counts. A tool
        that fails leaves the file as it was."""
        copy, out = self.scratch / f"peer-in{path.suffix}", self.scratch / f"peer-out{path.suffix}"
        shutil.copy(path, copy)
        out.unlink(missing_ok=True)
        words = [word.replace("{in}", str(copy)).replace("{out}", str(out)) for word in command]
        before = children_cpu()
        run = subprocess.run(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=600)
        cpu = children_cpu() - before
        result = out if out.exists() and out.stat().st_size else copy
        fine = run.returncode == 0 and 0 < result.stat().st_size < path.stat().st_size
        return Done(result.stat().st_size if fine else path.stat().st_size, cpu, result if fine else path)

    def score(self, before, after):
        """What optimilterctl compare says; None where it cannot."""
        run = subprocess.run([self.program, "compare", "--json", before, after], capture_output=True, text=True)
        return json.loads(run.stdout)["score"] if run.returncode == 0 else None


def outcome(row):
    return row["parts"][0]["outcome"]


def touched(row):
    """Was it at least tried?"""
    return outcome(row) in ("optimized", "not_smaller")


def saved(before, after):
    return 100 - after * 100 / before if before else 0.0


def files(folder, *endings):
    return sorted(path for path in pathlib.Path(folder).iterdir()
                  if path.is_file() and (not endings or path.suffix.lower() in endings))
