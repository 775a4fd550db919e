# SPDX-License-Identifier: Apache-2.0
"""Pages of PDF results, drawn by poppler as a screen shows them, reach the score of their profile. The pictures are those of the
sample mails, on pages that show them far smaller than they are; the corpus, where there is one, comes with --full."""
import io
import pathlib
import sys
import zlib

import pytest
from mails import attachment_of
from PIL import Image
from rig import CORPUS, CTL, PROJECT

sys.path.insert(0, str(PROJECT / "bench"))

import pdf_pages  # noqa: E402

PROFILES = ["balanced", "compact"]


def jpeg(picture):
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=92)
    return out.getvalue()


def picture_object(picture, coded, more=""):
    space = "/DeviceGray" if picture.mode == "L" else "/DeviceRGB"
    data = jpeg(picture) if coded == "DCTDecode" else zlib.compress(picture.tobytes(), 1)
    head = (f"<</Type/XObject/Subtype/Image/Width {picture.width}/Height {picture.height}/ColorSpace{space}/BitsPerComponent 8"
            f"/Filter/{coded}{more}/Length {len(data)}>>stream\n")
    return head.encode() + data + b"\nendstream"


def page_with(picture, ppi, coded="DCTDecode", mask=None):
    """A PDF file of one page, with margins that are no whole pixels."""
    across, down = picture.width / ppi * 72, picture.height / ppi * 72
    content = f"q {across:.3f} 0 0 {down:.3f} 31.4 27.7 cm /P Do Q".encode()
    objects = [b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
               f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 {across + 72:.3f} {down + 72:.3f}]/Contents 4 0 R"
               "/Resources<</XObject<</P 5 0 R>>>>>>".encode(),
               b"<</Length %d>>stream\n%s\nendstream" % (len(content), content),
               picture_object(picture, coded, "/SMask 6 0 R" if mask else "")]
    objects += [picture_object(mask, "FlateDecode")] if mask else []
    file, places = b"%PDF-1.5\n", []
    for number, text in enumerate(objects, 1):
        places.append(len(file))
        file += b"%d 0 obj\n%s\nendobj\n" % (number, text)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    return file + (b"xref\n0 %d\n0000000000 65535 f \n%strailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n"
                   % (len(objects) + 1, table, len(objects) + 1, len(file)))


def documents():
    """Name: a file. Screens stand for scans of text."""
    screen = Image.open(io.BytesIO(attachment_of("screenshot"))).convert("RGB")
    photo = Image.open(io.BytesIO(attachment_of("holiday-photo"))).convert("RGB")
    disc = Image.radial_gradient("L").point(lambda value: 255 if value < 100 else 0).resize((512, 512))
    icon = photo.resize((512, 512))
    return {"text-300": page_with(screen, 300), "text-600": page_with(screen, 600), "text-gray": page_with(screen.convert("L"), 350),
            "text-samples": page_with(screen, 300, "FlateDecode"), "photo-300": page_with(photo, 300),
            "photo-600": page_with(photo, 600), "photo-samples": page_with(photo.resize((800, 600)), 600, "FlateDecode"),
            "icon-1500": page_with(icon, 1500, mask=disc)}


def optimized(folder, contents, profile):
    """Folders of originals and of results, and the profile's bound."""
    before, after = folder / "before", folder / "after"
    before.mkdir()
    after.mkdir()
    for name, content in contents.items():
        (before / f"{name}.pdf").write_bytes(content)
    return before, after, pdf_pages.optimized(CTL, before, after, profile)


@pytest.mark.parametrize("profile", PROFILES)
def test_pages_look_as_before(tmp_path, profile, capsys):
    contents = documents()
    before, after, bound = optimized(tmp_path, contents, profile)
    changed = [name for name, content in contents.items() if len((after / f"{name}.pdf").read_bytes()) < len(content)]
    assert changed == list(contents), "what is not changed proves nothing"
    assert pdf_pages.look(CTL, before, after, 96, bound) == 0, capsys.readouterr().out


@pytest.mark.parametrize("profile", PROFILES)
def test_a_second_pass_changes_nothing(tmp_path, profile):
    before, after, _ = optimized(tmp_path, documents(), profile)
    (tmp_path / "twice").mkdir()
    pdf_pages.optimized(CTL, after, tmp_path / "twice", profile)
    for path in after.glob("*.pdf"):
        assert (tmp_path / "twice" / path.name).read_bytes() == path.read_bytes(), path.name


@pytest.mark.parametrize("profile", PROFILES)
def test_what_no_page_shows_is_scaled(tmp_path, profile):
    """Else the tests above would pass with nothing done."""
    contents = {name: documents()[name] for name in ("photo-600", "icon-1500")}
    _, after, _ = optimized(tmp_path, contents, profile)
    for name, content in contents.items():
        assert len((after / f"{name}.pdf").read_bytes()) < len(content) / 3, name


if CORPUS.is_dir():
    @pytest.mark.full
    @pytest.mark.parametrize("profile", PROFILES)
    def test_pages_of_the_corpus(tmp_path, profile, capsys):
        contents = {path.stem: pathlib.Path(path).read_bytes() for path in (CORPUS / "pdf").glob("*.pdf")}
        before, after, bound = optimized(tmp_path, contents, profile)
        assert pdf_pages.look(CTL, before, after, 96, bound) == 0, capsys.readouterr().out
