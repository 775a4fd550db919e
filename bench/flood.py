#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A flood through a private Postfix that delivers to nowhere: a null libmilter filter, optimilter with load control, and
optimilter with a fixed window, one after the other in one run, each with mail at TIMES the rate that full optimisation
carries. Then how long optimilter takes to come back to level 0, and what a message costs that passes in bypass.
Needs root, a release build, and a corpus folder with make_mail.py. Writes its section of bench/RESULTS.md.

With --photos the mails are no mix but one photo each, all of a size that every level but bypass works on: then only bypass
helps.

usage: bench/flood.py CORPUS [-n 600] [--seed 1] [--photos] [--times 5] [--seconds 60] [--sessions 100] [--dry] [--build build/release]
"""
import argparse
import contextlib
import email.message
import json
import pathlib
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

sys.dont_write_bytecode = True
PROJECT = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(PROJECT / "contrib"), str(PROJECT / "tests/e2e"), str(PROJECT / "tests/faults")]

from faults_page import write_section  # noqa: E402
from flood_load import Flood, stuffed  # noqa: E402
from private_postfix import Engine, Guard, Milter, NullMilter, PrivatePostfix, to_crlf  # noqa: E402

PAGE = PROJECT / "bench/RESULTS.md"
# The memory of results would know the mails, which come again and again. Other work on the machine is no load of the
# mail, and would keep the level up.
SETTINGS = {"profile": "balanced", "cache_memory": 0, "load_cpu_stall": 0}
CALM_SECONDS = 300  # the longest that the way back may take


def ask(engine, line):
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(10)
        client.connect(str(engine.control))
        client.sendall(line.encode() + b"\n")
        return json.loads(b"".join(iter(lambda: client.recv(65536), b"")))


def percentile(values, percent):
    return sorted(values)[min(len(values) - 1, int(len(values) * percent / 100))] if values else float("nan")


EXPLANATION = """
Client, Postfix, filters and workers share the machine. Accepted: answers within the time of the flood. Added: the time from
the end of data to the answer, less that of the same message through the null filter. The result cache is off, since the mails come
again and again, and so is the signal cpu, since other work on the machine is no load of the mail. Levels are as status told them
every tenth of a second. How a level is chosen: doc/load.md; the short form of this, over Postfix and Sendmail and as far as
bypass: tests/e2e/test_flood.py.
"""


class Scene:
    """Postfix with listeners null and filtered; the engine can be started anew with other settings."""

    def __init__(self, build):
        self.build = build
        self.engine = Engine(build, SETTINGS)
        self.guard = Guard(self.engine)
        self.null = NullMilter(build, options=("--silent",))
        self.loud = NullMilter(build)
        listeners = {"plain": [], "null": [Milter(self.loud.endpoint)], "silent": [Milter(self.null.endpoint)],
                     "filtered": [Milter(self.guard.endpoint, content_timeout="60s")]}
        self.postfix = PrivatePostfix(9, listeners, settings={"default_transport": "discard:", "relayhost": "",
                                                              "default_process_limit": "300"})

    def __enter__(self):
        for part in (self.engine, self.guard, self.null, self.loud, self.postfix):
            part.start()
        return self

    def __exit__(self, *_):
        for part in (self.postfix, self.guard, self.engine, self.null, self.loud):
            part.stop()

    def restart(self, **settings):
        """A fresh engine behind the same guard, which has the deadline from the same file."""
        self.engine.stop(keep_folder=True)
        self.engine.configure({**SETTINGS, **settings})
        reloads = self.guard.log().count("reload: ")
        self.guard.reload()
        self.guard.wait_for_log("reload: ", reloads + 1)
        self.engine.start()
        deadline = time.monotonic() + 20
        while self.guard.status()["engine"] != "up":
            assert time.monotonic() < deadline, "the guard does not find the engine"
            time.sleep(0.05)


class Watch(threading.Thread):
    """Levels over time: (seconds since the beginning, level), one entry a change."""

    def __init__(self, engine):
        super().__init__(daemon=True)
        self.engine, self.levels, self.ended = engine, [(0.0, 0)], threading.Event()
        self.began = time.monotonic()

    def run(self):
        while not self.ended.wait(0.1):
            with contextlib.suppress(OSError, ValueError):
                level = ask(self.engine, "status")["load"]["level"]
                if level != self.levels[-1][1]:
                    self.levels.append((time.monotonic() - self.began, level))

    def stop(self):
        self.ended.set()
        self.join()

    def text(self):
        return ", ".join(f"{level} at {at:.1f} s" for at, level in self.levels[1:]) or "stays at 0"


def capacity(scene, messages, seconds):
    """Messages a second when everything is worked on: a closed loop of two sessions a worker."""
    scene.restart(load_control=False, deadline="40s")
    sessions = 2 * ask(scene.engine, "status")["workers"]["limit"]
    sent = Flood(scene.postfix.ports["filtered"], messages, rate=1e6, sessions=sessions).run(seconds)
    late = scene.guard.status()["counters"]["engine_timeout"]
    assert late == 0, f"{late} messages were given up"
    return sum(one.code == 250 and one.began + one.delay <= seconds for one in sent) / seconds


def flood(scene, way, messages, rate, seconds, sessions):
    """(accepted a second, delays in s by number of those accepted, how late the last one began)"""
    sent = Flood(scene.postfix.ports[way], messages, rate, sessions).run(seconds)
    bad = {one.code for one in sent} - {250}
    assert not bad, f"{way}: {bad}"
    intime = [one for one in sent if one.began + one.delay <= seconds]
    return len(intime) / seconds, {one.number: one.delay for one in sent}, max(one.began - one.due for one in sent)


def in_bypass_cost(scene, rounds=5, messages=1500, size=20000):
    """Messages a second by way, a connection each: medians of rounds in turn."""
    ask(scene.engine, "level 5 1h")
    rates = {way: [] for way in ("plain", "null", "silent", "filtered")}
    for _ in range(rounds):
        for way, found in rates.items():
            began = time.monotonic()
            scene.postfix.command("smtp-source", "-s", "8", "-m", str(messages), "-l", str(size), "-f", "a@sender.test",
                                  "-t", "b@receiver.test", f"127.0.0.1:{scene.postfix.ports[way]}")
            found.append(messages / (time.monotonic() - began))
    ask(scene.engine, "level auto")
    return {way: statistics.median(found) for way, found in rates.items()}


def way_back(scene, messages, rate):
    """Seconds to level 0 with a trickle of mail, and the level's changes meanwhile."""
    watch = Watch(scene.engine)
    watch.levels = [(0.0, ask(scene.engine, "status")["load"]["level"])]
    watch.start()
    with Flood(scene.postfix.ports["filtered"], messages, rate, sessions=8):
        while watch.levels[-1][1] > 0 and time.monotonic() - watch.began < CALM_SECONDS:
            time.sleep(0.2)
    watch.stop()
    return watch


