# SPDX-License-Identifier: Apache-2.0
"""Rows of resources: somebody asks for too much. Each asks for a usual mail meanwhile and after."""
import contextlib
import random
import resource
import threading
import time

from faults_rig import SmtpClient, message, new_recipient, part, photo, wait_for
import milter_frames as m
from hostile_seeds import archive
from mail_compare import compare
from mails import photo_mail
from milter_client import MilterClient, split_mail
from peaks import MIB, kilobytes
from resource_scene import BASE, BODY_BUDGET, CLIENT_SHARE, ENGINE_PER_BODY, IDLE_SESSION, REPLY_BUDGET, need, row


def connected(scene, address=b"127.0.0.1", timeout=60):
    client = MilterClient(scene.guard.endpoint, timeout=timeout)
    client.negotiate()
    client.connect(address=address)
    client.helo()
    return client


# ---- connections ----


@row("the MTA closes in mid-message, at every point of it, 100 times")
def mta_closes(scene):
    scene.mail("smaller")
    mail = photo_mail(41, size=(900, 700))
    chance = random.Random(1)
    for number in range(scene.pick(100, 30)):
        client = connected(scene)
        phases = client.phases(mail, chunk=chance.choice((1000, 65535)))
        for _, play in phases[:number % (len(phases) + 1)]:
            play()
        if number % (len(phases) + 1) == len(phases):
            client.raw(m.frame(m.EOM))
        else:  # half a frame
            client.raw(m.frame(m.BODY, b"x" * 5000)[:chance.randrange(5000)])
        client.wire.close()
    scene.mail("smaller")
    wait_for(lambda: scene.guard.status()["sessions"] == 0, 10, "the guard's last session")
    wait_for(lambda: scene.status()["body_bytes"] == 0 and scene.status()["in_flight"] == 0, 10, "the engine's last body")
    scene.need_below("guard", BASE["guard"])
    scene.need_below("engine", BASE["engine"] + ENGINE_PER_BODY * 8 * MIB)
    return "optimised; no session, body or job is left behind"


@row("1000 idle sessions")
def idle_sessions(scene):
    count = scene.pick(1000, 200)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    scene.mail("smaller")
    before = {name: kilobytes(scene.pid(name), "VmRSS") for name in ("guard", "engine")}
    with contextlib.ExitStack() as sessions:
        for _ in range(count):
            sessions.enter_context(connected(scene))
        need(scene.guard.status()["sessions"] == count, f"the guard has {scene.guard.status()['sessions']} sessions")
        began, used = time.monotonic(), {name: _cpu_s(scene.pid(name)) for name in before}
        time.sleep(scene.pick(5, 2))
        idle_s = time.monotonic() - began
        for name in before:
            share = (_cpu_s(scene.pid(name)) - used[name]) / idle_s
            need(share < 0.1, f"the {name} takes {share:.0%} of a CPU for idle sessions")
            each = (kilobytes(scene.pid(name), "VmRSS") - before[name]) / count
            need(each < IDLE_SESSION[name], f"an idle session takes {each / 1024:.0f} KiB of the {name}")
            scene.notes.append(f"{name} {each / 1024:.1f} of {IDLE_SESSION[name] >> 10} KiB a session")
        scene.mail("smaller")
    scene.mail("smaller")
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    for name in before:
        scene.need_below(name, BASE[name] + count * IDLE_SESSION[name])
    return "optimised"


def _cpu_s(pid):
    with open(f"/proc/{pid}/stat") as stat:
        return sum(map(int, stat.read().rsplit(")", 1)[1].split()[11:13])) / 100


@row("50 senders of one byte per second, by SMTP and by the milter protocol, for 10 s")
def slow_senders(scene):
    count, seconds = scene.pick(25, 8), scene.pick(10, 3)
    mail = photo_mail(43)
    slow_smtp = [SmtpClient(scene.rig.mta.ports["filtered"]) for _ in range(count)]
    slow_milter = [connected(scene) for _ in range(count)]
    for number, client in enumerate(slow_smtp):
        client.command("MAIL FROM:<slow@sender.test>")
        client.command(f"RCPT TO:<{new_recipient('slow')}>")
        client.command("DATA")
    begun = []
    for client in slow_milter:
        for _, play in client.phases(mail)[:-1]:
            play()
        begun.append(m.frame(m.BODY, split_mail(mail)[1][:60000]))
    for second in range(seconds):
        for number in range(count):
            slow_smtp[number]._socket.sendall(mail[second:second + 1])
            slow_milter[number].raw(begun[number][second:second + 1])
        if second in (1, seconds - 1):
            scene.mail("smaller")
        else:
            time.sleep(1)
    for client in slow_milter:
        client.wire.close()
    for client in slow_smtp:
        client._socket.close()
    scene.mail("smaller")
    scene.need_below("guard", BASE["guard"])
    scene.need_below("engine", BASE["engine"])
    return "optimised"


