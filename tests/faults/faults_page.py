# SPDX-License-Identifier: Apache-2.0
"""doc/FAULTS.md: one section a command, each replaced in its place when the command has run again."""
import os
import pathlib
import re

PAGE = pathlib.Path(__file__).resolve().parents[2] / "doc/FAULTS.md"

HEAD = """\
# Faults: what was done to optimilter, and what became of the mail

Every section is written by the command that it names, as root, after `./check` has built everything; a short form of it
is part of `./check`. Bold is what breaks a promise of the README.
"""


def write_section(key, title, command, text, page=PAGE):
    """key: word that marks the section; title: its heading. A new section goes to the end."""
    begin, end = f"<!-- begin {key} -->", f"<!-- end {key} -->"
    section = f"{begin}\n## {title}\n\n`{command}`\n\n{text.strip()}\n{end}\n"
    old = page.read_text() if page.exists() else HEAD
    found = re.search(re.escape(begin) + ".*?" + re.escape(end) + "\n", old, re.DOTALL)
    new = old[:found.start()] + section + old[found.end():] if found else f"{old}\n{section}"
    partial = page.with_suffix(".new")
    partial.write_text(new)
    os.replace(partial, page)
