#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""JPEG without loss: optimilter's profile lossless beside `jpegoptim --all-progressive`, file by file in one run.

Both keep all metadata. CPU is user + system of everything each needs: for optimilter the command, its workers and the
verification. Files that optimilter leaves alone on purpose (gain maps, data after the end, CMYK ...) are listed
and left out of the totals, because jpegoptim drops parts of them. Needs jpegoptim.

usage: bench/jpeg_lossless.py FOLDER [--build build/release] [--rounds 3]
"""
import argparse
import json
import pathlib
import resource
import shutil
import subprocess
import tempfile

FIELDS = ("bytes", "jpegoptim", "optimilter")


def children_cpu():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def jpegoptim(path, folder):
    copy = pathlib.Path(folder) / path.name
    shutil.copy(path, copy)
    before = children_cpu()
    subprocess.run(["jpegoptim", "-q", "--all-progressive", copy], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return min(copy.stat().st_size, path.stat().st_size), children_cpu() - before


def optimilter(build, settings, paths):
    """All files in one command, as a mail system has its workers running already."""
    before = children_cpu()
    run = subprocess.run([build / "console/optimilterctl", "optimize", "--config", settings, "--json", *paths],
                         capture_output=True, text=True, check=True)
    total = children_cpu() - before
    return [json.loads(line) for line in run.stdout.splitlines()], total


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("folder", type=pathlib.Path)
    options.add_argument("--build", type=pathlib.Path, default=pathlib.Path(__file__).parent.parent / "build/release")
    options.add_argument("--rounds", type=int, default=3)
    arguments = options.parse_args()
    paths = sorted(path for path in arguments.folder.iterdir() if path.suffix.lower() in (".jpg", ".jpeg", ".jpe"))
    with tempfile.TemporaryDirectory() as folder:
        settings = pathlib.Path(folder) / "optimilter.toml"
        settings.write_text('profile = "lossless"\ndeadline = "60s"\nmin_size = 0\n')
        ratios = []
        for _ in range(arguments.rounds):
            theirs = {path: jpegoptim(path, folder) for path in paths}
            ours, command_cpu = optimilter(arguments.build, settings, paths)
            kept = [r for r in ours if r["parts"][0]["outcome"] not in ("optimized", "not_smaller")]
            used = [r for r in ours if r not in kept]
            their_cpu = sum(theirs[pathlib.Path(r["file"])][1] for r in used)
            our_cpu = sum(r["cpu_ms"] for r in used) / 1000
            ratios.append(our_cpu / their_cpu)
        report(used, kept, theirs, ratios, command_cpu)


def report(used, kept, theirs, ratios, command_cpu):
    total = sum(r["bytes_in"] for r in used)
    their_bytes = sum(theirs[pathlib.Path(r["file"])][0] for r in used)
    our_bytes = sum(r["bytes_out"] for r in used)
    for r in used:
        size = r["bytes_in"]
        print(f"  {pathlib.Path(r['file']).name:60} {size:9} jpegoptim {100 - theirs[pathlib.Path(r['file'])][0] * 100 / size:6.2f} %"
              f"  optimilter {100 - r['bytes_out'] * 100 / size:6.2f} %")
    for r in kept:
        print(f"  left alone: {pathlib.Path(r['file']).name} ({r['parts'][0]['reason']})")
    print(f"{len(used)} files, {total} bytes: jpegoptim saves {100 - their_bytes * 100 / total:.2f} %, optimilter "
          f"{100 - our_bytes * 100 / total:.2f} %, {(their_bytes - our_bytes) * 100 / total:+.2f} points")
    print(f"CPU, optimilter with verification / jpegoptim, {len(ratios)} rounds: {', '.join(f'{r:.2f}' for r in ratios)}"
          f" (whole command, all files: {command_cpu:.2f} s)")


if __name__ == "__main__":
    main()
