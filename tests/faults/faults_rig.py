# SPDX-License-Identifier: Apache-2.0
"""Guard, engine and an MTA whose processes can be killed or stopped at an exact point of a message, and the verdict
on what then arrives."""
import contextlib
import itertools
import os
import pathlib
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections import namedtuple

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "e2e"), str(TESTS.parent / "contrib")]

from mail_compare import TRACE_FIELD, compare, split_head  # noqa: E402
from mails import message, part, photo  # noqa: E402
from private_postfix import Engine, Guard, MailSink, Milter, PrivatePostfix, SmtpClient  # noqa: E402
from private_postfix.engine import reachable  # noqa: E402
from rig import BUILD, new_recipient  # noqa: E402,F401

DEADLINE_S = 2
CONTENT_TIMEOUT_S = DEADLINE_S + 10  # as contrib/postfix says
FAST = {"cache_memory": 0, "profile": "lossless", "deadline": f"{DEADLINE_S}s"}

# The words of the tables. Only the first two keep the promise.
ORIGINAL, NEW, HEADER_ONLY, DAMAGED, LOST, DOUBLED = "original", "new", "original+header", "SPLICED", "LOST", "DOUBLED"
GOOD = (ORIGINAL, NEW)

Delivery = namedtuple("Delivery", "verdict code seconds")


class BreakPoints:
    """The other end of break_points.cpp. One point at a time."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="points."))
        self.folder.chmod(0o777)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.folder / "reached"))
        (self.folder / "reached").chmod(0o666)
        self._listener.listen()
        self._held = None

    def preload(self, program):
        """To be called before the program's start."""
        library = reachable(BUILD / "tests/faults/libbreak_points.so", program.folder)
        program.environment |= {"LD_PRELOAD": str(library), "OPTIMILTER_BREAK_POINTS": str(self.folder)}

    def arm(self, point):
        partial = self.folder / "arming"
        partial.write_text(point)
        partial.chmod(0o666)
        partial.rename(self.folder / "armed")

    def disarm(self):
        (self.folder / "armed").unlink(missing_ok=True)

    def wait(self, timeout):
        """Until a thread stands at the armed point; False: it never came."""
        self._listener.settimeout(timeout)
        try:
            self._held, _ = self._listener.accept()
            self._held.settimeout(timeout)
            return self._held.recv(100) != b""
        except TimeoutError:
            return False

    def release(self):
        self.disarm()
        if self._held:
            self._held.close()
            self._held = None

    def close(self):
        self.release()
        self._listener.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def children_of(pid):
    found = []
    for status in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue  # it ended meanwhile
        if int(fields[1]) == pid and fields[0] != "Z":
            found.append(int(status.parent.name))
    return found


