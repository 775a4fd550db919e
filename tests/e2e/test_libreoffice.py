# SPDX-License-Identifier: Apache-2.0
"""LibreOffice opens what we made of documents, and lays out as many pages as before. Only with --full."""
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


def pages(folder, document):
    """Pages that LibreOffice prints of a document; None when it does not open it, or not within the time. A process group of
    its own: soffice is a chain of three processes, and some files keep the last one busy for ever."""
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
    pdf.unlink()
    return count


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
    was = {path.name: pages(tmp_path, before / path.name) for path in changed}
    now = {path.name: pages(tmp_path, path) for path in changed if was[path.name]}
    assert now == {name: count for name, count in was.items() if count}
    print("not opened by LibreOffice before either:", [name for name, count in was.items() if not count])
    return changed, now


@pytest.mark.parametrize("profile", ["lossless", "balanced", "compact"])
def test_samples(tmp_path, profile):
    changed, now = check_documents(tmp_path, {name: attachment_of(sample) for name, sample in SAMPLES.items()}, profile)
    assert len(changed) == len(now) == 3 and now["slides.pptx"] == 3


if CORPUS.is_dir():
    @pytest.mark.parametrize("folder", ["ooxml", "odf"])
    def test_documents_of_the_corpus(tmp_path, folder):
        """Number 007.docx instead of the real name: two files may differ in their ending alone."""
        files = [path for path in sorted((CORPUS / folder).iterdir()) if path.suffix in ENDINGS]
        contents = {f"{number:03}{path.suffix}": path.read_bytes() for number, path in enumerate(files)}
        changed, now = check_documents(tmp_path, contents, "balanced")
        assert len(now) > len(changed) * 0.8, "LibreOffice printed too few of them for a comparison"
