# SPDX-License-Identifier: Apache-2.0
"""The worked examples of optimilter-policy(5), as they stand in the page: files are written, commands run, output compared."""
import re
import shlex
import subprocess

import pytest
from rig import CTL, PROJECT, SAMPLES, WORKER

PAGE = (PROJECT / "man/optimilter-policy.5").read_text()
BLOCK = re.compile(r'^\.\\" (example: (?P<file>\S+)|run)\n\.Bd -literal\n(?P<text>.*?)^\.Ed$', re.M | re.S)


def plain(text):
    """Literal text as it is shown: mdoc writes a backslash as \\e."""
    return text.replace(r"\e", "\\")


BLOCKS = [(found["file"], plain(found["text"])) for found in BLOCK.finditer(PAGE)]
RUNS = [text for file, text in BLOCKS if file is None]


@pytest.fixture(scope="module")
def etc(tmp_path_factory):
    """What the page calls /etc/optimilter."""
    folder = tmp_path_factory.mktemp("etc")
    for file, text in BLOCKS:
        if file:
            path = folder / file
            path.parent.mkdir(exist_ok=True)
            path.write_text(text.replace("/etc/optimilter", str(folder)))
    (folder / "optimilter.toml").write_text(f'policy_dir = "{folder}/policy.d"\nworker_program = "{WORKER}"\n')
    return folder


def test_the_page_has_examples():
    assert len(RUNS) >= 3 and sum(file is not None for file, _ in BLOCKS) >= 3


def test_the_rules_have_no_problems(etc):
    done = subprocess.run([CTL, "policy", "check", "-c", etc / "optimilter.toml"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{etc}/policy.d: 4 rules in 2 files, valid until 2037-12-31: no problems\n" == done.stdout


@pytest.mark.parametrize("text", RUNS, ids=range(len(RUNS)))
def test_commands_say_what_the_page_says(etc, text):
    command, output = re.fullmatch(r"\$ ((?:[^\n]*\\\n)*[^\n]*)\n(.*)", text, re.S).groups()
    words = shlex.split(command.replace("\\\n", " "))
    assert words[0] == "optimilterctl"
    done = subprocess.run([CTL, *words[1:], "-c", etc / "optimilter.toml"], capture_output=True, text=True, cwd=SAMPLES, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.replace(str(etc), "/etc/optimilter") == output