# ---- messages ----


@row("10 000 recipients in one message",
     postfix_settings={"smtpd_recipient_limit": "20000", "smtp_destination_recipient_limit": "1000"})
def recipients(scene):
    count = scene.pick(10000, 1000)
    names = [new_recipient("many") for _ in range(count)]
    mail = photo_mail(47)
    with SmtpClient(scene.rig.mta.ports["filtered"], timeout=120) as client:
        reply = client.send("a@sender.test", names, mail)
    need(reply.code == 250, f"answer: {reply}")
    scene.mail("smaller")
    scene.rig.mta.wait_until_empty(120)

    def all_arrived():
        return [name for one in scene.rig.sink.mails() for name in one.recipients if name.startswith("many")]

    wait_for(lambda: len(all_arrived()) >= count, 60, "the last of them")
    arrived = all_arrived()
    need(sorted(arrived) == sorted(names), f"{len(arrived)} arrivals for {count} recipients")
    seen = {one.path.read_bytes().partition(b"\r\n\r\n")[2] for one in scene.rig.sink.mails() if set(one.recipients) & set(names)}
    need(len(seen) == 1, "not the same for all")
    with connected(scene) as client:
        outcome = client.send(mail, recipients=[name.encode() for name in names])
    need(outcome.body is not None, "by protocol it was not optimised")
    scene.need_below("guard", BASE["guard"])
    scene.need_below("engine", BASE["engine"])
    return f"{count} copies, each once, optimised; the next mail too"


