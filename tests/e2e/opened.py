# SPDX-License-Identifier: Apache-2.0
"""Opens results with programs that are not ours. Every function returns the reason why it will not, or ''."""
import bz2
import gzip
import io
import lzma
import pathlib
import subprocess
import tarfile
import tempfile
import zipfile

import olefile
from PIL import Image, ImageOps, ImageSequence

GIF_MAGICS, TIFF_MAGICS = (b"GIF87a", b"GIF89a"), (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
OLE_MAGIC = b"\xd0\xcf\x11\xe0"
UNPACKERS = {b"\x1f\x8b": gzip.decompress, b"BZh": bz2.decompress, b"\xfd7zXZ": lzma.decompress,
             b"\x28\xb5\x2f\xfd": lambda content: subprocess.run(["zstd", "-dc"], input=content, capture_output=True, check=True).stdout}
ZIP_MAGIC, JPEG_MAGIC, PNG_MAGIC = b"PK\x03\x04", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"

# Deflated anew, an entry may lose the hint at the old compression level (bits 1 and 2) and, as its sizes are known
# now, the data descriptor (bit 3): APPNOTE 4.4.4.
REPACKED_FLAGS = 0b1110


def problem(before, after, lossless):
    """What is wrong with a changed file, told from the original. lossless: pixels must be identical too."""
    if after.startswith(JPEG_MAGIC):
        return jpeg_problem(before, after, lossless)
    if after.startswith(PNG_MAGIC):
        return png_problem(before, after, lossless)
    if after.startswith(ZIP_MAGIC):
        return zip_problem(before, after, lossless)
    for magics, examine in ((GIF_MAGICS, animation_problem), (TIFF_MAGICS, animation_problem), ((b"RIFF",), animation_problem),
                            ((b"%PDF-",), pdf_problem), ((OLE_MAGIC,), ole_problem), ((b"7z\xbc\xaf",), seven_zip_problem)):
        if after.startswith(magics):
            return examine(before, after, lossless)
    if after[257:262] == b"ustar":
        return tar_problem(before, after, lossless)
    for magic, unpack in UNPACKERS.items():
        if after.startswith(magic):
            was, now = unpack(before), unpack(after)
            return "" if was == now else problem(was, now, lossless)
    return f"changed a file of unknown kind, {after[:8]!r}"


def djpeg(content):
    """Pixels as PNM. With the exact DCT and no smoothing, the same coefficients give the same bytes."""
    return subprocess.run(["djpeg", "-dct", "int", "-nosmooth", "-pnm"], input=content, capture_output=True)


def jpeg_problem(before, after, lossless):
    pixels = djpeg(after)
    if pixels.returncode or pixels.stderr:
        return f"djpeg: {pixels.stderr.decode().strip()}"
    if lossless and pixels.stdout != djpeg(before).stdout:
        return "the pixels of the JPEG differ"
    return _picture_problem(before, after)


def png_problem(before, after, lossless):
    with tempfile.NamedTemporaryFile(suffix=".png") as file:
        pathlib.Path(file.name).write_bytes(after)
        answer = subprocess.run(["pngcheck", "-q", file.name], capture_output=True, text=True)
    if answer.returncode:
        return f"pngcheck: {answer.stdout.strip()}"
    with Image.open(io.BytesIO(before)) as old, Image.open(io.BytesIO(after)) as new:
        if lossless and old.convert("RGBA").tobytes() != new.convert("RGBA").tobytes():
            return "the pixels of the PNG differ"
    return _picture_problem(before, after)


def _picture_problem(before, after):
    """The picture must show the same way up, in the same shape, with the same profile."""
    with Image.open(io.BytesIO(before)) as old, Image.open(io.BytesIO(after)) as new:
        if new.format != old.format:  # BMP and its like are converted where the profile says so, and become PNG
            return f"{old.format} became {new.format}"
        if new.info.get("icc_profile") != old.info.get("icc_profile"):
            return "the colour profile is gone or another one"
        shape, was = ImageOps.exif_transpose(new).size, ImageOps.exif_transpose(old).size
        if abs(shape[0] / shape[1] - was[0] / was[1]) > 2 / min(*shape, *was):
            return f"the picture had the shape {was} and has {shape}"
    return ""


def zip_problem(before, after, lossless):
    with tempfile.NamedTemporaryFile(suffix=".zip") as file:
        pathlib.Path(file.name).write_bytes(after)
        answer = subprocess.run(["unzip", "-tqq", file.name], capture_output=True, text=True)
    if answer.returncode:
        return f"unzip: {(answer.stdout + answer.stderr).strip()}"
    with zipfile.ZipFile(io.BytesIO(before)) as old, zipfile.ZipFile(io.BytesIO(after)) as new:
        return _members_problem(old, new, lossless)


def _members_problem(old, new, lossless):
    if old.namelist() != new.namelist() or old.comment != new.comment:
        return "other members, or in another order, or another comment"
    for was, now in zip(old.infolist(), new.infolist()):
        fields = ("filename", "date_time", "external_attr", "comment", "create_version")
        if [getattr(was, field) for field in fields] != [getattr(now, field) for field in fields]:
            return f"{now.filename}: another date, attribute, comment or version"
        if (was.flag_bits ^ now.flag_bits) & ~REPACKED_FLAGS:
            return f"{now.filename}: flags {was.flag_bits:#x} became {now.flag_bits:#x}"
        if was.filename == "mimetype" and (now.compress_type or now.extra != was.extra):
            return "mimetype is no longer stored plainly"
        was_content, now_content = old.read(was), new.read(now)
        if was_content != now_content:
            reason = problem(was_content, now_content, lossless)
            if reason:
                return f"{now.filename}: {reason}"
    return ""


def _frames(content):
    """Every frame or page: mode-free pixels, and what there is to tell of time and loop. What Pillow cannot decode counts
    by its reason."""
    with Image.open(io.BytesIO(content)) as picture:
        frames = []
        for frame in ImageSequence.Iterator(picture):
            info = {key: frame.info.get(key) for key in ("duration", "loop", "dpi", "icc_profile")}
            try:
                pixels = frame.convert("RGBA").tobytes()
            except (OSError, ValueError) as error:
                pixels = str(error)
            frames.append((frame.size, info, pixels))
        return frames


def animation_problem(before, after, lossless):
    old, new = _frames(before), _frames(after)
    if len(old) != len(new):
        return f"{len(old)} frames or pages became {len(new)}"
    for number, (was, now) in enumerate(zip(old, new)):
        if was[:2] != now[:2]:
            return f"frame or page {number}: {was[:2]} became {now[:2]}"
        if was[2] != now[2] and (lossless or not after.startswith(b"RIFF")):
            return f"the pixels of frame or page {number} differ"
    return ""


def _pdf(command, content, *arguments):
    with tempfile.NamedTemporaryFile(suffix=".pdf") as file:
        pathlib.Path(file.name).write_bytes(content)
        answer = subprocess.run([command, *arguments, file.name, *(["-"] if command == "pdftotext" else [])], capture_output=True)
    return answer.returncode, answer.stdout, answer.stderr


def pdf_problem(before, after, lossless):
    old, new = _pdf("pdftotext", before), _pdf("pdftotext", after)
    if new[:2] != old[:2]:
        return f"pdftotext reads another text: {new[2].decode(errors='replace')[:200]}"
    pages = [[line for line in _pdf("pdfinfo", content)[1].splitlines() if line.startswith((b"Pages:", b"Page size:", b"Form:"))]
             for content in (before, after)]
    if pages[0] != pages[1]:
        return f"pdfinfo: {pages[0]} became {pages[1]}"
    if lossless and _pdf("pdftoppm", before, "-r", "36")[1] != _pdf("pdftoppm", after, "-r", "36")[1]:
        return "the pages look different"
    return ""


def ole_problem(before, after, _lossless):
    with olefile.OleFileIO(io.BytesIO(before)) as old, olefile.OleFileIO(io.BytesIO(after)) as new:
        if old.listdir(streams=True, storages=True) != new.listdir(streams=True, storages=True):
            return "other streams or storages"
        pictures = ("pictures", "worddocument", "1table", "0table", "powerpoint document")
        for path in old.listdir():
            last = path[-1].lower()
            if old.openstream(path).read() != new.openstream(path).read() and last not in pictures and "substg1.0_37" not in last \
                    and "properties_version" not in last:
                return f"{path}: a stream without pictures differs"
    return ""


def seven_zip_problem(before, after, lossless):
    listed = []
    for content in (before, after):
        with tempfile.TemporaryDirectory() as folder:
            archive = pathlib.Path(folder) / "a.7z"
            archive.write_bytes(content)
            answer = subprocess.run(["7z", "x", "-y", "-oout", archive.name], cwd=folder, capture_output=True, text=True)
            if answer.returncode:
                return f"7z: {answer.stdout[-300:]}"
            files = sorted(path for path in (pathlib.Path(folder) / "out").rglob("*") if path.is_file())
            listed.append({path.relative_to(folder).as_posix(): (int(path.stat().st_mtime), path.read_bytes()) for path in files})
    old, new = listed
    if {name: one[0] for name, one in old.items()} != {name: one[0] for name, one in new.items()}:
        return "other members or times"
    return next((f"{name}: {reason}" for name in old if old[name] != new[name]
                 for reason in [problem(old[name][1], new[name][1], lossless)] if reason), "")


def tar_problem(before, after, lossless):
    with tarfile.open(fileobj=io.BytesIO(before)) as old, tarfile.open(fileobj=io.BytesIO(after)) as new:
        was, now = old.getmembers(), new.getmembers()
        fields = ("name", "mode", "uid", "gid", "mtime", "type", "linkname", "uname", "gname", "pax_headers")
        if [[getattr(one, field) for field in fields] for one in was] != [[getattr(one, field) for field in fields] for one in now]:
            return "other members, or another mode, owner or time"
        for one, other in zip(was, now):
            contents = [archive.extractfile(member).read() if member.isreg() else b"" for archive, member in ((old, one), (new, other))]
            if contents[0] != contents[1] and (reason := problem(*contents, lossless)):
                return f"{one.name}: {reason}"
    return ""
