#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Something runs out or somebody asks for too much: mail flows, and memory stays inside the stated bounds. One row each.
"""
import argparse
import sys

import resources_lack  # noqa: F401 each fills ROWS
import resources_load  # noqa: F401
from peaks import MIB
from resource_scene import BASE, ENGINE_PER_BODY, IDLE_SESSION, ROWS, run_row

HEAD = "| what runs out, or comes | what mail did | memory, peak of bound | seconds |\n|---|---|---|---|"


def table_row(one):
    return f"| {one.name} | {one.flowed} | {one.memory} | {one.seconds:.0f} |"


TEXT = """\
Something runs out, or somebody asks for too much. In every row usual mails are sent by SMTP before, meanwhile and after, and
each must get 250, arrive once and whole; "smaller" and "optimised": with its photo made smaller, and compared; "as it came":
unchanged. Bounds: guard {guard} MiB and {session_guard} KiB an idle session (and guard_reply_budget, when there are large
replies); engine {engine} MiB and {session_engine} KiB an idle session and {per_body} times the bodies that it holds (at most
body_budget), memory files counted in; workers: worker_memory each.
"""


def text_of(rows):
    text = TEXT.format(guard=BASE["guard"] // MIB, engine=BASE["engine"] // MIB, session_guard=IDLE_SESSION["guard"] >> 10,
                       session_engine=IDLE_SESSION["engine"] >> 10, per_body=ENGINE_PER_BODY)
    return "\n".join([text, HEAD, *map(table_row, rows)])


def add_words(words):
    words.add_argument("rows", nargs="*", help="all, when none is named")
    words.add_argument("--small", action="store_true", help="less of everything, as in ./check")
    words.add_argument("--list", action="store_true", help="name the rows")


def run_asked(asked, finish):
    """finish(asked, key, title, text) shows it. False: a row was not kept."""
    if asked.list:
        print("\n".join(f"{name:24} {title}" for name, (title, _) in ROWS.items()))
        return True
    unknown = set(asked.rows) - set(ROWS)
    if unknown:
        sys.exit(f"no such row: {', '.join(sorted(unknown))}")
    rows = []
    for name in asked.rows or ROWS:
        rows.append(run_row(name, asked.small))
        print(table_row(rows[-1]), flush=True)
    if asked.rows or asked.small:
        return all(one.good for one in rows)  # a part is not written into the page
    finish(asked, "resources", "Something runs out, or somebody asks for too much", text_of(rows))
    return all(one.good for one in rows)


def add_command(commands, finish):
    words = commands.add_parser("resources", help="disk, memory, descriptors, clock, log, floods: about 3 minutes")
    add_words(words)
    words.set_defaults(run=lambda asked: run_asked(asked, finish))


def main(arguments=None):
    words = argparse.ArgumentParser(prog="resources", description=__doc__.split("\n\n")[0])
    add_words(words)
    return 0 if run_asked(words.parse_args(arguments), lambda asked, key, title, text: print(text)) else 1


if __name__ == "__main__":
    sys.exit(main())
