# SPDX-License-Identifier: Apache-2.0
"""Files of the corpus that must leave byte for byte as they came, by name, in every profile; and a second pass over all
of it changes nothing. Without the corpus there is nothing to test here; our own cases are in test_untouched.py."""
import json
import subprocess

import pytest
from rig import CORPUS, CTL, WORKER

LEFT_ALONE = {
    "CMYK and YCCK JPEG": """
        jpeg/commons-imaging__1402522741337.jpg
        jpeg/testdata__flower_small.cmyk.jpg
    """,
    "gain maps and several pictures": """
        jpeg/commons-imaging__2024-04-30_G012.JPG
        jpeg/libultrahdr__apple_gainmap_new.jpg
        jpeg/libultrahdr__apple_gainmap_old.jpg
    """,
    "motion photos": """
        jpeg/tika__testJPEG_MicroVideo.jpg
        jpeg/tika__testJPEG_MotionPhoto.jpg
    """,
    "APNG": """
        png/image__ball.png
        png/image__dispose-background-blend-source.png
        png/image__dispose-previous-blend-source.png
        png/image__fcTL-blend-source-transparent.png
        png/image__fcTL-dispose-in-region-background.png
        png/image__fcTL-dispose-in-region-none.png
        png/image__fcTL-dispose-in-region-previous.png
        png/image__rgba16.png
        png/wuffs__animated-red-blue.apng
        png/wuffs__apng-skip-idat.png
        png/wuffs__muybridge.apng
    """,
    "signed OOXML": """
        ooxml/poi__hello-world-signed-twice.docx
        ooxml/poi__hello-world-signed.docx
        ooxml/poi__hello-world-signed.pptx
        ooxml/poi__hello-world-signed.xlsx
        ooxml/poi__ms-office-2010-signed.pptx
    """,
    "signed ODF": """
        odf/dss__libreoffice.ods
        odf/dss__libreoffice.odt
        odf/dss__open-document-resigned.odt
        odf/dss__open-document-signed.odt
    """,
    "encrypted OOXML": """
        ooxml/Open-XML-SDK__document_with_password.docx
        ooxml/Open-XML-SDK__encrypted_pptx.pptx
        ooxml/msoffcrypto-tool__ecma376standard_password.docx
        ooxml/msoffcrypto-tool__example_password.docx
        ooxml/msoffcrypto-tool__example_password.xlsx
    """,
    "encrypted ODF": """
        odf/tika__testODTEncrypted.odt
    """,
    "OLE2": """
        ole/msoffcrypto-tool__rc4cryptoapi_password.doc
        ole/msoffcrypto-tool__rc4cryptoapi_password_plain.doc
        ole/msoffcrypto-tool__rc4cryptoapi_password_plain.ppt
        ole/msoffcrypto-tool__xor_password_123456789012345.xls
        ole/msoffcrypto-tool__xor_password_123456789012345_plain.xls
    """,
    "encrypted archives": """
        archives/yauzl__traditional-encryption-and-compression.zip
        archives/yauzl__traditional-encryption.zip
    """,
    "signed PDF": """
        pdf/pyHanko__ed448-shake256-nolen.pdf
        pdf/pyHanko__form-fill-result.pdf
        pdf/pyHanko__form-update-ap-indirect-sneaky-trailer.pdf
        pdf/pyHanko__form-update-override-appearance-stream-ap-indirect-sneaky.pdf
        pdf/pyHanko__minimal-signed-twice-both-created.pdf
        pdf/pyHanko__minimal-signed-twice-second-created.pdf
        pdf/pyHanko__minimal-two-fields-signed-twice.pdf
        pdf/pyHanko__pades-with-old-style-signing-cert-attr-issser.pdf
        pdf/pyHanko__weird-byterange.pdf
        pdf/qpdf__digitally-signed.pdf
        pdf/qpdf__minimal-signed-restricted.pdf
    """,
    "encrypted PDF": """
        pdf/pdfbox__AES256ExposedMeta.pdf
        pdf/pdfbox__PasswordSample-256bit.pdf
        pdf/pyHanko__embedded-encrypted-nocf.pdf
        pdf/pyHanko__minimal-rc4.pdf
        pdf/pyHanko__minimal-with-field-rc4.pdf
        pdf/pyHanko__signed-encrypted-pubkey-with-catalog-ref.pdf
        pdf/qpdf__encrypted-with-images.pdf
        pdf/qpdf__minimal-signed-restricted.pdf
        pdf/sample-files__libreoffice-writer-password.pdf
        pdf/unstructured__copy-protected.pdf
        pdf/unstructured__password.pdf
    """,
    "PDF/A": """
        pdf/pdfbox__PDFA3A.pdf
        pdf/pyHanko__minimal-pdf-ua-and-a.pdf
        pdf/sample-files__crazyones-pdfa.pdf
    """,
    "S/MIME": """
        eml/MimeKit__octet-stream-with-mixed-line-endings.dat
        eml/MimeKit__thunderbird-signed.txt
        eml/mail__raw_email2.eml
        eml/mail__raw_email7.eml
        eml/mail__raw_email_with_nested_attachment.eml
    """,
    "PGP": """
        eml/MimeKit___Announce_GnuPG_2.1.20_released.eml
        eml/mail-mime-parser__m4001.txt
        eml/mail-mime-parser__m4002.txt
        eml/mail-mime-parser__m4004.txt
        eml/mail-mime-parser__m4008.txt
        eml/mail-parser__015.eml
        eml/mail__sig_only_email.eml
    """,
    "TNEF": """
        eml/MimeKit__rich-text.eml
        eml/MimeKit__ukr.eml
        eml/tnef__body.tnef
        eml/tnef__missing-filenames.tnef
        eml/tnef__multi-name-property.tnef
        eml/tnef__multi-value-attribute.tnef
        eml/tnef__test.tnef
        eml/tnef__two-files.tnef
        eml/tnef__unicode-mapi-attr.tnef
    """,
    "fragments": """
        eml/MimeKit__message-partial.0.eml
        eml/MimeKit__message-partial.1.eml
        eml/MimeKit__message-partial.2.eml
        eml/mail-parser__001.eml
        eml/mail-parser__009.eml
    """,
    "uuencode": """
        eml/mail-mime-parser__m0018.txt
        eml/mail-mime-parser__m3007.txt
        eml/mail-parser__017.eml
        eml/mail-parser__026.eml
        eml/mail-parser__048.eml
        eml/mail-parser__049.eml
    """,
    "bounces": """
        eml/MimeKit__bounce.txt
        eml/MimeKit__delivery-status-multiple-blank-lines.txt
        eml/MimeKit__delivery-status-no-blank-line.txt
        eml/MimeKit__delivery-status.anonymized.eml
        eml/MimeKit__delivery-status.txt
    """,
    "calendar": """
        eml/rspamd__ics.eml
    """,
    "malformed MIME": """
        eml/MimeKit__empty-multipart.txt
        eml/MimeKit__feedback-report.txt
        eml/mail-mime-parser__m0021.txt
        eml/mail-parser__001~2.eml
        eml/mail-parser__002~2.eml
        eml/mail-parser__003.eml
        eml/mail-parser__004.eml
        eml/mail-parser__005.eml
        eml/mail-parser__006.eml
        eml/mail-parser__007~2.eml
    """,
    "bombs": """
        hostile/Pillow__decompression_bomb_extents.gif
        hostile/commons-compress__zipbomb.xlsx
        hostile/image__Bad_height.bmp
        hostile/image__Bad_reallybig.bmp
        hostile/image__Bad_width.bmp
        hostile/mailparser__htmllargecallstack.eml
        hostile/mailparser__outofmemory.eml
        hostile/rarfile__rar5-evil-symlink-traversal.rar
        hostile/sharp__65536-uint32-limit.png
    """,
    "corrupt and polyglot": """
        hostile/PhpSpreadsheet__Zip-Windows-Directory-Separator.xlsx
        hostile/PhpSpreadsheet__issue.3730.xlsx
        hostile/TwelveMonkeys__110115680-6d6dce80-7d84-11eb-99df-4cb21df3b09f.jpeg
        hostile/TwelveMonkeys__51432b02-02a8-11e7-9203-b42b1c43c0c3.jpg
        hostile/TwelveMonkeys__514b20dc-02a8-11e7-92c6-d4fed7b4ebb1.jpg
        hostile/TwelveMonkeys__514c48ea-02a8-11e7-8789-bb75321f404f.jpg
    """,
}

