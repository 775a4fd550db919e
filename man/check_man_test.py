#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""check-man must be able to fail: each case breaks one thing in a copy of the tree and names the words that the
answer must hold.

usage: check_man_test.py SOURCE_DIRECTORY GENERATED_optimilter.toml.5
"""
import pathlib
import shutil
import subprocess
import sys
import tempfile

READ = ["policy/settings.def", "milter/message_log.cpp", "milter/engine_main.cpp", "base/counters.cpp",
        "optimizers/format.cpp", "console/optimilterctl_main.cpp", "console/file_report.cpp",
        "console/check_list.cpp", "milter/engine_status.cpp", "milter/load_status.cpp", "console/recover_main.cpp",
        "console/queuewatch_main.cpp", "milter/guard_counters.cpp", "milter/guard_main.cpp", "packages.list",
        "doc/dependencies.md", "policy/condition_reader.cpp", "console/explanation.cpp"]
GENERATED = "optimilter.toml.5"
ENGINE, CTL = "man/optimilter-engine.8", "man/optimilterctl.1"

# name, file, text to replace, by what, what check-man must say
CASES = [
    ("nothing wrong", ENGINE, "", "", None),
    ("setting without text", "policy/settings.def", "OPTIMILTER_SETTING(deadline,", "OPTIMILTER_SETTING(limit,",
     "setting limit is in the code but not"),
    ("text without setting", GENERATED, ".It Va deadline\n", ".It Va deadlines\n", "setting deadlines is in the page but"),
    ("new log key", "milter/message_log.cpp", '" status="', '" state="', "log key state is in the code but not"),
    ("log key renamed in the page", ENGINE, ".It Va delays", ".It Va delay", "log key delay is in the page but not"),
    ("new counter", "base/counters.cpp", '"deadlines_missed"', '"deadlines_met"', "counter deadlines_met is in the code"),
    ("counter gone from the page", ENGINE, ".It Va bytes_in", ".It Xx bytes_in", "counter bytes_in is in the code but"),
    ("new outcome", "optimizers/format.cpp", '"too_different"', '"ugly"', "outcome ugly is in the code but not"),
    ("new option", "milter/engine_main.cpp", '"-c,--config"', '"-c,--config,--settings"', "option --settings is in the code"),
    ("option in the page only", CTL, "Fl -json", "Fl -yaml", "option --yaml is in the page but not"),
    ("command in the page only", CTL, ".It Cm check-mta", ".It Cm check-mtas", "command check-mtas is in the page"),
    ("new JSON field", "console/file_report.cpp", 'json["quality"]', 'json["score"]', "JSON field score is in the code"),
    ("new status field", "milter/engine_status.cpp", 'json["waiting"]', 'json["queued"]', "status field queued is in the code"),
    ("new status field of load", "milter/load_status.cpp", 'json["cause"]', 'json["reason"]', "status field reason is in the code"),
    ("new check", "console/check_list.cpp", '"memory"', '"swap"', "check swap is in the code but not"),
    ("new condition", "policy/condition_reader.cpp", 'CONDITION("listener"', 'CONDITION("service"',
     "condition service is in the code but not"),
    ("condition in the page only", "man/optimilter-policy.5", ".It Va listener", ".It Va port", "condition port is in the page but"),
    ("new explain field", "console/explanation.cpp", 'json["work"]', 'json["doing"]', "explain field doing is in the code but"),
    ("option of recover gone from the page", "man/optimilter-recover.8", "Fl -dry-run", "Fl -trial", "option --dry-run is in the code"),
    ("new option of the queue watch", "console/queuewatch_main.cpp", "-1,--once", "-1,--once,--now", "option --now is in the code"),
    ("new package", "packages.list", "unzip ", "zip ", "package zip is in the code but not"),
    ("counter of the guard gone", "man/optimilterd.8", ".It Va torn", ".It Va turn", "counter torn is in the code but not"),
    ("option of the guard gone", "man/optimilterd.8", ".It Fl V , Fl -version", ".It Fl V", "option --version is in the code but not"),
    ("package gone from the page", "doc/dependencies.md", "`libseccomp2`", "-", "package libseccomp2 is in the code but not"),
    ("package in the page only", "doc/dependencies.md", "`mandoc`", "`man-db`", "package man-db is in the page but not"),
    ("a list that lost its mark", ENGINE, "check-man: counters", "counters", "counter messages is in the code but not"),
    ("a table that moved", "base/counters.cpp", "kNames", "kWords", "has a file moved?"),
    ("broken mdoc", CTL, ".Sh EXIT STATUS", ".Shh EXIT STATUS", "skipping unknown macro"),
    ("too wide", ENGINE, ".Bd -literal -offset 2n\n", ".Bd -literal -offset 2n\n" + "x" * 90 + "\n", "wider than 80"),
]


def run_case(source, generated, case):
    name, broken, old, new, want = case
    with tempfile.TemporaryDirectory() as folder:
        tree = pathlib.Path(folder)
        for file in READ:
            (tree / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source / file, tree / file)
        shutil.copytree(source / "man", tree / "man")
        shutil.copy(generated, tree / GENERATED)
        text = (tree / broken).read_text()
        if old not in text:
            return f"{name}: {broken} has no {old!r} to break"
        (tree / broken).write_text(text.replace(old, new))
        done = subprocess.run([source / "man/check-man", tree, tree / GENERATED], capture_output=True, text=True, check=False)
        if want is None:
            return None if done.returncode == 0 else f"{name}: {done.stdout}{done.stderr}"
        if done.returncode == 1 and want in done.stdout:
            return None
        return f"{name}: want 1 and {want!r}, got {done.returncode} and {done.stdout!r}{done.stderr}"


def main(arguments):
    if len(arguments) != 2:
        print(__doc__.strip().splitlines()[-1], file=sys.stderr)
        return 2
    failures = [failure for case in CASES if (failure := run_case(pathlib.Path(arguments[0]), arguments[1], case))]
    print("\n".join(failures) or f"{len(CASES)} cases")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
