# SPDX-License-Identifier: Apache-2.0
"""Each class of files beside the best tools of Debian: the same files, the same run."""
import subprocess
import zipfile
from collections import namedtuple

import pdf_pages
from measure import children_cpu, files, saved, touched

# folder: below the corpus. pick: None, or a function that says whether a file counts. score: compare lowest scores, too.
# faults: None, or a function that says what is wrong with a result, and its lowest page score.
Class = namedtuple("Class", "title folder endings profile peers pick score settings faults",
                   defaults=(None, False, {}, None))

PICTURES = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".tif", ".tiff", ".bin")


def has_pictures(path):
    try:
        with zipfile.ZipFile(path) as archive:
            return any(entry.filename.lower().endswith(PICTURES) for entry in archive.infolist())
    except (zipfile.BadZipFile, NotImplementedError):
        return False


def no_animation(path):
    return b"acTL" not in path.read_bytes()[:4096]


def may_get_a_palette(path):
    """No animation, and no 16 bits a sample, which we keep and pngquant cuts to 8."""
    return no_animation(path) and path.read_bytes()[24:25] != b"\x10"


def shows_pictures(path):
    """Of a PDF: pictures make up most of it."""
    listed = subprocess.run(["pdfimages", "-list", path], capture_output=True, text=True).stdout.splitlines()[2:]
    units = {"B": 1, "K": 1 << 10, "M": 1 << 20}
    sizes = [line.split()[-2] for line in listed if len(line.split()) > 2]
    return sum(float(size[:-1]) * units.get(size[-1], 0) for size in sizes) > path.stat().st_size / 2


def has_form(path):
    said = subprocess.run(["pdfinfo", path], capture_output=True, text=True).stdout
    return "Form:" in said and "none" not in said.split("Form:")[1].splitlines()[0]


def pdf_faults(program, before, after):
    """What a result lost of pages, text and form fields, and the lowest score of a page as a screen shows it."""
    scores, faults = pdf_pages.compare(program, before, after, 96)
    if has_form(before) and not has_form(after):
        faults.append("form lost")
    return faults, min(scores, default=1)


QPDF = ["qpdf", "--optimize-images", "--object-streams=generate", "--recompress-flate", "--compression-level=9",
        "--compress-streams=y", "{in}", "{out}"]
EBOOK = ["gs", "-q", "-dBATCH", "-dNOPAUSE", "-dSAFER", "-sDEVICE=pdfwrite", "-dPDFSETTINGS=/ebook", "-sOutputFile={out}", "{in}"]
ADVZIP = {"advzip -2": ["advzip", "-z", "-2", "-q", "{in}"]}

CLASSES = {
    "jpeg": Class("JPEG, lossless, metadata kept", "jpeg", (".jpg", ".jpeg"), "lossless",
                  {"jpegoptim --all-progressive": ["jpegoptim", "-q", "--all-progressive", "{in}"]}),
    "png": Class("PNG, lossless", "png", (".png",), "lossless",
                 {"optipng -o2": ["optipng", "-quiet", "-o2", "{in}"], "optipng -o5": ["optipng", "-quiet", "-o5", "{in}"]},
                 no_animation),
    "png-lossy": Class("PNG of 8 bits a sample, lossy", "png", (".png",), "balanced",
                       {"pngquant 80-95": ["pngquant", "--quality", "80-95", "--skip-if-larger", "--output", "{out}", "{in}"]},
                       may_get_a_palette, True),
    "ooxml": Class("OOXML with pictures, lossless", "ooxml", (), "lossless", ADVZIP, has_pictures),
    "odf": Class("ODF with pictures, lossless", "odf", (), "lossless", ADVZIP, has_pictures),
    "zip": Class("ZIP and EPUB, lossless", "archives", (".zip", ".epub"), "lossless", ADVZIP, has_pictures),
    "ooxml-balanced": Class("OOXML with pictures, balanced", "ooxml", (), "balanced", {}, has_pictures),
    "odf-balanced": Class("ODF with pictures, balanced", "odf", (), "balanced", {}, has_pictures),
    "gif": Class("GIF", "gif", (".gif",), "lossless", {"gifsicle -O3": ["gifsicle", "-O3", "{in}", "-o", "{out}"]}),
    "tiff": Class("TIFF", "tiff", (".tif", ".tiff"), "lossless", {"tiffcp -c zip:2:p9": ["tiffcp", "-c", "zip:2:p9", "{in}", "{out}"]}),
    "pdf": Class("PDF, balanced", "pdf", (".pdf",), "balanced", {"qpdf --optimize-images": QPDF}, faults=pdf_faults),
    "pdf-pictures": Class("PDF of pictures, balanced", "pdf", (".pdf",), "balanced",
                          {"qpdf --optimize-images": QPDF, "gs /ebook": EBOOK}, shows_pictures, faults=pdf_faults),
}

