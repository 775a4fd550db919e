# SPDX-License-Identifier: Apache-2.0
"""Each class of files beside the best tools of Debian: the same files, the same run."""
import subprocess
import zipfile
from collections import namedtuple

from measure import children_cpu, files, saved, touched

# folder: below the corpus. pick: None, or a function that says whether a file counts. score: compare lowest scores, too.
Class = namedtuple("Class", "title folder endings profile peers pick score settings", defaults=(None, False, {}))

PICTURES = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".tif", ".tiff", ".bin")


def has_pictures(path):
    try:
        with zipfile.ZipFile(path) as archive:
            return any(entry.filename.lower().endswith(PICTURES) for entry in archive.infolist())
    except (zipfile.BadZipFile, NotImplementedError):
        return False


def no_animation(path):
    return b"acTL" not in path.read_bytes()[:4096]


def shows_pictures(path):
    """Of a PDF: pictures make up most of it."""
    listed = subprocess.run(["pdfimages", "-list", path], capture_output=True, text=True).stdout.splitlines()[2:]
    units = {"B": 1, "K": 1 << 10, "M": 1 << 20}
    sizes = [line.split()[-2] for line in listed if len(line.split()) > 2]
    return sum(float(size[:-1]) * units.get(size[-1], 0) for size in sizes) > path.stat().st_size / 2


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
    "png-lossy": Class("PNG, lossy", "png", (".png",), "balanced",
                       {"pngquant 80-95": ["pngquant", "--quality", "80-95", "--skip-if-larger", "--output", "{out}", "{in}"]},
                       no_animation, True),
    "ooxml": Class("OOXML with pictures, lossless", "ooxml", (), "lossless", ADVZIP, has_pictures),
    "odf": Class("ODF with pictures, lossless", "odf", (), "lossless", ADVZIP, has_pictures),
    "zip": Class("ZIP and EPUB, lossless", "archives", (".zip", ".epub"), "lossless", ADVZIP, has_pictures),
    "ooxml-balanced": Class("OOXML with pictures, balanced", "ooxml", (), "balanced", {}, has_pictures),
    "odf-balanced": Class("ODF with pictures, balanced", "odf", (), "balanced", {}, has_pictures),
    "gif": Class("GIF", "gif", (".gif",), "lossless", {"gifsicle -O3": ["gifsicle", "-O3", "{in}", "-o", "{out}"]}),
    "tiff": Class("TIFF", "tiff", (".tif", ".tiff"), "lossless", {"tiffcp -c zip:2:p9": ["tiffcp", "-c", "zip:2:p9", "{in}", "{out}"]}),
    "pdf": Class("PDF, balanced", "pdf", (".pdf",), "balanced", {"qpdf --optimize-images": QPDF}),
    "pdf-pictures": Class("PDF of pictures, balanced", "pdf", (".pdf",), "balanced",
                          {"qpdf --optimize-images": QPDF, "gs /ebook": EBOOK}, shows_pictures),
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
    notes = []
    for tool, command in kind.peers.items():
        cpu, size, scores = 0, 0, []
        for path, _ in used:
            done = bench.peer(path, command)
            cpu, size = cpu + done.cpu, size + done.size
            if kind.score:
                scores.append((bench.score(path, done.path) or 0, path.name))
        lines.append(f"| | | | {tool} | {saved(total, size):.2f} % | {cpu:.2f} | {total / 1e6 / cpu:.2f} | "
                     f"{our_cpu / cpu:.2f} | {two_lowest(scores)} |")
        report(lines[-1])
    alone = len(paths) - len(used)
    if alone:
        notes.append(f"{kind.title}: {alone} files left alone on purpose are not counted.")
    return lines, notes


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