def saved(before, after):
    bytes_in = after["bytes_in"] - before["bytes_in"]
    return bytes_in, bytes_in - (after["bytes_out"] - before["bytes_out"])


def row(name, found, null, engine=None, note=""):
    rate, delays, late = found
    added = [1000 * (delays[number] - null[1][number]) for number in delays if number in null[1]]
    text = (f"{name:28} {rate:8.1f} {rate / null[0]:7.2f} {1000 * percentile(delays.values(), 50):8.0f} "
            f"{1000 * percentile(delays.values(), 99):8.0f} {percentile(added, 99):9.0f} {late:7.1f} ")
    return text + (f"{engine[1] / 1e6:9.1f} {note}" if engine else "")


def run(arguments, messages):
    lines = []

    def say(text=""):
        print(text, flush=True)
        lines.append(text)

    with Scene(arguments.build) as scene:
        ports = scene.postfix.ports
        full = capacity(scene, messages, arguments.seconds / 2)
        rate = arguments.times * full
        say(f"full optimisation carries {full:.1f} messages a second; the flood has {rate:.1f}, for {arguments.seconds} s")
        null = flood(scene, "null", messages, rate, arguments.seconds, arguments.sessions)
        scene.restart()
        watch = Watch(scene.engine)
        watch.start()
        ours = flood(scene, "filtered", messages, rate, arguments.seconds, arguments.sessions)
        watch.stop()
        status = ask(scene.engine, "status")["counters"]
        back = way_back(scene, messages, full / 4)
        log = [line for line in scene.engine.log().splitlines() if " load: " in line]
        scene.restart(load_control=False)
        fixed = flood(scene, "filtered", messages, rate, arguments.seconds, arguments.sessions)
        fixed_status = ask(scene.engine, "status")["counters"]
        again = flood(scene, "null", messages, rate, arguments.seconds, arguments.sessions)
        nothing = {"bytes_in": 0, "bytes_out": 0}
        say(f"{'':28} {'accepted':>8} {'beside':>7} {'p50':>8} {'p99':>8} {'added':>9} {'late':>7} {'MB saved':>9}")
        say(f"{'':28} {'a second':>8} {'null':>7} {'ms':>8} {'ms':>8} {'p99, ms':>9} {'s':>7}")
        say(row("null filter", null, null))
        say(row("load control", ours, null, saved(nothing, status),
                f"({status['messages_bypassed']} passed unread, {status['messages_probed']} probes)"))
        say(row("load_control = false", fixed, null, saved(nothing, fixed_status),
                f"({fixed_status['deadlines_missed']} at their deadline)"))
        say(row("null filter, again", again, null))
        say(f"levels in the flood: {watch.text()}")
        say(f"levels afterwards:   {back.text()}")
        rises = sum(b[1] > a[1] for a, b in zip(watch.levels, watch.levels[1:]))
        settled = [at for at, _ in watch.levels if at > arguments.seconds / 2]
        say(f"first change after {watch.levels[1][0] if rises else float('nan'):.1f} s; in the second half of the flood "
            f"{len(settled)} changes; level 0 again after {back.levels[-1][0]:.0f} s with a trickle of {full / 4:.1f} a second")
        scene.restart()
        rates = in_bypass_cost(scene)
        say("messages of 20 kB, a connection each: " + ", ".join(
            f"{name} {rates[way]:.0f} a second" for way, name in (
                ("plain", "no milter"), ("null", "null filter"), ("silent", "null filter without replies"),
                ("filtered", "guard and engine in bypass"))) +
            f"; bypass beside null {rates['filtered'] / rates['null']:.2f}")
        say()
        for line in log:
            say(re.sub(r"^\S+: ", "", line))
    return "\n".join(f"    {line}".rstrip() for line in lines)


