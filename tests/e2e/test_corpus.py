# SPDX-License-Identifier: Apache-2.0
"""Every mail of the corpus, where there is one, arrives once and whole; and what must stay as it is does."""
import opened
import pytest
from mail_compare import compare
from mails import message, part
from rig import CORPUS, Rig, to_crlf

pytestmark = pytest.mark.both_mtas(only_full=True)


@pytest.fixture(scope="module")
def corpus_rig(tmp_path_factory, mta):
    with Rig(tmp_path_factory.mktemp("corpus"), {"profile": "balanced", "deadline": "20s", "min_size": "1KB"},
             mta=mta) as running:
        yield running


if CORPUS.is_dir():
    @pytest.mark.parametrize("path", sorted((CORPUS / "eml").iterdir()), ids=lambda path: path.name)
    def test_mails_of_the_corpus(corpus_rig, path):
        mail = to_crlf(path.read_bytes())
        if corpus_rig.refuses(mail):
            return
        original, filtered = corpus_rig.send_both_ways(mail, parameters="BODY=8BITMIME")
        changes, problems = compare(original, filtered)
        assert problems == []
        for change in changes:
            assert opened.problem(change.before, change.after, lossless=False) == "", change.filename

    @pytest.mark.parametrize("folder", ["jpeg", "png", "ooxml", "odf", "archives"])
    def test_files_of_the_corpus_as_attachments(corpus_rig, folder):
        """In mails of ten, so that it takes seconds; whatever changes must open with other programs."""
        files = sorted(path for path in (CORPUS / folder).iterdir() if path.stat().st_size < 600_000)
        for first in range(0, len(files), 10):
            parts = [part(path.read_bytes(), "application/octet-stream", path.name) for path in files[first:first + 10]]
            changes, problems = compare(*corpus_rig.send_both_ways(message(*parts)))
            assert problems == []
            for change in changes:
                assert opened.problem(change.before, change.after, lossless=False) == "", change.filename
