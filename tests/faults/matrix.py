# SPDX-License-Identifier: Apache-2.0
"""Matrix 1: one process is killed or stopped at one exact point of one message. A row is a point, a column a process."""
import signal
import tempfile
import threading
import time
from collections import namedtuple

from faults_rig import (CONTENT_TIMEOUT_S, DEADLINE_S, GOOD, LOST, Delivery, FaultRig, changing_mails, new_recipient,
                        signal_all, thread_states)

# Points of break_points.cpp, in the order a message meets them; those in BETWEEN are events that the engine does not ask
# for, reached by stepping the SMTP client.
BETWEEN = ("helo", "rcpt", "data")
POINTS = ("negotiate", "connect", "helo", "mail", "rcpt", "data", "header", "eoh", "body", "eom", "work", "before replace",
          "after addheader", "chunk 2", "inside chunk 2", "before reply", "after reply")
INSIDE_SEND = "inside send"  # the guard's own point
MEANING = {"helo": "between HELO and MAIL", "rcpt": "between RCPT and DATA", "data": "between DATA and the content",
           "eom": "end of message, before any work", "work": "while a worker works",
           "before replace": "result ready, nothing sent", "after addheader": "trace field sent, body not yet",
           "chunk 2": "first chunk of the body sent", "inside chunk 2": "one chunk and a half sent",
           "before reply": "all chunks sent, last reply not", "after reply": "last reply sent",
           INSIDE_SEND: "guard: half of its one write is out"}
KILL, STOP = signal.SIGKILL, signal.SIGSTOP
WORDS = {KILL: "kill", STOP: "stop"}

Fault = namedtuple("Fault", "target number point")
# Column of the table: target, signal, and whether the guard is there.
Column = namedtuple("Column", "target number guard")
GUARDED = [Column(target, number, True) for target in ("engine", "zygote", "worker", "guard") for number in (KILL, STOP)]
ALONE = [Column("engine", number, False) for number in (KILL, STOP)]


class _Sender(threading.Thread):
    """One message in one session of its own; at_step is called with the names of BETWEEN."""

    def __init__(self, rig, mail, recipient, at_step):
        super().__init__(daemon=True)
        self._rig, self._mail, self._recipient, self._at_step = rig, mail, recipient, at_step
        self.code, self.seconds = None, None

    def run(self):
        began = time.monotonic()
        try:
            with self._rig.session() as client:
                self._at_step("helo")
                client.command("MAIL FROM:<sender@sender.test>")
                client.command(f"RCPT TO:<{self._recipient}>")
                self._at_step("rcpt")
                client.command("DATA")
                self._at_step("data")
                self.code = client.content(self._mail).code
                self.seconds = time.monotonic() - began
        except OSError as problem:
            self.code = str(problem)
        self.seconds = self.seconds or time.monotonic() - began


class Matrix:
    """The rows of one FaultRig."""

    def __init__(self, rig):
        self.rig = rig
        self._mails = changing_mails()

    def one(self, fault):
        """Delivery of one message with that fault."""
        self.make_ready()
        recipient = new_recipient("fault")
        self.rig.recipients.append(recipient)
        struck = []

        def strike():
            pids = self.rig.pids(fault.target)
            assert pids, f"no {fault.target} to strike"
            struck.extend(pids)
            signal_all(pids, fault.number)

        if fault.point not in BETWEEN:
            self.rig.points.arm(fault.point)
        sender = _Sender(self.rig, self.mail, recipient, lambda step: strike() if step == fault.point else None)
        sender.start()
        if fault.point not in BETWEEN and self.rig.points.wait(10):
            strike()
        self.rig.points.release()
        sender.join(60)
        try:
            return Delivery(self._verdict(recipient, struck), sender.code, sender.seconds)
        finally:
            signal_all(struck, signal.SIGCONT)

    def _verdict(self, recipient, struck):
        return self.rig.verdict(recipient, self.reference) if struck else "point not reached"

    def make_ready(self):
        """Everything runs, and a new session is optimised: recovery is part of every row. A new mail each time, because the
        engine remembers inputs that seem to have killed a worker."""
        self.rig.points.disarm()
        for program in filter(None, (self.rig.guard, self.rig.engine)):
            wait_for_death(program)
        self.rig.restart_dead()
        self.mail = next(self._mails)
        deadline = time.monotonic() + 30
        while not (reference := self.rig.learn(self.mail)):
            if time.monotonic() > deadline:
                logs = [program.log()[-1500:] for program in (self.rig.engine, self.rig.guard) if program]
                raise TimeoutError("\n".join(["not optimised within 30 s of the last fault", *logs]))
        self.reference = reference

    def finish(self):
        """Nothing waits, nothing came twice."""
        self.make_ready()
        doubled = self.rig.arrived_more_than_once()
        assert not doubled, doubled


def wait_for_death(program):
    """A killed process needs a moment; one that lives is left alone."""
    if program.process.poll() is None and thread_states(program.process.pid) <= set("ZX"):
        program.process.wait(5)


def limit_seconds(fault, mta):
    """The longest that a message may take from the client's connect to 250."""
    if fault.target != "guard" or fault.number == KILL:
        return DEADLINE_S + 1
    before_content = fault.point in POINTS[:POINTS.index("rcpt")]  # the guard answers nothing between MAIL and headers
    return (5 if before_content and mta == "postfix" else CONTENT_TIMEOUT_S) + 1


def stated_exception(fault):
    """A guard struck inside its one write."""
    return fault.point == INSIDE_SEND


def keeps_promise(fault, mta, delivery):
    if delivery.code != 250 or delivery.seconds > limit_seconds(fault, mta):
        return False
    return delivery.verdict in GOOD or (stated_exception(fault) and delivery.verdict != LOST)


def points_of(column):
    return (*POINTS, INSIDE_SEND) if column.target == "guard" else POINTS


def run_columns(mta, socket_kind, columns, report, points=POINTS):
    """{(column, point): Delivery}; report(fault, delivery) after each."""
    results = {}
    for guard in (True, False):
        mine = [column for column in columns if column.guard == guard]
        if not mine:
            continue
        with tempfile.TemporaryDirectory(prefix="faults.") as folder, FaultRig(folder, mta, socket_kind, guard) as rig:
            matrix = Matrix(rig)
            for column in mine:
                for point in [point for point in points_of(column) if point in points or point == INSIDE_SEND]:
                    fault = Fault(column.target, column.number, point)
                    results[column, point] = matrix.one(fault)
                    report(column, fault, results[column, point])
            matrix.finish()
    return results


def cell(column, point, mta, delivery):
    if delivery is None:
        return ""
    text = delivery.verdict if delivery.code == 250 else f"{delivery.verdict}, {delivery.code}"
    good = keeps_promise(Fault(column.target, column.number, point), mta, delivery)
    text = text if good and delivery.verdict in GOOD else f"**{text}**"
    return f"{text} {delivery.seconds:.1f}"


def title(column):
    return f"{column.target}{'' if column.guard else ', no guard'}: {WORDS[column.number]}"


def table(mta, columns, results):
    points = [point for point in (*POINTS, INSIDE_SEND) if any((column, point) in results for column in columns)]
    lines = ["| point | " + " | ".join(title(column) for column in columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for point in points:
        cells = [cell(column, point, mta, results.get((column, point))) for column in columns]
        lines.append(f"| {point} | " + " | ".join(cells) + " |")
    return "\n".join(lines)
