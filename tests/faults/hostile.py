#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Hostile files and mutated mails through guard, engine and workers, all real; only the MTA is our own protocol client,
for speed. Every answer is checked by mail_compare, Pillow and zipfile, which know nothing of the product.
"""
import argparse
import collections
import functools
import multiprocessing
import pathlib
import random
import re
import sys
import time
import traceback

from faults_rig import BUILD, Engine, Guard, compare
import milter_frames as m
from hostile_seeds import small_files
from mails import attachment_of
from milter_client import MilterClient, header_fields, split_mail
from mutate_mail import as_an_mta_hands_over, mail_of, mutated_mail, part_of
from peaks import MIB, ROLES, Peaks, engine_status
from rig import CORPUS
from verify_file import problem

# Everything that may be tried is tried: no file is too small, no gain too little.
SETTINGS = {"deadline": "10s", "min_size": 0, "min_gain_percent": 0, "min_gain_bytes": 0, "log_level": "info",
            "engine_timeout": "10s", "guard_slack": "10s", "max_mime_depth": 100}
REPORTS = re.compile(r"AddressSanitizer|runtime error:|terminate called|Assertion|stack smashing")
COUNTERS = ("workers_started", "workers_died", "workers_killed", "replies_refused", "deadlines_missed")
AT_ONCE = 50  # mails a task

# Of one mail. verdict: "passed", "changed", or what is wrong with it.
Row = collections.namedtuple("Row", "name verdict attachments seconds")
GOOD = ("passed", "changed")


# ---- what is sent ----


@functools.cache
def good_files():
    """Small ones, so that many fit into an hour, and some as people send them."""
    return (*small_files() * 4, attachment_of("screenshot"), attachment_of("offer-odt"), attachment_of("photos-zip"))


def mutant(seed, index):
    """(mail, number of attachments, random.Random for how to send it)"""
    chance = random.Random(f"{seed}:{index}")
    return (*mutated_mail(chance, good_files()), chance)


def corpus_mails(folder):
    """(name, mail) of every hostile file: attached, and a mail itself where it is one."""
    chance = random.Random(1)
    for path in sorted(folder.iterdir()):
        content = path.read_bytes()
        yield path.name, mail_of(chance, [part_of(chance, content, False)])
        if path.suffix == ".eml":
            yield f"{path.name} as a mail", as_an_mta_hands_over(content)


def pieces(chance, body):
    """The body in chunks as an MTA sends them, or as none does: of no byte, of one, of all sizes. And the rest that comes
    with the end of message. Empty chunks are rare, because libmilter closes the connection at one."""
    way = chance.random()
    if way < 0.6:
        return [body[at:at + m.MAX_CHUNK] for at in range(0, len(body), m.MAX_CHUNK)], b""
    cuts = sorted(chance.randrange(len(body) + 1) for _ in range(chance.choice((1, 5, 30))))
    found = [body[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(body)])]
    found = [piece[at:at + m.MAX_CHUNK] for piece in found for at in range(0, max(1, len(piece)), m.MAX_CHUNK)]
    if way < 0.8:
        found[:1] = [found[0][at:at + 1] for at in range(min(200, len(found[0])))] + [found[0][200:]]
    found = [piece for piece in found if piece] + ([b""] if way > 0.98 else [])
    return (found[:-1], found[-1]) if found and 0.9 < way < 0.95 else (found, b"")


# ---- one mail ----


ODD_SENDERS = (b"<>", b"", b"<\xff@[::1]>", b"<" + b"x" * 3000 + b">")


def send(client, head, whole, last, chance):
    client.mail(chance.choice(ODD_SENDERS) if chance.random() < 0.1 else b"<sender@sender.test>")
    client.rcpt()
    client.data()
    for field in header_fields(head):
        client.header(*field)
    client.end_headers()
    for piece in whole:
        if not (client.skipping or client.message_over):
            client.step(m.BODY, piece)
    client.body_bytes = sum(map(len, whole))  # what SKIP leaves unsent counts as well
    return client.end_message(b"" if client.skipping else last)


def judge(mail, outcome, lossless):
    """The verdict, by tools that are not ours."""
    if outcome.unchanged:
        return "passed"
    changes, problems = compare(mail, outcome.applied_to(mail))
    if re.search(rb"(?<!\r)\n", split_mail(mail)[1]):  # no MTA sends that; what ended in LF may do so again
        problems = [one for one in problems if not one.endswith("or not ended by CRLF")]
    if not problems and not changes:
        problems = ["a new body, and the checker finds no part that changed"]
    for change in changes:
        problems += filter(None, [problem(change.before, change.after, lossless)])
    return "; ".join(problems) or "changed"


class Sender:
    """One process's connection; a new one when the old one is lost."""

    def __init__(self, endpoint, lossless):
        self._endpoint, self._lossless, self._client = endpoint, lossless, None

    def row(self, name, mail, attachments, chance):
        began = time.monotonic()
        try:
            self._client = self._client or MilterClient(self._endpoint, chance.choice(("frame", "joined", "cut")), 60).open()
            head, body = split_mail(mail)
            whole, last = pieces(chance, body)
            outcome = send(self._client, head, whole, last, chance)
            seconds = time.monotonic() - began
            if b"" in whole or last or chance.random() < 0.05:
                self.close()  # sees that no answer was left over; without an engine this session is worth nothing any more
            return Row(name, judge(mail, outcome, self._lossless), attachments, seconds)
        except Exception:  # noqa: BLE001 whatever it is, it is a finding
            self._client = None
            return Row(name, traceback.format_exc(limit=4), attachments, time.monotonic() - began)

    def close(self):
        if self._client:
            client, self._client = self._client, None
            client.finish()


