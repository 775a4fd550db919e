#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A generated mail load through a private Postfix three ways in one run: no milter, a null libmilter filter, optimilter.

Every message goes each way in alternating blocks. Told: whether all were delivered exactly once and unchanged outside
replaced parts (tests/e2e/mail_compare.py), bytes saved per class, the time from the end of data to the 250, and CPU
per message of Postfix and of the filter with its workers. Needs root, and a corpus folder with make_mail.py.

usage: bench/mail_load.py CORPUS [-n 2000] [--seed 1] [--profile balanced] [--sessions 4] [--build build/release]
"""
import argparse
import collections
import concurrent.futures
import email
import pathlib
import os
import statistics
import subprocess
import sys
import tempfile
import time

PROJECT = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(PROJECT / "contrib"), str(PROJECT / "tests/e2e")]

from mail_compare import compare  # noqa: E402
from private_postfix import Engine, Guard, MailSink, Milter, NullMilter, PrivatePostfix, SmtpClient, to_crlf  # noqa: E402

WAYS = ("plain", "null", "filtered")
BLOCK = 100  # messages sent one way before the next way has its turn
TICK = os.sysconf("SC_CLK_TCK")


class CpuOfTree:
    """CPU seconds of processes and of all they started, those that have ended included."""

    def __init__(self, *pids):
        self.pids = pids

    def seconds(self):
        children = collections.defaultdict(list)
        times = {}
        for entry in pathlib.Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            children[int(fields[1])].append(int(entry.name))
            times[int(entry.name)] = sum(map(int, fields[11:15])) / TICK
        pending, total = list(self.pids), 0.0
        while pending:
            pid = pending.pop()
            total += times.get(pid, 0.0)
            pending += children[pid]
        return total


def send_block(postfix, way, messages, sessions):
    """Seconds from the end of data to the reply, for each message."""
    def one_session(mine):
        delays = {}
        with SmtpClient(postfix.ports[way]) as client:
            for number, message in mine:
                client.command("MAIL FROM:<sender@sender.test>")
                client.command(f"RCPT TO:<{way}-{number}@receiver.test>")
                client.command("DATA")
                stuffed = message.replace(b"\r\n.", b"\r\n..") + b".\r\n"
                client._socket.sendall(stuffed[:-3])
                began = time.monotonic()
                client._socket.sendall(stuffed[-3:])
                reply = client._reply()
                delays[number] = time.monotonic() - began
                assert reply.code == 250, reply
        return delays

    with concurrent.futures.ThreadPoolExecutor(sessions) as threads:
        results = threads.map(one_session, [messages[i::sessions] for i in range(sessions)])
        return {number: delay for result in results for number, delay in result.items()}


def percentile(values, percent):
    return sorted(values)[min(len(values) - 1, int(len(values) * percent / 100))]


def delivered(sink):
    """recipient -> list of files."""
    mails = collections.defaultdict(list)
    for mail in sink.mails():
        for recipient in mail.recipients:
            mails[recipient].append(mail.path)
    return mails


def check_and_count(mails, count):
    """(problems, class -> [messages, bytes in, bytes out])"""
    problems, classes = [], collections.defaultdict(lambda: [0, 0, 0])
    for number in range(count):
        paths = {way: mails.get(f"{way}-{number}@receiver.test", []) for way in WAYS}
        for way, found in paths.items():
            if len(found) != 1:
                problems.append(f"message {number} {way}: delivered {len(found)} times")
        if any(len(found) != 1 for found in paths.values()):
            continue
        original, filtered = paths["plain"][0].read_bytes(), paths["filtered"][0].read_bytes()
        comparison = compare(original, filtered)
        problems += [f"message {number}: {problem}" for problem in comparison.problems]
        kind = message_class(original)
        classes[kind][0] += 1
        classes[kind][1] += len(original)
        classes[kind][2] += len(filtered)
    return problems, classes


def message_class(message):
    """The type of its largest attachment."""
    largest, kind = 0, "text only"
    for part in email.message_from_bytes(message).walk():
        if part.get_filename() and not part.is_multipart():
            size = len(part.get_payload())
            if size > largest:
                largest, kind = size, part.get_content_type()
    return kind


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("corpus", type=pathlib.Path)
    options.add_argument("-n", type=int, default=2000)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--profile", default="balanced")
    options.add_argument("--sessions", type=int, default=4)
    options.add_argument("--build", type=pathlib.Path, default=PROJECT / "build/release")
    arguments = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        folder.chmod(0o755)
        subprocess.run([sys.executable, arguments.corpus / "make_mail.py", arguments.corpus, folder / "load", "-n",
                        str(arguments.n), "--seed", str(arguments.seed), "--eol", "crlf"], check=True, stdout=subprocess.DEVNULL)
        messages = [to_crlf(path.read_bytes()) for path in sorted((folder / "load").glob("*.eml"))]
        run(arguments, folder, [message if message.endswith(b"\r\n") else message + b"\r\n" for message in messages])


def run(arguments, folder, messages):
    sink = MailSink(folder / "delivered")
    engine = Engine(arguments.build, {"profile": arguments.profile})
    guard = Guard(engine).start()
    engine.start()
    null = NullMilter(arguments.build).start()
    listeners = {"plain": [], "null": [Milter(null.endpoint)], "filtered": [Milter(guard.endpoint)]}
    postfix = PrivatePostfix(sink.port, listeners).start()
    delays, cpu = {way: {} for way in WAYS}, {way: [0.0, 0.0] for way in WAYS}
    filters = {"plain": None, "null": CpuOfTree(null.process.pid), "filtered": CpuOfTree(guard.process.pid, engine.process.pid)}
    mta = CpuOfTree(postfix.pid())
    try:
        for start in range(0, len(messages), BLOCK):
            block = list(enumerate(messages))[start:start + BLOCK]
            for way in WAYS:
                before = mta.seconds(), filters[way].seconds() if filters[way] else 0.0
                delays[way].update(send_block(postfix, way, block, arguments.sessions))
                postfix.wait_until_empty()
                cpu[way][0] += mta.seconds() - before[0]
                cpu[way][1] += (filters[way].seconds() if filters[way] else 0.0) - before[1]
            print(f"\r{start + len(block)} of {len(messages)} messages", end="", file=sys.stderr, flush=True)
        print(file=sys.stderr)
        report(sink, delays, cpu, len(messages))
    finally:
        postfix.stop()
        guard.stop()
        engine.stop()
        null.stop()
        sink.close()


def report(sink, delays, cpu, count):
    problems, classes = check_and_count(delivered(sink), count)
    print(f"{count} messages, each three ways: {len(problems)} problems")
    for problem in problems[:20]:
        print(f"  {problem}")
    print(f"{'class':72} {'messages':>8} {'bytes in':>12} {'bytes out':>12} {'saved':>7}")
    total = [sum(row[i] for row in classes.values()) for i in range(3)]
    for kind, (messages, before, after) in [*sorted(classes.items(), key=lambda row: -row[1][1]), ("all", total)]:
        print(f"{kind:72} {messages:8} {before:12} {after:12} {100 - after * 100 / before:6.2f} %")
    for way in WAYS:
        values = [1000 * value for value in delays[way].values()]
        added = [1000 * (delays[way][n] - delays["plain"][n]) for n in delays[way]]
        print(f"{way:9} end of data to 250: p50 {percentile(values, 50):7.1f} ms, p99 {percentile(values, 99):7.1f} ms, mean "
              f"{statistics.mean(values):7.1f} ms; added: p50 {percentile(added, 50):7.1f}, p99 {percentile(added, 99):7.1f}; "
              f"CPU a message: Postfix {1000 * cpu[way][0] / count:6.2f} ms, filter {1000 * cpu[way][1] / count:6.2f} ms")


if __name__ == "__main__":
    main()
