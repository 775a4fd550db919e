#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Photos in profile compact against ImageMagick's -resize 2048x2048> -quality 82: bytes, CPU, lowest score.

usage: bench/photos_compact.py [--build build/release] FOLDER

Every JPEG of the folder that compact changes with loss, and apart those that both scale down; CPU is user + system,
ours with decoding, search, score and verification counted in, workers' start included. The score of ImageMagick's
result is measured against what its own resizing makes without loss, as ours is against our resizing.
"""
import argparse
import json
import pathlib
import resource
import subprocess
import tempfile


def children_cpu():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def timed(*command):
    before = children_cpu()
    out = subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True).stdout
    return out, children_cpu() - before


def magick(picture, folder):
    small, exact = folder / "magick.jpg", folder / "exact.png"
    _, cpu = timed("convert", picture, "-resize", f"{SIDE}x{SIDE}>", "-quality", "82", small)
    timed("convert", picture, "-resize", f"{SIDE}x{SIDE}>", "-depth", "8", exact)
    return small, exact, cpu


def score(program, first, second):
    run = subprocess.run([program, "compare", "--json", first, second], capture_output=True, text=True)
    return json.loads(run.stdout)["score"] if run.returncode == 0 else None


SIDE = 2048


def is_scaled(picture):
    sizes = timed("identify", "-format", "%w %h", picture)[0].split()
    return max(map(int, sizes)) > SIDE


def summary(title, rows):
    if not rows:
        return
    before, mine, my_cpu, _, theirs, their_cpu, _, _ = (sum(row[i] or 0 for row in rows) for i in range(8))
    print(f"{title}: {len(rows)} photos, {before} bytes: ours {mine} bytes, {my_cpu:.2f} s, lowest score "
          f"{min(row[3] for row in rows):.4f}; ImageMagick {theirs} bytes, {their_cpu:.2f} s, lowest score "
          f"{min(row[6] or 1 for row in rows):.4f}; bytes {mine / theirs:.2f}x, CPU {my_cpu / their_cpu:.2f}x")


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("folder", type=pathlib.Path)
    options.add_argument("--build", type=pathlib.Path, default=pathlib.Path("build/release"))
    arguments = options.parse_args()
    program = arguments.build.resolve() / "console/optimilterctl"
    rows = []
    with tempfile.TemporaryDirectory() as name, tempfile.NamedTemporaryFile("w", suffix=".toml") as settings:
        folder = pathlib.Path(name)
        settings.write('profile = "compact"\ndeadline = "60s"\nmin_size = 0\n')
        settings.flush()
        for picture in sorted(p for p in arguments.folder.iterdir() if p.suffix.lower() in (".jpg", ".jpeg")):
            line, _ = timed(program, "optimize", "--config", settings.name, "--json", picture)
            ours = json.loads(line)
            quality = ours["parts"][0]["quality"]
            if quality is None:
                continue
            small, exact, cpu = magick(picture, folder)
            theirs = score(program, exact, small)
            rows.append((picture.stat().st_size, ours["bytes_out"], ours["cpu_ms"] / 1000, quality,
                         small.stat().st_size, cpu, theirs, is_scaled(picture)))
            print(f"{picture.name[-40:]:40} {rows[-1][0]:9} ours {rows[-1][1]:8} {rows[-1][2]:6.2f} s {quality:.4f}   "
                  f"ImageMagick {rows[-1][4]:8} {cpu:6.2f} s {theirs if theirs is not None else '-'}")
    summary("all", rows)
    summary(f"larger than {SIDE} pixels", [row for row in rows if row[-1]])


if __name__ == "__main__":
    main()