HEAD = ("| class | files | bytes | tool | saved | CPU s | MB/s | CPU, ours / its | lowest score |\n"
        "|---|--:|--:|---|--:|--:|--:|--:|---|\n")


def run_class(bench, corpus, name, report=print):
    """Markdown rows of one class, and notes. Files that we leave alone on purpose are counted apart: the others would be
    compared with tools that damage them."""
    kind = CLASSES[name]
    paths = [path for path in files(corpus / kind.folder, *kind.endings) if kind.pick is None or kind.pick(path)]
    out = bench.scratch / name
    rows, _ = bench.ours(paths, kind.profile, out, **kind.settings)
    used = [(path, row) for path, row in zip(paths, rows) if touched(row)]
    if not used:
        return [], [f"{kind.title}: no file of this class in the folder may be touched."]
    total = sum(row["bytes_in"] for _, row in used)
    our_cpu = sum(row["cpu_ms"] for _, row in used) / 1000
    our_bytes = sum(row["bytes_out"] for _, row in used)
    first = f"| {kind.title} | {len(used)} | {total:,} |"
    lines = [f"{first} **optimilter**, verified | **{saved(total, our_bytes):.2f} %** | {our_cpu:.2f} | "
             f"{total / 1e6 / our_cpu:.2f} | | {lowest(bench, [(path, out / path.name) for path, _ in used], kind)} |"]
    notes = our_faults(bench, kind, used, out) if kind.faults else []
    for tool, command in kind.peers.items():
        judged = Judged(kind, tool)
        cpu, size, scores = 0, 0, []
        for path, _ in used:
            done = judged.peer(bench, path, command)  # its file is the next one's
            cpu, size = cpu + done.cpu, size + done.size
            if kind.score:
                scores.append((bench.score(path, done.path) or 0, path.name))
        notes += judged.notes(total)
        lines.append(f"| | | | {tool} | {saved(total, size):.2f} % | {cpu:.2f} | {total / 1e6 / cpu:.2f} | "
                     f"{our_cpu / cpu:.2f} | {two_lowest(scores)} |")
        report(lines[-1])
    alone = len(paths) - len(used)
    if alone:
        notes.append(f"{kind.title}: {alone} files left alone on purpose are not counted.")
    return lines, notes


class Judged:
    """A peer's results without those that are damaged, which count as left as they were."""

    def __init__(self, kind, tool):
        self.kind, self.tool = kind, tool
        self.claimed, self.damaged, self.lowest = 0, [], 1.0

    def peer(self, bench, path, command):
        done = bench.peer(path, command)
        self.claimed += done.size
        if self.kind.faults is None or done.path == path:
            return done
        faults, score = self.kind.faults(bench.program, path, done.path)
        self.lowest = min(self.lowest, score)
        if not faults:
            return done
        self.damaged.append(f"{path.name} ({', '.join(faults)})")
        return done._replace(size=path.stat().st_size, path=path)

    def notes(self, total):
        if self.kind.faults is None:
            return []
        scored = f"{self.kind.title}: lowest score of a page of {self.tool}, drawn at 96 ppi: {self.lowest:.3f}."
        if not self.damaged:
            return [scored]
        return [scored, f"{self.kind.title}: {self.tool} saves {saved(total, self.claimed):.2f} % if damaged files count, "
                        "which here do not: " + ", ".join(self.damaged) + "."]


def our_faults(bench, kind, used, out):
    """The same look at our own results."""
    lowest, damaged = 1.0, []
    for path, row in used:
        if row["bytes_out"] < row["bytes_in"]:
            faults, score = kind.faults(bench.program, path, out / path.name)
            lowest = min(lowest, score)
            damaged += [f"{path.name} ({', '.join(faults)})"] if faults else []
    return [f"{kind.title}: optimilter damages {', '.join(damaged) or 'none'}; its lowest score of a page, drawn at 96 ppi: "
            f"{lowest:.3f}."]


def lowest(bench, pairs, kind):
    return two_lowest([(bench.score(*pair) or 0, pair[0].name) for pair in pairs]) if kind.score else ""


def two_lowest(scores):
    """By optimilterctl compare; the second tells whether the first is an oddity."""
    return ", ".join(f"{score:.4f} ({name})" for score, name in sorted(scores)[:2])


def run_peers(bench, corpus, names, report=print):
    lines, notes = [], []
    for name in names or CLASSES:
        before = children_cpu()
        more, said = run_class(bench, corpus, name, report)
        for line in more:
            report(line)
        report(f"({name}: {children_cpu() - before:.0f} CPU s)")
        lines += more
        notes += said
    return HEAD + "\n".join(lines) + "\n\n" + "\n".join(f"- {note}" for note in notes)
