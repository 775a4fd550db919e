# SPDX-License-Identifier: Apache-2.0
"""Says whether a filtered message is the original with nothing but part bodies made smaller.

Independent of the product: an own splitter by boundaries, checked against Python's email parser. original is the
message as it arrives through the same MTA without the milter, so that all that the MTA does itself is in both.
"""
import base64
import binascii
import email
import email.policy
import re
from collections import namedtuple

TRACE_FIELD = b"x-optimilter"

# kind: "kept" bytes must not change; "body" is the base64 text of a leaf; "head" its header, where only size= may
# follow the body.
Segment = namedtuple("Segment", "kind bytes type filename")
PartChange = namedtuple("PartChange", "type filename before after")
Comparison = namedtuple("Comparison", "changes problems")


def header_fields(head):
    """The raw fields, each with its continuation lines."""
    return re.findall(rb"(?:^[^ \t\r\n].*\r?\n(?:[ \t].*\r?\n)*)", head, re.MULTILINE)


def field_value(head, name):
    """Unfolded value of the only field of that name; None when it is missing or there are several."""
    found = [field for field in header_fields(head) if field.split(b":", 1)[0].strip().lower() == name.encode()]
    return re.sub(rb"\r?\n[ \t]", b" ", found[0].split(b":", 1)[1]).strip().decode("latin-1") if len(found) == 1 else None


def parameter(value, name):
    found = re.findall(rf';\s*{name}\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]+))', value or "", re.IGNORECASE)
    if len(found) != 1:
        return None
    return re.sub(r"\\(.)", r"\1", found[0][0]) or found[0][1]


def split_head(entity):
    """Header with its closing empty line, and body."""
    if re.match(rb"\r?\n", entity):
        empty = entity.index(b"\n") + 1
        return entity[:empty], entity[empty:]
    end = re.search(rb"\r?\n\r?\n", entity)
    return (entity[:end.end()], entity[end.end():]) if end else (entity, b"")


def segments(entity, depth=0):
    """All the bytes of an entity in order, divided into what may change and what may not."""
    head, body = split_head(entity)
    kind = (field_value(head, "content-type") or "text/plain").split(";")[0].strip().lower()
    boundary = parameter(field_value(head, "content-type"), "boundary")
    if kind.startswith("multipart/") and boundary and depth < 50:
        divided = split_multipart(body, boundary.encode("latin-1"))
        if divided:
            result = [Segment("kept", head, kind, None)]
            for piece, is_part in divided:
                result += segments(piece, depth + 1) if is_part else [Segment("kept", piece, kind, None)]
            return result
    coding = (field_value(head, "content-transfer-encoding") or "7bit").strip().lower()
    if coding != "base64" or kind.startswith(("message/", "multipart/")):
        return [Segment("kept", entity, kind, None)]
    name = parameter(field_value(head, "content-disposition"), "filename") or parameter(field_value(head, "content-type"), "name")
    return [Segment("head", head, kind, name), Segment("body", body, kind, name)]


def split_multipart(body, boundary):
    """[(bytes, is a part)]; None where the boundaries are not clean, and then the entity counts as one whole. The line
    end before a delimiter belongs to the delimiter (RFC 2046 sec. 5.1.1)."""
    delimiter = re.compile(rb"(?:(?<=\n)|\A)--" + re.escape(boundary) + rb"(--)?[ \t]*(?:\r?\n|\Z)")
    pieces, position, open_part = [], 0, False
    for found in delimiter.finditer(body):
        start = found.start()
        if open_part:
            start -= 2 if body[position:start].endswith(b"\r\n") else 1 if body[position:start].endswith(b"\n") else 0
        pieces += [(body[position:start], open_part), (body[start:found.end()], False)]
        position, open_part = found.end(), True
        if found.group(1):
            return pieces + [(body[position:], False)]
    return None


def compare(original, filtered):
    """Both as delivered, CRLF. problems is empty when the filtered message keeps every promise."""
    problems = []
    before_head, before_body = split_head(_without_own_received(original))
    after_head, after_body = split_head(_without_own_received(filtered))
    before_head, after_head = _without_local_fields(before_head), _without_local_fields(after_head)
    stripped, traces = _without_new_trace(before_head, after_head)
    if stripped != before_head:
        problems.append(f"the header differs: {_first_difference(before_head, stripped)}")
    changes = _compare_bodies(before_head + before_body, before_head + after_body, problems)
    if before_body == after_body and traces:
        problems.append("a trace field although the body is the same")
    if before_body != after_body and len(traces) > 1:
        problems.append(f"{len(traces)} trace fields")
    if len(after_body) > len(before_body):
        problems.append("the body has grown")
    if not problems:
        problems += _ask_python(before_head + before_body, stripped + after_body, changes)
    return Comparison(changes, problems)


