#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""How the score ranks distorted pictures, against Debian's butteraugli (doc/score.md).

usage: bench/score_study.py [--build build/release] [--crop 448x384] PICTURE...

Cuts the middle out of every picture, distorts it in many ways, measures each pair with butteraugli and with
`optimilterctl compare`, and prints the rank correlation and a table of medians. Needs cjpeg, djpeg, pngquant,
cwebp, dwebp, convert and butteraugli; about ten seconds of CPU a picture.
"""
import argparse
import json
import math
import pathlib
import statistics
import subprocess
import tempfile


def run(*command, **more):
    return subprocess.run([str(part) for part in command], check=True, capture_output=True, **more).stdout


def convert(source, *operations, to):
    run("convert", source, *operations, f"png24:{to}")


def jpeg(source, to, quality, sampling):
    pixels = run("convert", source, "ppm:-")
    file = run("cjpeg", "-quality", quality, "-sample", sampling, input=pixels)
    to.with_suffix(".ppm").write_bytes(run("djpeg", input=file))
    convert(to.with_suffix(".ppm"), to=to)


def palette(source, to, colors):
    run("pngquant", "--force", "-o", to.with_suffix(".p8"), colors, source)
    convert(f"png:{to.with_suffix('.p8')}", to=to)


def webp(source, to, quality):
    run("cwebp", "-quiet", "-q", quality, source, "-o", to.with_suffix(".webp"))
    run("dwebp", "-quiet", to.with_suffix(".webp"), "-o", to)


def patched(source, to, *operations):
    patch = to.with_suffix(".patch.png")
    convert(source, "-crop", "64x64+100+100", "+repage", *operations, to=patch)
    convert(source, patch, "-geometry", "+100+100", "-composite", to=to)


def scaled(source, to, percent):
    size = run("identify", "-format", "%wx%h!", source).decode()
    convert(source, "-resize", f"{percent}%", "-resize", size, to=to)


def distortions():
    for quality in (35, 60, 70, 80, 85, 90, 95):
        yield f"JPEG Q{quality} 4:2:0", lambda s, t, q=quality: jpeg(s, t, q, "2x2")
    for quality in (60, 75, 90):
        yield f"JPEG Q{quality} 4:4:4", lambda s, t, q=quality: jpeg(s, t, q, "1x1")
    for colors in (256, 64, 16):
        yield f"{colors} colours", lambda s, t, n=colors: palette(s, t, n)
    for sigma in (0.5, 0.8):
        yield f"blur {sigma}", lambda s, t, b=sigma: convert(s, "-blur", f"0x{b}", to=t)
    yield "WebP Q75", lambda s, t: webp(s, t, 75)
    yield "scaled to 75 % and back", lambda s, t: scaled(s, t, 75)
    yield "noise", lambda s, t: convert(s, "-seed", "1", "-attenuate", "0.15", "+noise", "Gaussian", to=t)
    yield "64x64 blurred", lambda s, t: patched(s, t, "-blur", "0x3")


def measured(build, first, second):
    line = run(build / "console/optimilterctl", "compare", "--json", first, second)
    return float(run("butteraugli", first, second)), json.loads(line)


def ranks(values):
    order = sorted(range(len(values)), key=values.__getitem__)
    result = [0.0] * len(values)
    at = 0
    while at < len(order):
        end = at
        while end < len(order) and values[order[end]] == values[order[at]]:
            end += 1
        for place in order[at:end]:
            result[place] = (at + end - 1) / 2
        at = end
    return result


def correlation(a, b):
    mean_a, mean_b = statistics.fmean(a), statistics.fmean(b)
    product = sum((x - mean_a) * (y - mean_b) for x, y in zip(a, b))
    return product / math.sqrt(sum((x - mean_a) ** 2 for x in a) * sum((y - mean_b) ** 2 for y in b))


def study(build, crop, pictures, folder):
    rows = []
    for number, picture in enumerate(pictures):
        source = folder / f"{number}.png"
        convert(f"{picture}[0]", "-background", "white", "-alpha", "remove", "-alpha", "off", "-strip",
                "-gravity", "center", "-crop", f"{crop}+0+0", "+repage", "-gravity", "northwest", to=source)
        for name, distort in distortions():
            target = folder / "distorted.png"
            distort(source, target)
            butter, ours = measured(build, source, target)
            rows.append((name, butter, ours["distance"], ours["score"]))
    return rows


def report(rows):
    butter, ours = [row[1] for row in rows], [row[2] for row in rows]
    errors = [math.log((x + 0.1) / (y + 0.1)) for x, y in zip(butter, ours)]
    print(f"{len(rows)} pairs, rank correlation {correlation(ranks(butter), ranks(ours)):.3f}, "
          f"distance within a factor of {math.exp(statistics.pstdev(errors)):.2f} (root mean square)")
    print("| distortion | butteraugli | distance | score | lowest score |\n|---|---|---|---|---|")
    for name in dict.fromkeys(row[0] for row in rows):
        of_name = [row for row in rows if row[0] == name]
        middle = [statistics.median(row[i] for row in of_name) for i in (1, 2, 3)]
        print(f"| {name} | {middle[0]:.2f} | {middle[1]:.2f} | {middle[2]:.4f} | {min(r[3] for r in of_name):.4f} |")


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("pictures", type=pathlib.Path, nargs="+", metavar="PICTURE")
    options.add_argument("--build", type=pathlib.Path, default=pathlib.Path("build/release"))
    options.add_argument("--crop", default="448x384")
    arguments = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        report(study(arguments.build.resolve(), arguments.crop, arguments.pictures, pathlib.Path(folder)))


if __name__ == "__main__":
    main()