def noise(size):
    """Base64 lines of that many bytes that no one can make smaller; cheap to make."""
    line = b"".join(b"%02x" % number for number in range(38)) + b"\r\n"
    return line * (size // len(line))


def large_mail(size):
    """One part of about that many bytes, in base64, with a photo before it."""
    head = b"Content-Type: application/octet-stream; name=\"noise.bin\"\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    return message(part(photo(51)), head + noise(size))


@row("a message of 150 MB above message_size_limit", postfix_settings={"message_size_limit": "20480000"})
def above_the_limit(scene):
    mail = large_mail(scene.pick(150, 30) * 1000 * 1000)
    with SmtpClient(scene.rig.mta.ports["filtered"], timeout=120) as client:
        declared = client.send("a@sender.test", new_recipient("large"), mail[:10], f"SIZE={len(mail)}")
        reply = client.send("a@sender.test", new_recipient("large"), mail)
    need(declared.code == 552 and reply.code == 552, f"{declared}, {reply}")
    scene.mail("smaller")
    scene.need_below("guard", BASE["guard"])
    scene.need_below("engine", BASE["engine"])
    return "552 of Postfix itself, with and without SIZE; the next mail optimised"


@row("a message of 150 MB that the MTA takes", settings={"client_share": CLIENT_SHARE})
def beyond_the_share(scene):
    size = scene.pick(150, 80) * 1000 * 1000
    with connected(scene, b"10.0.0.1") as client:
        outcome = client.send(large_mail(size))
        need(outcome.unchanged and client.skipping, f"SKIP {client.skipping}, {outcome.final}")
        client.finish()
    scene.mail("smaller")
    scene.need_below("guard", BASE["guard"])
    scene.need_below("engine", BASE["engine"] + BODY_BUDGET * CLIENT_SHARE // 100)
    return "SKIP when the client's share was used up, as it came; the next mail optimised"


class Bodies:
    """Large bodies that are all held at the same moment, then ended at the same moment. Each is a ZIP that a worker gets."""

    def __init__(self, scene, count, size, clients):
        self._scene, self._count, self._clients = scene, count, clients
        stored = [(f"{number}.bin", random.Random(number).randbytes(1 << 20)) for number in range(size * 3 // 4 // MIB - 1)]
        text = [("text.txt", b"A line that can be made smaller.\r\n" * 30000)]
        self._mail = message(part(archive(text + stored, stored=[name for name, _ in stored]), "application/zip", "large.zip"))
        self._held = threading.Barrier(count + 1)
        self.outcomes, self.skipped, self._failures = [], 0, []

    def _send_one(self, number):
        try:
            client = connected(self._scene, b"10.0.%d.%d" % divmod(number % self._clients, 250), 120)
            for _, play in client.phases(self._mail):
                play()
        except BaseException as problem:
            self._failures.append(problem)
            self._held.abort()
            raise
        self._held.wait(300)
        try:
            outcome = client.end_message()
            self.skipped += client.skipping
            self.outcomes.append(outcome)
            client.finish()
        except Exception as problem:  # noqa: BLE001 told below
            self._failures.append(problem)

    def send_all(self, meanwhile=None):
        threads = [threading.Thread(target=self._send_one, args=(number,), daemon=True) for number in range(self._count)]
        for thread in threads:
            thread.start()
        with contextlib.suppress(threading.BrokenBarrierError):
            if meanwhile:
                wait_for(lambda: self._held.n_waiting == self._count or self._held.broken, 300, "all bodies")
                meanwhile()
            self._held.wait(300)
        for thread in threads:
            thread.join(300)
        need(not self._failures, f"{len(self._failures)} of {self._count} failed: {self._failures[:1]!r}")
        need(len(self.outcomes) == self._count, f"{self._count - len(self.outcomes)} were never answered")
        for outcome in self.outcomes:
            if not outcome.unchanged:
                problems = compare(self._mail, outcome.applied_to(self._mail)).problems
                need(not problems, f"damaged: {problems}")

    def text(self):
        slowest = max(seconds for outcome in self.outcomes for event, seconds in outcome.waits if event == m.EOM)
        changed = sum(not outcome.unchanged for outcome in self.outcomes)
        return (f"{self._count - self.skipped} taken, {self.skipped} answered SKIP, {changed} made smaller, none damaged; "
                f"longest wait at an end of message {slowest:.1f} s")


def _flood(scene, clients, want_meanwhile, held_most):
    count, size = scene.pick((50, 50 * 1000 * 1000), (12, 30 * 1000 * 1000))
    bodies, held = Bodies(scene, count, size, count if clients is None else clients), []

    def meanwhile():
        held.append(scene.status()["body_bytes"])
        scene.mail(want_meanwhile)

    bodies.send_all(meanwhile)
    need(bodies.skipped > 0, "the budget was not reached")
    need(held[0] <= held_most, f"{held[0]} body bytes are held, {held_most} may be")
    scene.recovers()
    wait_for(lambda: scene.status()["body_bytes"] == 0, 10, "the engine's last body")
    scene.need_below("guard", BASE["guard"] + REPLY_BUDGET)
    scene.need_below("engine", BASE["engine"] + ENGINE_PER_BODY * held_most)
    scene.notes.append(f"bodies {held[0] / MIB:.0f} of {held_most / MIB:.0f} MiB")
    scene.notes.append(f"workers together {scene.peaks.bytes['workers'] / MIB:.0f} MiB")
    return f"{bodies.text()}; a usual mail meanwhile {want_meanwhile or 'arrived'}, then optimised"


PATIENT = {"engine_timeout": "30s", "breaker_timeouts": 1000}


@row("50 bodies of 50 MB at once, each of another client, the guard more patient than usual, so that all reach the engine",
     settings=PATIENT)
def bodies_of_many(scene):
    return _flood(scene, None, None, BODY_BUDGET)


@row("the same, all of one client", settings=PATIENT)
def bodies_of_one(scene):
    return _flood(scene, 1, "smaller", BODY_BUDGET * CLIENT_SHARE // 100)


@row("50 bodies of 50 MB at once, each of another client, settings as they come")
def bodies_as_set(scene):
    count, size = scene.pick((50, 50 * 1000 * 1000), (12, 30 * 1000 * 1000))
    bodies = Bodies(scene, count, size, count)
    bodies.send_all(scene.mail)
    scene.recovers(70)
    counters = scene.guard.status()["counters"]
    scene.need_below("guard", BASE["guard"] + REPLY_BUDGET)
    scene.need_below("engine", BASE["engine"] + ENGINE_PER_BODY * BODY_BUDGET)
    return (f"{bodies.text()}; the guard passed {counters['passed']}, {counters['engine_timeout']} of them because the engine "
            "was slow; a usual mail meanwhile arrived, then optimised")
