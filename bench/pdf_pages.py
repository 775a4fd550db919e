#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Do PDF results show what their originals show?

  pdf_pages.py [--ppi N] [--bound B] OPTIMILTERCTL ORIGINALS RESULTS
  pdf_pages.py [--ppi N] --profile P OPTIMILTERCTL ORIGINALS

The folders hold files of the same names; without RESULTS they are made in profile P, whose score_min is then the bound. For
each that differs: text by pdftotext is the same, and every page, drawn by pdftoppm at N (default 96) pixels an inch, has a
score (optimilterctl compare); the lowest is printed. Exits 1 when a score is below the bound, text or number of pages
differ, a page has another size, or qpdf --check, where it is installed, finds fault with a result."""
import argparse
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile


def output(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False).stdout


def pages(file, folder, ppi):
    folder.mkdir()
    subprocess.run(["pdftoppm", "-r", str(ppi), "-png", file, folder / "p"], stderr=subprocess.DEVNULL, check=False)
    return sorted(folder.iterdir())


def score_of(program, before, after):
    if before.read_bytes() == after.read_bytes():
        return 1.0
    said = output(program, "compare", "--json", before, after)
    return json.loads(said)["score"] if said else 0.0


def compare(program, before, after, ppi):
    faults = []
    checked = ["qpdf", "--check", after]
    if shutil.which("qpdf") and subprocess.run(checked, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode:
        faults.append("qpdf --check")
    if output("pdftotext", before, "-") != output("pdftotext", after, "-"):
        faults.append("text differs")
    with tempfile.TemporaryDirectory() as room:
        old = pages(before, pathlib.Path(room, "a"), ppi)
        new = pages(after, pathlib.Path(room, "b"), ppi)
        if len(old) != len(new):
            faults.append("number of pages differs")
        scores = [score_of(program, a, b) for a, b in zip(old, new)]
    return scores, faults


def optimized(program, originals, results, profile):
    """Fills the folder of results; says what score_min of the profile is."""
    settings = results / "settings.toml"
    settings.write_text(f'profile = "{profile}"\ndeadline = "60s"\nmin_size = 0\nmax_size = "256MiB"\n')
    files = sorted(originals.glob("*.pdf"))
    subprocess.run([program, "optimize", "--config", settings, "--json", "--output", results, *files],
                   stdout=subprocess.DEVNULL, check=True)
    said = output(program, "config", "--config", settings).decode()
    return float(re.search(r"score_min = ([\d.]+)", said).group(1))


def look(program, originals, results, ppi, bound):
    """How many of the results are not as they should be; a line for each that changed."""
    failed = 0
    for after in sorted(results.glob("*.pdf")):
        before = originals / after.name
        if before.read_bytes() == after.read_bytes():
            continue
        scores, faults = compare(program, before, after, ppi)
        lowest = min(scores, default=1)
        if lowest < bound:
            faults.append(f"page {scores.index(lowest) + 1} is below {bound}")
        failed += bool(faults)
        print(f"{after.name}: pages={len(scores)} changed={sum(s < 1 for s in scores)} lowest={lowest:.4f}", "; ".join(faults))
    return failed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ppi", type=int, default=96)
    parser.add_argument("--bound", type=float, default=0.0)
    parser.add_argument("--profile")
    parser.add_argument("program")
    parser.add_argument("originals", type=pathlib.Path)
    parser.add_argument("results", type=pathlib.Path, nargs="?")
    args = parser.parse_args()
    if (args.results is None) == (args.profile is None):
        parser.error("either RESULTS or --profile")
    with tempfile.TemporaryDirectory() as room:
        results, bound = args.results or pathlib.Path(room), args.bound
        if args.profile:
            own_bound = optimized(args.program, args.originals, results, args.profile)
            bound = args.bound or own_bound
        failed = look(args.program, args.originals, results, args.ppi, bound)
    print(f"{failed} files fail" + (f" (bound {bound})" if bound else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
