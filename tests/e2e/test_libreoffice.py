# SPDX-License-Identifier: Apache-2.0
"""LibreOffice opens what we made of documents, and lays out as many pages with the same text as before. Only with --full."""
import os
import re
import signal
import subprocess

import pytest
from mails import attachment_of
from rig import CORPUS, CTL, WORKER

pytestmark = pytest.mark.full

SAMPLES = {"report.docx": "report-docx", "slides.pptx": "slides-pptx", "offer.odt": "offer-odt"}
SECONDS = 40  # for one document; the first run also makes its profile
ENDINGS = (".docx", ".xlsx", ".pptx", ".odt", ".ods", ".odp")


def printed(folder, document):
    """Number of pages and their text, as LibreOffice prints a document; None when it does not open it, or not within the time. A
    process group of its own: soffice is a chain of three processes, and some files keep the last one busy for ever."""
    command = ["soffice", f"-env:UserInstallation=file://{folder}/profile", "--headless", "--norestore", "--convert-to", "pdf",
               "--outdir", folder / "pdf", document]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        process.wait(SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return None
    pdf = folder / "pdf" / f"{document.stem}.pdf"
    if not pdf.exists():
        return None
    count = len(re.findall(rb"/Type\s*/Page\b", pdf.read_bytes()))
    text = subprocess.run(["pdftotext", "-layout", pdf, "-"], check=True, capture_output=True).stdout
    pdf.unlink()
    return count, text


def clock_shows(folder, original, was):
    """Whether the original itself prints otherwise a second time: it shows the time, or random numbers."""
    return printed(folder, original) != was


def check_documents(tmp_path, contents, profile):
    before, after = tmp_path / "before", tmp_path / "after"
    before.mkdir()
    after.mkdir()
    settings = tmp_path / "settings.toml"
    settings.write_text(f'profile = "{profile}"\ndeadline = "60s"\nmin_size = 1\nmin_gain_bytes = 1\nworker_program = "{WORKER}"\n')
    for name, content in contents.items():
        (before / name).write_bytes(content)
    subprocess.run([CTL, "optimize", "--config", settings, "--output", after, *before.iterdir()], check=True, capture_output=True)
    changed = [path for path in sorted(after.iterdir()) if path.read_bytes() != contents[path.name]]
    was = {path.name: printed(tmp_path, before / path.name) for path in changed}
    now = {path.name: printed(tmp_path, path) for path in changed if was[path.name]}
    for name, seen in now.items():
        if seen != was[name] and clock_shows(tmp_path, before / name, was[name]):
            continue
        assert seen is not None and seen[0] == was[name][0], f"{name}: other pages"
        assert seen[1] == was[name][1], f"{name}: other text"
    print("not opened by LibreOffice before either:", [name for name, seen in was.items() if not seen])
    return changed, now


@pytest.mark.parametrize("profile", ["lossless", "balanced", "compact"])
def test_samples(tmp_path, profile):
    changed, now = check_documents(tmp_path, {name: attachment_of(sample) for name, sample in SAMPLES.items()}, profile)
    assert len(changed) == len(now) == 3 and now["slides.pptx"][0] == 3


if CORPUS.is_dir():
    @pytest.mark.parametrize("folder", ["ooxml", "odf"])
    def test_documents_of_the_corpus(tmp_path, folder):
        """Number 007.docx instead of the real name: two files may differ in their ending alone."""
        files = [path for path in sorted((CORPUS / folder).iterdir()) if path.suffix in ENDINGS]
        contents = {f"{number:03}{path.suffix}": path.read_bytes() for number, path in enumerate(files)}
        changed, now = check_documents(tmp_path, contents, "balanced")
        assert len(now) > len(changed) * 0.8, "LibreOffice printed too few of them for a comparison"
