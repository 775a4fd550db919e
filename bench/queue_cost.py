#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What counting the MTA's queue costs optimilter-queuewatch: CPU and the pauses it takes, for queues of several lengths.

usage: bench/queue_cost.py [--seconds 20] [--churn 50] [--build build/release]

Makes queue directories with the names of Postfix in a temporary folder, lets the watch count each for some seconds while
a share of the messages is replaced every second, and reads its CPU time from /proc. Needs no root and no Postfix.
"""
import argparse
import os
import pathlib
import shutil
import socket
import statistics
import struct
import subprocess
import tempfile
import time

PROJECT = pathlib.Path(__file__).resolve().parents[1]
# Messages in incoming, active, deferred.
QUEUES = [(0, 0, 0), (100, 900, 1000), (0, 10_000, 0), (1000, 9000, 20_000), (80_000, 20_000, 0), (280_000, 20_000, 20_000)]


class Queue:
    """Hashed as by default: deferred alone, one level."""

    def __init__(self, folder, incoming, active, deferred):
        self.folder, self.number = folder, 0
        for name in ("incoming", "active", "deferred", "hold"):
            (folder / name).mkdir(parents=True)
        self.active = [self.add("active") for _ in range(active)]
        for _ in range(incoming):
            self.add("incoming")
        for _ in range(deferred):
            self.add("deferred")

    def add(self, name):
        self.number += 1
        message = f"4XyZ{self.number:07}z{self.number % 1000:03}"
        place = self.folder / name
        if name == "deferred":
            place /= f"{self.number % 16:X}"
            place.mkdir(exist_ok=True)
        os.close(os.open(place / message, os.O_CREAT | os.O_WRONLY, 0o700))
        return place / message

    def churn(self, messages):
        """So many leave active, and as many come."""
        for _ in range(min(messages, len(self.active))):
            self.active.pop(0).unlink()
            self.active.append(self.add("active"))


def scheduled_seconds(pid):
    """CPU time, as the scheduler counts it."""
    return int(pathlib.Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


def measure(program, folder, sizes, seconds, churn):
    queue = Queue(folder / "spool", *sizes)
    settings = folder / "optimilter.toml"
    path = folder / "queue.sock"
    settings.write_text(f'queue_directories = ["{folder}/spool"]\nqueue_socket = "{path}"\nlog_target = "stderr"\n')
    records = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as engine:
        engine.bind(str(path))
        watch = subprocess.Popen([program, "-c", settings], stderr=subprocess.DEVNULL)
        try:
            engine.settimeout(60)
            for _ in range(4):  # the first look at every file
                engine.recv(1000)
            cpu, began = scheduled_seconds(watch.pid), time.monotonic()
            engine.settimeout(0.05)
            next_churn = began
            while time.monotonic() - began < seconds:
                if time.monotonic() >= next_churn:
                    queue.churn(churn)
                    next_churn += 1
                try:
                    records.append(struct.unpack_from("<II4Q", engine.recv(1000), 24))
                except TimeoutError:
                    pass
            took = time.monotonic() - began
            cpu = scheduled_seconds(watch.pid) - cpu
        finally:
            watch.terminate()
            watch.wait()
    cost_ms = statistics.median(record[1] for record in records) / 1000
    return cost_ms, len(records) / took, cpu / took, records[-1]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--churn", type=int, default=50, help="messages that leave and come in a second")
    parser.add_argument("--build", type=pathlib.Path, default=PROJECT / "build/release")
    arguments = parser.parse_args()
    program = arguments.build / "console/optimilter-queuewatch"
    print("| incoming | active | deferred | a sample, ms of CPU (median) | samples a second | share of a core | counted at the end |")
    print("|--:|--:|--:|--:|--:|--:|---|")
    for sizes in QUEUES:
        folder = pathlib.Path(tempfile.mkdtemp(prefix="optimilter-queue-cost."))
        try:
            cost_ms, rate, share, last = measure(program, folder, sizes, arguments.seconds, arguments.churn)
        finally:
            shutil.rmtree(folder)
        print("|", " | ".join(f"{number:,}".replace(",", " ") for number in sizes),
              f"| {cost_ms:.2f} | {rate:.2f} | {share:.2%} | {last[2]} / {last[3]} / {last[4]} |", flush=True)


if __name__ == "__main__":
    main()
