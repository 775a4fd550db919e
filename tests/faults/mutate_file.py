# SPDX-License-Identifier: Apache-2.0
"""Makes hostile attachments of good ones. Everything is drawn from the random.Random that is passed in, so that a seed
gives the same bytes again."""
import io
import struct
import zipfile
import zlib

ODD_SIZES = (0, 1, 2, 7, 8, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFFFE, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE,
             0xFFFFFFFF)


# ---- any bytes ----


def flip_bits(chance, content):
    out = bytearray(content)
    for _ in range(chance.choice((1, 1, 1, 2, 8, 64))):
        if out:
            out[chance.randrange(len(out))] ^= 1 << chance.randrange(8)
    return bytes(out)


def truncate(chance, content):
    return content[:chance.randrange(len(content) + 1)]


def _slice(chance, content):
    begin = chance.randrange(len(content) + 1)
    return begin, min(len(content), begin + chance.choice((1, 2, 4, 16, 300, 5000)))


def remove_slice(chance, content):
    begin, end = _slice(chance, content)
    return content[:begin] + content[end:]


def double_slice(chance, content):
    begin, end = _slice(chance, content)
    return content[:end] + content[begin:]


def zero_slice(chance, content):
    begin, end = _slice(chance, content)
    return content[:begin] + bytes(end - begin) + content[end:]


def insert_noise(chance, content):
    begin, _ = _slice(chance, content)
    return content[:begin] + chance.randbytes(chance.choice((1, 3, 100))) + content[begin:]


def append_noise(chance, content):
    return content + chance.choice((b"\0", b"\0" * 1000, chance.randbytes(500), content))


def odd_number(chance, content):
    form = chance.choice(("<H", ">H", "<I", ">I"))
    size = struct.calcsize(form)
    begin = chance.randrange(max(1, len(content) - size))
    return content[:begin] + struct.pack(form, chance.choice(ODD_SIZES) & (256 ** size - 1)) + content[begin + size:]


ANY = (flip_bits, flip_bits, truncate, remove_slice, double_slice, zero_slice, insert_noise, append_noise, odd_number)


# ---- JPEG ----


def jpeg_segments(content):
    """[bytes of a marker segment], the last one holds everything from SOS on."""
    segments, at = [content[:2]], 2
    while at + 4 <= len(content) and content[at] == 0xFF and content[at + 1] != 0xDA:
        size = struct.unpack(">H", content[at + 2:at + 4])[0]
        segments.append(content[at:at + 2 + size])
        at += 2 + size
    return segments + [content[at:]]


ODD_MARKERS = (0x00, 0x01, 0xC0, 0xC2, 0xC4, 0xCC, 0xD0, 0xD8, 0xD9, 0xDD, 0xE1, 0xEE, 0xFE)


def jpeg_markers(chance, content):
    """Segments doubled, lost, swapped, renamed, with a wrong length, or another's dimensions."""
    segments = jpeg_segments(content)
    at = chance.randrange(len(segments))
    one, way = segments[at], chance.randrange(8)
    if way == 0:
        segments.insert(chance.randrange(len(segments) + 1), one)
    elif way == 1:
        del segments[at]
    elif way == 2:
        other = chance.randrange(len(segments))
        segments[at], segments[other] = segments[other], one
    elif way == 3:
        segments[at] = one[:1] + bytes([chance.choice(ODD_MARKERS)]) + one[2:]
    elif way == 4:
        segments[at] = one[:2] + struct.pack(">H", chance.choice(ODD_SIZES) & 0xFFFF) + one[4:]
    elif way == 5:
        segments = [_other_dimensions(chance, segment) for segment in segments]
    elif way == 6:
        filler = chance.randbytes(chance.choice((0, 1, 40, 65533)))
        segments.insert(1, b"\xff" + bytes([0xE0 + chance.randrange(16)]) + struct.pack(">H", len(filler) + 2) + filler)
    else:
        scan = bytearray(segments[-1])
        for _ in range(chance.choice((1, 4))):
            at = chance.randrange(len(scan))
            scan[at:at] = b"\xff" + bytes([chance.choice((0xD0, 0xD7, 0xD9, 0xC4, 0xDC))])
        segments[-1] = bytes(scan)
    return b"".join(segments)


def _other_dimensions(chance, segment):
    if segment[:1] != b"\xff" or segment[1] not in (0xC0, 0xC1, 0xC2) or len(segment) < 12:
        return segment
    sides = struct.pack(">HH", *(chance.choice((0, 1, 7, 64, 1000, 20000, 65535)) for _ in range(2)))
    return segment[:5] + sides + segment[9:]


# ---- PNG ----


def png_chunks(content):
    """[(type, payload)] of a well-formed PNG."""
    chunks, at = [], 8
    while at + 12 <= len(content):
        size = struct.unpack(">I", content[at:at + 4])[0]
        chunks.append((content[at + 4:at + 8], content[at + 8:at + 8 + size]))
        at += 12 + size
    return chunks


def png_chunk(kind, payload, claimed=None):
    size = len(payload) if claimed is None else claimed
    return struct.pack(">I", size) + kind + payload + struct.pack(">I", zlib.crc32(kind + payload))


