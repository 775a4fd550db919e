# SPDX-License-Identifier: Apache-2.0
"""What the guard costs: its CPU, and messages a second with and without it, in alternating pairs."""
import pathlib
import statistics
import subprocess
import tempfile
import time
from collections import namedtuple

from faults_rig import BUILD, Engine, Guard, Milter, PrivatePostfix
from private_postfix import NullMilter
from private_postfix.engine import ENGINE_USER

# bytes of a message, messages a run
SIZES = ((5_000, 1200), (1_000_000, 60), (30_000_000, 4))
SESSIONS = 4

Cost = namedtuple("Cost", "size silent with_guard without cpu_ms")  # medians; messages a second, guard's CPU a message


def cpu_seconds(pid):
    """Exact, of all threads."""
    return sum(int(file.read_text().split()[0]) for file in pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1e9


class _CostRig:
    """Postfix delivers to nowhere; a port before the filter itself, and one before the guard before the filter."""

    def __init__(self, folder, silent):
        options = ("--silent",) if silent else ()
        self.filter = NullMilter(BUILD, "unix", folder, options, ENGINE_USER)
        self._plan = Engine(BUILD, {"engine_socket": self.filter.listen})  # never started: the guard needs its settings
        self.guard = Guard(self._plan)
        ports = {"without": [Milter(self.filter.endpoint)], "guard": [Milter(self.guard.endpoint)]}
        self.postfix = PrivatePostfix(1, ports, settings={"default_transport": "discard:", "relayhost": ""})
        self._parts = (self.filter, self.guard, self.postfix)

    def __enter__(self):
        for one in self._parts:
            one.start()
        return self

    def __exit__(self, *_):
        for one in (*reversed(self._parts), self._plan):
            one.stop()

    def rate(self, listener, size, count):
        """Messages a second until the last is accepted."""
        began = time.monotonic()
        subprocess.run([self.postfix.programs / "usr/sbin/smtp-source", "-s", str(min(SESSIONS, count)), "-m", str(count),
                        "-l", str(size), "-f", "a@sender.test", "-t", "b@receiver.test",
                        f"127.0.0.1:{self.postfix.ports[listener]}"], env=self.postfix.environment, check=True)
        seconds = time.monotonic() - began
        self.postfix.wait_until_empty()
        return count / seconds


def run_cost(pairs=5, sizes=SIZES, report=lambda cost: None):
    results = []
    for silent in (False, True):
        with tempfile.TemporaryDirectory(prefix="cost.") as folder, _CostRig(folder, silent) as rig:
            for size, count in sizes:
                results.append(_measure(rig, silent, size, count, pairs))
                report(results[-1])
    return results


def _measure(rig, silent, size, count, pairs):
    for listener in ("without", "guard"):
        rig.rate(listener, size, max(1, count // 10))
    rates, before = {"without": [], "guard": []}, cpu_seconds(rig.guard.process.pid)
    for number in range(pairs):
        for listener in (("without", "guard"), ("guard", "without"))[number % 2]:
            rates[listener].append(rig.rate(listener, size, count))
    spent = cpu_seconds(rig.guard.process.pid) - before
    return Cost(size, silent, statistics.median(rates["guard"]), statistics.median(rates["without"]),
                1000 * spent / (pairs * count))


def table(costs):
    lines = ["| message | filter behind | no guard | guard | ratio | guard's CPU a message | a MB |", "|---" * 7 + "|"]
    for cost in costs:
        behind = "no replies (NR)" if cost.silent else "replies to all"
        lines.append(f"| {cost.size / 1e6:g} MB | {behind} | {cost.without:.1f}/s | {cost.with_guard:.1f}/s | "
                     f"{cost.with_guard / cost.without:.2f} | {cost.cpu_ms:.2f} ms | {cost.cpu_ms / (cost.size / 1e6):.2f} ms |")
    return "\n".join(lines)
