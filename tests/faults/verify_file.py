# SPDX-License-Identifier: Apache-2.0
"""Is a smaller file worth as much as the original? Asked of Pillow, zipfile and programs that are not ours."""
import io
import struct
import warnings
import zipfile

import opened
from PIL import Image, ImageChops, ImageOps, ImageStat

Image.MAX_IMAGE_PIXELS = None
warnings.simplefilter("ignore")  # Pillow warns of odd metadata, which are what we send
# Mean difference of a band, of 255. Small noisy pictures, whose colours are halved, reach 8; another picture, or colours
# that were mixed up, more than 30.
MOST_DIFFERENCE = 12.0


def problem(before, after, lossless):
    """What is wrong with it, or ''. First what is quick; where that has doubts, the programs of `opened` decide."""
    if after.startswith(opened.ZIP_MAGIC):
        return _zip_problem(before, after, lossless)
    if not after.startswith((opened.JPEG_MAGIC, opened.PNG_MAGIC)):
        return _other_problem(before, after, lossless)
    if lossless and same_pixels(before, after):
        return ""
    reason = opened.problem(before, after, lossless)
    return reason or ("" if lossless else _too_different(before, after))


def _other_problem(before, after, lossless):
    """What the other program cannot read at all it must refuse in the original, too, and for the same reason."""
    try:
        return opened.problem(before, after, lossless)
    except Exception as error:  # noqa: BLE001 of a hundred kinds
        try:
            opened.problem(after, before, lossless)
        except Exception as other:  # noqa: BLE001
            if type(other) is type(error):
                return ""
        return f"{type(error).__name__}: {error}"


def same_pixels(before, after):
    try:
        with Image.open(io.BytesIO(before)) as old, Image.open(io.BytesIO(after)) as new:
            if (old.format, old.size) != (new.format, new.size) or old.info.get("icc_profile") != new.info.get("icc_profile"):
                return False
            if getattr(old, "n_frames", 1) != 1 or old.mode.startswith("I"):
                return False
            # JPEG's own bands; PNG may have changed between palette and colours.
            mode = old.mode if old.format == "JPEG" else "RGBA"
            return old.convert(mode).tobytes() == new.convert(mode).tobytes()
    except Exception:  # noqa: BLE001 so has Pillow
        return False


def _too_different(before, after):
    with Image.open(io.BytesIO(before)) as old, Image.open(io.BytesIO(after)) as new:
        old, new = (ImageOps.exif_transpose(one).convert("RGBA") for one in (old, new))
        means = ImageStat.Stat(ImageChops.difference(old.resize(new.size, Image.BOX), new)).mean
    return f"the picture differs by {max(means):.1f} of 255" if max(means) > MOST_DIFFERENCE else ""


def _zip_problem(before, after, lossless):
    """Members equal, or each a sound picture of its own."""
    try:
        with zipfile.ZipFile(io.BytesIO(before)) as old, zipfile.ZipFile(io.BytesIO(after)) as new:
            if old.namelist() != new.namelist() or old.comment != new.comment:
                return "other members, or in another order, or another comment"
            for was, now in zip(old.infolist(), new.infolist()):
                contents = _content(old, was, before), _content(new, now, after)
                reason = _entry_problem(was, now) or _member_problem(*contents, lossless)
                if reason:
                    return f"{now.filename!r}: {reason}"
            return ""
    except Exception:  # noqa: BLE001 zipfile has a hundred ways to say that it cannot
        return opened.problem(before, after, lossless)


def _entry_problem(was, now):
    fields = ("date_time", "external_attr", "comment", "create_version")
    if [getattr(was, field) for field in fields] != [getattr(now, field) for field in fields]:
        return "another date, attribute, comment or version"
    if (was.flag_bits ^ now.flag_bits) & ~opened.REPACKED_FLAGS:
        return f"flags {was.flag_bits:#x} became {now.flag_bits:#x}"
    return ""


def _content(archive, entry, file):
    """What a member holds; of one that is broken, what stands there: it may stay as it is, while others are packed anew."""
    try:
        return archive.read(entry)
    except Exception:  # noqa: BLE001 see above
        names = sum(struct.unpack("<HH", file[entry.header_offset + 26:entry.header_offset + 30]))
        begin = entry.header_offset + 30 + names
        return b"broken: %08x " % entry.CRC + file[begin:begin + entry.compress_size]


def _member_problem(before, after, lossless):
    return "" if before == after else problem(before, after, lossless)
