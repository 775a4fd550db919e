#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the sample mails of this folder: make_samples.py [FOLDER]. The same bytes on every run of the same Pillow."""
import base64
import pathlib
import random
import sys

import documents
import pictures

DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
PPTX = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
ODT = "application/vnd.oasis.opendocument.text"


def encoded(content):
    return base64.encodebytes(content).decode().replace("\n", "\r\n")


def text_part(text, subtype="plain"):
    return f'Content-Type: text/{subtype}; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n{text}\r\n'


def attachment(kind, name, content, disposition="attachment", extra=""):
    """name: a file name, or (RFC 2231 value, plain name) where it is not ASCII."""
    coded = f"filename*=utf-8''{name[0]}" if isinstance(name, tuple) else f'filename="{name}"'
    plain = name[1] if isinstance(name, tuple) else name
    return (f'Content-Type: {kind}; name="{plain}"\r\nContent-Disposition: {disposition}; {coded}\r\n{extra}'
            f"Content-Transfer-Encoding: base64\r\n\r\n{encoded(content)}")


def multipart(boundary, parts, subtype="mixed", parameters=""):
    joined = "".join(f"--{boundary}\r\n{part}" if part.endswith("\r\n") else f"--{boundary}\r\n{part}\r\n" for part in parts)
    return f'Content-Type: multipart/{subtype}; boundary="{boundary}"{parameters}\r\n\r\n{joined}--{boundary}--\r\n'


def message(number, subject, entity, sender="Anna Weber <anna@sender.example>", first=""):
    return (f"{first}From: {sender}\r\nTo: Ben Moor <ben@receiver.example>\r\nSubject: {subject}\r\n"
            f"Date: Sat, 15 Jun 2024 18:{20 + number}:00 +0200\r\nMessage-ID: <sample-{number}@sender.example>\r\n"
            f"MIME-Version: 1.0\r\n{entity}").encode()


def signature_lines(seed, count):
    """Looks like a signature; signs nothing."""
    return encoded(random.Random(seed).randbytes(48 * count)).rstrip()


def sample_mails():
    lake = pictures.mountain_lake((1600, 1200), 3)
    coast = pictures.evening_coast((1200, 800), 8)
    town = pictures.town_street((1200, 800), 5)
    tower = pictures.mountain_lake((900, 1200), 21)
    small = {name: pictures.jpeg(picture.resize((640, 640 * picture.height // picture.width)), quality=93)
             for name, picture in (("lake", lake), ("coast", coast), ("town", town))}
    screen = pictures.png(pictures.screenshot())

    yield "01-holiday-photo", message(1, "The lake", multipart("mix-01", [
        text_part("Dear Ben,\r\n\r\nthis is the view from the hut. More when we are back.\r\n\r\nAnna"),
        attachment("image/jpeg", "IMG_2041.jpg", pictures.jpeg(lake))]))
    yield "02-upright-photo", message(2, "=?utf-8?Q?Gr=C3=BC=C3=9Fe_vom_See?=", multipart("mix-02", [
        text_part("Grüße vom See! Hochkant aufgenommen, mit Umlaut im Namen."),
        attachment("image/jpeg", ("Gr%C3%BC%C3%9Fe%20vom%20See.jpg", "Gruesse vom See.jpg"), pictures.jpeg(tower, orientation=6))]))
    picture = attachment("image/png", "screen.png", screen, "inline", "Content-ID: <screen@sender.example>\r\n")
    html = text_part('<html><body><p>The figures, as they are on my screen:</p><img src="cid:screen@sender.example"></body></html>', "html")
    yield "03-screenshot", message(3, "Quarterly figures", multipart("rel-03", [
        multipart("alt-03", [text_part("The figures are in the picture."), html], "alternative"), picture],
        "related", '; type="multipart/alternative"'))
    yield "04-report-docx", message(4, "Report on the paths", multipart("mix-04", [
        text_part("Please find the report attached."), attachment(DOCX, "report.docx", documents.docx(
            "Report on the paths", [("jpeg", pictures.jpeg(coast), 9.0, 6.0), ("png", screen, 15.0, 9.5)]))]))
    yield "05-slides-pptx", message(5, "Slides for Thursday", multipart("mix-05", [
        text_part("The slides for Thursday, still a draft."), attachment(PPTX, "slides.pptx", documents.pptx(
            ["The view", "The street", "The evening"], [("jpeg", small["lake"]), ("jpeg", pictures.jpeg(town)), ("jpeg", small["coast"])]))]))
    yield "06-offer-odt", message(6, "Offer 2024-117", multipart("mix-06", [
        text_part("Our offer for the repairs."), attachment(ODT, "offer.odt", documents.odt(
            "Offer 2024-117", [("jpeg", small["town"], 8.0, 5.3)]))]))
    photos = documents.package([("photos/lake.jpg", small["lake"], True), ("photos/coast.jpg", small["coast"], True),
                                ("photos/readme.txt", documents.TEXT * 20, False)])
    yield "07-photos-zip", message(7, "Photos, zipped", multipart("mix-07", [
        text_part("All of them in one file."), attachment("application/zip", "photos.zip", photos)]))
    yield "08-plain-text", message(8, "Thursday", text_part("Dear Ben,\r\n\r\nThursday at ten suits me well.\r\n\r\nAnna"))
    signed = multipart("mix-09", [text_part("This mail is signed: nothing in it may change."),
                                  attachment("image/jpeg", "street.jpg", small["town"])])
    armour = f"-----BEGIN PGP SIGNATURE-----\r\n\r\n{signature_lines(9, 5)}\r\n-----END PGP SIGNATURE-----"
    yield "09-pgp-signed", message(9, "Signed", multipart("sig-09", [
        signed, f"Content-Type: application/pgp-signature; name=\"signature.asc\"\r\n\r\n{armour}\r\n"], "signed",
        '; micalg=pgp-sha256; protocol="application/pgp-signature"'))
    dkim = ("DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=sender.example; s=mail;\r\n"
            " h=From:To:Subject:Date:Message-ID; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=;\r\n b="
            + signature_lines(10, 3).replace("\r\n", "\r\n  ") + "\r\n")
    yield "10-dkim-signed", message(10, "Signed by the sending server", multipart("mix-10", [
        text_part("The sender's server has signed this mail."), attachment("image/jpeg", "coast.jpg", small["coast"])]), first=dkim)


def main():
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent)
    total = 0
    for name, content in sample_mails():
        (folder / f"{name}.eml").write_bytes(content)
        total += len(content)
        print(f"{name:20} {len(content):>9,}")
    print(f"{'all':20} {total:>9,}")
    if total > 3_000_000:
        raise SystemExit("more than 3 MB together")


if __name__ == "__main__":
    main()