def png_structure(chance, content):
    """Chunks doubled, lost, swapped, with a wrong length or other content but a right sum; rows with other filters."""
    chunks = png_chunks(content)
    at, way = chance.randrange(len(chunks)), chance.randrange(8)
    kind, payload = chunks[at]
    raw = None
    if way == 0:
        chunks.insert(chance.randrange(len(chunks) + 1), chunks[at])
    elif way == 1:
        del chunks[at]
    elif way == 2:
        other = chance.randrange(len(chunks))
        chunks[at], chunks[other] = chunks[other], chunks[at]
    elif way == 3:
        raw = png_chunk(kind, payload, chance.choice(ODD_SIZES))
    elif way == 4:
        chunks[at] = kind, chance.choice(ANY)(chance, payload)
    elif way == 5:
        header = bytearray(chunks[0][1])
        header[0:8] = struct.pack(">II", *(chance.choice((0, 1, 33, 90, 3000, 60000, 0x7FFFFFFF, 0x80000001)) for _ in range(2)))
        chunks[0] = b"IHDR", bytes(header)
    elif way == 6:
        chunks[0] = b"IHDR", chunks[0][1][:8] + bytes(chance.choice((0, 1, 2, 3, 4, 6, 8, 16, 255)) for _ in range(5))
    else:
        chunks = _other_rows(chance, chunks)
    built = [png_chunk(*chunk) for chunk in chunks]
    if raw is not None:
        built[at] = raw
    return content[:8] + b"".join(built)


def _other_rows(chance, chunks):
    """The compressed rows changed before they were compressed: all sums are right."""
    try:
        rows = zlib.decompress(b"".join(payload for kind, payload in chunks if kind == b"IDAT"))
    except zlib.error:
        return chunks
    rows = zlib.compress(chance.choice((flip_bits, truncate, double_slice, odd_number))(chance, rows), 1)
    first = next(index for index, (kind, _) in enumerate(chunks) if kind == b"IDAT")
    return chunks[:first] + [(b"IDAT", rows)] + [chunk for chunk in chunks[first:] if chunk[0] != b"IDAT"]


# ---- ZIP ----

LOCAL, CENTRAL, END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
# (offset, bytes) of the fields of each record (APPNOTE 4.3).
ZIP_FIELDS = {
    LOCAL: ((4, 2), (6, 2), (8, 2), (10, 4), (14, 4), (18, 4), (22, 4), (26, 2), (28, 2)),
    CENTRAL: ((4, 2), (6, 2), (8, 2), (10, 2), (12, 4), (16, 4), (20, 4), (24, 4), (28, 2), (30, 2), (32, 2), (34, 2),
              (36, 2), (38, 4), (42, 4)),
    END: ((4, 2), (6, 2), (8, 2), (10, 2), (12, 4), (16, 4), (20, 2)),
}


def zip_field(chance, content):
    """One field of one record gets another value."""
    out = bytearray(content)
    for _ in range(chance.choice((1, 1, 2, 4))):
        signature = chance.choice((LOCAL, CENTRAL, CENTRAL, END))
        places = _all_places(content, signature)
        if not places:
            continue
        offset, size = chance.choice(ZIP_FIELDS[signature])
        place = chance.choice(places) + offset
        old = int.from_bytes(out[place:place + size], "little")
        new = chance.choice((*ODD_SIZES, old + 1, old - 1, old ^ 8, old ^ 1, len(content)))
        out[place:place + size] = (new & (256 ** size - 1)).to_bytes(size, "little")
    return bytes(out)


def _all_places(content, signature):
    places, at = [], content.find(signature)
    while at >= 0:
        places.append(at)
        at = content.find(signature, at + 1)
    return places


def zip_members(chance, content):
    """A sound archive with hostile members or names."""
    out = io.BytesIO()
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
            entries = [(one.filename, old.read(one)) for one in old.infolist()]
            chosen = chance.randrange(len(entries))
            for number, (name, member) in enumerate(entries):
                if number == chosen:
                    name, member = _odd_member(chance, name, member)
                new.writestr(zipfile.ZipInfo(name), member, chance.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)))
    except Exception:  # noqa: BLE001 an earlier change broke it for zipfile, which has a hundred ways to say so
        return content
    return out.getvalue()


ODD_NAMES = ("../../etc/passwd", "/absolute.png", "", "a" * 60000, "C:\\x.png", "x\0y.png", "[Content_Types].xml", "ü.png")


def _odd_member(chance, name, member):
    way = chance.randrange(4)
    if way == 0:
        return chance.choice(ODD_NAMES), member
    if way == 1:
        return name, bytes(3_000_000)  # deflates a thousand times
    return name, mutated_file(chance, member)


SHAPES = {b"\xff\xd8\xff": (jpeg_markers,), b"\x89PNG": (png_structure,), LOCAL: (zip_field, zip_members)}


def mutated_file(chance, content):
    """One to three changes, half of them such as fit the format."""
    for _ in range(chance.choice((1, 1, 2, 3))):
        fitting = next((shapes for magic, shapes in SHAPES.items() if content.startswith(magic)), ANY)
        try:
            content = chance.choice(fitting if chance.random() < 0.5 else ANY)(chance, content)
        except (IndexError, ValueError, struct.error):
            pass  # an earlier change left nothing to hold on to
    return content
