# SPDX-License-Identifier: Apache-2.0
"""Runs optimilterd and optimilter-engine, and the null milter of the tests, for as long as a test or a quickstart needs them."""
import ctypes
import json
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from .postfix import OWNER, PrivatePostfixError, free_port

ENGINE_USER = "optimengine"


def _toml(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    return str(value) if isinstance(value, (int, float)) else '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'


class _MilterProgram:
    """A program that listens on a milter socket. The socket folder belongs to the program's user and to Postfix's
    group, and passes that group on, so that a socket of mode 0660 lets Postfix in and nobody else."""

    _starts_as_root = False

    def __init__(self, socket_kind, folder, user, jail_queue=None, outlive_parent=False):
        self.folder = pathlib.Path(folder or tempfile.mkdtemp(prefix="optimilter-engine."))
        self.folder.mkdir(exist_ok=True, parents=True)
        self.folder.chmod(0o755)
        self.user = pwd.getpwnam(user) if user else None
        self.log_file = self.folder / "log"
        self._outlive_parent = outlive_parent
        self.process = None
        self.environment = {}  # beyond our own; tests preload libraries
        self._choose_socket(socket_kind, jail_queue)

    def _choose_socket(self, socket_kind, jail_queue):
        if socket_kind == "inet":
            self.port = free_port()
            self.listen = f"inet:{self.port}@127.0.0.1"
            self.endpoint = f"inet:127.0.0.1:{self.port}"
            return
        self.port = None
        name = self.folder.name
        self._socket_folder = pathlib.Path(jail_queue) / name if jail_queue else self.folder / "socket"
        self._socket_folder.mkdir(exist_ok=True)
        os.chown(self._socket_folder, self.user.pw_uid if self.user else 0, pwd.getpwnam(OWNER).pw_gid)
        self._socket_folder.chmod(0o2750)
        self.path = self._socket_folder / "milter.sock"
        self.listen = f"unix:{self.path}"
        self.endpoint = f"unix:{'/' + name + '/milter.sock' if jail_queue else self.path}"

    def _command(self):
        raise NotImplementedError

    def _prepare_child(self):
        os.umask(0o007)
        if self.user and not self._starts_as_root:
            os.setgroups([])
            os.setgid(self.user.pw_gid)
            os.setuid(self.user.pw_uid)
        if not self._outlive_parent:
            ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # after setuid, which clears it

    def start(self, timeout=30):
        self.process = subprocess.Popen(self._command(), cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=open(self.log_file, "ab"), start_new_session=True,
                                        env={**os.environ, **self.environment}, preexec_fn=self._prepare_child)
        deadline = time.monotonic() + timeout
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise PrivatePostfixError(f"{self._command()[0]} did not start:\n{self.log()[-3000:]}")
            time.sleep(0.02)
        return self

    def answers(self):
        """Does the socket accept connections? (A milter says nothing before it is spoken to.)"""
        probe = socket.socket(socket.AF_INET if self.port else socket.AF_UNIX)
        with probe:
            try:
                probe.connect(("127.0.0.1", self.port) if self.port else str(self.path))
                return True
            except OSError:
                return False

    def log(self):
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def wait_for_log(self, text, count=1, timeout=10):
        deadline = time.monotonic() + timeout
        while self.log().count(text) < count:
            if time.monotonic() > deadline:
                raise TimeoutError(f"no {text!r} in the log within {timeout} s; its end:\n{self.log()[-2000:]}")
            time.sleep(0.02)

    def send_signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        """As the worst kind of crash: SIGKILL."""
        self.process.kill()
        self.process.wait()

    def stop(self, timeout=30, keep_folder=False):
        """SIGTERM and wait; the exit status."""
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise PrivatePostfixError(f"{self._command()[0]} did not leave within {timeout} s of SIGTERM") from None
        if not keep_folder:
            shutil.rmtree(self.folder, ignore_errors=True)
        return self.process.returncode if self.process else None

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()


def reachable(program, folder):
    """A copy in a folder that its user can reach (a build below /root could not be read by it)."""
    copy = folder / "programs" / program.name
    copy.parent.mkdir(exist_ok=True)
    partial = copy.with_suffix(".new")
    shutil.copy2(program, partial)
    partial.chmod(0o755)
    partial.rename(copy)  # also while the old one runs
    return copy


class Engine(_MilterProgram):
    """optimilter-engine of a build folder. settings: key -> value, written as TOML. Without a Guard its socket lets
    everybody in, so that an MTA can be its client; that is for comparisons only."""

    def __init__(self, build, settings=None, socket_kind="unix", folder=None, user=ENGINE_USER, jail_queue=None,
                 outlive_parent=False):
        super().__init__(socket_kind, folder, user, jail_queue, outlive_parent)
        build = pathlib.Path(build)
        self.build = build
        self.program = reachable(build / "milter/optimilter-engine", self.folder)
        self.worker = reachable(build / "workers/optimilter-worker", self.folder)
        self.settings_file = self.folder / "optimilter.toml"
        self.guard_listen = None
        self.control = self.folder / "control.sock"
        self._own_folder()
        self.configure(settings or {})

    def _own_folder(self):
        """The sockets beside the settings are made by the program's user."""
        if self.user:
            os.chown(self.folder, self.user.pw_uid, -1)

    def start(self, timeout=30):
        super().start(timeout)
        if self.port is None and self.guard_listen is None:
            self.path.chmod(0o666)
        return self

    def configure(self, settings):
        """Writes the settings file; a running engine, or guard, reads it at reload()."""
        self.settings = dict(settings)
        settings = {"listen": self.guard_listen or f"unix:{self.folder}/unused.sock", "engine_socket": self.listen,
                    "control_socket": self.control, "queue_socket": self.folder / "queue.sock",
                    "guard_status_socket": self.folder / "guard.sock", "alert_file": self.folder / "alert",
                    "log_target": "stderr", "worker_program": self.worker,
                    "policy_dir": self.folder / "policy.d",  # not the machine's own rules
                    **({"user": self.user.pw_name} if self.user else {}), **settings}
        partial = self.settings_file.with_suffix(".new")
        partial.write_text("".join(f"{key} = {_toml(value)}\n" for key, value in settings.items()))
        partial.rename(self.settings_file)

    def _command(self):
        return [self.program, "-c", self.settings_file]

    def reload(self):
        self.send_signal(signal.SIGHUP)


class Guard(_MilterProgram):
    """optimilterd before an Engine, with the engine's settings file. Starts as root, as its unit does, to keep the right
    to a large send buffer, and becomes the engine's user."""

    _starts_as_root = True

    def __init__(self, engine, socket_kind="unix", folder=None, jail_queue=None, outlive_parent=False):
        super().__init__(socket_kind, folder, engine.user.pw_name if engine.user else None, jail_queue, outlive_parent)
        self.engine = engine
        self.program = reachable(engine.build / "milter/optimilterd", self.folder)
        self.status_socket = engine.folder / "guard.sock"
        engine.guard_listen = self.listen
        engine.configure(engine.settings)

    def _command(self):
        return [self.program, "-c", self.engine.settings_file]

    def reload(self):
        self.send_signal(signal.SIGHUP)

    def status(self):
        """What it says of itself, as a dict."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(10)
            connection.connect(str(self.status_socket))
            return json.loads(b"".join(iter(lambda: connection.recv(65536), b"")))


class NullMilter(_MilterProgram):
    """tests/e2e/null_milter.cpp: takes every event and every byte, changes nothing; writes a line a message. options: its own."""

    def __init__(self, build, socket_kind="unix", folder=None, options=(), user=None):
        self._options = options
        super().__init__(socket_kind, folder, user)
        self.program = pathlib.Path(build) / "tests/e2e/null_milter"
        if user:
            self.program = reachable(self.program, self.folder)

    def _command(self):
        return [self.program, self.listen, *self._options]

    def stop(self, timeout=30, keep_folder=False):
        """At once: libmilter takes up to 5 s to heed SIGTERM, and there is nothing to lose here."""
        self.kill()
        return super().stop(timeout, keep_folder)
