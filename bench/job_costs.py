#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What work on a kind of file costs and saves, by effort: the figures behind policy/yield_table and bench/simulate.

usage: bench/job_costs.py CORPUS [--profile balanced] [--efforts 3 2 1 0] [--build build/release]

CORPUS: a folder of folders of files. Told for each format and size class (files of 8 KiB and more that were tried, or
left alone after a look): files, bytes, and for each effort saved percent, CPU ms a file, bytes saved a CPU ms.
"""
import argparse
import collections
import pathlib

from measure import Bench, files, outcome

EDGES = (8 << 10, 32 << 10, 128 << 10, 512 << 10, 2 << 20, 1 << 40)
NAMES = ("8-32K", "32-128K", "128-512K", "512K-2M", "2M-")
LEFT_OUT = {"hostile", "eml"}


def size_class(size):
    return next((NAMES[i - 1] for i, edge in enumerate(EDGES) if size < edge and i > 0), None)


def measured(bench, paths, profile, effort):
    """(format, size class) -> [files, bytes, saved, cpu_ms]"""
    kinds = collections.defaultdict(lambda: [0, 0, 0, 0.0])
    rows, _ = bench.ours(paths, profile, effort=effort)
    for row in rows:
        part = row["parts"][0]
        if part["bytes_in"] < EDGES[0] or outcome(row) == "not_applicable":
            continue
        for name in (size_class(part["bytes_in"]), "all"):
            kind = kinds[part["format"], name]
            for i, value in enumerate((1, part["bytes_in"], max(part["bytes_in"] - part["bytes_out"], 0), part["cpu_ms"])):
                kind[i] += value
    return kinds


def main():
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("corpus", type=pathlib.Path)
    words.add_argument("--profile", default="balanced")
    words.add_argument("--efforts", type=int, nargs="+", default=[3, 2, 1, 0])
    words.add_argument("--build", type=pathlib.Path, default=pathlib.Path(__file__).parent.parent / "build/release")
    asked = words.parse_args()
    paths = [path for folder in sorted(asked.corpus.iterdir()) if folder.is_dir() and folder.name not in LEFT_OUT
             for path in files(folder)]
    bench = Bench(asked.build)
    by_effort = {effort: measured(bench, paths, asked.profile, effort) for effort in asked.efforts}
    bench.close()
    print("format\tclass\tfiles\tbytes\t" + "\t".join(f"saved%{e}\tms{e}\tyield{e}" for e in asked.efforts))
    for key in sorted(by_effort[asked.efforts[0]], key=lambda key: (key[0], (*NAMES, "all").index(key[1]))):
        count, size, _, _ = by_effort[asked.efforts[0]][key]
        cells = []
        for effort in asked.efforts:
            _, _, saved, cpu_ms = by_effort[effort][key]
            cells.append(f"{100 * saved / size:.1f}\t{cpu_ms / count:.1f}\t{saved / max(cpu_ms, 0.1):.0f}")
        print(f"{key[0]}\t{key[1]}\t{count}\t{size}\t" + "\t".join(cells))


if __name__ == "__main__":
    main()
