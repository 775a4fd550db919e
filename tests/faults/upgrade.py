# SPDX-License-Identifier: Apache-2.0
"""A new engine and a new guard under an even load: nothing deferred, nothing damaged."""
import collections
import queue
import re
import tempfile
import threading
import time

from kills import ChangingMails, checked_rig, count_arrivals, learn, wait_for_the_queue
from private_postfix.engine import reachable
from faults_rig import BUILD, DAMAGED, DOUBLED, HEADER_ONLY, LOST, NEW, ORIGINAL

RATE = 50  # messages a second
SENDERS = 24
FIRST = 1000


class _EvenLoad:
    """One session a message, at its time whatever became of those before."""

    def __init__(self, rig, mails, seconds):
        self.rig, self.mails = rig, mails
        self.codes, self.slowest, self.problems, self.latest_start = {}, 0.0, [], 0.0
        self._due = queue.Queue()
        self._began = time.monotonic()
        for number in range(round(seconds * RATE)):
            self._due.put((self._began + number / RATE, FIRST + number))
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(SENDERS)]
        for thread in self._threads:
            thread.start()

    def _run(self):
        while True:
            try:
                due, number = self._due.get_nowait()
            except queue.Empty:
                return
            time.sleep(max(0, due - time.monotonic()))
            self.latest_start = max(self.latest_start, time.monotonic() - due)
            self._send(number)

    def _send(self, number):
        mail = self.mails.original(number)
        self.codes[number] = "no answer"
        began = time.monotonic()
        try:
            with self.rig.session() as client:
                self.codes[number] = client.send("sender@sender.test", f"kill-{number}@receiver.test", mail).code
        except OSError as problem:
            self.problems.append(str(problem))
        self.slowest = max(self.slowest, time.monotonic() - began)

    def join(self):
        for thread in self._threads:
            thread.join()


def _upgrade_engine(rig):
    rig.engine.program = reachable(BUILD / "milter/optimilter-engine", rig.engine.folder)
    rig.engine.stop(keep_folder=True)
    rig.engine.start()


def _restart_guard(rig):
    rig.guard.stop(keep_folder=True)
    rig.guard.start()


def run_upgrade(seconds=60):
    """Counter of what happened. An engine upgrade at a quarter and three quarters, a restart of the guard at half."""
    result = collections.Counter()
    mails = ChangingMails(noise_lines=100)
    with tempfile.TemporaryDirectory(prefix="upgrade.") as folder, checked_rig(folder, True, mails) as rig:
        learn(rig, mails)
        load = _EvenLoad(rig, mails, seconds)
        began = time.monotonic()
        for share, action in ((0.25, _upgrade_engine), (0.5, _restart_guard), (0.75, _upgrade_engine)):
            time.sleep(max(0, began + share * seconds - time.monotonic()))
            action(rig)
        load.join()
        wait_for_the_queue(rig)
        result["seconds"] = round(time.monotonic() - began)
        result["deferred"] = rig.mta.log().count("status=deferred")
        count_arrivals(result, load, rig.sink)
        result["late start ms"] = round(1000 * load.latest_start)
        result["reasons"] = pass_reasons(rig.guard.log() + rig.engine.log())
    return result


def pass_reasons(log):
    """Why messages passed unchanged, and how many."""
    reasons = collections.Counter(re.findall(r"status=passed \((.*?)(?:, at .*)?\)$", log, re.MULTILINE))
    return ", ".join(f"{reason} ({count})" for reason, count in reasons.most_common())


def table(result):
    columns = ("messages", NEW, ORIGINAL, DAMAGED, HEADER_ONLY, LOST, DOUBLED, "other answers", "slowest ms")
    return "\n".join(["| " + " | ".join(columns) + " |", "|---" * len(columns) + "|",
                      "| " + " | ".join(str(result[column]) for column in columns) + " |"])