_sender = None


def _open_sender(endpoint, lossless):
    global _sender
    _sender = Sender(endpoint, lossless)


def _run_mutants(task):
    seed, indices = task
    return [_sender.row(f"{seed}:{index}", *mutant(seed, index)) for index in indices]


def _run_corpus(task):
    name, mail = task
    return [_sender.row(name, mail, 1, random.Random(name))]


# ---- a run ----


class Result:
    """Rows, and what became of the processes."""

    def __init__(self):
        self.rows, self.crashes, self.deaths, self.peaks, self.seconds = collections.Counter(), [], {}, None, 0.0
        self.bad, self.attachments, self.slowest = [], 0, 0.0

    def add(self, row):
        self.rows[row.verdict if row.verdict in GOOD else "bad"] += 1
        self.attachments += row.attachments
        self.slowest = max(self.slowest, row.seconds)
        if row.verdict not in GOOD:
            self.bad.append(row)

    @property
    def good(self):
        return not self.bad and not self.crashes


def run(build, tasks, work, profile="lossless", clients=4, report=None):
    """work(task) in so many processes, before guard and engine of that build."""
    engine = Engine(build, {**SETTINGS, "profile": profile})
    guard, result, began = Guard(engine), Result(), time.monotonic()
    with engine, guard:
        watched = {"guard": guard.process.pid, "engine": engine.process.pid}
        with Peaks(guard, engine) as peaks, multiprocessing.get_context("fork").Pool(
                clients, _open_sender, (guard.endpoint, profile == "lossless")) as pool:
            for rows in pool.imap_unordered(work, tasks):
                for row in rows:
                    result.add(row)
                if report:
                    report(result)
        peaks.look()
        result.seconds, result.peaks = time.monotonic() - began, peaks
        for name, program in (("guard", guard), ("engine", engine)):
            if program.process.poll() is not None or program.process.pid != watched[name]:
                result.crashes.append(f"{name} ended with {program.process.returncode}")
        if not result.crashes:
            counters = engine_status(engine)["counters"]
            result.deaths = {key: counters[key] for key in COUNTERS}
            result.deaths["guard_passed"] = guard.status()["counters"]["passed"]
        logs = guard.log() + engine.log()
    result.crashes += [f"a sanitizer or the C++ run time says: {line}" for line in logs.splitlines() if REPORTS.search(line)][:20]
    return result


def run_mutants(count, seed=1, **options):
    tasks = [(seed, range(first, min(first + AT_ONCE, count))) for first in range(0, count, AT_ONCE)]
    good_files()  # made once, before the processes divide
    return run(tasks=tasks, work=_run_mutants, **options)


def run_corpus(folder, **options):
    return run(tasks=list(corpus_mails(folder)), work=_run_corpus, **options)


# ---- the table ----


def table_row(name, result):
    sizes = " | ".join(f"{result.peaks.bytes[role] / MIB:.0f}" for role in ROLES)
    deaths = result.deaths.get("workers_died", "?"), result.deaths.get("workers_killed", "?")
    return (f"| {name} | {sum(result.rows.values())} | {result.rows['changed']} | {len(result.crashes)} | {result.rows['bad']} | "
            f"{deaths[0]} / {deaths[1]} | {sizes} | {result.seconds:.0f} |")


