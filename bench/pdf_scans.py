#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""PDF pages of one JPEG picture each, as scanners and phones make them: bytes, and what a screen shows.

usage: bench/pdf_scans.py CORPUS [--build build/release] [--profile balanced]

Photos of CORPUS/jpeg at 280 to 1000 pixels an inch, screens of CORPUS/png as JPEG of quality 92 at 300 to 600, pages of text
from CORPUS/pdf drawn at 280 to 600 as JPEG of quality 90, in colour and in gray; "coarse": photos and screens of at most an A3
page at 150 pixels an inch, at 72 to 130. Prints what optimilter and Ghostscript (/ebook) save, and how many pages of ours,
drawn at 96 and 150 pixels an inch, are below the bound of the profile.
"""
import argparse
import collections
import io
import json
import pathlib
import subprocess
import tempfile

import pdf_pages
from PIL import Image

PHOTO_PPI, SCREEN_PPI, SCAN_PPI = (280, 300, 400, 600, 1000), (300, 400, 600), (280, 300, 400, 600)
COARSE_PPI, MOST_SEEN = (72, 100, 130), 5_000_000
TEXT_PAGES = {"unstructured__reliance.pdf": 1, "qpdf__lin5.pdf": 3, "unstructured__embedded-images-tables.pdf": 1, "pdfbox__test_pagelabels.pdf": 2}
LEAST_SIDE = 300
BOUNDS = {"balanced": 0.95, "compact": 0.93}


def one_picture(jpeg, size, gray, ppi):
    width, height = (side / ppi * 72 for side in size)
    content = f"q {width:.4f} 0 0 {height:.4f} 0 0 cm /P Do Q".encode()
    space = "DeviceGray" if gray else "DeviceRGB"
    picture = (f"<</Type/XObject/Subtype/Image/Width {size[0]}/Height {size[1]}/ColorSpace/{space}/BitsPerComponent 8"
               f"/Filter/DCTDecode/Length {len(jpeg)}>>stream\n").encode() + jpeg + b"\nendstream"
    objects = [b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
               f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 {width:.4f} {height:.4f}]/Resources<</XObject<</P 5 0 R>>>>/Contents 4 0 R>>".encode(),
               f"<</Length {len(content)}>>stream\n".encode() + content + b"\nendstream", picture]
    file, table = b"%PDF-1.4\n", ""
    for number, text in enumerate(objects, 1):
        table += f"{len(file):010} 00000 n \n"
        file += f"{number} 0 obj\n".encode() + text + b"\nendobj\n"
    return file + (f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}trailer\n<</Size {len(objects) + 1}/Root 1 0 R>>\n"
                   f"startxref\n{len(file)}\n%%EOF\n").encode()


def opened(path):
    """The picture, or None when Pillow cannot read it or it is small or moves."""
    try:
        picture = Image.open(path)
        picture.load()
    except (OSError, SyntaxError, ValueError):
        return None
    return None if getattr(picture, "is_animated", False) or min(picture.size) < LEAST_SIDE else picture


def as_jpeg(picture, quality):
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=quality)
    return file.getvalue()


def kinds(kind, ppis, picture):
    """What pages of a picture count as, and its pixels an inch on them."""
    coarse = [ppi for ppi in COARSE_PPI if picture.width * picture.height * (150 / ppi) ** 2 < MOST_SEEN]
    return [(kind, ppi) for ppi in ppis] + [("coarse", ppi) for ppi in coarse]


def make_pages(corpus, folder):
    for path in sorted((corpus / "jpeg").iterdir()):
        picture = opened(path)
        if picture is None or picture.format != "JPEG" or picture.mode not in ("RGB", "L"):
            continue
        for kind, ppi in kinds("photo", PHOTO_PPI, picture):
            (folder / f"{kind}-{path.stem}-{ppi}.pdf").write_bytes(one_picture(path.read_bytes(), picture.size, picture.mode == "L", ppi))
    for path in sorted((corpus / "png").iterdir()):
        picture = opened(path)
        for kind, ppi in kinds("screen", SCREEN_PPI, picture) if picture else ():
            (folder / f"{kind}-{path.stem}-{ppi}.pdf").write_bytes(one_picture(as_jpeg(picture.convert("RGB"), 92), picture.size, False, ppi))
    for name, page in TEXT_PAGES.items():
        for ppi in SCAN_PPI:
            drawn = subprocess.run(["pdftoppm", "-r", str(ppi), "-f", str(page), "-l", str(page), "-png", corpus / "pdf" / name],
                                   check=True, stdout=subprocess.PIPE).stdout
            for mode in ("RGB", "L"):
                picture = Image.open(io.BytesIO(drawn)).convert(mode)
                (folder / f"scan-{pathlib.Path(name).stem}-{mode}-{ppi}.pdf").write_bytes(one_picture(as_jpeg(picture, 90), picture.size, mode == "L", ppi))


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("corpus", type=pathlib.Path)
    options.add_argument("--build", type=pathlib.Path, default=pathlib.Path("build/release"))
    options.add_argument("--profile", choices=BOUNDS, default="balanced")
    arguments = options.parse_args()
    program = arguments.build.resolve() / "console/optimilterctl"
    rows = collections.defaultdict(collections.Counter)
    with tempfile.TemporaryDirectory() as name:
        room = pathlib.Path(name)
        for folder in ("pages", "ours", "gs"):
            (room / folder).mkdir()
        settings = room / "settings.toml"
        settings.write_text(f'profile = "{arguments.profile}"\ndeadline = "60s"\nmin_size = 0\n')
        make_pages(arguments.corpus, room / "pages")
        for page in sorted((room / "pages").iterdir()):
            ours, theirs = room / "ours" / page.name, room / "gs" / page.name
            said = subprocess.run([program, "optimize", "--config", settings, "--json", "-o", ours, page], check=True, capture_output=True)
            subprocess.run(["gs", "-q", "-dNOPAUSE", "-dBATCH", "-dSAFER", "-sDEVICE=pdfwrite", "-dPDFSETTINGS=/ebook",
                            f"-sOutputFile={theirs}", page], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            for key in (page.name.split("-")[0], "all"):
                row, before = rows[key], page.stat().st_size
                row["pages"] += 1
                row["before"] += before
                row["ours"] += ours.stat().st_size
                row["gs"] += min(before, theirs.stat().st_size)
                row["cpu_ms"] += json.loads(said.stdout)["cpu_ms"]
                for ppi in (96, 150):
                    scores, faults = pdf_pages.compare(program, page, ours, ppi)
                    row[f"below at {ppi}"] += min(scores) < BOUNDS[arguments.profile] or bool(faults)
    for key, row in rows.items():
        ours, theirs = (100 - 100 * row[tool] / row["before"] for tool in ("ours", "gs"))
        print(f"{key:7} {row['pages']:4} pages {row['before']:9} bytes: optimilter {ours:.1f} % in {row['cpu_ms'] / 1000:.1f} s, gs /ebook {theirs:.1f} %; "
              f"below {BOUNDS[arguments.profile]} at 96 ppi: {row['below at 96']}, at 150: {row['below at 150']}")


if __name__ == "__main__":
    main()
