# SPDX-License-Identifier: Apache-2.0
"""Makes hostile mails of good ones, and of good attachments. As in mutate_file, a seed gives the same bytes again.

What comes out has a header as an MTA hands it over (fields ended by CRLF, each with a name; then the empty line), since an
MTA reads everything after the first line that is no field as body; nothing else about it is sure."""
import base64
import re

from mutate_file import flip_bits, mutated_file

KINDS = {b"\xff\xd8\xff": ("image/jpeg", "photo.jpg"), b"\x89PNG": ("image/png", "screen.png"), 
         b"PK\x03\x04": ("application/zip", "files.zip"), b"%PDF": ("application/pdf", "paper.pdf"),
         b"GIF8": ("image/gif", "moving.gif")}
BOUNDARY = b"=_limit_1"


# ---- base64 oddities: each makes the text of an attachment ----


def usual_text(chance, content):
    return _lines(base64.b64encode(content), 76, b"\r\n")


def _lines(text, width, eol):
    return eol.join(text[at:at + width] for at in range(0, len(text), width)) + eol


def other_lines(chance, content):
    text = base64.b64encode(content)
    width = chance.choice((1, 3, 4, 60, 64, 75, 77, 100, 998, 5000, len(text) + 1))
    return _lines(text, width, chance.choice((b"\r\n", b"\r\n", b"\n", b"\r")))


def uneven_lines(chance, content):
    text, at, lines = base64.b64encode(content), 0, []
    while at < len(text):
        width = chance.choice((4, 40, 76, 76, 76, 76))
        lines.append(text[at:at + width])
        at += width
    return b"\r\n".join(lines) + b"\r\n"


def odd_padding(chance, content):
    text = base64.b64encode(content)
    way = chance.randrange(5)
    if way == 0:
        text = text.rstrip(b"=")
    elif way == 1:
        text += b"=" * chance.randrange(1, 5)
    elif way == 2:
        at = chance.randrange(len(text) + 1)
        text = text[:at] + b"=" + text[at:]
    elif way == 3:
        text = text[:-chance.randrange(1, 4)]
    else:
        text = re.sub(rb"[A-P](==?)$", lambda found: b"B" + found.group(1), text)  # bits that are not zero before the padding
    return _lines(text, 76, b"\r\n")


ODD_BYTES = (b" ", b"\t", b"-", b"_", b"\0", b"\x80", b"\r\n", b"\r\n\r\n", b"\r", b"\n", b"!", b"--", b"\r\n--" + BOUNDARY)


def odd_bytes(chance, content):
    text = bytearray(usual_text(chance, content))
    for _ in range(chance.choice((1, 2, 10))):
        at = chance.randrange(len(text) + 1)
        text[at:at] = chance.choice(ODD_BYTES)
    return bytes(text)


def two_texts(chance, content):
    half = chance.randrange(len(content) + 1)
    return usual_text(chance, content[:half]) + usual_text(chance, content[half:])


def text_around(chance, content):
    before = chance.choice((b"", b"\r\n", b"begin\r\n"))
    return before + usual_text(chance, content) + chance.choice((b"\r\n\r\n", b"the end\r\n", b" \r\n", b""))


TEXTS = (other_lines, uneven_lines, odd_padding, odd_bytes, two_texts, text_around)


# ---- parts and messages ----

ODD_FIELDS = (
    b"Content-Transfer-Encoding: base64\r\n", b"Content-Transfer-Encoding: quoted-printable\r\n",
    b"Content-Transfer-Encoding: BASE64 \r\n",
    b"Content-Transfer-Encoding:\r\n base64\r\n", b"Content-Transfer-Encoding: x-unknown\r\n",
    b"Content-Transfer-Encoding: base64 (a comment)\r\n",
    b"Content-Type: multipart/mixed; boundary=\r\n", b"Content-Type: multipart/mixed; boundary=\"" + BOUNDARY + b"\"\r\n",
    b"Content-Type: message/rfc822\r\n", b"Content-Type: message/partial; id=1; number=1; total=2\r\n",
    b"Content-Type: image/\r\n",
    b"Content-Type: image/jpeg; name*0*=utf-8''a%20; name*1=b.jpg\r\n",
    b"Content-Type: multipart/signed; boundary=x; micalg=pgp-sha1\r\n",
    b"Content-Disposition: attachment; size=1; size=2\r\n",
    b"Content-Disposition: attachment; filename=\"\\\"..\\..\\x\"; size=99999999999999999999\r\n",
    b"Content-ID: <a@b>\r\n", b"Content-MD5: AAAAAAAAAAAAAAAAAAAAAA==\r\n", b"MIME-Version: 1.0 (\r\n", b"Content-Length: 7\r\n",
    b"X-Long: " + b"x" * 9000 + b"\r\n", b"X-Folded: a\r\n\tb\r\n \r\n c\r\n", b"X-Optimilter: forged\r\n",
    b"Subject: =?utf-8?b?\xff\xfe?=\r\n",
    b"DKIM-Signature: v=1; a=rsa-sha256; b=x\r\n", b"X-8bit: \xe4\xf6\xfc\r\n",
)