def signal_all(pids, number):
    """Returns when every thread of theirs stands or is gone."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
    if number != signal.SIGCONT:
        wait_for(lambda: all(thread_states(pid) <= set("TZX") for pid in pids), 10, f"signal {number}")


def thread_states(pid):
    """Letters of /proc/PID/stat; none when it is gone."""
    states = set()
    for thread in _listed(f"/proc/{pid}/task"):
        with contextlib.suppress(OSError):
            states.add(pathlib.Path(f"/proc/{pid}/task/{thread}/stat").read_text().rsplit(")", 1)[1].split()[0])
    return states


def _listed(folder):
    try:
        return os.listdir(folder)
    except OSError:
        return []


class FaultRig:
    """mta: "postfix" or "sendmail". guard=False: the MTA speaks to the engine itself. points=True: break points are
    built into engine and guard. sink: another MailSink."""

    def __init__(self, folder, mta="postfix", socket_kind="unix", guard=True, settings=None, points=True, sink=None):
        self.mta_name, self.points = mta, BreakPoints() if points else None
        self.sink = sink or MailSink(pathlib.Path(folder) / "delivered")
        own = [self._own_folder() for _ in range(2)]
        self.engine = Engine(BUILD, {**FAST, **(settings or {})}, "unix" if guard else socket_kind, folder=own[0])
        self.guard = Guard(self.engine, socket_kind, folder=own[1]) if guard else None
        if points:
            for program in filter(None, (self.engine, self.guard)):
                self.points.preload(program)
        milter = Milter((self.guard or self.engine).endpoint, content_timeout=f"{CONTENT_TIMEOUT_S}s")
        self.mta = self._make_mta({"plain": [], "filtered": [milter]})
        self.recipients = []

    def _own_folder(self):
        if self.mta_name == "postfix":
            return None
        from private_sendmail import private_folder
        return private_folder()

    def _make_mta(self, listeners):
        if self.mta_name == "postfix":
            return PrivatePostfix(self.sink.port, listeners)
        from private_sendmail import PrivateSendmail
        return PrivateSendmail(BUILD, self.sink.port, listeners)

    def __enter__(self):
        try:
            for program in filter(None, (self.engine, self.guard, self.mta)):
                program.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.mta.stop()
        if self.points:
            self.points.close()
        for program in filter(None, (self.guard, self.engine)):
            if program.process:
                program.send_signal(signal.SIGCONT)
                program.stop()
        self.sink.close()

    # ---- the processes ----

    def pids(self, target):
        """target: guard, engine, zygote, or worker, which is all workers there are."""
        if target in ("guard", "engine"):
            return [getattr(self, target).process.pid]
        zygotes = children_of(self.engine.process.pid)
        return zygotes if target == "zygote" else [worker for zygote in zygotes for worker in children_of(zygote)]

    def restart_dead(self):
        for program in filter(None, (self.engine, self.guard)):
            if program.process.poll() is not None:
                program.start()

    # ---- mail ----

    def session(self):
        return SmtpClient(self.mta.ports["filtered"], timeout=60)

    def learn(self, mail):
        """Sends it undisturbed both ways; a Reference that tells what may arrive. None: it was not optimised."""
        arrived = [self._arrives(mail, listener) for listener in ("plain", "filtered")]
        changes, problems = compare(*arrived)
        assert problems == [], problems
        return Reference(arrived[0], split_head(arrived[1])[1]) if changes else None

    def _arrives(self, mail, listener):
        recipient = new_recipient(listener)
        self.recipients.append(recipient)
        with SmtpClient(self.mta.ports[listener], timeout=60) as client:
            reply = client.send("sender@sender.test", recipient, mail)
        assert reply.code == 250, reply
        return self.sink.wait_for(recipient)

    def verdict(self, recipient, reference, timeout=10):
        try:
            arrived = self.sink.wait_for_recipient_count(recipient, 1, timeout)
        except TimeoutError:
            return LOST
        return DOUBLED if len(arrived) > 1 else reference.verdict(arrived[0].path.read_bytes())

    def arrived_more_than_once(self):
        """Recipients of this run, at its end."""
        return [name for name in self.recipients if len(self.sink.mails_for(name)) > 1]


class Reference(namedtuple("Reference", "original new_body")):
    """A mail as it arrives without us, and the body it should get."""

    def verdict(self, arrived):
        body = split_head(arrived)[1]
        if body == split_head(self.original)[1]:
            traced = any(line.lower().startswith(TRACE_FIELD) for line in split_head(arrived)[0].splitlines())
            return HEADER_ONLY if traced else self._whole(arrived, ORIGINAL)
        return self._whole(arrived, NEW) if body == self.new_body else DAMAGED

    def _whole(self, arrived, verdict):
        return DAMAGED if compare(self.original, arrived).problems else verdict


def changing_mails():
    """Mails of about 0.3 MB, each with a photo that no other has: its comment is a number. The new body takes several
    chunks."""
    picture = photo(1, size=(900, 700))
    for number in itertools.count(1):
        yield message(part(with_comment(picture, number)))


def with_comment(jpeg, number):
    """The same picture as another file."""
    return jpeg[:2] + b"\xff\xfe\x00\x0a%08d" % number + jpeg[2:]


def wait_for(condition, timeout, what):
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {timeout} s")
        time.sleep(0.002)
