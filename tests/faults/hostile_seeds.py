# SPDX-License-Identifier: Apache-2.0
"""Small sound files of every kind, to be mutated."""
import io
import random
import zipfile

from mails import photo
from PIL import Image

_CONTENT_TYPES = ('<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
                  '<Default Extension="xml" ContentType="application/xml"/><Default Extension="png" ContentType="image/png"/>'
                  '<Default Extension="jpeg" ContentType="image/jpeg"/><Override PartName="/word/document.xml" '
                  'ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>')


def saved(picture, kind, **options):
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def _noise(seed, size, mode="RGB"):
    bands = len(Image.new(mode, (1, 1)).getbands())
    coarse = Image.frombytes(mode, (8, 8), random.Random(seed).randbytes(64 * bands))
    return coarse.resize(size, Image.BICUBIC)


def archive(members, stored=()):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name, content in members:
            new.writestr(zipfile.ZipInfo(name, (2024, 6, 15, 18, 20, 0)), content,
                         zipfile.ZIP_STORED if name in stored else zipfile.ZIP_DEFLATED, 1)
    return out.getvalue()


def small_files():
    jpeg = photo(3, (96, 72))
    png = saved(_noise(2, (90, 70)), "PNG", compress_level=0)
    clear = saved(_noise(4, (60, 40), "RGBA"), "PNG", compress_level=1)
    few = saved(_noise(5, (80, 60)).quantize(16), "PNG", compress_level=1)
    text = b"A line of text that repeats itself, as text does.\r\n" * 60
    document = [("[Content_Types].xml", _CONTENT_TYPES), ("_rels/.rels", "<Relationships/>"),
                ("word/document.xml", b"<w:document>" + text * 3 + b"</w:document>"), ("word/media/image1.png", png),
                ("word/media/image2.jpeg", jpeg)]
    odf = [("mimetype", "application/vnd.oasis.opendocument.text"), ("content.xml", b"<office:document/>" + text),
           ("Pictures/1.png", clear)]
    plain = [("a.txt", text), ("b.png", png), ("dir/c.jpg", jpeg)]
    nested = [("inner.zip", archive([("d.png", clear)]))]
    return (jpeg, photo(4, (64, 64), 60), saved(_noise(6, (70, 50)), "JPEG", quality=80, progressive=True),
            saved(_noise(7, (70, 50), "L"), "JPEG", quality=85), png, clear, few,
            saved(_noise(8, (50, 50)), "PNG", dpi=(72, 72)), archive(plain), archive(nested),
            archive(document), archive(odf, stored=("mimetype",)), saved(_noise(9, (40, 40)), "GIF"),
            saved(_noise(9, (40, 40)), "PDF"))
