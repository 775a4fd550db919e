# SPDX-License-Identifier: Apache-2.0
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from rig import BUILD, CORPUS, LOSSLESS, Rig  # noqa: E402


def pytest_addoption(parser):
    parser.addoption("--full", action="store_true", help="longer loads; LibreOffice opens results")


def pytest_configure(config):
    config.addinivalue_line("markers", "full: runs only with --full")
    config.addinivalue_line("markers", "both_mtas: over Postfix and over Sendmail; only_full=True: the latter with --full")
    config.addinivalue_line("markers", "postfix_only: what Sendmail does not have, in a module of both_mtas")


def pytest_generate_tests(metafunc):
    if "mta" not in metafunc.fixturenames:
        return
    both, not_here = (metafunc.definition.get_closest_marker(name) for name in ("both_mtas", "postfix_only"))
    if both and not not_here and (metafunc.config.getoption("--full") or not both.kwargs.get("only_full")):
        metafunc.parametrize("mta", ["postfix", "sendmail"], scope="module", indirect=True)


def pytest_collection_modifyitems(config, items):
    """Deselected, not skipped: a test that is skipped counts as a failure in ./check."""
    if not config.getoption("--full"):
        slow = [item for item in items if item.get_closest_marker("full")]
        config.hook.pytest_deselected(items=slow)
        items[:] = [item for item in items if item not in slow]


def pytest_report_header(config):
    return f"corpus: {CORPUS}" + ("" if CORPUS.is_dir() else " is not there: tests on it are left out (set OPTIMILTER_CORPUS)")


def pytest_sessionstart(session):
    needed = ("milter/optimilterd", "milter/optimilter-engine", "workers/optimilter-worker", "console/optimilterctl",
              "console/optimilter-recover", "console/optimilter-queuewatch", "tests/e2e/null_milter", "tests/e2e/libsendmail_alone.so")
    missing = [program for program in needed if not (BUILD / program).exists()]
    if missing:
        pytest.exit(f"not built in {BUILD}: {', '.join(missing)} (./check builds them)", returncode=2)


@pytest.fixture(scope="module")
def mta(request):
    """Which MTA carries the mail: Postfix, and for tests marked both_mtas Sendmail too."""
    return getattr(request, "param", "postfix")


@pytest.fixture(scope="module")
def rig(tmp_path_factory, mta):
    """The usual one: a unix socket, profile lossless."""
    with Rig(tmp_path_factory.mktemp("rig"), LOSSLESS, mta=mta) as running:
        yield running


@pytest.fixture(scope="module")
def balanced_rig(tmp_path_factory, mta):
    with Rig(tmp_path_factory.mktemp("balanced"), {"profile": "balanced", "deadline": "30s"}, mta=mta) as running:
        yield running


@pytest.fixture
def own_rig(tmp_path, mta):
    """One for tests that kill and stop things."""
    with Rig(tmp_path, LOSSLESS, mta=mta) as running:
        yield running
