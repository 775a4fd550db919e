# SPDX-License-Identifier: Apache-2.0
"""contrib/postfix/optimilter-postfix-setup on a private main.cf, with the real postconf."""
import os
import pathlib
import subprocess
import sys

import pytest

PROJECT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT / "contrib"))

from private_postfix.unpack import library_path, postfix_root  # noqa: E402

SCRIPT = PROJECT / "contrib/postfix/optimilter-postfix-setup"
OURS = "{ unix:optimilter/optimilter.sock, default_action=accept, connect_timeout=2s, command_timeout=5s, content_timeout=15s }"
MASTER = """\
smtp      inet  n       -       {chroot}       -       -       smtpd
cleanup   unix  n       -       {chroot}       -       0       cleanup
"""


class Config:
    """A main.cf and a master.cf that no Postfix runs with."""

    def __init__(self, folder, main="", chroot="y", master=""):
        self.folder = folder
        root = postfix_root()
        self.environment = dict(os.environ, LD_LIBRARY_PATH=library_path(root), PATH=f"{root}/usr/sbin:/usr/bin:/bin")
        self.start = f"compatibility_level = 3.7\nqueue_directory = {folder}/queue\nmyhostname = mx.optimilter.test\n{main}"
        (folder / "main.cf").write_text(self.start)
        (folder / "master.cf").write_text(MASTER.format(chroot=chroot) + master)
        self.age()

    def age(self):
        """Postfix waits two seconds before it reads a main.cf that may still be being written."""
        for name in ("main.cf", "master.cf"):
            os.utime(self.folder / name, (1_000_000_000, 1_000_000_000))

    @property
    def main(self):
        return (self.folder / "main.cf").read_text()

    def run(self, *arguments, **more):
        done = subprocess.run([SCRIPT, *arguments, "--config-dir", self.folder], capture_output=True, text=True, check=False,
                              env=self.environment, stdin=more.pop("stdin", subprocess.DEVNULL), **more)
        self.age()
        return done

    def changed(self, *arguments):
        done = self.run(*arguments, "--yes")
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def value(self, name):
        done = subprocess.run(["postconf", "-c", self.folder, "-h", name], capture_output=True, text=True, check=True,
                              env=self.environment)
        return done.stdout.rstrip("\n")


def test_add_and_remove_leave_no_trace(tmp_path):
    config = Config(tmp_path)
    shown = config.changed("add")
    assert f"+ smtpd_milters = {OURS}" in shown and "postfix -c" in shown
    assert config.value("smtpd_milters") == config.value("non_smtpd_milters") == OURS
    config.changed("remove")
    assert config.main == config.start


def test_second_time_changes_nothing(tmp_path):
    config = Config(tmp_path, "smtpd_milters = inet:localhost:8891\n")
    config.changed("add")
    before = config.main
    assert "nothing to change" in config.changed("add")
    assert config.main == before
    config.changed("remove")
    before = config.main
    assert "nothing to change" in config.changed("remove")
    assert config.main == before


@pytest.mark.parametrize("others", [
    "inet:localhost:8891",
    "inet:localhost:8891, unix:/clamav/clamav-milter.ctl",
    "inet:localhost:8891 unix:/clamav/clamav-milter.ctl",
    "{ inet:localhost:11332, default_action=tempfail, connect_timeout=10s },inet:localhost:8891",
    "inet:localhost:8891, $mine",
    "unix:/a , unix:/b",
])
@pytest.mark.parametrize("place", [["--position", "first"], ["--position", "last"], ["--inbound"], ["--outbound"], []])
def test_other_milters_keep_text_and_order(tmp_path, others, place):
    config = Config(tmp_path, f"mine = unix:/mine\nsmtpd_milters = {others}\n")
    config.changed("add", *place)
    last = place in (["--position", "last"], ["--inbound"])
    assert config.value("smtpd_milters") == (f"{others}, {OURS}" if last else f"{OURS}, {others}")
    config.changed("remove")
    assert config.value("smtpd_milters") == others
    assert config.value("non_smtpd_milters") == ""


def test_moves_and_renews_its_entry(tmp_path):
    config = Config(tmp_path, "smtpd_milters = unix:/a, unix:optimilter/optimilter.sock, unix:/b\n")
    config.changed("add")
    assert config.value("smtpd_milters") == f"unix:/a, {OURS}, unix:/b"
    config.changed("add", "--position", "last")
    assert config.value("smtpd_milters") == f"unix:/a, unix:/b, {OURS}"
    config.changed("add", "--deadline", "30")
    assert config.value("smtpd_milters").endswith("content_timeout=40s }")
    config.changed("add", "--position", "first")
    assert config.value("smtpd_milters") == f"{OURS}, unix:/a, unix:/b"


def test_removes_every_entry_of_ours(tmp_path):
    config = Config(tmp_path, f"smtpd_milters = {OURS}, unix:/a, inet:optimilter.example:8895 unix:/b\n")
    config.changed("remove")
    assert config.value("smtpd_milters") == "unix:/a unix:/b"


def test_reference_to_the_other_list(tmp_path):
    config = Config(tmp_path, "smtpd_milters = unix:/a\nnon_smtpd_milters = $smtpd_milters\n")
    assert "through the reference" in config.changed("add")
    assert config.value("non_smtpd_milters") == "$smtpd_milters"
    config.changed("remove")
    assert config.value("smtpd_milters") == "unix:/a"
    assert config.value("non_smtpd_milters") == "$smtpd_milters"


def test_reference_of_the_admin(tmp_path):
    config = Config(tmp_path, f"mine = {OURS}\nsmtpd_milters = $mine\nnon_smtpd_milters = unix:/a\n")
    config.changed("add")
    assert config.value("smtpd_milters") == "$mine"
    assert config.value("non_smtpd_milters") == f"{OURS}, unix:/a"