def _without_own_received(message):
    """The MTA's own Received field holds queue id and time; it is the first field."""
    fields = header_fields(split_head(message)[0])
    if fields and fields[0].lower().startswith(b"received:"):
        return message[len(fields[0]):]
    return message


def _without_local_fields(head):
    """Message-Id and Date that the MTA made up itself differ between two sendings."""
    return re.sub(rb"(?im)^(?:Message-Id: <\d{12,14}\.[0-9A-Za-z]+@mx\.optimilter\.test>|Date: .*(?:\(UTC\)| GMT))\r\n", b"", head)


def _without_new_trace(before, after):
    """The later header without trace fields that the earlier one has not, and those fields."""
    old = header_fields(before)
    new = [field for field in header_fields(after) if field.lower().startswith(TRACE_FIELD + b":") and field not in old]
    for field in new:
        after = after.replace(field, b"", 1)
    return after, new


def _compare_bodies(before, after, problems):
    if before == after:
        return []
    old, new = segments(before), segments(after)
    if [(part.kind, part.type, part.filename) for part in old] != [(part.kind, part.type, part.filename) for part in new]:
        problems.append("the structure differs")
        return []
    changes = []
    for index, (was, now) in enumerate(zip(old, new)):
        if was.kind == "kept" and was.bytes != now.bytes:
            problems.append(f"bytes outside of part bodies differ: {_first_difference(was.bytes, now.bytes)}")
        elif was.kind == "head":
            _compare_part_heads(was, now, old[index + 1], new[index + 1], problems)
        elif was.kind == "body" and was.bytes != now.bytes:
            change = _body_change(was, now, problems)
            changes += [change] if change else []
    return changes


SIZE = re.compile(rb"(;\s*size\s*=\s*\"?)(\d+)", re.IGNORECASE)


def _compare_part_heads(was, now, body_before, body_after, problems):
    if was.bytes == now.bytes:
        return
    if SIZE.sub(rb"\1", was.bytes) != SIZE.sub(rb"\1", now.bytes):
        problems.append(f"a part's header differs: {_first_difference(was.bytes, now.bytes)}")
    elif body_before.bytes == body_after.bytes:
        problems.append("size= changed although the part did not")
    elif int(SIZE.search(now.bytes).group(2)) != len(_decoded(body_after.bytes) or b""):
        problems.append("size= does not tell the new size")


def _decoded(text):
    try:
        return base64.b64decode(re.sub(rb"[ \t\r\n]", b"", text), validate=True)
    except (binascii.Error, ValueError):
        return None


def _body_change(was, now, problems):
    before, after = _decoded(was.bytes), _decoded(now.bytes)
    name = now.filename or now.type
    if before is None or after is None:
        problems.append(f"{name}: changed, but the base64 is not clean")
        return None
    if len(after) >= len(before):
        problems.append(f"{name}: changed, but not smaller")
    lines = now.bytes.split(b"\r\n")
    if b"\n" in b"".join(lines) or max(map(len, lines)) > 76:
        problems.append(f"{name}: base64 lines longer than 76 or not ended by CRLF")
    ending = re.compile(rb"(?:\r\n)*\Z")
    if ending.search(was.bytes).group() != ending.search(now.bytes).group():
        problems.append(f"{name}: line ends after the base64 text differ")
    return PartChange(now.type, now.filename, before, after)


def _ask_python(before, after, changes):
    """Python's own parser must see the same leaves, and exactly the changed ones with other bytes."""
    problems, changed = [], 0
    old, new = _leaves(before), _leaves(after)
    if len(old) != len(new):
        return [f"Python's parser sees {len(new)} parts instead of {len(old)}"]
    for was, now in zip(old, new):
        if [item for item in was.items() if item[0].lower() != "content-disposition"] != \
                [item for item in now.items() if item[0].lower() != "content-disposition"]:
            problems.append("Python's parser sees other fields in a part")
        if was.get_payload(decode=True) != now.get_payload(decode=True):
            changed += 1
            if not any(now.get_payload(decode=True) == change.after for change in changes):
                problems.append("Python's parser reads other bytes than we do")
    if changed != len(changes):
        problems.append(f"Python's parser sees {changed} changed parts instead of {len(changes)}")
    return problems


def _leaves(message):
    parsed = email.message_from_bytes(message, policy=email.policy.compat32)
    leaves = [part for part in parsed.walk() if not part.is_multipart()]
    for part in leaves:  # a folded value has its line end before it, which this parser does not take away
        if len(part.get_all("content-transfer-encoding", [])) == 1:
            part.replace_header("content-transfer-encoding", str(part["content-transfer-encoding"]).strip())
    return leaves


def _first_difference(before, after):
    position = next((index for index, pair in enumerate(zip(before, after)) if pair[0] != pair[1]), min(len(before), len(after)))
    return f"at byte {position}: {before[position - 20:position + 40]!r} became {after[position - 20:position + 40]!r}"
