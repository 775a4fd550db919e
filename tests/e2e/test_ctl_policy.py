# SPDX-License-Identifier: Apache-2.0
"""optimilterctl policy check and explain, and rules under optimize: no MTA, no engine."""
import json
import subprocess

import pytest
from mails import photo_mail
from rig import CTL, PROJECT, SAMPLES, WORKER

READY = sorted((PROJECT / "contrib/policies").glob("*.toml"))


@pytest.fixture
def etc(tmp_path):
    (tmp_path / "policy.d").mkdir()
    (tmp_path / "optimilter.toml").write_text(
        f'profile = "lossless"\ndeadline = "30s"\npolicy_dir = "{tmp_path}/policy.d"\nworker_program = "{WORKER}"\n')
    (tmp_path / "mail.eml").write_bytes(photo_mail(401))
    return tmp_path


def ctl(etc, *words):
    return subprocess.run([CTL, *words, "-c", etc / "optimilter.toml"], capture_output=True, text=True, timeout=120)


def rule(etc, text, name="10.toml"):
    (etc / "policy.d" / name).write_text(text)


def explain(etc, *words):
    return ctl(etc, "policy", "explain", "--from", "a@b.test", "--to", "c@d.test", etc / "mail.eml", *words)


def test_check_of_good_rules(etc):
    rule(etc, 'valid_until = 2037-12-31\n[[rule]]\nname = "a"\nthen = {}\n')
    done = ctl(etc, "policy", "check")
    assert (done.returncode, done.stdout, done.stderr) == (
        0, f"{etc}/policy.d: 1 rules in 1 files, valid until 2037-12-31: no problems\n", "")


def test_check_names_every_slip_of_every_file(etc):
    rule(etc, '[[rule]]\nname = "a"\nwhen = { sendr = "x" }\nthen = {}\n')
    rule(etc, '[[rule]]\nname = "a"\nthen = { profil = "x" }\n', "20.toml")
    done = ctl(etc, "policy", "check")
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.splitlines() == [
        f'optimilterctl: {etc}/policy.d/10.toml:3: unknown condition "sendr"; did you mean "sender"?',
        f'optimilterctl: {etc}/policy.d/20.toml:2: the name "a" is taken, {etc}/policy.d/10.toml:1 has it',
        f'optimilterctl: {etc}/policy.d/20.toml:3: unknown setting "profil"; did you mean "profile"?']


def test_check_warns(etc):
    rule(etc, 'valid_until = 2020-01-31\n[[rule]]\nname = "a"\nthen = {}\n[[rule]]\nname = "b"\nthen = {}\n')
    done = ctl(etc, "policy", "check")
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        f"warning: {etc}/policy.d/10.toml:5: rule a fits everything before this rule is asked",
        f"warning: {etc}/policy.d/10.toml was valid until 2020-01-31: all mail passes unchanged",
        f"{etc}/policy.d: 2 rules in 1 files: no problems"]


@pytest.mark.parametrize("path", READY, ids=lambda path: path.name)
def test_ready_policies_can_be_taken_as_they_are(etc, path):
    rule(etc, path.read_text(), path.name)
    assert ctl(etc, "policy", "check").returncode == 0
    assert explain(etc).returncode == 0


def test_another_folder(etc):
    other = etc / "new.d"
    other.mkdir()
    (other / "a.toml").write_text('[[rule]]\nname = "new"\nthen = { leave_alone = "x" }\n')
    assert ctl(etc, "policy", "check", other).stdout.startswith(f"{other}: 1 rules")
    assert json.loads(explain(etc, "--json", "--policy-dir", other).stdout)["rule"] == "new"
    assert json.loads(explain(etc, "--json").stdout)["rule"] == ""


@pytest.mark.parametrize("words, want", [
    ([], "inbound"), (["--client", "127.0.0.1"], "outbound"), (["--client", "192.0.2.1"], "inbound"), (["--auth", "anna"], "outbound"),
    (["--auth", "anna", "--direction", "inbound"], "inbound"), (["--direction", "outbound"], "outbound")])
