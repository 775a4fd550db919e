#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Whatever Python's email package makes of a mail, it must make the same of it after our splice, but for the bodies that
were replaced.

usage: compare_readers.py PATH_OF_fuzz_halve_mails MAIL_OR_FOLDER...

fuzz_halve_mails halves every base64 part that may be rewritten. Here both mails are read by two policies of the email
package and compared entity by entity: fields, defects, and content: the same, or (a replaced part) the first half of it.
"""
import email
import email.policy
import pathlib
import re
import subprocess
import sys

POLICIES = {"compat32": email.policy.compat32, "default": email.policy.default}
CHUNK = 200  # files for one call


def files_below(paths):
    for path in map(pathlib.Path, paths):
        yield from sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]


def halved(program, files):
    """Yields (file, mail before, mail after) for those that a splice changed."""
    for first in range(0, len(files), CHUNK):
        out = subprocess.run([program, *files[first:first + CHUNK]], capture_output=True, check=True).stdout
        while out:
            line, out = out.split(b"\n", 1)
            size, file = line.split(b" ", 1)
            yield file.decode(), pathlib.Path(file.decode()).read_bytes(), out[:int(size)]
            out = out[int(size):]


def fields_of(entity):
    """Names and values as they were read. size= may be corrected, so its number does not count."""
    rows = [(name, str(value)) for name, value in entity.raw_items()]
    return [(name, re.sub(r"(?is)(size\b.*?)\d+", r"\1", value)) for name, value in rows]


def content_differs(before, after):
    """Empty when the new content is the old, or what a halved part of it may be."""
    old, new = before.get_payload(decode=True), after.get_payload(decode=True)
    if old is None or new is None:
        return "no content"
    if old == new or (new and old.startswith(new) and len(new) == len(old) // 2):
        return ""
    # A reader that does not see a part of ours as one sees its base64 as text, and the new one is shorter.
    if len(new) < len(old):
        return "" if not is_base64(before) else "content is not the first half"
    return "content grew"


def is_base64(entity):
    """As get_payload() decides: a blank after the word is too much for it."""
    return str(entity.get("Content-Transfer-Encoding", "")).lower() == "base64"


def differences(before, after):
    a, b = list(before.walk()), list(after.walk())
    if len(a) != len(b):
        yield f"{len(a)} entities before, {len(b)} after"
        return
    for number, (old, new) in enumerate(zip(a, b)):
        if fields_of(old) != fields_of(new):
            yield f"entity {number}: fields differ"
        if [type(d) for d in old.defects] != [type(d) for d in new.defects]:
            yield f"entity {number}: other defects"
        if (old.preamble, old.epilogue) != (new.preamble, new.epilogue) and not old.defects:
            yield f"entity {number}: text around the parts differs"
        if not old.is_multipart():
            why = content_differs(old, new)
            if why:
                yield f"entity {number}: {why}"


def read(mail, policy):
    """None where the package itself gives up; it does on some broken mail."""
    try:
        return email.message_from_bytes(mail, policy=policy)
    except Exception:  # noqa: whatever a reader throws at hostile mail is its own affair
        return None


def compare(file, before, after):
    for name, policy in POLICIES.items():
        old, new = read(before, policy), read(after, policy)
        if old is None:
            continue
        if new is None:
            yield f"{file}: {name}: only the old one can be read"
            continue
        try:
            yield from (f"{file}: {name}: {why}" for why in differences(old, new))
        except Exception as error:  # lazily parsed fields throw late
            if read_fully(old, policy):
                yield f"{file}: {name}: {type(error).__name__} in the new one"


def read_fully(message, policy):
    try:
        return [(fields_of(entity), entity.defects, entity.get_payload(decode=True)) for entity in message.walk()] and True
    except Exception:
        return False


def main():
    if len(sys.argv) < 3:
        print(__doc__, file=sys.stderr)
        return 2
    files = [str(file) for file in files_below(sys.argv[2:])]
    changed, problems = 0, []
    for file, before, after in halved(sys.argv[1], files):
        changed += 1
        problems += compare(file, before, after)
    for problem in problems:
        print(problem)
    print(f"{len(files)} mails, {changed} changed by a splice, {len(problems)} seen differently")
    # A comparison of nothing proves nothing.
    return 1 if problems or changed == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
