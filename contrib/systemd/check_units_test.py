#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""check-units must be able to fail: each case breaks one thing in a copy and names the words that the answer must hold.

usage: check_units_test.py README.md FOLDER...
"""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

CHECK = pathlib.Path(__file__).with_name("check-units")

# name, file, pattern to replace, by what, what check-units must say
CASES = [
    ("nothing wrong", "optimilter.service", "", "", None),
    ("hardening lost", "optimilter.service", "^PrivateDevices=yes\n", "", "optimilter.service: exposure is"),
    ("another program", "optimilter-engine.service", "^ExecStart=.*$", "ExecStart=/bin/sh", "none of our programs"),
    ("misspelt directive", "optimilter.service", "^WatchdogSec=", "WatchdogSecs=", "Unknown key 'WatchdogSecs'"),
    ("unknown system call group", "optimilter-engine.service", "=@system-service ", "=@system-service @no-such-group ",
     "@no-such-group"),
    ("bad time", "optimilter-recover.timer", "^OnBootSec=.*$", "OnBootSec=soon", "Failed to parse timer value"),
    ("network let in", "optimilter-queuewatch.service", "^PrivateNetwork=yes\n", "", "optimilter-queuewatch.service: exposure is"),
    ("path that is none", "optimilter-recover.path", "^PathChanged=.*$", "PathChanged=run/alert", "not absolute"),
    ("unit gone", "optimilter-recover.service", None, None, "optimilter-recover.service is not there"),
]


def run_case(arguments, case):
    name, broken, old, new, want = case
    with tempfile.TemporaryDirectory() as folder:
        for source in arguments[1:]:
            for file in pathlib.Path(source).glob("optimilter*"):
                if file.suffix in (".service", ".timer", ".path"):
                    shutil.copy(file, folder)
        file = pathlib.Path(folder) / broken
        if old is None:
            file.unlink()
        else:
            text, count = re.subn(old, new, file.read_text(), flags=re.M)
            if not count:
                return f"{name}: {broken} has no {old!r} to break"
            file.write_text(text)
        done = subprocess.run([CHECK, arguments[0], folder], capture_output=True, text=True, check=False)
        if want is None:
            return None if done.returncode == 0 else f"{name}: {done.stdout}{done.stderr}"
        if done.returncode == 1 and want in done.stdout:
            return None
        return f"{name}: want 1 and {want!r}, got {done.returncode} and {done.stdout!r}{done.stderr}"


def main(arguments):
    failures = [failure for case in CASES if (failure := run_case(arguments, case))]
    print("\n".join(failures) or f"{len(CASES)} cases")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
