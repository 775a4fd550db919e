#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the seeds of the fuzz targets: make_seeds.py [FOLDER] (default: seeds/ beside it). Everything is made here, small,
and the same on every run of the same Pillow."""
import base64
import bz2
import gzip
import io
import lzma
import pathlib
import random
import struct
import sys
import tarfile
import zipfile
import zlib

from PIL import Image

STAMP = (2024, 6, 15, 18, 20, 0)
PROSE = ("The western slope was walked on the second day. Paths are dry and safe, and the new signs stand. " * 12).encode()


# ---- Pictures --------------------------------------------------------------------------------------------------------

def picture(width, height, seed=1, noise=20):
    chance = random.Random(seed)
    return bytes(min(255, max(0, (x * 5 + y * 3 + c * 40) % 200 + chance.randrange(-noise, noise + 1)))
                 for y in range(height) for x in range(width) for c in range(3))


def jpeg(mode="RGB", size=(48, 40), **options):
    out = io.BytesIO()
    image = Image.frombytes("RGB", size, picture(*size)).convert(mode)
    image.save(out, "JPEG", **{"quality": 92, **options})
    return out.getvalue()


def segment(marker, payload):
    return struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload


def with_segments(file, *segments):
    return file[:2] + b"".join(segments) + file[2:]


def directory(entries, order, start, following=0):
    """entries: (tag, type, count, value bytes); values above four bytes come after the directory."""
    fixed, values = struct.pack(order + "H", len(entries)), b""
    room = start + 2 + 12 * len(entries) + 4
    for tag, kind, count, value in entries:
        if len(value) > 4:
            field, values = struct.pack(order + "I", room + len(values)), values + value
        else:
            field = value.ljust(4, b"\0")
        fixed += struct.pack(order + "HHI", tag, kind, count) + field
    return fixed + struct.pack(order + "I", following) + values


def exif(order="<", thumbnail=False, gps=True, note=True):
    number = lambda n: struct.pack(order + "I", n)
    short = lambda n: struct.pack(order + "H", n)
    header = (b"II" if order == "<" else b"MM") + short(42) + number(8)
    sub = [(0x9000, 7, 4, b"0230"), (0xA002, 4, 1, number(48)), (0xA003, 4, 1, number(40))]
    if note:
        sub.append((0x927C, 7, 40, b"maker" * 8))
    place = [(0x0001, 2, 2, b"N\0"), (0x0002, 5, 3, number(1) * 6)]
    main = [(0x010F, 2, 7, b"Camera\0"), (0x0112, 3, 1, short(6)), (0x8769, 4, 1, number(0)), (0x8825, 4, 1, number(0))]
    if not gps:
        main.pop()
    main_size = len(directory(main, order, 8))
    sub_at = 8 + main_size
    gps_at = sub_at + len(directory(sub, order, sub_at))
    thumbnail_at = gps_at + len(directory(place, order, gps_at))
    main[2] = (0x8769, 4, 1, number(sub_at))
    if gps:
        main[3] = (0x8825, 4, 1, number(gps_at))
    body = directory(main, order, 8, thumbnail_at if thumbnail else 0)
    body += directory(sub, order, sub_at) + directory(place, order, gps_at)
    if thumbnail:
        body += directory([(0x0201, 4, 1, number(thumbnail_at + 30)), (0x0202, 4, 1, number(4))], order, thumbnail_at)
        body += b"\xFF\xD8\xFF\xD9"
    return header + body


XMP = (b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description exif:GPSLatitude="47,3.5N" dc:rights="me">'
       b"<exif:GPSLongitude>8,3.2E</exif:GPSLongitude></rdf:Description></x:xmpmeta>")
PHOTOSHOP = (b"8BIM\x04\x04\0\0\0\0\0\x06\x1c\x02\x74\0\x01c" + b"8BIM\x04\x0c\0\0\0\0\0\x20" + b"t" * 32 +
             b"8BIM\x03\xed\0\0\0\0\0\x10" + b"r" * 16)


def jpegs():
    plain = jpeg()
    exif_segment = segment(0xE1, b"Exif\0\0" + exif(thumbnail=True))
    return {
        "baseline.jpg": plain,
        "progressive.jpg": jpeg(progressive=True),
        "gray.jpg": jpeg("L"),
        "full-chroma.jpg": jpeg(subsampling=0, quality=97),
        "optimized.jpg": jpeg(optimize=True, quality=60),
        "cmyk.jpg": jpeg("CMYK"),
        "odd-size.jpg": jpeg(size=(17, 9), subsampling=1),
        "exif.jpg": with_segments(plain, exif_segment),
        "exif-big.jpg": with_segments(plain, segment(0xE1, b"Exif\0\0" + exif(">"))),
        "metadata.jpg": with_segments(
            plain, segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + XMP), segment(0xED, b"Photoshop 3.0\0" + PHOTOSHOP),
            segment(0xE2, b"ICC_PROFILE\0\x01\x01" + b"p" * 128), segment(0xFE, b"a comment"),
            segment(0xEE, b"Adobe\0\x64\0\0\0\0\x01")),
        "multi-picture.jpg": with_segments(plain, segment(0xE2, b"MPF\0II*\0\x08\0\0\0")),
        "content-credentials.jpg": with_segments(plain, segment(0xEB, b"JP\0\x01\0\0\0\x01\0\0\0\x20jumb")),
        "data-after-end.jpg": plain + b"\0trailer",
        "wide-restarts.jpg": with_restarts(plain),
    }


def coefficients():
    """Of the target jpeg_coding: width, height, sampling, kind of file; then pairs of zeros to pass over and a value."""
    shape = struct.Struct(">HHBB").pack
    steps = bytes(v for i in range(400) for v in (i * 7 % 11, (i * 37 + 5) % 250))
    return {
        "gray-dense": shape(40, 30, 0, 1) + steps,
        "color-420": shape(50, 41, 2 | 3 << 2, 1) + steps[::-1],
        "four-components": shape(20, 20, 3, 4) + steps,
        "crowded-mcu": shape(33, 17, 2 | 63 << 2, 3) + steps,
        "long-runs": shape(1100, 1190, 0, 0) + bytes([0, 9, 254, 4, 250, 3, 9, 30, 248, 20]),
        "out-of-range": shape(16, 16, 0, 2) + bytes([3, 255, 4, 0, 5, 255, 128, 0]),
    }


def with_restarts(file):
    """An interval longer than the picture: the marker segment, and no restart in the scan."""
    scan = file.index(b"\xFF\xDA")
    return file[:scan] + segment(0xDD, struct.pack(">H", 1000)) + file[scan:]


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
PASSES = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def png(color, depth, size=(24, 20), interlaced=False, chunks=(), level=0, opaque=False):
    chance = random.Random(color * 100 + depth)
    width, height = size
    passes = PASSES if interlaced else [(0, 0, 1, 1)]
    lines = b""
    for left, top, across, down in passes:
        columns, rows = (width - left + across - 1) // across, (height - top + down - 1) // down
        if columns <= 0 or rows <= 0:
            continue
        row_bytes = (columns * CHANNELS[color] * depth + 7) // 8
        for y in range(rows):
            row = bytearray((x // 6 * 40 + y // 5 * 30 + chance.randrange(2)) & 0xFF for x in range(row_bytes))
            if opaque:
                row[CHANNELS[color] - 1::CHANNELS[color]] = b"\xFF" * columns
            lines += b"\0" + bytes(row)
    file = b"\x89PNG\r\n\x1A\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, interlaced))
    if color == 3:
        file += chunk(b"PLTE", bytes(chance.randrange(256) for _ in range(3 << depth)))
    for kind, body in chunks:
        file += chunk(kind, body)
    return file + chunk(b"IDAT", zlib.compress(lines, level)) + chunk(b"IEND", b"")


def pngs():
    files = {f"color{color}-depth{depth}.png": png(color, depth)
             for color, depths in {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}.items()
             for depth in depths}
    files["interlaced-rgba.png"] = png(6, 8, interlaced=True)
    files["interlaced-gray1.png"] = png(0, 1, (33, 17), interlaced=True)
    files["opaque.png"] = png(6, 8, opaque=True)
    files["many-colors.png"] = rgb_png()
    files["ancillary.png"] = png(2, 8, chunks=[
        (b"gAMA", struct.pack(">I", 45455)), (b"pHYs", struct.pack(">IIB", 3780, 3780, 1)), (b"sBIT", b"\x05\x06\x05"),
        (b"bKGD", b"\0\1\0\2\0\3"), (b"tRNS", b"\0\1\0\2\0\3"), (b"tEXt", b"Copyright\0me"),
        (b"tIME", b"\x07\xe8\x06\x0f\x12\x14\0"),
        (b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP), (b"eXIf", exif())])
    files["palette-ancillary.png"] = png(3, 8, chunks=[
        (b"tRNS", bytes(range(200))), (b"bKGD", b"\x03"), (b"hIST", b"\0\1" * 256)])
    files["gray-key.png"] = png(0, 8, chunks=[(b"tRNS", b"\0\x28"), (b"bKGD", b"\0\x28")])
    files["profile.png"] = png(2, 8, chunks=[(b"iCCP", b"p\0\0" + zlib.compress(b"\0" * 128))])
    files["animated.png"] = png(2, 8, chunks=[(b"acTL", struct.pack(">II", 1, 0))])
    return files


def rgb_png():
    out = io.BytesIO()
    Image.frombytes("RGB", (40, 32), picture(40, 32, noise=3)).save(out, "PNG", compress_level=1)
    return out.getvalue()


# ---- Archives --------------------------------------------------------------------------------------------------------

class Unseekable(io.RawIOBase):
    """A pipe: zipfile writes data descriptors then."""
    def __init__(self):
        super().__init__()
        self.content = b""

    def writable(self):
        return True

    def write(self, piece):
        self.content += bytes(piece)
        return len(piece)


def archive(members, comment=b"", streamed=False, level=1):
    """members: (name, content) or (name, content, stored)."""
    out = Unseekable() if streamed else io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        for name, content, *stored in members:
            entry = zipfile.ZipInfo(name, STAMP)
            entry.compress_type = zipfile.ZIP_STORED if stored or name.endswith("/") else zipfile.ZIP_DEFLATED
            entry.external_attr = 0o40755 << 16 if name.endswith("/") else 0o100644 << 16
            made.writestr(entry, content, compresslevel=level)
        made.comment = comment
    return out.content if streamed else out.getvalue()


def archives():
    photo, drawing = jpeg(size=(32, 32)), png(2, 8)
    types = b'<?xml version="1.0"?><Types><Default Extension="xml" ContentType="application/xml"/></Types>'
    office = [("[Content_Types].xml", types), ("_rels/.rels", b"<Relationships/>"), ("word/document.xml", PROSE)]
    odf = [("mimetype", b"application/vnd.oasis.opendocument.text", True), ("content.xml", PROSE),
           ("META-INF/manifest.xml", b"<manifest/>")]
    inner = archive([("a.txt", PROSE), ("b.jpg", photo)])
    return {
        "plain.zip": archive([("a.txt", PROSE), ("b/", b""), ("b/c.txt", PROSE[:400])], comment=b"comment"),
        "stored.zip": archive([("a.txt", PROSE, True), ("b.txt", b"", True)]),
        "streamed.zip": archive([("a.txt", PROSE), ("b.txt", PROSE[:300])], streamed=True),
        "pictures.zip": archive([("a.jpg", photo, True), ("b.png", drawing), ("\u00fc.txt", PROSE)]),
        "nested.zip": archive([("inner.zip", inner, True), ("deeper.zip", archive([("inner.zip", inner)]))]),
        "report.docx": archive(office + [("word/media/image1.jpeg", photo, True), ("word/media/image2.png", drawing)]),
        "signed.docx": archive(office + [("_xmlsignatures/sig1.xml", b"<Signature/>")]),
        "report.odt": archive(odf + [("Pictures/1.png", drawing, True)]),
        "encrypted.odt": archive(odf[:2] + [("META-INF/manifest.xml", b"<manifest:encryption-data/>")]),
        "book.epub": archive([("mimetype", b"application/epub+zip", True), ("META-INF/container.xml", b"<container/>"),
                              ("a.xhtml", PROSE)]),
        "program.jar": archive([("META-INF/MANIFEST.MF", b"Manifest-Version: 1.0\r\n"), ("a.class", PROSE)]),
        "bomb.zip": archive([("zeros", b"\0" * 1_500_000)], level=9),
        "empty.zip": archive([]),
    }


# ---- Mail ------------------------------------------------------------------------------------------------------------

def encoded(content, line=76, end="\r\n"):
    text = base64.b64encode(content).decode()
    return end.join(text[i:i + line] for i in range(0, len(text), line)) + end


def leaf(kind, content, end, disposition="attachment; filename=a.bin", line=76):
    return end.join([f"Content-Type: {kind}", f"Content-Disposition: {disposition}",
                     "Content-Transfer-Encoding: base64", "", encoded(content, line, end)])


def multipart(boundary, parts, end, kind="mixed", parameters=""):
    opened = "".join(f"--{boundary}{end}{part}{end}" for part in parts)
    field = f'Content-Type: multipart/{kind}; boundary="{boundary}"{parameters}{end}'
    return f"{field}{end}preamble{end}{opened}--{boundary}--{end}epilogue{end}"


def mail(entity, end="\r\n"):
    fields = ["From: a@sender.example", "To: b@receiver.example", "Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=", "MIME-Version: 1.0"]
    return (end.join(fields) + end + entity).encode()


def mails():
    end, lf = "\r\n", "\n"
    data = random.Random(7).randbytes(300)
    text = end.join(["Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: quoted-printable", "",
                     "Gr=C3=BC=C3=9Fe =", "line", ""])
    picture_leaf = leaf("image/jpeg; name*0*=utf-8''%C3%BC; name*1=.jpg", data, end, 'attachment; size=300; filename="a b.jpg"')
    lf_leaf = leaf("image/png", data, lf, line=64)
    rfc822 = "Content-Type: message/rfc822" + end + end + mail(multipart("in", [picture_leaf], end)).decode()
    return {
        "single.eml": mail(leaf("image/jpeg", data, end)),
        "mixed.eml": mail(multipart("b", [text, picture_leaf, leaf("application/zip", data, end, line=60)], end)),
        "lf.eml": mail(multipart("b", [lf_leaf, lf_leaf], lf), lf),
        "nested.eml": mail(multipart("o", [multipart("i", [text, picture_leaf], end, "related", '; type="text/html"'),
                                           picture_leaf], end)),
        "digest.eml": mail(multipart("d", [end + mail(picture_leaf).decode()], end, "digest")),
        "forwarded.eml": mail(multipart("f", [text, rfc822, picture_leaf], end)),
        "signed.eml": mail(multipart("s", [picture_leaf, f"Content-Type: application/pgp-signature{end}{end}x{end}"], end,
                                     "signed")),
        "prefix-boundary.eml": mail(multipart("bb", [multipart("b", [picture_leaf], end)], end)),
        "no-mime.eml": b"From: a@sender.example\r\n\r\n-----BEGIN PGP MESSAGE-----\r\n",
        "mbox.eml": b"From a@sender.example Sat Jun 15\n" + mail(multipart("b", [lf_leaf], lf), lf),
        "deep.eml": mail(deep(12, picture_leaf, end)),
    }


def deep(levels, inside, end):
    for level in range(levels):
        inside = multipart(f"x{level}y", [inside], end)
    return inside


def bodies():
    data = random.Random(8).randbytes(200)
    return {
        "lines76": encoded(data).encode(),
        "lines64-lf": encoded(data, 64, "\n").encode(),
        "one-line": base64.b64encode(data),
        "lines-of-4": encoded(data[:40], 4, "\n").encode(),
        "blank-around": b"\r\n\r\n" + encoded(data[:100]).encode() + b"\r\n\r\n",
        "uneven": encoded(data[:100], 60).encode() + encoded(data[:99], 40).encode(),
        "padded1": b"QUI=\n",
        "padded2": b"QQ==\r\n",
        "spare-bits": b"QR==",
        "mixed-ends": b"QUJD\r\nQUJD\nQUJD\r\n",
        "quoted": "Gr=C3=BC=C3=9Fe =\r\nsoft =\n=3D=\r\n=zz =".encode(),
    }


def fields():
    return {
        "plain": b'Content-Type: multipart/mixed; boundary="b (c)"\r\nMIME-Version: 1.0 (a)\r\n\r\nbody',
        "folded": b"Content-Type: image/jpeg;\r\n\tname=\"a;b\\\" (1).jpg\"\r\n (comment)\r\n\r\n",
        "rfc2231": b"Content-Disposition: attachment; filename*0*=utf-8'de'%C3%BC; filename*1=\"b\"; "
                   b"filename*2*=%20c; size=12\n\n",
        "rfc2047": b'Content-Type: text/plain; name="=?iso-8859-1?Q?=FC_a?= =?utf-8?B?w7w=?="\n\n',
        "charsets": b"Subject: =?windows-1252?Q?=80?= =?koi8-r?B?8PLJ?= =?shift_jis?B?g2U=?=\n\n",
        "value": b'attachment; filename="a"; size = "12" ; (x) creation-date=now',
        "twice": b"Content-Type: a/b\r\nContent-Type: c/d\r\n\r\n",
        "delimiter": b"Content-Type: a/b\r\n--b\r\n\r\n",
    }


# ---- Records and settings --------------------------------------------------------------------------------------------

def slot(text, width):
    return bytes([len(text)]) + text + bytes(width - len(text))


def options(lossy=1):
    return struct.pack("<BBBBHBBBBHIIIQQBBHI", lossy, 1, 82, 60, 9500, 1, 80, 1, 3, 9600, 0xFFFFFFFF, 4096, 10000, 10 ** 8,
                       512 << 20, 3, 0, 220, 0)


def records():
    request = (b"OMJQ" + struct.pack("<HBBIIQQ", 2, 1, 0, 5000, 0, 5000, 4999) + b"d" * 32 + options() +
               slot(b"image/jpeg", 255) + slot("Gr\u00fc\u00dfe.jpg".encode(), 255))

    def reply(outcome, size, score, name, reason):
        return (b"OMJR" + struct.pack("<HBBQQBB6xQ", 2, outcome, 1, size, 1234, score is not None, 1 if size else 0,
                                      struct.unpack("<Q", struct.pack("<d", score or 0.0))[0]) +
                bytes(32) + slot(name, 31) + slot(reason, 255))

    def zygote(word, pid):
        return b"OMZY" + struct.pack("<HBBIIQII", 2, word, 0, pid, 0, 0, 0, 7 if word == 2 else 0)
    queue = (b"OMQS" + struct.pack("<HHH6xQIIQQQQQQII", 1, 2, 1, 0x1234, 1000, 4321, 1, 20000, 300, 4, 5, 60000, 4711, 8) +
             slot(b"0.1.0", 15) + slot("/spool/gr\u00fcn/active cannot be read".encode(), 135))
    return {
        "queue": b"\4" + queue,
        "request": b"\0" + request,
        "reply": b"\1" + reply(0, 4000, 0.97, b"jpeg", b""),
        "reply-lossless": b"\1" + reply(0, 4000, None, b"zip", b""),
        "reply-refused": b"\1" + reply(6, 0, None, b"png", "broken \u00fc".encode()),
        "zygote-ready": b"\2" + zygote(2, 0),
        "zygote-forked": b"\2" + zygote(3, 4711),
        "tidied": b"\3\0\1\x10\0\1\x80" + bytes(8) + b"\x20reason \xff\x1b[2J \xe2\x80\xae text, long" + b"\x05tail!",
        "tidied-refused": b"\3\6\1" + bytes(8) + b"\x04Zip!" + b"\x30" + b"\xc3\xbc" * 24 + b"\xff" + b"r" * 255,
    }


def settings():
    example = (pathlib.Path(__file__).resolve().parent.parent / "contrib" / "optimilter.toml").read_text()
    rows = [line.lstrip("#") for line in example.splitlines() if " = " in line and not line.startswith("# ")]
    return {
        "every-setting.toml": "\n".join(rows).encode() + b"\n",
        "few.toml": b'profile = "compact"\nmin_size = "8KiB"\ndeadline = "1500ms"\n'
                    b'internal_networks = ["10.0.0.0/8", "fd00::/8"]\n',
        "slips.toml": b'profil = "balanced"\nmin_size = "8K"\nworkers = -1\nformats = ["jpg"]\n[table]\nlisten = 1\n',
        "broken.toml": b'listen = "unix:/run\nworkers = = 2\n',
        "twice.toml": b"workers = 2\nworkers = 3\n",
        "crossed.toml": b'min_size = "2MiB"\nmax_size = "1MiB"\njpeg_quality_min = 90\njpeg_quality_max = 40\n',
    }


def policies():
    """Rules, a line "----", facts a line: sender, two recipients, user, client, then header fields. t, r, c: a list."""
    folder = pathlib.Path(__file__).resolve().parent.parent / "contrib" / "policies"
    facts = b"\n----\nanna@sender.test\nben@press.example\ncarl@receiver.test\nanna\n192.0.2.1\nList-Id: <x>\nSubject: [scan] 1\n"
    rule = b'p[[rule]]\nname = "%d"\nwhen = { %s }\nthen = { %s }\n'
    ready = {path.name: b"p" + path.read_bytes() + facts for path in folder.glob("*.toml")}
    return ready | {
        "every-condition": rule % (1, b'direction = "inbound", authenticated = true, auth_user = "anna", client = "192.0.2.0/24", '
                                      b'listener = "smtpd", sender = ".test", recipient = ["ben@", "<>"], header_all = { name = "Subject", '
                                      b'matches = "(?i)^.scan" }, header = [{ name = "A", present = false }, { name = "B", equals = "c" }], '
                                      b'part_type = "image/*", file_name = "*.j?g", file_name_matches = "^a", format = ["jpeg", "zip"], '
                                      b'size_min = "1kB", size_max = 10000000, message_size_min = 1, message_size_max = "1GiB"', b"effort = 1") + facts,
        "mixed": b"pvalid_until = 2037-12-31\n" +
                 (rule % (1, b'recipient = "press.example"', b'profile = "lossless", deadline = "1s", formats = ["jpeg"], convert = ["bmp"]'))[1:] +
                 (rule % (2, b'recipient = "carl@"', b'profile = "compact", max_side_px = 0, keep_gps = true, min_size = 1'))[1:] + facts,
        "parts-and-whole": rule % (1, b'recipient = "ben@", format = ["jpeg"]', b'leave_alone = "a"') +
                           (rule % (2, b"", b"dry_run = true, opt_in_header = \"X\", opt_trust = \"everybody\""))[1:] + facts,
        "slips": b'p[[rule]]\nname = "a b"\nwhen = { sendr = 1, header = { matches = "(" } }\nthen = { profil = 1, workers = 2 }\n',
        "texthash": b"t# x\na@b OK\n  more\nexample.org x\n.example.org DUNNO\nben@ x\n<> x\n",
        "regexp": b"r/^a/ OK\n!/b$/i x\nif /c/\n|d/e| DUNNO\nif !/f/\nendif\nendif\n/g\\/h/ x\n",
        "cidr": b"c10.0.0.0/8 x\n!2001:db8::/32 x\nif 192.0.2.0/24\n192.0.2.1 DUNNO\nendif\n::/0 x\n",
        "cidr-slips": b"c10.0.0.1/8\nendif\nif ::1\n",
    }


def sniffed():
    files = {name: b"\x05a.zip" + content for name, content in archives().items() if len(content) < 3000}
    files["named.docx"] = b"\x06a.docx" + archive([("a.txt", b"a")])
    heads = {
        "gif": b"GIF89a", "webp": b"RIFF\0\0\0\0WEBP", "heif": b"\0\0\0\x18ftypmif1\0\0\0\0heicmif1", "tiff": b"II*\0",
        "bmp": b"BM" + bytes(8) + b"\x36\0\0\0\x28\0\0\0" + bytes(8) + b"\x01\0\x18\0" + bytes(9), "pdf": b"\n%PDF-1.7",
        "ole": b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", "gzip": b"\x1F\x8B\x08", "bzip2": b"BZh91AY&SY", "xz": b"\xFD7zXZ\0",
        "zstd": b"\x28\xB5\x2F\xFD", "7z": b"7z\xBC\xAF\x27\x1C", "rar": b"Rar!\x1A\x07\0", "tar": bytes(257) + b"ustar\0",
        "jpeg": b"\xFF\xD8\xFF\xE0", "apng": b"\x89PNG\r\n\x1A\n" + chunk(b"acTL", bytes(8))}
    files.update({f"head.{name}": b"\0" + head for name, head in heads.items()})
    return files


def conversations():
    """Steps of the target guard: 0x08 + 16 * command frames of the MTA, 0x0A + 16 * reply frames of the engine, at once."""
    commands, replies = "OCHMRTLNBEDAQKUx", "acsbhOprtdqmi+y"

    def mta(command, size=3):
        return bytes([8 | commands.index(command) << 4, size]) + b"abc"[:size]

    def engine(reply, size=0):
        return bytes([10 | replies.index(reply) << 4, size]) + b"new body"[:size].ljust(min(size, 16), b"n")

    def negotiation(silent=0):
        return b"\x08\x01\xFF\x1F\xFF\xFF" + bytes([10 | 5 << 4]) + b"\x01\x03" + silent.to_bytes(3, "big")
    begin = b"".join(mta(command) + engine("c") for command in "CHMRTLN") + mta("B", 40) + engine("c")
    end = b"\x98\0"
    whole = engine("h", 5) + engine("b", 9) + engine("a")
    return {
        "replaced": b"\0" + negotiation() + begin + end + whole + mta("Q"),
        "silent": b"\0" + negotiation(0x1080) + mta("C") + mta("M") + engine("c") + mta("L") + mta("L") + mta("N") + engine("a"),
        "skipped": b"\0" + negotiation(0x400) + mta("M") + engine("c") + mta("B", 9) + engine("s") + end +
                   engine("b", 2) + engine("a"),
        "two-messages": b"\0" + negotiation() + (begin + end + engine("c") + mta("A")) * 2,
        "lost-in-reply": b"\0" + negotiation() + begin + end + engine("b", 5) + b"\x07\x81" + mta("M"),
        "no-engine": b"\1\x08\x01\xFF\x1F\xFF\xFF" + mta("C") + mta("M") + end,
        "wrong-answer": b"\0" + negotiation() + mta("M") + engine("r"),
        "does-not-fit": b"\0\x07\x01" + negotiation() + begin + end + engine("b", 39) * 2 + engine("a"),
        "bytes": b"\0\x14\x0B\0\0\0\x0dO\0\0\0\6\0\x15\x03\x15\x08\x04\3\0\0\0\x06\x06",
    }


# ---- Tar and compressed streams ---------------------------------------------------------------------------------------

def tarred(form, **extra):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form, **extra) as archive:
        for name, content in (("note.txt", PROSE[:700]), ("a" * 120 + "/b\u00fc.txt", b"long"), ("empty", b"")):
            member = tarfile.TarInfo(name)
            member.size, member.mtime, member.uname = len(content), 1718475600, "anna"
            archive.addfile(member, io.BytesIO(content))
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "note.txt"
        archive.addfile(link)
    return out.getvalue()


def tars():
    return {"pax.tar": tarred(tarfile.PAX_FORMAT, pax_headers={"comment": "seed"}), "gnu.tar": tarred(tarfile.GNU_FORMAT),
            "cut.tar": tarred(tarfile.PAX_FORMAT)[:1500]}


def streams():
    named = io.BytesIO()
    with gzip.GzipFile("note.txt", "wb", 1, named, 1718475600) as file:
        file.write(PROSE)
    raw_zstd = b"\x28\xB5\x2F\xFD\x20" + bytes([len(PROSE) % 200]) + struct.pack("<I", 1 | (len(PROSE) % 200) << 3)[:3]
    return {"note.gz": named.getvalue(), "twice.gz": gzip.compress(PROSE, mtime=0) * 2, "note.bz2": bz2.compress(PROSE, 1),
            "note.xz": lzma.compress(PROSE, preset=0), "sha256.xz": lzma.compress(PROSE, check=lzma.CHECK_SHA256, preset=1),
            "twice.xz": lzma.compress(PROSE) * 2, "note.zst": raw_zstd + PROSE[:len(PROSE) % 200]}


def seven_zip_headers():
    names = "a.txt\0b\0".encode("utf-16-le")
    files = (b"\5\2\x0E\1\x40\x11" + bytes([len(names) + 1]) + b"\0" + names + b"\x14\x12\1\0" + bytes(16)
             + b"\x15\x0A\1\0" + bytes(8) + b"\0")
    folder = b"\7\x0B\1\0\1\x21\x21\1\x18\x0C\5"
    one = b"\1\4\6\0\1\x09\x03\0" + folder + b"\0\x08\x0A\1" + bytes(4) + b"\0\0" + files + b"\0"
    two = (b"\1\4\6\0\1\x09\x03\0" + folder + b"\0\x08\x0D\2\x09\2\x0A\1" + bytes(8) + b"\0\0"
           + files.replace(b"\x0E\1\x40", b"\x0E\1\0") + b"\0")
    aes = one.replace(b"\x21\x21\1\x18", b"\x24\x06\xF1\7\1\0")
    return {"one": b"\0\3" + one, "two": b"\0\3" + two, "aes": b"\0\3" + aes, "empty": b"\0\0\1\5\0\0\0"}


# ---- Parts of documents -----------------------------------------------------------------------------------------------

SPACES = ('xmlns:w="urn:w" xmlns:p="urn:p" xmlns:pic="urn:pic" xmlns:wp="urn:wp" xmlns:wpg="urn:g" xmlns:xdr="urn:x" '
          'xmlns:mc="urn:mc" xmlns:a="urn:a" xmlns:r="urn:r" xmlns:v="urn:schemas-microsoft-com:vml"')
OFFICE = "urn:oasis:names:tc:opendocument:xmlns:"


def shape(cx=1828800, cy=914400, crop='l="25000" b="-5000"', effect=""):
    return (f'<pic:pic><pic:blipFill><a:blip r:embed="rId1">{effect}</a:blip><a:srcRect {crop}/><a:stretch><a:fillRect/></a:stretch>'
            f'</pic:blipFill><pic:spPr><a:xfrm rot="5400000"><a:off x="0" y="0"/><a:ext cx="{cx}" cy="{cy}"/></a:xfrm></pic:spPr></pic:pic>')


def parts():
    group = ('<wpg:wgp><wpg:grpSpPr><a:xfrm><a:ext cx="914400" cy="914400"/><a:chExt cx="457200" cy="914400"/></a:xfrm></wpg:grpSpPr>'
             + shape() + "</wpg:wgp>")
    anchor = '<wp:inline><wp:extent cx="1828800" cy="914400"/>%s</wp:inline>'
    cells = ('<xdr:twoCellAnchor><xdr:from><xdr:col>1</xdr:col><xdr:colOff>5</xdr:colOff><xdr:row>1</xdr:row><xdr:rowOff>0</xdr:rowOff>'
             '</xdr:from><xdr:to><xdr:col>4</xdr:col><xdr:colOff>0</xdr:colOff><xdr:row>5</xdr:row><xdr:rowOff>0</xdr:rowOff></xdr:to>%s'
             '</xdr:twoCellAnchor>')
    vml = '<v:shape style="width:72pt;height:1in"><v:imagedata r:id="rId2" cropleft="6554f" chromakey="white"/></v:shape>'
    odf = (f'<office:document-content xmlns:office="{OFFICE}office:1.0" xmlns:draw="{OFFICE}drawing:1.0" xmlns:style="{OFFICE}style:1.0" '
           'xmlns:fo="urn:fo" xmlns:svg="urn:svg" xmlns:xlink="urn:xlink"><office:automatic-styles><style:style style:name="f">'
           '<style:graphic-properties fo:clip="rect(0cm, 1cm, 0cm, 0cm)"/></style:style></office:automatic-styles><office:body>%s'
           '</office:body></office:document-content>')
    frame = '<draw:frame %s svg:width="2cm" svg:height="1in"><draw:image xlink:href="Pictures/1.png"/>%s</draw:frame>'
    rels = ('<Relationships><Relationship Id="rId1" Type="urn:x/relationships/image" Target="media/image1.png"/><Relationship Id="rId2" '
            'Type="urn:x/thumbnail" Target="/word/media/image1.png"/></Relationships>')
    made = {"inline.xml": f"<w:document {SPACES}>{anchor % shape()}</w:document>",
            "group.xml": f"<w:document {SPACES}>{anchor % group}{vml}</w:document>",
            "exact.xml": f"<p:sld {SPACES}>{shape(effect='<a:clrChange/>')}<p:animScale/></p:sld>",
            "cells.xml": f"<xdr:wsDr {SPACES}>{cells % shape()}</xdr:wsDr>",
            "frame.xml": odf % (frame % ("", "")),
            "cropped.xml": odf % (frame % ('draw:style-name="f"', "<draw:contour-polygon/>")),
            "relations.xml": rels,
            "doctype.xml": "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
            "length": "width:72pt;height:2.54cm", "name": "../media/%41%20b/./image1.png#x"}
    return {name: text.encode() for name, text in made.items()}


def compound(streams):
    """streams: (storage or "", name, content of 4096 bytes or more), those of a storage behind each other: no mini stream."""
    entries, places, body, fat = [], {}, b"", []

    def chain(content):
        nonlocal body
        start, count = len(fat) + 1, -(-len(content) // 512)  # sector 0 will be the FAT
        fat.extend(range(start + 1, start + count))
        fat.append(0xFFFFFFFE)
        body += content.ljust(count * 512, b"\0")
        return start

    def entry(name, kind, start=0, size=0):
        wide = name.encode("utf-16-le") + b"\0\0"
        entries.append([wide.ljust(64, b"\0") + struct.pack("<HBB", len(wide), kind, 1), [0xFFFFFFFF] * 3, start, size])
        return len(entries) - 1

    last = {"": (entry("Root Entry", 5, 0xFFFFFFFE), 2)}
    for storage, name, content in streams:
        if storage not in last:
            made = entry(storage, 1)
            above, link = last[""]
            entries[above][1][link] = made
            last[""], last[storage] = (made, 1), (made, 2)
        made = entry(name, 2, chain(content), len(content))
        above, link = last[storage]
        entries[above][1][link] = made
        last[storage] = (made, 1)
    raw = b"".join(head + struct.pack("<3I", *links) + bytes(36) + struct.pack("<IQ", start, size)
                   for head, links, start, size in entries)
    start = chain(raw.ljust(-(-len(raw) // 512) * 512, b"\0"))
    header = b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1" + bytes(16) + struct.pack("<5H", 0x3E, 3, 0xFFFE, 9, 6) + bytes(10)
    header += struct.pack("<9I", 1, start, 0, 4096, 0xFFFFFFFE, 0, 0xFFFFFFFE, 0, 0).ljust(36 + 4 * 108, b"\xFF")
    table = struct.pack(f"<{len(fat) + 1}I", 0xFFFFFFFD, *fat)
    return header + table.ljust(512, b"\xFF") + body


def art(kind, body, version=0, instance=0):
    return struct.pack("<HHI", version | instance << 4, kind, len(body)) + body


def ole_files():
    out = io.BytesIO()
    Image.frombytes("RGB", (44, 40), picture(44, 40)).save(out, "PNG", compress_level=0)
    drawing, photo = out.getvalue(), jpeg(size=(96, 80), optimize=False)
    blips = [art(0xF01E, b"Z" * 16 + b"\xFF" + drawing, instance=0x6E0), art(0xF01D, b"Z" * 16 + b"\xFF" + photo, instance=0x46A)]

    def store(at):
        entries = b""
        for blip in blips:
            entries += art(0xF007, b"\6\6" + b"Z" * 18 + struct.pack("<IIII", len(blip), 1, at, 0), 2, 6)
            at += len(blip)
        return art(0xF000, art(0xF001, entries, 15, 2), 15)

    filler = art(0x0FA0, b"t" * 4096)
    user = art(0x0FF6, struct.pack("<III", 20, 0xE391C05F, 0) + bytes(8)).ljust(4096, b"\0")
    main = bytearray(b"t" * 4096)
    for at, form, *values in ((0, "<HH", 0xA5EC, 0xC1), (10, "<H", 0x200), (0x1C, "<I", 2000), (0x20, "<H", 14), (0x3E, "<H", 22),
                              (0x40, "<I", 4096 + sum(map(len, blips))), (0xFA, "<4I", 0, 0, 0, 0),
                              (0x22A, "<II", 0, len(store(4096)))):
        struct.pack_into(form, main, at, *values)
    mail = [("", "__properties_version1.0", bytes(4096))]
    for number, content in enumerate((drawing, drawing[:3000] + photo * 3)):
        properties = struct.pack("<8x IIQ IIQ IIQ", 0x0E200003, 6, len(content) + 9, 0x37050003, 6, 1, 0x37010102, 6, len(content))
        folder = f"__attach_version1.0_#0000000{number}"
        mail += [(folder, "__properties_version1.0", properties.ljust(4096, b"\0")), (folder, "__substg1.0_37010102", content)]
    return {"slides.ppt": compound([("", "Current User", user), ("", "Pictures", b"".join(blips)),
                                    ("", "PowerPoint Document", art(0x03E8, store(0), 15) + filler)]),
            "letter.doc": compound([("", "1Table", store(4096).ljust(4096, b"\0")), ("", "WordDocument", bytes(main) + b"".join(blips))]),
            "mail.msg": compound(mail),
            "encrypted.ppt": compound([("", "EncryptedPackage", bytes(4096))])}


def gifs():
    def frames(count, **options):
        pictures = [Image.frombytes("RGB", (24, 20), picture(24, 20, seed)).quantize(16) for seed in range(count)]
        to = io.BytesIO()
        pictures[0].save(to, "GIF", save_all=True, append_images=pictures[1:], **options)
        return to.getvalue()
    plain = io.BytesIO()
    Image.frombytes("RGB", (24, 20), picture(24, 20)).quantize(8).save(plain, "GIF", interlace=1, transparency=3, comment=b"seed")
    return {"one": plain.getvalue(), "kept": frames(3, duration=50, loop=0, disposal=1),
            "cleared": frames(3, duration=50, loop=2, disposal=2), "restored": frames(3, duration=70, disposal=3)}


def rasters():
    def saved(kind, form, mode="RGB", **options):
        to = io.BytesIO()
        Image.frombytes("RGB", (13, 11), picture(13, 11)).convert(mode).save(to, form, **options)
        return bytes([kind]) + to.getvalue()
    rows = bytes(range(13 * 2)) * 3
    sun = struct.pack(">8I", 0x59A66A95, 13, 2, 24, 80, 1, 0, 0) + (rows[:39] + b"\0") * 2
    return {"bmp24": saved(0, "BMP"), "bmp8": saved(0, "BMP", "P"), "bmp1": saved(0, "BMP", "1"), "tga": saved(1, "TGA"),
            "tga-runs": saved(1, "TGA", compression="tga_rle"), "pcx24": saved(2, "PCX"), "pcx8": saved(2, "PCX", "P"),
            "sgi": saved(3, "SGI"), "ppm": saved(4, "PPM"), "pgm": saved(4, "PPM", "L"), "sun": b"\5" + sun}


# ---- PDF -------------------------------------------------------------------------------------------------------------

def pdf_body(*objects):
    """Objects from number 1 on; a pair is a stream. fuzz/pdf_target.cpp adds table, trailer and lengths."""
    body = b""
    for number, content in enumerate(objects, 1):
        body += b"%d 0 obj\n" % number
        body += content if isinstance(content, bytes) else b"<<" + content[0] + b">>stream\n" + content[1] + b"\nendstream"
        body += b"\nendobj\n"
    return body


def pdfs():
    tree = [b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
            b"<</Type/Page/Parent 2 0 R/Contents 4 0 R/Resources<</XObject<</P 5 0 R>>>>/MediaBox[0 0 99 99]>>"]
    content = (b"", b"q 20 0 0 20 0 0 cm /P Do Q " + PROSE[:600])
    image = b"/Type/XObject/Subtype/Image/BitsPerComponent 8/Width %d/Height %d/ColorSpace/DeviceRGB"
    samples = zlib.compress(picture(64, 64, noise=6), 1)
    gray = (b"/Subtype/Image/BitsPerComponent 8/Width 48/Height 40/ColorSpace/DeviceGray/Filter/RunLengthDecode",
            b"\x81a" * 15 + b"\x80")
    text = (b"/Filter[/ASCII85Decode/FlateDecode]", base64.a85encode(zlib.compress(PROSE, 1)) + b"~>")
    form = (b"/Subtype/Form/Matrix[2 0 0 2 0 0]/Resources<</XObject<</P 6 0 R>>>>", b"10 0 0 10 0 0 cm /P Do")
    return {"jpeg": pdf_body(*tree, content, (image % (48, 40) + b"/Filter/DCTDecode", jpeg())),
            "samples": pdf_body(*tree, content, (image % (64, 64) + b"/Filter/FlateDecode/SMask 6 0 R", samples), gray),
            "form": pdf_body(*tree, content, form, (image % (64, 64) + b"/Filter/FlateDecode", samples)),
            "text": pdf_body(*tree[:2], b"<</Type/Page/Parent 2 0 R/Contents[4 0 R 4 0 R]/A[(a\\(b) <00ff> -.5 true null /N#20 7 0 R]>>", text),
            "signed": pdf_body(*tree, content, b"<</Type/Sig/ByteRange[0 1 2 3]>>")}


SEEDS = {"pdf": pdfs, "mail": mails, "base64": bodies, "fields": fields, "sniff": sniffed, "zip": archives, "tar": tars, "stream": streams, "seven_zip": seven_zip_headers, "png": pngs, "gif": gifs, "raster": rasters, "jpeg": jpegs, "jpeg_coding": coefficients,
         "exif": lambda: {"little": exif(), "big": exif(">"), "thumbnail": exif(thumbnail=True),
                          "no-gps": exif(gps=False, note=False), "xmp": XMP, "photoshop": b"Photoshop 3.0\0" + PHOTOSHOP},
         "office": parts, "ole": ole_files, "records": records, "settings": settings, "policy": policies, "guard": conversations}


def main():
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parent / "seeds"
    for target, make in SEEDS.items():
        (folder / target).mkdir(parents=True, exist_ok=True)
        for name, content in make().items():
            (folder / target / name).write_bytes(content)


if __name__ == "__main__":
    main()
