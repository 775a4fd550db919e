# SPDX-License-Identifier: Apache-2.0
"""Random kill -9 while as many 1 MB messages pass as can, every delivered body compared byte for byte."""
import base64
import collections
import random
import re
import tempfile
import threading
import time

from faults_rig import (DAMAGED, DOUBLED, HEADER_ONLY, LOST, NEW, ORIGINAL, FaultRig, MailSink, Reference, message, part, photo,
                        signal_all, with_comment)
from mail_compare import compare, split_head
from mails import encoded

SENDERS = 4
MESSAGES_A_SESSION = 2  # after a death the rest of a session passes unfiltered
NOISE_LINES = 9000
# What is struck, and how often of a hundred.
INNER = (("engine", 60), ("zygote", 15), ("worker", 25))


class ChangingMails:
    """Mail number N and what may become of it, made again whenever it is asked for. The photo is small, so that its work
    is done in a moment; 0.7 MB that nobody can make smaller follow it, and are sent again whenever it is replaced."""

    def __init__(self, noise_lines=NOISE_LINES):
        self._noise_lines = noise_lines
        self._photos = [photo(seed, size=(320, 240)) for seed in range(1, 9)]
        self._smaller = {}
        self._noise = encoded(random.Random(1).randbytes((noise_lines + 500) * 57))

    def original(self, number):
        return self._mail(number, with_comment(self._photos[number % 8], number))

    def new_body(self, number):
        """None until learn() has seen this photo."""
        smaller = self._smaller.get(number % 8)
        return smaller and split_head(self._mail(number, smaller.replace(b"%08d" % (number % 8), b"%08d" % number, 1)))[1]

    def learn(self, number, arrived):
        found = re.search(rb"filename=\"photo.jpg\".*?\r\n\r\n(.*?)--=_limit_1", arrived, re.DOTALL)
        self._smaller[number % 8] = base64.b64decode(found.group(1))

    def _mail(self, number, picture):
        start = (number % 499) * 78
        noise = part(b"", "application/octet-stream", "noise.bin") + self._noise[start:start + self._noise_lines * 78]
        return message(part(picture), noise, text=b"Message %d.\r\n" % number)


class CheckingSink(MailSink):
    """Judges what arrives at once and stores nothing. Recipients are kill-NUMBER@receiver.test."""

    def __init__(self, folder, mails):
        self.mails_of_run, self.arrived, self.damaged = mails, {}, []
        super().__init__(folder)

    def store(self, message, sender, recipients, parameters):
        number = int(recipients[0].split("@")[0].split("-")[1])
        verdict = self._verdict(number, message)
        with self._changed:
            self.arrived.setdefault(number, []).append(verdict)
        if verdict == DAMAGED:
            self.damaged.append((number, len(message)))

    def _verdict(self, number, message):
        plain = b"Received: x\r\n" + self.mails_of_run.original(number)
        return Reference(plain, self.mails_of_run.new_body(number)).verdict(message)


class Load:
    """Senders without pause, until stop()."""

    def __init__(self, rig, mails, first, senders=SENDERS):
        self.rig, self.mails = rig, mails
        self.codes, self.slowest, self.problems = {}, 0.0, []
        self._next, self._lock, self._over = first, threading.Lock(), threading.Event()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(senders)]
        for thread in self._threads:
            thread.start()

    def take_number(self):
        with self._lock:
            self._next += 1
            return self._next

    def _run(self):
        while not self._over.is_set():
            try:
                with self.rig.session() as client:
                    for _ in range(MESSAGES_A_SESSION):
                        self._send(client, self.take_number())
            except OSError as problem:
                self.problems.append(str(problem))

    def _send(self, client, number):
        self.codes[number] = "no answer"
        began = time.monotonic()
        reply = client.send("sender@sender.test", f"kill-{number}@receiver.test", self.mails.original(number))
        self.codes[number] = reply.code
        self.slowest = max(self.slowest, time.monotonic() - began)

    def stop(self):
        self._over.set()
        for thread in self._threads:
            thread.join(60)


def checked_rig(folder, guard, mails):
    return FaultRig(folder, guard=guard, points=False, sink=CheckingSink(f"{folder}/delivered", mails))


def learn(rig, mails):
    """The new photos, from messages that pass undisturbed."""
    probe = {}
    judge, rig.sink.store = rig.sink.store, lambda message, _, recipients, __: probe.update({recipients[0]: message})
    for number in range(8):
        with rig.session() as client:
            assert client.send("sender@sender.test", f"kill-{number}@receiver.test", mails.original(number)).code == 250
    rig.mta.wait_until_empty()
    for number in range(8):
        arrived = probe[f"kill-{number}@receiver.test"]
        changes, problems = compare(b"Received: x\r\n" + mails.original(number), arrived)
        assert not problems and changes, f"not optimised undisturbed: {problems}"
        mails.learn(number, arrived)
    rig.sink.store = judge


def _strike(rig, target):
    """kill -9; what systemd restarts is restarted at once. False: there was nothing to kill."""
    pids = rig.pids(target)
    pids = [random.choice(pids)] if pids else []
    signal_all(pids, 9)
    for program in filter(None, (rig.engine, rig.guard)):
        if program.process.pid in pids:
            program.process.wait()
            program.start()
    return bool(pids)


def run_kills(count, targets, guard=True, report=lambda done: None):
    """Counter of what happened: kills by target, verdicts, answers."""
    result = collections.Counter()
    mails = ChangingMails()
    chance = random.Random(7)
    names, weights = zip(*targets)
    with tempfile.TemporaryDirectory(prefix="kills.") as folder, checked_rig(folder, guard, mails) as rig:
        learn(rig, mails)
        load = Load(rig, mails, 1000)
        began = time.monotonic()
        while result["kills"] < count:
            time.sleep(chance.uniform(0.2, 1.0))
            target = chance.choices(names, weights)[0]
            if _strike(rig, target):
                result["kills"] += 1
                result[f"kills of {target}"] += 1
                report(result["kills"])
        result["seconds"] = round(time.monotonic() - began)
        load.stop()
        wait_for_the_queue(rig)
        count_arrivals(result, load, rig.sink)
    return result


def wait_for_the_queue(rig):
    """Until only what can never be delivered is left (corrupt)."""
    deadline = time.monotonic() + 60
    while [path for path in rig.mta.queued() if path.parent.name != "corrupt"] and time.monotonic() < deadline:
        time.sleep(0.1)


def count_arrivals(result, load, sink):
    result["messages"] = len(load.codes)
    result["other answers"] = sum(code != 250 for code in load.codes.values())
    result["slowest ms"] = round(1000 * load.slowest)
    for number, code in load.codes.items():
        verdicts = sink.arrived.get(number, [])
        result[LOST] += code == 250 and not verdicts
        result[DOUBLED] += len(verdicts) > 1
        result.update(verdicts)
    result["other answers"] += len(load.problems)


def whole(result):
    """No message was lost, doubled, changed by halves or refused."""
    return not any(result[word] for word in (LOST, DOUBLED, DAMAGED, HEADER_ONLY, "other answers"))


def table(rows):
    """rows: (name, Counter)."""
    columns = ("kills", "messages", NEW, ORIGINAL, DAMAGED, HEADER_ONLY, LOST, DOUBLED, "other answers", "slowest ms", "seconds")
    lines = ["| | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for name, result in rows:
        lines.append(f"| {name} | " + " | ".join(str(result[column]) for column in columns) + " |")
    return "\n".join(lines)