def part_of(chance, content, hostile):
    magic = next((magic for magic in KINDS if content.startswith(magic)), None)
    kind, name = KINDS[magic] if magic else ("application/octet-stream", "file.bin")
    if chance.random() < 0.1:
        kind, name = chance.choice(list(KINDS.values()))
    size = b"; size=%d" % len(content) if chance.random() < 0.2 else b""
    fields = [b"Content-Type: %s; name=\"%s\"\r\n" % (kind.encode(), name.encode()), b"Content-Transfer-Encoding: base64\r\n",
              b"Content-Disposition: attachment; filename=\"%s\"%s\r\n" % (name.encode(), size)]
    if hostile and chance.random() < 0.3:
        fields.insert(chance.randrange(4), chance.choice(ODD_FIELDS))
    text = chance.choice(TEXTS) if hostile and chance.random() < 0.3 else usual_text
    return b"".join(fields) + b"\r\n" + text(chance, content)


def mail_of(chance, parts):
    head = (b"From: Anna <anna@sender.test>\r\nTo: Ben <ben@receiver.test>\r\nSubject: test\r\nMIME-Version: 1.0\r\n"
            b"Content-Type: multipart/mixed; boundary=\"" + BOUNDARY + b"\"\r\n\r\n")
    text = b"Content-Type: text/plain\r\n\r\nSee the attachments.\r\n"
    return head + b"".join(b"--" + BOUNDARY + b"\r\n" + one for one in (text, *parts)) + b"--" + BOUNDARY + b"--\r\n"


def nested(chance, mail):
    """The whole mail as a part of another, once or many times."""
    for depth in range(chance.choice((1, 1, 2, 25, 60))):
        inner = b"in%d" % (depth if chance.random() < 0.9 else 0)
        head, _, body = mail.partition(b"\r\n\r\n")
        if chance.random() < 0.5:
            piece = b"Content-Type: message/rfc822\r\n\r\n" + mail
        else:  # without the fields before its type
            piece = re.sub(rb"(?is)^.*?(content-type: multipart)", rb"\1", head) + b"\r\n\r\n" + body
        mail = (b"From: a@sender.test\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=" + inner
                + b"\r\n\r\n--" + inner + b"\r\n" + piece + b"\r\n--" + inner + b"--\r\n")
    return mail


# ---- any mail ----


ODD_ENDS = (b"\n", b"\r", b" \r\n", b"\t\r\n", b"--\r\n", b"\r\r\n", b"", b"\0\r\n")


def change_lines(chance, mail):
    lines = re.split(rb"(?<=\n)", mail)
    # Lines that mean something, more often than lines of base64.
    marked = [index for index, line in enumerate(lines) if line.startswith(b"--") or b":" in line or line in (b"\r\n", b"\n")]
    pick = (lambda: chance.choice(marked)) if marked and chance.random() < 0.7 else (lambda: chance.randrange(len(lines)))
    at, way = pick(), chance.randrange(6)
    if way == 0:
        lines.insert(pick(), lines[at])
    elif way == 1:
        del lines[at]
    elif way == 2:
        other = pick()
        lines[at], lines[other] = lines[other], lines[at]
    elif way == 3:
        lines[at] = flip_bits(chance, lines[at])
    elif way == 4:
        lines.insert(at, chance.choice(ODD_FIELDS))
    else:
        lines[at] = lines[at].rstrip(b"\r\n") + chance.choice(ODD_ENDS)
    return b"".join(lines)


ODD_BOUNDARIES = (BOUNDARY.lower(), BOUNDARY.upper(), BOUNDARY + b"x", BOUNDARY[:-1], b"", BOUNDARY * 2,
                  BOUNDARY + b"\r\n--" + BOUNDARY)


def change_boundaries(chance, mail):
    places = [found.start() for found in re.finditer(re.escape(BOUNDARY), mail)]
    if not places:
        return mail
    place = chance.choice(places)
    return mail[:place] + chance.choice(ODD_BOUNDARIES) + mail[place + len(BOUNDARY):]


def cut_mail(chance, mail):
    return mail[:chance.randrange(len(mail) + 1)]


MAILS = (change_lines, change_lines, change_lines, change_boundaries, cut_mail, flip_bits, nested)


def as_an_mta_hands_over(mail):
    """Header fields up to the first line that is none; from there on it is body."""
    head, at = b"", 0
    for found in re.finditer(rb"[^\n]*\n?", mail):
        line = found.group().rstrip(b"\r\n")
        if not re.match(rb"[!-9;-~]+[ \t]*:", line) and not (head and re.match(rb"[ \t]", line)):
            break
        head, at = head + line.replace(b"\0", b"").replace(b"\r", b" ") + b"\r\n", found.end()
    rest = mail[at:]
    return (head or b"Subject: none\r\n") + b"\r\n" + re.sub(rb"\A\r?\n", b"", rest)


def mutated_mail(chance, contents):
    """contents: good attachments to choose from. (mail, number of attachments)"""
    chosen = [chance.choice(contents) for _ in range(chance.choice((1, 1, 2, 3)))]
    hostile_file, hostile_mail = chance.choice(((True, False), (True, False), (True, True), (False, True)))
    chosen = [mutated_file(chance, one) if hostile_file and chance.random() < 0.8 else one for one in chosen]
    mail = mail_of(chance, [part_of(chance, one, hostile_mail) for one in chosen])
    for _ in range(chance.choice((0, 1, 1, 2, 4)) if hostile_mail else 0):
        mail = chance.choice(MAILS)(chance, mail)
    return as_an_mta_hands_over(mail), len(chosen)