def test_direction_is_what_the_engine_would_say(etc, words, want):
    rule(etc, '[[rule]]\nname = "in"\nwhen = { direction = "inbound" }\nthen = {}\n'
              '[[rule]]\nname = "out"\nwhen = { direction = "outbound" }\nthen = {}\n')
    told = json.loads(explain(etc, "--json", *words).stdout)
    assert told["direction"] == want and told["rule"] == want.removesuffix("bound")


def test_facts_reach_the_rules(etc):
    for key, word, value in (("auth_user", "--auth", "anna"), ("client", "--client", "192.0.2.7"), ("listener", "--listener", "smtps"),
                             ("sender", None, "a@b.test"), ("recipient", None, "d.test")):
        rule(etc, f'[[rule]]\nname = "r"\nwhen = {{ {key} = "{value}" }}\nthen = {{}}\n')
        assert json.loads(explain(etc, "--json", *([word, value] if word else [])).stdout)["rule"] == "r", key
        if word:
            told = json.loads(explain(etc, "--json").stdout)
            assert told["rule"] == "" and told["passed_over"] == [{"rule": "r", "condition": key}]


def test_recipients_that_differ_are_told_one_by_one(etc):
    rule(etc, '[[rule]]\nname = "press"\nwhen = { recipient = "press@" }\nthen = { profile = "compact" }\n')
    done = explain(etc, "--to", "press@x.test")
    assert "rules press+none, the least change of them\n" in done.stdout
    assert "    c@d.test: no rule\n    press@x.test: rule press\n" in done.stdout


def test_signed_mail_is_left_alone_whatever_the_rules_say(etc):
    rule(etc, '[[rule]]\nname = "all"\nthen = { profile = "compact" }\n')
    signed = next(SAMPLES.glob("*dkim*"))
    done = ctl(etc, "policy", "explain", "--from", "<>", "--to", "c@d.test", signed)
    assert done.returncode == 0
    assert done.stdout.splitlines()[0] == f"message: inbound; rule all ({etc}/policy.d/10.toml:1): left as it is: signed (DKIM)"
    rule(etc, '[[rule]]\nname = "all"\nthen = { skip_dkim_inbound = false }\n')
    done = ctl(etc, "policy", "explain", "--from", "<>", "--to", "c@d.test", signed)
    assert "signed (DKIM)" not in done.stdout and "worked on" in done.stdout


@pytest.mark.parametrize("words, want", [
    (["policy"], 2), (["policy", "explain"], 2), (["policy", "explain", "--to", "a@b", "x.eml"], 2),
    (["policy", "explain", "--from", "a@b", "x.eml"], 2),
    (["policy", "explain", "--from", "a@b", "--to", "c@d", "--direction", "up", "x.eml"], 2),
    (["policy", "explain", "--from", "a@b", "--to", "c@d", "/nowhere.eml"], 1)])
def test_bad_usage(words, want):
    assert subprocess.run([CTL, *words], capture_output=True, text=True, timeout=60).returncode == want


def test_explain_with_broken_rules(etc):
    rule(etc, "rule = 1\n")
    done = explain(etc)
    assert done.returncode == 2 and "10.toml:1: want [[rule]]" in done.stderr


def test_optimize_goes_by_the_rules(etc):
    """What asks for an envelope does not fit; what asks for a part does, also of a bare file."""
    rule(etc, '[[rule]]\nname = "sent"\nwhen = { sender = "<>" , recipient = "c@d.test" }\nthen = { leave_alone = "x" }\n'
              '[[rule]]\nname = "photos"\nwhen = { file_name = "photo.*" }\nthen = { leave_alone = "photo" }\n')
    report = json.loads(ctl(etc, "optimize", "--json", etc / "mail.eml").stdout)
    assert [(part["rule"], part["outcome"]) for part in report["parts"]] == [("", "untouchable"), ("photos", "untouchable")]
    assert report["bytes_out"] == report["bytes_in"]
    (etc / "photo.jpg").write_bytes(b"\xff\xd8\xff\xe0" + bytes(20000))
    report = json.loads(ctl(etc, "optimize", "--json", etc / "photo.jpg").stdout)
    assert report["parts"][0]["rule"] == "photos" and report["parts"][0]["reason"] == "photo"
    rule(etc, "rule = 1\n")
    assert ctl(etc, "optimize", etc / "mail.eml").returncode == 2
