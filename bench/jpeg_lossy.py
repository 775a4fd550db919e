#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""JPEG with loss, at equal score: optimilter's encoder beside libjpeg-turbo (cjpeg -optimize -progressive, 4:2:0).

Each photo is decoded, at most --width pixels wide, and written as a JPEG of quality 97 that both start from. Both write it at
several qualities; optimilter is held to one by settings. Against what cjpeg writes at qualities 70 and 82, the bytes
optimilter needs for the same score (optimilterctl compare) are interpolated; with --butteraugli, the same for what Debian's
butteraugli says of the middle of the picture. CPU is user + system: both decode their source, optimilter also measures its
score and verifies. MB a second are of the source's bytes.

usage: bench/jpeg_lossy.py FOLDER... [--build build/release] [--width 1400] [--butteraugli] [--largest 12]
"""
import argparse
import json
import math
import pathlib
import re
import resource
import subprocess
import tempfile

QUALITIES = (58, 64, 70, 76, 82, 88)
AGAINST = (70, 82)
BUTTERAUGLI_SIDE = 400


def run(*command, **options):
    return subprocess.run([str(word) for word in command], check=True, capture_output=True, **options).stdout


def children_cpu():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


class Encoders:
    def __init__(self, build, folder):
        self.ctl = build / "console/optimilterctl"
        self.folder = folder
        self.cpu = {"cjpeg": 0.0, "optimilter": 0.0}
        for quality in QUALITIES:
            (folder / f"{quality}.toml").write_text(
                f'profile = "balanced"\nmin_size = 0\ndeadline = "60s"\nscore_min = 0.9\nscore_min_text = 0.9\nmax_side_px = 0\n'
                f'jpeg_quality_min = {quality}\njpeg_quality_max = {quality}\n')

    def cjpeg(self, source, quality, to):
        before = children_cpu()
        pixels = run("djpeg", source)
        to.write_bytes(run("cjpeg", "-quality", quality, "-optimize", "-progressive", "-sample", "2x2", input=pixels))
        if quality == 82:
            self.cpu["cjpeg"] += children_cpu() - before

    def optimilter(self, source, quality, to):
        done = json.loads(run(self.ctl, "optimize", "--config", self.folder / f"{quality}.toml", "--json", "-o", to, source))
        if quality == 82:
            self.cpu["optimilter"] += done["parts"][0]["cpu_ms"] / 1000
        return done["parts"][0]["outcome"] == "optimized" and done["parts"][0].get("quality") is not None

    def distance(self, source, other):
        """Grows with the difference, like butteraugli's number."""
        words = run(self.ctl, "compare", source, other).decode()
        return float(re.search(r"distance ([0-9.]+)", words)[1])

    def butteraugli(self, source, other):
        parts = []
        for name, file in (("a.png", source), ("b.png", other)):
            parts.append(self.folder / name)
            run("convert", file, "-gravity", "center", "-crop", f"{BUTTERAUGLI_SIDE}x{BUTTERAUGLI_SIDE}+0+0", "+repage", parts[-1])
        return float(run("butteraugli", *parts).split()[0])


def bytes_at(points, distance):
    """points: (bytes, distance) by rising quality. Log-interpolated between the two that enclose distance; None: beyond."""
    for (bytes_a, a), (bytes_b, b) in zip(points, points[1:]):
        if min(a, b) <= distance <= max(a, b) and a != b:
            return math.exp(math.log(bytes_a) + (distance - a) / (b - a) * math.log(bytes_b / bytes_a))
    return None


def measure(encoders, path, judges, width):
    """The change in bytes at equal distance, a judge and quality; None where the curves do not meet."""
    folder = encoders.folder
    source = folder / "source.jpg"
    run("convert", path, "-auto-orient", "-strip", "-resize", f"{width}x{width}>", "-sampling-factor", "2x2", "-quality", "97", source)
    curves = {judge: {"cjpeg": [], "optimilter": []} for judge in judges}
    for quality in QUALITIES:
        files = {"cjpeg": folder / "theirs.jpg", "optimilter": folder / "ours.jpg"}
        encoders.cjpeg(source, quality, files["cjpeg"])
        # Below the lowest score the settings allow, optimilter has no point on its curve.
        if not encoders.optimilter(source, quality, files["optimilter"]):
            del files["optimilter"]
        for judge in judges:
            for who, file in files.items():
                curves[judge][who].append((file.stat().st_size, getattr(encoders, judge)(source, file)))
    if len(curves[judges[0]]["optimilter"]) < 2:
        return None, source.stat().st_size
    changes = {}
    for judge in judges:
        for quality in AGAINST:
            theirs = curves[judge]["cjpeg"][QUALITIES.index(quality)]
            ours = bytes_at(curves[judge]["optimilter"], theirs[1])
            changes[judge, quality] = ours and ours / theirs[0]
    return changes, source.stat().st_size


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("folders", type=pathlib.Path, nargs="+")
    options.add_argument("--build", type=pathlib.Path, default=pathlib.Path(__file__).parent.parent / "build/release")
    options.add_argument("--width", type=int, default=1400)
    options.add_argument("--largest", type=int, default=12, help="so many files, the largest first")
    options.add_argument("--butteraugli", action="store_true")
    arguments = options.parse_args()
    judges = ["distance"] + (["butteraugli"] if arguments.butteraugli else [])
    paths = [p for folder in arguments.folders for p in folder.iterdir() if p.suffix.lower() in (".jpg", ".jpeg", ".png")]
    paths = sorted(paths, key=lambda p: -p.stat().st_size)[:arguments.largest]
    sums, total = {}, 0
    with tempfile.TemporaryDirectory() as folder:
        encoders = Encoders(arguments.build.resolve(), pathlib.Path(folder))
        for path in paths:
            try:
                changes, size = measure(encoders, path, judges, arguments.width)
            except subprocess.CalledProcessError as error:
                print(f"  {path.name:60} left out: {error.stderr.decode(errors='replace').strip()[:80]}")
                continue
            total += size
            if changes is None:
                print(f"  {path.name:60} left alone")
                continue
            shown = [f"{judge} as at {q}: {100 * (c - 1):+6.1f} %" if c else f"{judge} as at {q}: beyond" for (judge, q), c in changes.items()]
            print(f"  {path.name:60} {', '.join(shown)}", flush=True)
            for key, change in changes.items():
                sums.setdefault(key, []).extend([math.log(change)] if change else [])
    for (judge, quality), logs in sums.items():
        if logs:
            print(f"{judge} of cjpeg at {quality}, {len(logs)} pictures: {100 * (math.exp(sum(logs) / len(logs)) - 1):+.2f} % bytes "
                  f"(geometric mean), median {100 * (math.exp(sorted(logs)[len(logs) // 2]) - 1):+.2f} %")
    print(f"CPU at quality 82: djpeg + cjpeg {encoders.cpu['cjpeg']:.2f} s, optimilter with score and verification "
          f"{encoders.cpu['optimilter']:.2f} s = {total / 1e6 / max(encoders.cpu['optimilter'], 1e-9):.1f} MB/s")


if __name__ == "__main__":
    main()
