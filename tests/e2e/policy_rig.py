# SPDX-License-Identifier: Apache-2.0
"""A Rig with a folder of rules, which a test changes while it runs; and what the log says of one message."""
import re

from rig import LOSSLESS, Rig, SmtpClient, new_recipient


class PolicyRig(Rig):
    """rules: text of the first file. more: further settings."""

    def __init__(self, folder, rules, more=None, **options):
        super().__init__(folder, {**LOSSLESS, **(more or {})}, **options)
        # Beside the settings, where the engine's user can read it.
        self.rules = self.engine.folder / "policy.d"
        self.rules.mkdir(mode=0o755)
        self.write(rules)

    def set_settings(self, more):
        self.engine.configure({**LOSSLESS, **more})

    def write(self, rules, name="10-test.toml"):
        """Whole or not at all, as an editor does it: a reload may come at any time."""
        partial = self.rules / (name + ".new")
        partial.write_text(rules)
        partial.rename(self.rules / name)

    def reload(self):
        seen = self.engine.log().count("reload: ")
        self.engine.reload()
        self.engine.wait_for_log("reload: ", seen + 1)

    def lines_of(self, mail, sender="anna@sender.test", recipients=None, parameters=""):
        """Sends it; (lines of its parts, line of the message) in the engine's log, which are there before the MTA has our
        answer."""
        before = len(self.engine.log())
        with SmtpClient(self.mta.ports["filtered"]) as client:
            reply = client.send(sender, recipients or [new_recipient("policy")], mail, parameters)
        assert reply.code == 250, reply
        self.engine.wait_for_log(" status=")
        lines = [line for line in self.engine.log()[before:].splitlines() if " status=" in line]
        return [line for line in lines if ": part=" in line], next(line for line in lines if ": parts=" in line)

    def changes(self, mail, **options):
        """Has it arrived smaller?"""
        original, filtered = self.send_both_ways(mail, **options)
        return len(filtered) < len(original)


def value(line, key):
    """Of a log line; "" when the key is not there."""
    found = re.search(rf" {key}=(\S+)", line)
    return found[1] if found else ""


def reason(line):
    """status=WORD (REASON) -> (WORD, REASON)."""
    return re.search(r" status=(\w+) \((.*)\)$", line).groups()
