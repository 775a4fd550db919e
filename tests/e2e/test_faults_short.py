# SPDX-License-Identifier: Apache-2.0
"""The short form of two commands of tests/faults/run: hostile and resources. --full adds the rows that take long."""
import pathlib
import sys

import pytest
from PIL import Image
from rig import BUILD, CORPUS

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "faults"))

import hostile  # noqa: E402
import resources  # noqa: E402
from hostile_seeds import archive, saved  # noqa: E402
from mails import photo  # noqa: E402
from verify_file import problem  # noqa: E402

# The others take 10 s each, or say little when there is little of everything.
QUICK = ("mta_closes", "idle_sessions", "slow_senders", "recipients", "above_the_limit", "beyond_the_share", "bodies_of_one",
         "disk_full", "no_temporary_folder", "descriptors_guard", "descriptors_engine", "memory_engine", "file_size",
         "clock_jump", "log_reader_stopped", "log_socket_gone", "stderr_full")


def assert_good(result, least_changed):
    assert result.crashes == [] and result.bad == []
    assert result.rows["changed"] >= least_changed, f"too few were changed to prove anything: {result.rows}"


def test_300_mutated_mails():
    assert_good(hostile.run_mutants(300, seed=1, build=BUILD), 40)


def test_hostile_files():
    """Every file of the corpus's hostile folder; without the corpus, a mutant for each kind of file there is."""
    if (CORPUS / "hostile").is_dir():
        assert_good(hostile.run_corpus(CORPUS / "hostile", build=BUILD), 0)
    else:
        assert_good(hostile.run_mutants(100, seed=2, build=BUILD, profile="balanced"), 10)


@pytest.mark.full
def test_mutated_mails_balanced():
    assert_good(hostile.run_mutants(3000, seed=3, build=BUILD, profile="balanced"), 300)


def _png(colour):
    return saved(Image.new("RGB", (60, 40), colour), "PNG")


DAMAGE = {
    "a pixel": (_png((9, 9, 9)), _png((9, 9, 10))),
    "a JPEG's pixels": (photo(1), photo(2)),
    "half a JPEG": (photo(1), photo(1)[:9000]),
    "another size": (_png((9, 9, 9)), saved(Image.new("RGB", (59, 40), (9, 9, 9)), "PNG")),
    "a member's text": (archive([("a.txt", b"one")]), archive([("a.txt", b"two")])),
    "a member lost": (archive([("a.txt", b"one"), ("b", b"")]), archive([("a.txt", b"one")])),
    "a member's name": (archive([("a.txt", b"one")]), archive([("b.txt", b"one")])),
    "a member's pixels": (archive([("a.png", _png((9, 9, 9)))]), archive([("a.png", _png((8, 9, 9)))])),
    "half an archive": (archive([("a.txt", b"one")]), archive([("a.txt", b"one")])[:60]),
    "another format": (_png((9, 9, 9)), photo(1)),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_the_checker_finds_damage(name):
    assert problem(*DAMAGE[name], lossless=True)


def test_the_same_seed_gives_the_same_mails():
    for index in range(50):
        assert hostile.mutant(7, index)[:2] == hostile.mutant(7, index)[:2]


@pytest.mark.parametrize("name", QUICK)
def test_resources(name):
    row = resources.run_row(name, small=True)
    assert row.good, row.flowed


@pytest.mark.full
@pytest.mark.parametrize("name", [name for name in resources.ROWS if name not in QUICK])
def test_resources_that_take_long(name):
    row = resources.run_row(name)
    assert row.good, row.flowed
