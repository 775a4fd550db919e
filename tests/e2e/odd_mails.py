# SPDX-License-Identifier: Apache-2.0
"""Mails that are strange on purpose, each with a photo somewhere. CHANGES names those that may still get smaller."""
from mails import encoded, message, part, photo, photo_mail

PHOTO = photo(77)


def _narrow(content, width=60, eol=b"\r\n"):
    joined = encoded(content).replace(b"\r\n", b"")
    return eol.join(joined[at:at + width] for at in range(0, len(joined), width)) + b"\r\n"


def _all():
    usual = photo_mail(77)
    photo_part = part(PHOTO)
    yield "usual", usual
    yield "narrow base64 lines", usual.replace(encoded(PHOTO), _narrow(PHOTO))
    yield "preamble and epilogue", usual.replace(b"\r\n\r\n--", b"\r\n\r\nThis is a preamble.\r\n\r\n--", 1) + b"An epilogue.\r\n\r\n"
    yield "no line end after the last boundary", usual[:-2]
    yield "spaces after a boundary", usual.replace(b"--=_limit_1\r\n", b"--=_limit_1  \r\n")
    yield "boundary like a prefix of another", message(
        b'Content-Type: multipart/alternative; boundary="=_limit_1x"\r\n\r\n--=_limit_1x\r\n\r\na\r\n--=_limit_1x--\r\n', photo_part)
    yield "missing last boundary", usual[:-len(b"--=_limit_1--\r\n")]
    yield "two Content-Type fields", usual.replace(b"Subject", b"Content-Type: text/plain\r\nSubject")
    yield "two transfer encodings", usual.replace(b"Content-Transfer-Encoding: base64", b"Content-Transfer-Encoding: base64\r\nContent-Transfer-Encoding: 8bit")
    yield "garbage inside base64", usual.replace(encoded(PHOTO)[:78], encoded(PHOTO)[:40] + b"!*!" + encoded(PHOTO)[40:78])
    yield "text after base64 padding", usual.replace(b"--=_limit_1--", b"more text\r\n--=_limit_1--")
    yield "nested", message(b'Content-Type: multipart/mixed; boundary="in"\r\n\r\n--in\r\n\r\nhello\r\n--in\r\n' + photo_part + b"--in--\r\n")
    yield "forwarded message", message(b"Content-Type: message/rfc822\r\n\r\n" + usual)
    yield "base64 root", (b"From: a@sender.test\r\nSubject: only a photo\r\nMIME-Version: 1.0\r\nContent-Type: image/jpeg\r\n"
                          b"Content-Transfer-Encoding: base64\r\n\r\n" + encoded(PHOTO))
    yield "no MIME-Version", usual.replace(b"MIME-Version: 1.0\r\n", b"")
    yield "lines that start with dots", message(photo_part, text=b".\r\n..\r\n.hello\r\n")
    yield "bare CR in the text", message(photo_part, text=b"one\rtwo\r\n")
    yield "NUL in the text", message(photo_part, text=b"one\0two\r\n")
    yield "8-bit text", message(photo_part, text="Grüße ✓\r\n".encode())
    yield "long lines", message(photo_part, text=b"x" * 5000 + b"\r\n" + b"y " * 3000 + b"\r\n")
    yield "spaces at line ends", message(photo_part, text=b"-- \r\nAnna   \r\n\r\n\r\n")
    yield "size parameter", usual.replace(b'filename="photo.jpg"', b'filename="photo.jpg"; size=%d' % len(PHOTO))
    yield "Content-MD5", usual.replace(b"Content-Disposition: att", b"Content-MD5: Q2hlY2sgSW50ZWdyaXR5IQ==\r\nContent-Disposition: att")
    yield "empty parts", message(b"\r\n", b"", photo_part, b"Content-Type: image/jpeg\r\nContent-Transfer-Encoding: base64\r\n\r\n")
    yield "truncated photo", message(part(PHOTO[:len(PHOTO) // 2]))
    yield "photo with data after its end", message(part(PHOTO + b"and a film" * 2000))
    yield "not what it says", message(part(PHOTO, "application/pdf", "invoice.pdf"))
    yield "header only", b"From: a@sender.test\r\nSubject: nothing else\r\n"
    yield "body only", b"\r\nno header at all\r\n"
    yield "empty", b""


MAILS = dict(_all())

CHANGES = {"usual", "no line end after the last boundary", "narrow base64 lines", "preamble and epilogue", "spaces after a boundary",
           "nested", "lines that start with dots", "8-bit text", "spaces at line ends", "size parameter", "base64 root",
           "bare CR in the text", "long lines",
           "not what it says"}  # bytes decide, not the name