def mix(corpus, count, seed):
    with tempfile.TemporaryDirectory() as folder:
        load = pathlib.Path(folder) / "load"
        subprocess.run([sys.executable, corpus / "make_mail.py", corpus, load, "-n", str(count), "--seed", str(seed),
                        "--eol", "crlf"], check=True, stdout=subprocess.DEVNULL)
        return [stuffed(to_crlf(path.read_bytes())) for path in sorted(load.glob("*.eml"))]


def photos(corpus):
    """Of 128 KiB to 4 MiB, which is what is left of the window at level 4 (doc/load.md)."""
    mails = []
    for path in sorted((corpus / "jpeg").iterdir()):
        if 128 << 10 <= path.stat().st_size <= 4 << 20:
            mail = email.message.EmailMessage()
            mail["From"], mail["To"], mail["Subject"] = "sender@sender.test", "receiver@receiver.test", "a photo"
            mail.set_content("A photo.\n")
            mail.add_attachment(path.read_bytes(), maintype="image", subtype="jpeg", filename="photo.jpg")
            mails.append(stuffed(to_crlf(mail.as_bytes())))
    return mails


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("corpus", type=pathlib.Path)
    options.add_argument("-n", type=int, default=600)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--photos", action="store_true", help="a photo each instead of the mix")
    options.add_argument("--times", type=float, default=5)
    options.add_argument("--seconds", type=int, default=60)
    options.add_argument("--sessions", type=int, default=100)
    options.add_argument("--dry", action="store_true", help="print only")
    options.add_argument("--build", type=pathlib.Path, default=PROJECT / "build/release")
    arguments = options.parse_args()
    messages = photos(arguments.corpus) if arguments.photos else mix(arguments.corpus, arguments.n, arguments.seed)
    text = run(arguments, messages)
    if not arguments.dry:
        what = "--photos" if arguments.photos else f"-n {arguments.n} --seed {arguments.seed}"
        command = f"bench/flood.py CORPUS {what} --times {arguments.times:g} --seconds {arguments.seconds}"
        section, title = ("bench flood photos", "A flood of photos") if arguments.photos else ("bench flood", "A flood")
        write_section(section, title, command, EXPLANATION + "\n" + text, PAGE)


if __name__ == "__main__":
    main()
