# SPDX-License-Identifier: Apache-2.0
"""Mails and attachments for the tests, made of the samples and of Pillow's pictures."""
import base64
import email
import io
import random

from PIL import Image, ImageFilter
from rig import SAMPLES


def sample(name):
    """The bytes of samples/NN-NAME.eml."""
    return next(SAMPLES.glob(f"*-{name}.eml")).read_bytes()


def attachment_of(name):
    """The first attachment of a sample, decoded."""
    message = email.message_from_bytes(sample(name))
    return next(part.get_payload(decode=True) for part in message.walk() if part.get_filename())


def photo(seed=1, size=(480, 360), quality=92):
    """A JPEG with baseline coding and standard tables, so that there is something to gain without loss."""
    chance = random.Random(seed)
    coarse = Image.frombytes("RGB", (24, 18), chance.randbytes(24 * 18 * 3)).resize(size, Image.BICUBIC)
    grain = Image.frombytes("RGB", size, chance.randbytes(size[0] * size[1] * 3)).filter(ImageFilter.GaussianBlur(1))
    out = io.BytesIO()
    Image.blend(coarse, grain, 0.2).save(out, "JPEG", quality=quality, subsampling=0)
    return out.getvalue()


def encoded(content):
    return base64.encodebytes(content).replace(b"\n", b"\r\n")


def part(content, kind="image/jpeg", name="photo.jpg", fields=b""):
    return (b"Content-Type: %s; name=\"%s\"\r\nContent-Disposition: attachment; filename=\"%s\"\r\n%s"
            b"Content-Transfer-Encoding: base64\r\n\r\n" % (kind.encode(), name.encode(), name.encode(), fields)) + encoded(content)


def message(*parts, fields=b"", subtype=b"mixed", text=b"See the attachment.\r\n"):
    """A multipart with a text part first."""
    head = (b"%sFrom: Anna <anna@sender.test>\r\nTo: Ben <ben@receiver.test>\r\nSubject: test\r\nMIME-Version: 1.0\r\n"
            b"Date: Sat, 15 Jun 2024 18:20:00 +0200\r\nMessage-ID: <1@sender.test>\r\n"
            b"Content-Type: multipart/%s; boundary=\"=_limit_1\"\r\n\r\n" % (fields, subtype))
    every = [b"Content-Type: text/plain; charset=utf-8\r\n\r\n" + text, *parts]
    return head + b"".join(b"--=_limit_1\r\n" + one for one in every) + b"--=_limit_1--\r\n"


def photo_mail(seed=1, fields=b"", **options):
    return message(part(photo(seed, **options)), fields=fields)
