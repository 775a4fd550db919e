#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs bench/simulate for the tables of load control in bench/RESULTS.md: the controller beside windows that never move,
the controller over loads, and capacity.

usage: bench/load_tables.py [TRACE] [--seeds 5] [--build build/release] [--no-page]

TRACE: INDEX.tsv of make_mail.py or a log; without one the simulator's own business mix.
"""
import argparse
import pathlib
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "tests/faults"))

from faults_page import write_section  # noqa: E402

PAGE = pathlib.Path(__file__).parent / "RESULTS.md"
LEAST = ("8KiB", "32KiB", "128KiB", "512KiB", "1MiB", "2MiB")
MOST = ("64MiB", "16MiB", "4MiB", "1MiB", "256KiB")
KIB = {"KiB": 1, "MiB": 1024}


def kib(size):
    return int(size[:-3]) * KIB[size[-3:]]


class Simulator:
    def __init__(self, build, trace, seeds):
        self.program = [build / "bench/simulate", "--words", *(["--trace", trace] if trace else [])]
        self.seeds = seeds

    def mean(self, *words, seconds=3600, seeds=None, effort=None):
        """Means of all figures over the seeds; highest: of all."""
        with tempfile.NamedTemporaryFile("w", suffix=".toml") as settings:
            if effort is not None:
                settings.write(f"effort = {effort}\n")
                settings.flush()
            rows = []
            for seed in range(1, (seeds or self.seeds) + 1):
                run = subprocess.run([*self.program, *map(str, words), "--seconds", str(seconds), "--warm-up", "300", "--seed",
                                      str(seed), "--settings", settings.name], capture_output=True, text=True, check=True)
                rows.append({key: float(value) for key, value in (word.split("=") for word in run.stdout.split())})
        mean = {key: sum(row[key] for row in rows) / len(rows) for key in rows[0]}
        mean["highest"] = max(row["highest"] for row in rows)
        return mean


def cells(row):
    missed = 100 * row["missed"] / max(row["worked"], 1)
    return (f"{row['saved_mb_a_cpu_s']:.2f} | {row['saved_mb_a_s']:.2f} | {100 * row['busy']:.0f} % | {row['p95_ms']:.0f} ms | "
            f"{row['p99_ms']:.0f} ms | {missed:.1f} % |")


def windows_table(simulator):
    windows = [f"{least}-{most}" for least in LEAST for most in MOST if kib(least) < kib(most)]
    tried = {(window, effort): simulator.mean("--load", 1.5, "--controller", window, effort=effort)
             for window in windows for effort in (3, 0)}
    on = simulator.mean("--load", 1.5)
    # A window wider than the largest file does what a narrower one does.
    different = list({cells(row): key for key, row in reversed(tried.items())}.values())
    by_cpu = sorted(different, key=lambda key: -tried[key]["saved_mb_a_cpu_s"])[:4]
    by_bytes = sorted(different, key=lambda key: -tried[key]["saved_mb_a_s"])[:3]
    usual = [("8KiB-64MiB", 3), ("8KiB-64MiB", 0), ("32KiB-4MiB", 3), ("128KiB-1MiB", 3)]
    lines = ["| | MB saved a CPU second | MB saved a second | workers busy | added p95 | p99 | at the deadline |",
             "|---|--:|--:|--:|--:|--:|--:|", f"| **controller** (level {on['level']:.1f} on average) | {cells(on)}"]
    for key in dict.fromkeys([*by_cpu, *by_bytes, *usual]):
        lines.append(f"| fixed {key[0].replace('-', ' to ')}, effort {key[1]} | {cells(tried[key])}")
    best = tried[by_cpu[0]]["saved_mb_a_cpu_s"]
    lines += ["", f"Steady, 1.5 times what the workers can carry at level 0. {len(tried)} fixed windows were tried ({len(windows)}, each at effort 3 "
              f"and 0); shown are the best by CPU, the best by bytes, and some that one might choose. The controller saves "
              f"{on['saved_mb_a_cpu_s'] / best:.2f} times the bytes a CPU second of the best of them."]
    if on["saved_mb_a_cpu_s"] <= best:
        sys.exit("load_tables: a fixed window beats the controller: " + by_cpu[0][0])
    return lines


def loads_table(simulator):
    lines = ["| load | controller | MB saved a CPU second | MB saved a second | workers busy | added p95 | p99 | at the deadline | level, mean and highest | changes an hour |",
             "|--:|---|--:|--:|--:|--:|--:|--:|---|--:|"]
    for load in (0.25, 0.5, 0.75, 1, 1.5, 3, 5, 10):
        for word in ("on", "off"):
            row = simulator.mean("--load", load, "--controller", word, "--cores", 4, "--sessions", 200)
            lines.append(f"| {load} | {word} | {cells(row)} {row['level']:.1f}, {row['highest']:.0f} | {row['changes'] * 3600 / 3300:.0f} |")
    return lines


def capacity_table(simulator):
    lines = ["| hosts x workers | messages a second | of them a host | level | MB saved a second | added p95 | p99 | refused |",
             "|---|--:|--:|--:|--:|--:|--:|--:|"]
    for hosts, workers, rate in ((1, 2, 15), (1, 2, 40), (1, 4, 30), (1, 4, 80), (1, 8, 60), (1, 8, 160), (1, 16, 120), (1, 16, 320),
                                 (80, 16, 10000), (40, 16, 10000), (20, 16, 10000), (10, 16, 10000)):
        row = simulator.mean("--hosts", hosts, "--workers", workers, "--cores", 2 * workers, "--sessions", 100 * workers, "--rate", rate,
                             "--deliver-rate", 5000, seconds=900, seeds=1)
        lines.append(f"| {hosts} x {workers} | {rate} | {rate / hosts:.0f} | {row['level']:.1f} | {row['saved_mb_a_s']:.1f} | "
                     f"{row['p95_ms']:.0f} ms | {row['p99_ms']:.0f} ms | {row['refused']:.0f} |")
    return lines


def main():
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("trace", nargs="?", type=pathlib.Path)
    words.add_argument("--seeds", type=int, default=5)
    words.add_argument("--build", type=pathlib.Path, default=pathlib.Path(__file__).parent.parent / "build/release")
    words.add_argument("--no-page", action="store_true", help="print only, leave bench/RESULTS.md alone")
    asked = words.parse_args()
    simulator = Simulator(asked.build, asked.trace, asked.seeds)
    text = "\n".join([
        f"A model, not a measurement: the controller's own code between a modelled MTA and modelled workers (doc/load.md). Means of "
        f"{asked.seeds} seeds, an hour each without its first five minutes; two workers, two cores unless said.",
        "The load is that of make_mail.py (-n 3000 --seed 1), of which the model takes the kinds and sizes." if asked.trace else "",
        "", *windows_table(simulator),
        "", "The controller over loads, beside none; four cores for two workers, so that the MTA has its own:",
        "", *loads_table(simulator),
        "", "Capacity: what a host can be given. Two cores a worker; a quarter of an hour. Where the level is below 1 nearly "
        "everything is done; up to about 4 all mail still passes in time and less is saved.",
        "", *capacity_table(simulator)])
    print(text)
    if not asked.no_page:
        write_section("bench load", "Load control", f"bench/load_tables.py {asked.trace.name if asked.trace else ''}".strip(), text, PAGE)


if __name__ == "__main__":
    main()
