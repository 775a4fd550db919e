# SPDX-License-Identifier: Apache-2.0
"""The systemd units, as far as they can be tried where no systemd runs: the programs do their work with the rights that
their units leave them, and the accounts and folders are made as they should be."""
import json
import os
import pathlib
import re
import subprocess
import sys

import pytest
from mails import photo_mail
from rig import BUILD, CTL, Engine, Guard, LOSSLESS, PROJECT, Rig

SYSTEMD = PROJECT / "contrib/systemd"
CAGE = [sys.executable, str(pathlib.Path(__file__).with_name("unit_cage.py"))]


def caged(program, unit):
    """The class of a program, run in the cage of its unit."""
    class Caged(program):
        _starts_as_root = True  # the cage gives it up

        def _command(self):
            return [*CAGE, str(SYSTEMD / unit), self.user.pw_name, *map(str, super()._command())]
    return Caged


@pytest.fixture(scope="module")
def cages(tmp_path_factory):
    """A rig whose guard and engine have the rights of their units and no more."""
    patch = pytest.MonkeyPatch()
    patch.setattr("rig.Engine", caged(Engine, "optimilter-engine.service.in"))
    patch.setattr("rig.Guard", caged(Guard, "optimilter.service.in"))
    with Rig(tmp_path_factory.mktemp("cages"), LOSSLESS) as running:
        yield running
    patch.undo()


def status_of(process):
    return dict(re.findall(r"^(\w+):\s*(.*)$", pathlib.Path(f"/proc/{process.pid}/status").read_text(), re.M))


def test_mail_is_optimised_in_the_cages(cages):
    original, filtered = cages.send_both_ways(photo_mail(1))
    assert len(filtered) < len(original) and b"\r\nX-Optimilter: " in filtered


def test_the_cages_are_what_the_units_say(cages):
    guard, engine = status_of(cages.guard.process), status_of(cages.engine.process)
    assert int(guard["CapBnd"], 16) == int(guard["CapEff"], 16) == 1 << 12  # CAP_NET_ADMIN
    assert int(engine["CapBnd"], 16) == int(engine["CapEff"], 16) == 0
    for process in (guard, engine):
        assert process["NoNewPrivs"] == "1" and process["Seccomp"] == "2" and process["Uid"].split()[0] != "0"


def test_the_guard_has_its_send_buffer_in_the_cage(cages):
    assert "send buffer" not in "".join(line for line in cages.guard.log().splitlines() if "warning" in line)


def workers_of(engine):
    """What status says of the workers."""
    answer = subprocess.run([CTL, "status", "--json", "-c", engine.settings_file], capture_output=True, text=True, timeout=60)
    return json.loads(answer.stdout)["engine"]["workers"]


def test_no_step_of_the_sandbox_is_lost_to_the_unit(cages):
    """The same steps are missing as for an engine that runs as its user without a cage."""
    with Engine(BUILD, LOSSLESS) as free:
        assert workers_of(cages.engine)["missing_sandbox_steps"] == workers_of(free)["missing_sandbox_steps"]


def oom_score_adj(pid):
    return pathlib.Path(f"/proc/{pid}/oom_score_adj").read_text().strip()


def test_workers_are_killed_first_when_memory_is_short(cages):
    zygote = workers_of(cages.engine)["zygote_pid"]
    workers = pathlib.Path(f"/proc/{zygote}/task/{zygote}/children").read_text().split()
    assert workers and {oom_score_adj(pid) for pid in [zygote, *workers]} == {"800"}
    assert oom_score_adj(cages.engine.process.pid) != "800"


def test_limits_that_cannot_be_set_are_told(cages):
    """No unit, no delegation: mail flows, log and status say that there are no limits."""
    assert workers_of(cages.engine)["limits"].startswith("none: ")
    assert "limits of all workers together: none: " in cages.engine.log()


# ---- Accounts and folders

@pytest.fixture
def root(tmp_path):
    """An empty machine with Postfix's group."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/group").write_text("root:x:0:\npostfix:x:4321:\n")
    (tmp_path / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    (tmp_path / "var/spool/postfix").mkdir(parents=True)
    (tmp_path / "run").mkdir()
    return tmp_path


def accounts(root, name):
    return {line.split(":")[0]: line.split(":") for line in (root / "etc" / name).read_text().splitlines()}


def test_sysusers_and_tmpfiles(root):
    subprocess.run(["systemd-sysusers", f"--root={root}", SYSTEMD / "optimilter.sysusers"], check=True,
                   capture_output=True)
    users, groups = accounts(root, "passwd"), accounts(root, "group")
    assert users["optimilter"][5:] == ["/nonexistent", "/usr/sbin/nologin"]
    assert {"optimilter-admin", "optimilter-queue"} <= groups.keys()
    for name in ("optimilter.tmpfiles", "optimilter-postfix.tmpfiles"):
        subprocess.run(["systemd-tmpfiles", "--create", f"--root={root}", SYSTEMD / name], check=True, capture_output=True)
    for folder, mode, group in (("run/optimilter", 0o751, "optimilter-admin"),
                                ("var/spool/postfix/optimilter", 0o2750, "postfix")):
        made = (root / folder).stat()
        assert made.st_mode & 0o7777 == mode
        assert (made.st_uid, made.st_gid) == (int(users["optimilter"][2]), int(groups[group][2]))


def test_the_names_are_those_of_the_units():
    for unit in ("optimilter.service.in", "optimilter-engine.service.in"):
        text = (SYSTEMD / unit).read_text()
        assert re.search(r"^User=optimilter$", text, re.M) and re.search(r"^SupplementaryGroups=optimilter-admin\b", text, re.M)


def test_installed_units_name_the_installed_programs(tmp_path):
    """Whatever prefix is chosen at installation."""
    subprocess.run(["cmake", "--install", BUILD, "--prefix", "/opt/mail"], check=True,
                   env={**os.environ, "DESTDIR": str(tmp_path)}, capture_output=True, cwd=PROJECT)
    for name in ("optimilter", "optimilter-engine", "optimilter-queuewatch", "optimilter-recover"):
        unit = (tmp_path / f"opt/mail/lib/systemd/system/{name}.service").read_text()
        program = re.search(r"^ExecStart=(/opt/mail/\S+)$", unit, re.M)[1]
        assert os.access(tmp_path / program.lstrip("/"), os.X_OK)
