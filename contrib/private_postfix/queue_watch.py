# SPDX-License-Identifier: Apache-2.0
"""Runs optimilter-queuewatch beside an Engine, with the engine's settings file."""
import os
import signal
import subprocess

from .engine import _MilterProgram, reachable
from .postfix import OWNER


class QueueWatch(_MilterProgram):
    """user: who counts, without any group but their own; by default the private Postfix's owner. The engine has to
    have queue_group set to a group of theirs, which takes one that is started as root."""

    def __init__(self, engine, user=OWNER):
        super().__init__("none", engine.folder / f"watch-{user}", user)
        self.engine = engine
        self.program = reachable(engine.build / "console/optimilter-queuewatch", self.folder)

    def _choose_socket(self, socket_kind, jail_queue):
        """It listens nowhere."""

    def answers(self):
        """Has it begun to count?"""
        return "queue directories" in self.log()

    def start(self, timeout=30):
        self.log_file.unlink(missing_ok=True)
        return super().start(timeout)

    def _command(self):
        return [self.program, "-c", self.engine.settings_file]

    def count_once(self):
        """(exit status, what it prints), as its user."""
        done = subprocess.run([*self._command(), "--once"], capture_output=True, text=True, timeout=60, cwd="/",
                              env={**os.environ, **self.environment}, preexec_fn=self._prepare_child)
        return done.returncode, done.stdout + done.stderr

    def reload(self):
        self.send_signal(signal.SIGHUP)
