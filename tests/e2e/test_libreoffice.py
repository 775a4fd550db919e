# SPDX-License-Identifier: Apache-2.0
"""LibreOffice opens what we made of documents, and lays out as many pages as before. Only with --full."""
import re
import subprocess

import pytest
from mails import attachment_of
from rig import CORPUS, CTL, WORKER

pytestmark = pytest.mark.full

SAMPLES = {"report.docx": "report-docx", "slides.pptx": "slides-pptx", "offer.odt": "offer-odt"}
ENDINGS = (".docx", ".xlsx", ".pptx", ".odt", ".ods", ".odp")


def pages(folder, documents):
    """{file name: pages} of what LibreOffice can print; one run for all of them, in a profile of its own."""
    out = folder.with_name(folder.name + "-pdf")
    subprocess.run(["soffice", f"-env:UserInstallation=file://{folder.parent}/profile", "--headless", "--norestore",
                    "--convert-to", "pdf", "--outdir", out, *documents], capture_output=True, check=False, timeout=900)
    return {pdf.stem: len(re.findall(rb"/Type\s*/Page\b", pdf.read_bytes())) for pdf in out.glob("*.pdf")}


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
    was, now = pages(before, [before / path.name for path in changed]), pages(after, changed)
    assert was == now and all(now.values())
    return changed, now


@pytest.mark.parametrize("profile", ["lossless", "balanced", "compact"])
def test_samples(tmp_path, profile):
    changed, now = check_documents(tmp_path, {name: attachment_of(sample) for name, sample in SAMPLES.items()}, profile)
    assert len(changed) == len(now) == 3 and now["slides"] == 3


if CORPUS.is_dir():
    @pytest.mark.parametrize("folder", ["ooxml", "odf"])
    def test_documents_of_the_corpus(tmp_path, folder):
        """Number 007.docx instead of the real name: two files may differ in their ending alone."""
        files = [path for path in sorted((CORPUS / folder).iterdir()) if path.suffix in ENDINGS]
        contents = {f"{number:03}{path.suffix}": path.read_bytes() for number, path in enumerate(files)}
        changed, now = check_documents(tmp_path, contents, "balanced")
        assert len(now) > len(changed) * 0.9, "LibreOffice printed too few of them for a comparison"
