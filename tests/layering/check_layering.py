#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Holds the floors of the architecture: a folder includes only lower floors or itself.

  check_layering.py [--source FOLDER] [--build FOLDER]   check the includes, and with --build the linked libraries
  check_layering.py --self-test                          plant each kind of violation and see that it is found
"""
import argparse
import pathlib
import re
import subprocess
import sys
import tempfile

# Lowest first. Folders on one floor are neighbours, and neighbours do not include each other.
FLOORS = {"base": 1, "mail": 2, "optimizers": 2, "policy": 3, "store": 3, "workers": 4, "milter": 5, "console": 6}

# What a lower number alone would allow and the architecture still forbids: (folder, included folder).
FORBIDDEN = {("workers", "mail")}  # a worker maps bytes to bytes

# Library headers and the files that may include them (patterns on the path within the source folder).
HEADER_OWNERS = (
    (r"libmilter/", r"milter/(callbacks|apply_edits)[^/]*"),
    (r"vips/|Magick\+\+|jpeglib\.h|jerror\.h|png\.h|pngconf\.h|libimagequant\.h|archive(_entry)?\.h|libdeflate\.h|lzma\.h|zstd\.h|tiff\w*\.h|webp/|qpdf/|expat\.h", r"optimizers/.*"),
    (r"sqlite3\.h", r"store/.*"),
    (r"re2/", r"policy/regex\.cpp"),
    (r"mimetic/", r"(mail|console)/.*"),
)

# The programs that talk to the MTA or the operator must not load a decoder.
DECODER_FREE = ("milter/optimilter-engine", "console/optimilterctl", "console/optimilter-recover", "console/optimilter-queuewatch")
DECODERS = re.compile(r"\blib(vips|jpeg|turbojpeg|png|spng|imagequant|archive|Magick|tiff|webp|heif|qpdf|poppler)[^ ]*\.so")

# The guard loads nothing that has to be trusted besides the C and C++ libraries.
BARE = ("milter/optimilterd",)
BARE_LIBRARIES = re.compile(r"^(linux-vdso|libc|libm|libstdc\+\+|libgcc_s|ld-linux[\w-]*)\.so")

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(?:"([^"]+)"|<([^>]+)>)', re.MULTILINE)
SOURCES = ("*.cpp", "*.hpp", "*.c", "*.h", "*.def")


def folder_problem(folder, included):
    """Why a file of this folder may not include a file of that one; empty: it may."""
    if included == folder or included not in FLOORS:
        return ""
    if FLOORS[included] > FLOORS[folder]:
        return f"{folder}/ (floor {FLOORS[folder]}) includes {included}/ (floor {FLOORS[included]}), which is above it"
    if FLOORS[included] == FLOORS[folder]:
        return f"{folder}/ includes {included}/, its neighbour on floor {FLOORS[folder]}"
    if (folder, included) in FORBIDDEN:
        return f"{folder}/ must know nothing of {included}/"
    return ""


def include_problem(path, quoted, angled):
    folder = path.split("/")[0]
    header = quoted or angled
    if quoted and ".." in pathlib.PurePosixPath(quoted).parts:
        return "includes by a path with '..', which hides the folder"
    if quoted:
        reason = folder_problem(folder, quoted.split("/")[0])
        if reason:
            return reason
    for pattern, owners in HEADER_OWNERS:
        if re.match(pattern, header) and not re.fullmatch(owners, path):
            return f"<{header}> belongs to {owners} alone"
    return ""


def check_includes(source):
    problems, files = [], 0
    for folder in FLOORS:
        for file in sorted(file for kind in SOURCES for file in (source / folder).rglob(kind)):
            files += 1
            path = file.relative_to(source).as_posix()
            text = file.read_text(errors="replace")
            for found in INCLUDE.finditer(text):
                reason = include_problem(path, found.group(1), found.group(2))
                if reason:
                    problems.append(f"{path}:{text.count(chr(10), 0, found.start()) + 1}: {reason}")
    if not files:
        problems.append(f"{source}: no sources found, so nothing was checked")
    return problems


def linked_decoders(text):
    """Decoder libraries in the output of ldd."""
    return sorted({found.group(0) for found in DECODERS.finditer(text)})


def linked_libraries(text):
    """Names of all libraries in the output of ldd."""
    names = (line.split()[0].rsplit("/", 1)[-1] for line in text.splitlines() if line.strip())
    return sorted(names)


def libraries_too_many(text):
    return [name for name in linked_libraries(text) if not BARE_LIBRARIES.match(name)]


def check_links(build):
    problems = []
    for name in BARE:
        program = build / name
        if not program.exists():
            problems.append(f"{name}: not built, so its libraries were not checked")
            continue
        answer = subprocess.run(["ldd", str(program)], capture_output=True, text=True, check=True)
        problems += [f"{name}: links {library}, which the guard must not" for library in libraries_too_many(answer.stdout)]
    for name in DECODER_FREE:
        program = build / name
        if not program.exists():
            problems.append(f"{name}: not built, so its libraries were not checked")
            continue
        answer = subprocess.run(["ldd", str(program)], capture_output=True, text=True, check=True)
        problems += [f"{name}: links {library}, a decoder" for library in linked_decoders(answer.stdout)]
    return problems


# Self-test

PLANTED = (
    ("base/text.hpp", '#include "mail/mime_index.hpp"', "above it"),
    ("optimizers/jpeg.cpp", '#include "mail/mime_index.hpp"', "neighbour"),
    ("mail/mime_index.cpp", '#include "optimizers/format.hpp"', "neighbour"),
    ("policy/decide.cpp", '#include "store/result_cache.hpp"', "neighbour"),
    ("optimizers/zip.cpp", '#include "policy/settings.hpp"', "above it"),
    ("workers/pool.cpp", '  #  include "milter/trip.hpp"', "above it"),
    ("milter/session.cpp", "#include <libmilter/mfapi.h>", "alone"),
    ("milter/trip.cpp", "#include <vips/vips.h>", "alone"),
    ("console/metrics.cpp", "#include <libmilter/mfapi.h>", "alone"),
    ("milter/trip.cpp", '#include "../optimizers/jpeg.hpp"', "'..'"),
    ("workers/pool.cpp", '#include "mail/mime_index.hpp"', "nothing of"),
)
ALLOWED = (
    ("milter/callbacks.cpp", "#include <libmilter/mfapi.h>"),
    ("milter/callbacks_negotiate.cpp", "#include <libmilter/mfapi.h>"),
    ("milter/trip.cpp", '#include "mail/mime_index.hpp"\n#include "workers/pool.hpp"\n#include "milter/session.hpp"'),
    ("optimizers/png.cpp", '#include <png.h>\n#include "base/bytes.hpp"'),
    ("console/optimilterctl.cpp", '#include "milter/trip.hpp"'),
)


def problems_of(path, text):
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / path
        file.parent.mkdir(parents=True)
        file.write_text("// planted\n" + text + "\n")
        return check_includes(pathlib.Path(folder))


def self_test():
    failures = []
    for path, text, want in PLANTED:
        found = problems_of(path, text)
        if len(found) != 1 or want not in found[0] or not found[0].startswith(f"{path}:2:"):
            failures.append(f"{path} with {text!r}: want one problem at line 2 with {want!r}, got {found}")
    for path, text in ALLOWED:
        found = problems_of(path, text)
        if found:
            failures.append(f"{path} with {text!r}: want no problem, got {found}")
    with tempfile.TemporaryDirectory() as empty:
        if not check_includes(pathlib.Path(empty)):
            failures.append("an empty source folder passes")
    ldd = "\tlibmilter.so.1.0.1 => /lib/libmilter.so.1.0.1 (0x7f)\n\tlibvips.so.42 => /lib/libvips.so.42 (0x7f)\n"
    if linked_decoders(ldd) != ["libvips.so"]:
        failures.append(f"ldd text: got {linked_decoders(ldd)}")
    ldd = ("\tlinux-vdso.so.1 (0x7f)\n\tlibstdc++.so.6 => /lib/libstdc++.so.6 (0x7f)\n\tlibfmt.so.9 => /lib/libfmt.so.9 (0x7f)\n"
           "\tlibc.so.6 => /lib/libc.so.6 (0x7f)\n\t/lib64/ld-linux-x86-64.so.2 (0x7f)\n\tlibcrypto.so.3 => not found\n")
    if libraries_too_many(ldd) != ["libcrypto.so.3", "libfmt.so.9"]:
        failures.append(f"ldd text: got {libraries_too_many(ldd)}")
    return failures


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--source", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parents[2])
    options.add_argument("--build", type=pathlib.Path)
    options.add_argument("--self-test", action="store_true")
    arguments = options.parse_args()
    if arguments.self_test:
        problems = self_test()
    else:
        problems = check_includes(arguments.source) + (check_links(arguments.build) if arguments.build else [])
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
