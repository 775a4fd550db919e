#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Do PDF results show what their originals show? pdf_pages.py [--ppi N] OPTIMILTERCTL ORIGINALS RESULTS

Both folders hold files of the same names. For each that differs: text by pdftotext is the same, and every page, drawn by
pdftoppm at N (default 96) pixels an inch, has a score (optimilterctl compare) that is printed. Exits 1 when text or number of
pages differ, a page has another size, or qpdf --check finds fault with a result."""
import argparse
import pathlib
import re
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
    said = output(program, "compare", before, after).decode()
    found = re.search(r"(?<![\w.])(?:0\.\d+|1\.0*)", said)
    return float(found.group()) if found else 0.0


def compare(program, before, after, ppi):
    faults = []
    if subprocess.run(["qpdf", "--check", after], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode:
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


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ppi", type=int, default=96)
    parser.add_argument("program")
    parser.add_argument("originals", type=pathlib.Path)
    parser.add_argument("results", type=pathlib.Path)
    args = parser.parse_args()
    failed = 0
    for after in sorted(args.results.glob("*.pdf")):
        before = args.originals / after.name
        if before.read_bytes() == after.read_bytes():
            continue
        scores, faults = compare(args.program, before, after, args.ppi)
        failed += bool(faults)
        print(f"{after.name}: pages={len(scores)} changed={sum(s < 1 for s in scores)} lowest={min(scores, default=1):.4f}",
              "; ".join(faults))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
