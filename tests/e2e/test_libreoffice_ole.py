# SPDX-License-Identifier: Apache-2.0
"""Word, PowerPoint and Outlook files of 1997 to 2003 whose pictures became smaller: olefile, a reader that is not ours, finds
the same tree and streams, and LibreOffice the same pages and the same text. Only with --full."""
import io
import os
import signal
import subprocess

import olefile
import pytest
from mails import attachment_of
from rig import CORPUS, CTL, WORKER

pytestmark = pytest.mark.full

SECONDS = 90
MAY_DIFFER = {"Pictures", "PowerPoint Document", "WordDocument", "0Table", "1Table", "__substg1.0_37010102", "__properties_version1.0"}


def converted(folder, document, ending):
    """The document as LibreOffice writes it in another format; None when it does not, or not within the time."""
    out = folder / f"{document.parent.name}-{ending}"
    command = ["soffice", f"-env:UserInstallation=file://{folder}/profile", "--headless", "--norestore", "--convert-to", ending,
               "--outdir", out, document]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        process.wait(SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return None
    made = out / f"{document.stem}.{ending}"
    return made if made.exists() else None


def text(pdf):
    """Pages end with a form feed: the same text has the same pages."""
    return subprocess.run(["pdftotext", "-layout", pdf, "-"], check=True, capture_output=True).stdout


def optimized(folder, documents, profile):
    after = folder / "after"
    after.mkdir()
    settings = folder / "settings.toml"
    settings.write_text(f'profile = "{profile}"\ndeadline = "60s"\nmin_size = 1\nmin_gain_bytes = 1\nworker_program = "{WORKER}"\n')
    subprocess.run([CTL, "optimize", "--config", settings, "--output", after, *documents], check=True, capture_output=True)
    return [(path, after / path.name) for path in documents if (after / path.name).read_bytes() != path.read_bytes()]


def entries(content):
    with olefile.OleFileIO(io.BytesIO(content)) as ole:
        assert not ole.exists("EncryptedPackage")
        for path in ole.listdir(storages=True):
            entry = ole.direntries[ole._find(path)]
            facts = (path, entry.entry_type, entry.color, entry.clsid, entry.dwUserFlags, entry.createTime, entry.modifyTime)
            yield facts, ole.openstream(path).read() if entry.entry_type == olefile.STGTY_STREAM else None


def check(tmp_path, documents, profile):
    changed = optimized(tmp_path, documents, profile)
    printed = 0
    for before, after in changed:
        was, now = list(entries(before.read_bytes())), list(entries(after.read_bytes()))
        assert [facts for facts, _ in was] == [facts for facts, _ in now], before.name
        assert all(a == b for (facts, a), (_, b) in zip(was, now) if facts[0][-1] not in MAY_DIFFER), before.name
        pdf = converted(tmp_path, before, "pdf") if before.suffix != ".msg" else None
        if pdf is None:
            continue
        again = converted(tmp_path, after, "pdf")
        assert again is not None and text(again) == text(pdf), before.name
        printed += 1
    return changed, printed


@pytest.mark.parametrize("profile", ["lossless", "balanced"])
def test_samples(tmp_path, profile):
    """Our own samples, as LibreOffice writes them in the old formats."""
    before = tmp_path / "before"
    before.mkdir()
    documents = []
    for name, sample, ending in (("report.docx", "report-docx", "doc"), ("slides.pptx", "slides-pptx", "ppt")):
        (before / name).write_bytes(attachment_of(sample))
        documents.append(converted(tmp_path, before / name, ending))
    changed, printed = check(tmp_path, documents, profile)
    assert any(path.suffix == ".ppt" for path, _ in changed) and printed == len(changed)


if CORPUS.is_dir():
    def test_documents_of_the_corpus(tmp_path):
        before = tmp_path / "before"
        before.mkdir()
        documents = []
        for number, path in enumerate(sorted((CORPUS / "ole").iterdir())):
            documents.append(before / f"{number:03}{path.suffix}")
            documents[-1].write_bytes(path.read_bytes())
        changed, printed = check(tmp_path, documents, "lossless")
        print("changed:", len(changed), "printed:", printed)
