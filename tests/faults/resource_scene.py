# SPDX-License-Identifier: Apache-2.0
"""What the rows of resources_lack and resources_load stand on: a watched guard and engine behind Postfix, and the bounds."""
import contextlib
import pathlib
import tempfile
import time
import traceback
from collections import namedtuple

from faults_rig import SmtpClient, compare, new_recipient
from mails import photo_mail
from peaks import MIB, Peaks, engine_status
from rig import LOSSLESS, Rig

# What the rows hold guard and engine to.
BASE = {"guard": 16 * MIB, "engine": 48 * MIB}
IDLE_SESSION = {"guard": 24 << 10, "engine": 48 << 10}
# Of the body: decoded parts and results 3/4 each, the results' base64 1, the new body 1; never all of them at once.
ENGINE_PER_BODY = 3.75
BODY_BUDGET, CLIENT_SHARE, REPLY_BUDGET = 256 * MIB, 25, 256 * MIB

# good: mail flowed and memory stayed below the bound. flowed, memory: text for the table.
Row = namedtuple("Row", "name good flowed memory seconds")


class Unkept(AssertionError):
    """What a row found instead of what was promised."""


def need(condition, text):
    if not condition:
        raise Unkept(text)


class Scene:
    """Sink, Postfix, guard and engine, watched. prepare(rig) is called before anything starts."""

    def __init__(self, settings=None, postfix_settings=None, prepare=None, small=False):
        self.small, self.notes, self._count = small, [], 0
        self._folder = tempfile.TemporaryDirectory(prefix="resources.")
        folder = pathlib.Path(self._folder.name)
        self.rig = Rig(folder, {**LOSSLESS, "deadline": "5s", **(settings or {})}, postfix_settings=postfix_settings)
        if prepare:
            prepare(self.rig)
        self.guard, self.engine = self.rig.guard, self.rig.engine

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            stack.callback(self._folder.cleanup)
            stack.enter_context(self.rig)
            self.peaks = stack.enter_context(Peaks(self.guard, self.engine, 0.05))
            self._open = stack.pop_all()
        return self

    def __exit__(self, *_):
        self._open.close()

    def pick(self, full, small):
        return small if self.small else full

    # ---- mail ----

    def mail(self, want=None, most_s=8.0):
        """A photo by SMTP; "smaller" or "as it came". want: must be that. It must arrive once, whole, and be answered soon."""
        self._count += 1
        mail, recipient, began = photo_mail(9000 + self._count), new_recipient("resources"), time.monotonic()
        with SmtpClient(self.rig.mta.ports["filtered"], timeout=60) as client:
            reply = client.send("sender@sender.test", recipient, mail)
        seconds = time.monotonic() - began
        need(reply.code == 250, f"answer to a mail: {reply}")
        need(seconds < most_s, f"a mail took {seconds:.1f} s")
        arrived = self.rig.sink.wait_for(recipient, 30)
        changes, problems = compare(b"Received: x\r\n" + mail, arrived)
        need(not problems, f"arrived damaged: {problems}")
        need(len(self.rig.sink.mails_for(recipient)) == 1, "arrived twice")
        outcome = "smaller" if changes else "as it came"
        need(want in (None, outcome), f"a mail arrived {outcome}, not {want}")
        return outcome

    def recovers(self, timeout=20):
        """Mails are made smaller again, after a while at the latest; every one of them arrives."""
        began = time.monotonic()
        while self.mail() != "smaller":
            need(time.monotonic() - began < timeout, f"not optimised again within {timeout} s")
            time.sleep(0.3)

    # ---- the processes ----

    def pid(self, name):
        return getattr(self, name).process.pid

    def need_alive(self):
        for name in ("guard", "engine"):
            process = getattr(self, name).process
            need(process.poll() is None, f"the {name} ended with {process.returncode}: {getattr(self, name).log()[-500:]}")

    def status(self):
        return engine_status(self.engine)

    def need_below(self, name, bound):
        """The peak since the start; of the engine with its memfds."""
        self.peaks.look()
        peak = self.peaks.bytes[name] + (self.peaks.bytes["memfds"] if name == "engine" else 0)
        self.notes.append(f"{name} {peak / MIB:.0f} of {bound / MIB:.0f} MiB")
        need(peak <= bound, f"{name} took {peak / MIB:.1f} MiB, the bound is {bound / MIB:.1f}")

    def need_usual_memory(self):
        """A handful of mails: nothing beyond the base, and bodies of some MB."""
        self.need_below("guard", BASE["guard"])
        self.need_below("engine", BASE["engine"])


ROWS = {}


def row(title, **scene_options):
    """A row of the table: function(scene) that returns what was seen, or raises."""
    def register(function):
        def run(small):
            with Scene(small=small, **scene_options) as scene:
                flowed = function(scene)
                scene.need_alive()
                return flowed, ", ".join(scene.notes)
        ROWS[function.__name__] = (title, run)
        return function
    return register


def run_row(name, small=False):
    title, run = ROWS[name]
    began = time.monotonic()
    try:
        flowed, memory = run(small)
        return Row(title, True, flowed, memory, time.monotonic() - began)
    except Unkept as problem:
        return Row(title, False, f"**{problem}**", "", time.monotonic() - began)
    except Exception:  # noqa: BLE001 a row that broke is a row that failed
        text = traceback.format_exc(limit=-3).replace("\n", " ")
        return Row(title, False, f"**broken: {text}**", "", time.monotonic() - began)