@pytest.mark.parametrize("given,chroot,want", [
    ("unix:QUEUE/optimilter/x.sock", "y", "unix:optimilter/x.sock"),
    ("unix:QUEUE/optimilter/x.sock", "n", "unix:optimilter/x.sock"),
    ("unix:/run/optimilter/optimilter.sock", "n", "unix:/run/optimilter/optimilter.sock"),
    ("inet:127.0.0.1:8895", "y", "inet:127.0.0.1:8895"),
    ("inet:8895@127.0.0.1", "y", "inet:127.0.0.1:8895"),
    ("inet6:8895@::1", "y", "inet:[::1]:8895"),
])
def test_sockets(tmp_path, given, chroot, want):
    config = Config(tmp_path, chroot=chroot)
    given = given.replace("QUEUE", f"{tmp_path}/queue")
    config.changed("add", "--socket", given)
    assert config.value("smtpd_milters").startswith(f"{{ {want}, default_action=accept,")
    assert "nothing to change" in config.changed("add", "--socket", given)
    config.changed("remove", "--socket", given)
    assert config.main == config.start


@pytest.mark.parametrize("arguments,says", [
    (["add", "--socket", "unix:/run/optimilter/optimilter.sock"], "cannot reach /run/optimilter/optimilter.sock"),
    (["add", "--socket", "/run/x"], "is no socket"),
    (["add", "--socket", "unix:/a, default_action=reject"], "is no socket"),
    (["add", "--socket", "inet:8895"], "is no socket"),
    (["add", "--socket", "unix:$queue_directory/x"], "is no socket"),
    (["add", "--deadline", "0"], "must be 1 to 60"),
    (["add", "--deadline", "61"], "must be 1 to 60"),
    (["add", "--inbound", "--outbound"], "not allowed with"),
    (["mend"], "invalid choice"),
    ([], "required: command"),
])
def test_refusals_change_nothing(tmp_path, arguments, says):
    config = Config(tmp_path, "smtpd_milters = unix:/a\n")
    done = config.run(*arguments, "--yes")
    assert done.returncode in (1, 2) and says in done.stderr
    assert config.main == config.start


def test_broken_list_is_left_alone(tmp_path):
    config = Config(tmp_path, "smtpd_milters = { unix:/a\n")
    done = config.run("add", "--yes")
    assert done.returncode == 1 and "braces" in done.stderr
    assert config.main == config.start


def test_missing_folder_and_missing_postconf(tmp_path):
    config = Config(tmp_path)
    done = subprocess.run([SCRIPT, "show", "--config-dir", tmp_path / "none"], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "no main.cf" in done.stderr
    config.environment["PATH"] = "/nonexistent"
    done = config.run("show")
    assert done.returncode == 1 and "cannot run postconf" in done.stderr


# A pipe that says it is a terminal: a bare chroot has no pseudo-terminals.
TYPED = "import runpy, sys; sys.stdin.isatty = lambda: True; sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')"


def answered(config, answer, *arguments):
    return subprocess.run(["/usr/bin/python3", "-c", TYPED, SCRIPT, *arguments, "--config-dir", config.folder], input=answer,
                          capture_output=True, text=True, check=False, env=config.environment)


def test_asks_before_it_writes(tmp_path):
    config = Config(tmp_path)
    done = config.run("add")  # no terminal
    assert done.returncode == 1 and "--yes" in done.stderr and f"+ smtpd_milters = {OURS}" in done.stdout
    for answer, applied in (("\n", False), ("n\n", False), ("y\n", True)):
        done = answered(config, answer, "add")
        assert (done.returncode == 0) == applied
        assert (config.main != config.start) == applied


def test_show(tmp_path):
    config = Config(tmp_path, f"smtpd_milters = unix:/a, {OURS}\n",
                    master="2525 inet n - y - - smtpd\n  -o smtpd_milters=\n")
    done = config.run("show")
    assert done.returncode == 0
    assert done.stdout == (f"smtpd_milters:\n  1. unix:/a\n  2. {OURS}   <- optimilter\nnon_smtpd_milters: empty\n"
                           "note: 2525/inet/smtpd_milters is a list of its own in master.cf\n")
    assert config.main == config.start


def test_snippet_is_what_the_script_writes():
    snippet = (PROJECT / "contrib/postfix/main.cf.snippet").read_text()
    lists = [line.strip() for line in snippet.splitlines() if line.startswith(" ")]
    assert lists == [OURS, OURS]


def test_check_mta_agrees(tmp_path):
    """After add, optimilterctl check-mta finds nothing but the engine that does not run here."""
    control = pathlib.Path(os.environ.get("OPTIMILTER_BUILD") or PROJECT / "build/release") / "console/optimilterctl"
    config = Config(tmp_path, f"mine = {OURS}\n", master="2525 inet n - y - - smtpd\n  -o smtpd_milters=$mine\n")
    config.changed("add")
    (tmp_path / "queue/optimilter").mkdir(parents=True)
    (tmp_path / "queue/optimilter/optimilter.sock").touch()
    settings = tmp_path / "optimilter.toml"
    settings.write_text(f'listen = "unix:{tmp_path}/queue/optimilter/optimilter.sock"\n')
    done = subprocess.run([control, "check-mta", "-c", settings, "--postfix-config", tmp_path], capture_output=True, text=True,
                          env=config.environment, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "warning" not in done.stdout and "service 2525: smtpd_milters: optimilter is milter 1 of 1" in done.stdout
    config.changed("remove")
    done = subprocess.run([control, "check-mta", "-c", settings, "--postfix-config", tmp_path], capture_output=True, text=True,
                          env=config.environment, check=False)
    assert done.returncode == 1 and "is not in smtpd_milters" in done.stdout
