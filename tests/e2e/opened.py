# SPDX-License-Identifier: Apache-2.0
"""Opens results with programs that are not ours. Every function returns the reason why it will not, or ''."""
import io
import pathlib
import subprocess
import tempfile
import zipfile

from PIL import Image, ImageOps

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
        if new.format != old.format:
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
