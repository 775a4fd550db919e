#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What one profile makes of the files of some folders: saved, CPU and the lowest measured score, named.

usage: bench/folder.py [--profile balanced] [--scores] [--build build/release] FOLDER...
  --scores  also a line for every picture that was changed with loss
"""
import argparse
import json
import pathlib
import subprocess
import tempfile


def optimized(build, profile, paths):
    with tempfile.NamedTemporaryFile("w", suffix=".toml") as settings:
        settings.write(f'profile = "{profile}"\ndeadline = "60s"\nmin_size = 0\n')
        settings.flush()
        run = subprocess.run([build / "console/optimilterctl", "optimize", "--config", settings.name, "--json", *paths],
                             capture_output=True, text=True, check=True)
    return [json.loads(line) for line in run.stdout.splitlines()]


def report(folder, rows, show_scores):
    before, after = sum(row["bytes_in"] for row in rows), sum(row["bytes_out"] for row in rows)
    cpu = sum(row["cpu_ms"] for row in rows) / 1000
    scored = sorted((row["parts"][0]["quality"], pathlib.Path(row["file"]).name, row) for row in rows
                    if row["parts"][0]["quality"] is not None)
    if show_scores:
        for score, name, row in scored:
            print(f"  {score:.4f} {row['bytes_in']:9} -> {row['bytes_out']:9}  {name}")
    lowest = f"; {len(scored)} with loss, lowest score {scored[0][0]:.4f} ({scored[0][1]})" if scored else ""
    changed = sum(row["bytes_out"] < row["bytes_in"] for row in rows)
    print(f"{folder.name}: {changed} of {len(rows)} files smaller, {before} -> {after} bytes, saved "
          f"{100 - after * 100 / before:.2f} %, CPU {cpu:.2f} s ({before / 1e6 / cpu:.2f} MB/s){lowest}")


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("folders", type=pathlib.Path, nargs="+")
    options.add_argument("--profile", default="balanced")
    options.add_argument("--scores", action="store_true")
    options.add_argument("--build", type=pathlib.Path, default=pathlib.Path(__file__).parent.parent / "build/release")
    arguments = options.parse_args()
    for folder in arguments.folders:
        paths = sorted(path for path in folder.iterdir() if path.is_file())
        report(folder, optimized(arguments.build, arguments.profile, paths), arguments.scores)


if __name__ == "__main__":
    main()
