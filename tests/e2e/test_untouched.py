# SPDX-License-Identifier: Apache-2.0
"""What vouches for its own bytes leaves as it came."""
import pytest
from mail_compare import compare
from mails import encoded, message, part, photo, photo_mail
from rig import LOSSLESS, Rig

pytestmark = pytest.mark.both_mtas

PHOTO = part(photo(31))
SIGNATURE = b"Content-Type: application/pgp-signature\r\n\r\n-----BEGIN PGP SIGNATURE-----\r\n\r\nabcd\r\n-----END PGP SIGNATURE-----\r\n"
DKIM = b"DKIM-Signature: v=1; a=rsa-sha256; d=sender.test; s=x; h=From; bh=abc=; b=def=\r\n"

MAILS = {
    "multipart/signed": message(PHOTO, SIGNATURE, subtype=b'signed; protocol="application/pgp-signature"; micalg=pgp-sha256'),
    "signed inside": message(b'Content-Type: multipart/signed; boundary="s"\r\n\r\n--s\r\n' + PHOTO + b"--s\r\n" + SIGNATURE + b"--s--\r\n"),
    "multipart/encrypted": message(PHOTO, subtype=b'encrypted; protocol="application/pgp-encrypted"'),
    "pkcs7-mime": (b"From: a@sender.test\r\nMIME-Version: 1.0\r\nContent-Type: application/pkcs7-mime; smime-type=signed-data; name=smime.p7m\r\n"
                   b"Content-Transfer-Encoding: base64\r\n\r\n" + encoded(photo(32))),
    "inline PGP": message(PHOTO, text=b"-----BEGIN PGP SIGNED MESSAGE-----\r\nHash: SHA256\r\n\r\nhello\r\n-----BEGIN PGP SIGNATURE-----\r\n\r\nx\r\n-----END PGP SIGNATURE-----\r\n"),
    "already marked": photo_mail(33, fields=b"X-Optimilter: 0.1.0\r\n"),
    "message/partial": b'From: a@sender.test\r\nMIME-Version: 1.0\r\nContent-Type: message/partial; id="1"; number=1; total=2\r\n\r\n' + photo_mail(34),
    "S/MIME part": message(part(photo(35), "application/x-pkcs7-mime", "smime.p7m")),
    "winmail.dat": message(part(photo(36), "application/ms-tnef", "winmail.dat")),
}


@pytest.mark.parametrize("name", MAILS)
def test_left_alone(rig, name):
    original, filtered = rig.send_both_ways(MAILS[name])
    assert compare(original, filtered) == ([], [])


def test_a_bounce_is_left_alone(rig):
    report = message(PHOTO, subtype=b"report; report-type=delivery-status")
    original, filtered = rig.send_both_ways(report, sender="")
    assert compare(original, filtered) == ([], [])


@pytest.mark.parametrize("networks, changed", [([], False), (["127.0.0.0/8"], True)])
def test_dkim_is_left_alone_inbound_and_may_change_outbound(tmp_path, mta, networks, changed):
    with Rig(tmp_path, {**LOSSLESS, "internal_networks": networks}, mta=mta) as rig:
        original, filtered = rig.send_both_ways(photo_mail(37, fields=DKIM))
        changes, problems = compare(original, filtered)
        assert problems == [] and bool(changes) == changed