PROFILES = ["lossless", "balanced", "compact"]


def optimize(folder, profile, files):
    """{file name: (report, bytes)} of optimilterctl, with everything allowed that may be."""
    out, settings = folder / "out", folder / "settings.toml"
    out.mkdir()
    settings.write_text(f'profile = "{profile}"\ndeadline = "30s"\nmin_size = 1\nmin_gain_bytes = 1\nmin_gain_percent = 0\n'
                        f'worker_program = "{WORKER}"\n')
    done = subprocess.run([CTL, "optimize", "--config", settings, "--direction", "outbound", "--json", "--output", out, *files],
                          capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
    reports = {json.loads(line)["file"]: json.loads(line) for line in done.stdout.splitlines()}
    return {path.name: (reports[str(path)], (out / path.name).read_bytes()) for path in files}


def files_up_to(folder, size):
    return sorted(path for path in (CORPUS / folder).iterdir() if path.stat().st_size < size)


def check_second_pass(folder, profile, files):
    (folder / "first").mkdir()
    (folder / "second").mkdir()
    first = optimize(folder / "first", profile, files)
    changed = [folder / "first/out" / name for name, (report, _) in first.items() if report["bytes_out"] < report["bytes_in"]]
    if changed:
        second = optimize(folder / "second", profile, changed)
        again = {name: report["bytes_in"] - report["bytes_out"] for name, (report, after) in second.items() if after != first[name][1]}
        assert again == {}


if CORPUS.is_dir():
    @pytest.mark.parametrize("kind", LEFT_ALONE)
    @pytest.mark.parametrize("profile", PROFILES)
    def test_left_alone(tmp_path, profile, kind):
        files = [CORPUS / name.strip() for name in LEFT_ALONE[kind].strip().splitlines()]
        results = optimize(tmp_path, profile, files)
        changed = [path.name for path in files if results[path.name][1] != path.read_bytes()]
        assert changed == []

    @pytest.mark.parametrize("profile", PROFILES)
    @pytest.mark.parametrize("folder", ["jpeg", "png", "ooxml", "odf", "archives", "eml"])
    def test_a_second_pass_changes_nothing(tmp_path, folder, profile):
        check_second_pass(tmp_path, profile, files_up_to(folder, 40_000))

    @pytest.mark.full
    @pytest.mark.parametrize("profile", PROFILES)
    @pytest.mark.parametrize("folder", ["jpeg", "png", "ooxml", "odf", "archives", "eml"])
    def test_a_second_pass_over_larger_files_changes_nothing(tmp_path, folder, profile):
        check_second_pass(tmp_path, profile, files_up_to(folder, 5_000_000))
