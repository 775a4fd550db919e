# SPDX-License-Identifier: Apache-2.0
"""The other commands of optimilterctl: config, check-config, check-mta, version."""
import socket
import subprocess

import pytest
from rig import CTL, MailSink, Milter, PrivatePostfix, milter_list


def run(*arguments, **more):
    return subprocess.run([CTL, *arguments], capture_output=True, text=True, timeout=60, **more)


def test_version():
    done = run("version")
    assert done.returncode == 0 and done.stdout.startswith("optimilter ")


def test_config_prints_what_can_be_read_again(tmp_path):
    file = tmp_path / "all.toml"
    file.write_text(run("config").stdout)
    assert "deadline" in file.read_text()
    assert run("check-config", file).returncode == 0
    assert run("config", "--config", file).stdout == file.read_text()


@pytest.mark.parametrize("text, want", [
    ('profil = "lossless"\n', ["optimilter.toml:1:", "profile"]),
    ('dry_run = true\nprofile = "best"\n', ["optimilter.toml:2:", "profile"]),
    ('deadline = "5 parsecs"\n', ["optimilter.toml:1:", "deadline"]),
    ("min_size = \n", ["optimilter.toml:1"]),
])
def test_check_config_says_file_line_and_nearest_name(tmp_path, text, want):
    file = tmp_path / "optimilter.toml"
    file.write_text(text)
    done = run("check-config", file)
    assert done.returncode == 1
    for word in want:
        assert word in done.stdout + done.stderr


def test_check_config_of_a_missing_file():
    done = run("check-config", "/nonexistent/optimilter.toml")
    assert done.returncode == 1 and "/nonexistent/optimilter.toml" in done.stderr


def test_without_a_command_is_bad_usage():
    assert run().returncode == 2


@pytest.mark.parametrize("change, want", [
    ({}, ""),
    ({"default_action": "tempfail"}, "default_action"),
    ({"content_timeout": "300s"}, "content_timeout"),
    ({"command_timeout": "90s"}, "command_timeout"),
    ({"endpoint": "unix:/nonexistent/milter.sock"}, "/nonexistent/milter.sock"),
])
def test_check_mta_on_a_real_configuration(tmp_path, change, want):
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "milter.sock"))
    milter = Milter(f"unix:{tmp_path}/milter.sock")._replace(**change)
    sink = MailSink(tmp_path / "sink")
    postfix = PrivatePostfix(sink.port, {}, non_smtpd=[milter], settings={"smtpd_milters": milter_list([milter]), "message_size_limit": "30000000"})
    try:
        settings = tmp_path / "settings.toml"
        settings.write_text(f'listen = "{milter.endpoint}"\n')
        done = run("check-mta", "--config", settings, "--postfix-config", postfix.config, env=postfix.environment)
        warnings = [line for line in done.stdout.splitlines() if line.startswith("warning")]
        assert done.returncode == (1 if want else 0), done.stdout + done.stderr
        assert bool(want) == bool(warnings) and all(want in line for line in warnings)
    finally:
        postfix.stop()
        sink.close()
        listener.close()