HEAD = ("| what | mails | changed | crashes of guard or engine | unverified | workers died / killed | guard, peak MiB | "
        "engine | zygote | biggest worker | seconds |\n" + "|---" * 11 + "|")


def explain(name, result):
    """Lines below the table."""
    lines = [f"{name}: {result.attachments} attachments, slowest answer {result.slowest:.2f} s, "
             + ", ".join(f"{key} {count}" for key, count in result.deaths.items())]
    lines += [f"**{row.name}: {row.verdict}**" for row in result.bad[:10]] + [f"**{crash}**" for crash in result.crashes]
    return lines


TEXT = """\
Mutated mails and attachments, and every file of the corpus's hostile folder attached to a mail, through guard, engine and
workers; our own protocol client plays the MTA. Mutants are drawn from a seed: bits, slices, lines, boundaries, fields, base64,
JPEG markers, PNG chunks, ZIP records, odd chunks of the body; nothing is too small to be tried. "Unverified" is an answer that
mail_compare, Pillow, zipfile, djpeg, pngcheck or unzip do not agree with, or that breaks the protocol or its time. Peak memory
is VmHWM; the biggest worker that lived for at least 20 ms. Profile {profile}, {sanitized}.
"""


def sanitized(build):
    return b"__asan_init" in (build / "milter/optimilterd").read_bytes()


def add_words(words):
    words.add_argument("count", nargs="?", type=int, default=300, help="mutated mails (300)")
    words.add_argument("--seed", type=int, default=1)
    words.add_argument("--build", type=pathlib.Path, default=BUILD, help="a build with or without sanitizers")
    words.add_argument("--profile", choices=("lossless", "balanced"), default="lossless")
    words.add_argument("--clients", type=int, default=4)
    words.add_argument("--only", type=int, metavar="INDEX", help="this mutant alone; its mail is written to mutant.eml")


def run_asked(asked, finish):
    """finish(asked, key, title, text) shows it. False: something was found."""
    options = {"build": asked.build, "profile": asked.profile, "clients": asked.clients}
    if asked.only is not None:
        pathlib.Path("mutant.eml").write_bytes(mutant(asked.seed, asked.only)[0])
        results = {f"mutant {asked.only}": run(tasks=[(asked.seed, [asked.only])], work=_run_mutants, **options)}
        for name, result in results.items():
            print("\n".join((HEAD, table_row(name, result), *explain(name, result))))
        return all(result.good for result in results.values())
    mutants = run_mutants(asked.count, asked.seed, report=_progress(asked.count), **options)
    results, lines = {f"mutated mails, seed {asked.seed}": mutants}, []
    if (CORPUS / "hostile").is_dir():
        results["hostile files"] = run_corpus(CORPUS / "hostile", **options)
    else:
        lines.append("hostile files: left out, the corpus is not there (set OPTIMILTER_CORPUS)")
    kind = "with address and undefined-behaviour sanitizers" if sanitized(asked.build) else "without sanitizers"
    lines += [line for name, result in results.items() for line in explain(name, result)]
    text = "\n".join([TEXT.format(profile=asked.profile, sanitized=kind), HEAD, *(table_row(*one) for one in results.items()), "",
                      *(f"- {line}" for line in lines)])
    finish(asked, f"hostile {asked.profile} {kind}", f"Hostile input, {asked.profile}, {kind}", text)
    return all(result.good for result in results.values())


def add_command(commands, finish):
    words = commands.add_parser("hostile", help="hostile files and mutated mails: about 40 mails a second, with sanitizers fewer")
    add_words(words)
    words.set_defaults(run=lambda asked: run_asked(asked, finish))


def main(arguments=None):
    words = argparse.ArgumentParser(prog="hostile", description=__doc__.split("\n\n")[0])
    add_words(words)
    return 0 if run_asked(words.parse_args(arguments), lambda asked, key, title, text: print(text)) else 1


def _progress(count):
    if count < 2000:
        return None
    last = [time.monotonic()]

    def report(result):
        if time.monotonic() - last[0] > 30:
            last[0] = time.monotonic()
            print(f"  {sum(result.rows.values())} of {count}: {dict(result.rows)}", file=sys.stderr, flush=True)
    return report


if __name__ == "__main__":
    sys.exit(main())
