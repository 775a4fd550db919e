# SPDX-License-Identifier: Apache-2.0
"""A Sendmail of our own: private folders, ports of 127.0.0.1 above 1024, its own sendmail.cf made from an mc file
through m4, its own log.

One daemon port a name, each with its own list of milters (InputMailFilters=), so that the same message can be sent
with and without them. What is delivered goes to one relay host, the sink. The interface is PrivatePostfix's.
"""
import contextlib
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import tempfile

from private_postfix.mta import PrivateMta, PrivatePostfixError, die_with_parent
from private_postfix.postfix import OWNER, PrivatePostfix, free_port
from private_postfix.unpack import library_path

from .unpack import M4_FOLDER, SENDMAIL, sendmail_root

HOST = "mx.optimilter.test"

# What both of its sendmail.cf have: names from no server, everything relayed to one port of 127.0.0.1.
_MC_COMMON = """\
include(`{m4}m4/cf.m4')dnl
VERSIONID(`private')dnl
OSTYPE(`linux')dnl
define(`confDOMAIN_NAME', `{host}')dnl
define(`confCR_FILE', `-o {etc}/relay-domains')dnl
define(`confCW_FILE', `-o {etc}/local-host-names')dnl
define(`confCT_FILE', `-o {etc}/trusted-users')dnl
define(`confSERVICE_SWITCH_FILE', `{etc}/service.switch')dnl
define(`confHOSTS_FILE', `{etc}/hosts')dnl
define(`confDONT_PROBE_INTERFACES', `True')dnl
undefine(`confBIND_OPTS')dnl
define(`ALIAS_FILE', `')dnl
define(`confDEF_USER_ID', `{owner}:{owner}')dnl
define(`confTO_IDENT', `0')dnl
define(`confTRY_NULL_MX_LIST', `True')dnl
define(`confPRIVACY_FLAGS', `noexpn,novrfy,noetrn,noverb')dnl
FEATURE(`nocanonify')dnl
"""

_MC_DAEMON = """\
define(`confPID_FILE', `{folder}/pid')dnl
define(`QUEUE_DIR', `{queue}')dnl
define(`STATUS_FILE', `{folder}/statistics')dnl
define(`HELP_FILE', `{etc}/helpfile')dnl
define(`SMART_HOST', `relay:[127.0.0.1]')dnl
define(`RELAY_MAILER_ARGS', `TCP $h {sink_port}')dnl
define(`confQUEUE_LA', `10000')dnl
define(`confREFUSE_LA', `10000')dnl
define(`confLOG_LEVEL', `12')dnl
define(`confMILTER_LOG_LEVEL', `9')dnl
FEATURE(`promiscuous_relay')dnl
FEATURE(`accept_unresolvable_domains')dnl
FEATURE(`accept_unqualified_senders')dnl
FEATURE(`no_default_msa')dnl
{daemons}{filters}{more}MAILER(`smtp')dnl
"""

# sendmail(1): hands what it gets to the daemon's port, as the submission program of every Sendmail since 8.12.
_MC_SUBMIT = """\
define(`confPID_FILE', `{folder}/submit.pid')dnl
define(`MSP_QUEUE_DIR', `{client_queue}')dnl
define(`STATUS_FILE', `{folder}/submit.statistics')dnl
define(`RELAY_MAILER_ARGS', `TCP $h {submit_port}')dnl
define(`confRUN_AS_USER', `{owner}')dnl
define(`confTRUSTED_USER', `{owner}')dnl
FEATURE(`msp', `[127.0.0.1]')dnl
"""


def private_folder():
    """For queues and sockets: Sendmail refuses a socket anywhere below a folder that all may write to, such as /tmp."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="optimilter-private.", dir="/run"))
    folder.chmod(0o755)
    return folder


def sendmail_filter(name, milter):
    """MAIL_FILTER of an mc file for a private_postfix.Milter."""
    where = milter.endpoint
    if where.startswith("inet:"):
        host, port = where[len("inet:"):].rsplit(":", 1)
        where = f"inet:{port}@{host}"
    whole = f"{2 * int(milter.content_timeout.rstrip('s'))}s"
    on_error = {"accept": "", "tempfail": "T", "reject": "R"}[milter.default_action]
    times = f"C:{milter.connect_timeout};S:{milter.command_timeout};R:{milter.content_timeout};E:{whole}"
    return f"MAIL_FILTER(`{name}', `S={where}, F={on_error}, T={times}')dnl\n"


class PrivateSendmail(PrivateMta):
    """listeners: name -> list of Milter, or None for the filters that `more` defines by INPUT_MAIL_FILTER. submit_to: the listener that sendmail(1) hands its mail to. build: build folder
    with tests/e2e/libsendmail_alone.so. more: lines for the mc file."""

    name = "Sendmail"

    def __init__(self, build, sink_port, listeners, submit_to="filtered", more="", folder=None):
        PrivatePostfix._check_accounts()
        if not shutil.which("m4"):
            raise PrivatePostfixError("m4 is missing: a sendmail.cf is made by it")
        self.root = sendmail_root()
        self.folder = pathlib.Path(folder) if folder else private_folder()
        self.queue, self.client_queue = self.folder / "queue", self.folder / "client_queue"
        self.etc = self.folder / "etc"
        self.log_file = self.folder / "maillog"
        self.stderr_file = self.folder / "stderr"
        self.ports = {name: free_port() for name in listeners}
        self._daemon = None
        self._copy_programs(build)
        self._write_configuration(sink_port, listeners, submit_to, more)

    def _copy_programs(self, build):
        """Without the set-group-id bit, with which neither the unpacked libraries nor our own would be loaded."""
        for folder in (self.queue, self.client_queue, self.etc):
            folder.mkdir(mode=0o755 if folder == self.etc else 0o700)
        owner = pwd.getpwnam(OWNER)
        os.chown(self.client_queue, owner.pw_uid, owner.pw_gid)
        self.log_file.touch()
        os.chown(self.log_file, owner.pw_uid, owner.pw_gid)
        self.program = self.folder / "sendmail"
        shutil.copy(self.root / SENDMAIL, self.program)
        self.program.chmod(0o755)
        alone = self.folder / "sendmail_alone.so"
        shutil.copy(pathlib.Path(build) / "tests/e2e/libsendmail_alone.so", alone)
        self.environment = dict(os.environ, LD_LIBRARY_PATH=library_path(self.root), LD_PRELOAD=str(alone),
                                SENDMAIL_ALONE_LOG=str(self.log_file))

    def _write_configuration(self, sink_port, listeners, submit_to, more):
        (self.etc / "service.switch").write_text("hosts files\naliases files\npasswd files\n")
        (self.etc / "hosts").write_text(f"127.0.0.1 localhost {HOST}\n")
        filters, daemons = [], []
        for listener, milters in listeners.items():
            names = [f"{listener}{number}" for number in range(len(milters or ()))]
            filters += [sendmail_filter(*pair) for pair in zip(names, milters or ())]
            own = "" if milters is None else f", InputMailFilters={';'.join(names)}"
            daemons.append(f"DAEMON_OPTIONS(`Name={listener}, Family=inet, Addr=127.0.0.1, Port={self.ports[listener]}{own}')dnl\n")
        places = {"m4": f"{self.root / M4_FOLDER}/", "host": HOST, "etc": self.etc, "owner": OWNER, "folder": self.folder,
                  "queue": self.queue, "client_queue": self.client_queue, "sink_port": sink_port,
                  "submit_port": self.ports.get(submit_to, 0), "daemons": "".join(daemons), "filters": "".join(filters),
                  "more": more}
        self.cf = self._make_cf("sendmail", (_MC_COMMON + _MC_DAEMON).format(**places))
        self.submit_cf = self._make_cf("submit", (_MC_COMMON + _MC_SUBMIT).format(**places))

    def _make_cf(self, name, mc):
        source, made = self.etc / f"{name}.mc", self.etc / f"{name}.cf"
        source.write_text(mc)
        answer = subprocess.run(["m4", f"-D_CF_DIR_={self.root / M4_FOLDER}/", source], capture_output=True, text=True)
        if answer.returncode != 0:
            raise PrivatePostfixError(f"m4 {source} failed: {answer.stderr}")
        made.write_text(answer.stdout)
        made.chmod(0o644)
        return made

    # Running

    def start(self, timeout=30):
        self._daemon = subprocess.Popen(
            [self.program, "-C", self.cf, "-bD", "-q1s"], env=self.environment, cwd="/", stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=open(self.stderr_file, "wb"), start_new_session=True,
            preexec_fn=die_with_parent)
        self.wait_until_it_greets(self._daemon, timeout)
        return self

    def pid(self):
        return self._daemon.pid

    def stop(self, keep_folder=False):
        if self._daemon and self._daemon.poll() is None:
            self._daemon.terminate()
            self._daemon.wait(timeout=30)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._daemon.pid, signal.SIGKILL)  # sessions and deliveries that outlive it; its session is ours
        if not keep_folder:
            shutil.rmtree(self.folder, ignore_errors=True)

    # Watching

    def queued(self):
        """Queue files of the daemon and of sendmail(1): control, data, lost, quarantined."""
        return [path for folder in (self.queue, self.client_queue) for path in folder.rglob("*")
                if path.is_file() and path.name[:2] in ("qf", "df", "Qf", "hf", "tf")]

    # Local submission

    def sendmail(self, sender, recipient, message, *options):
        """sendmail(1) with the private submit.cf: goes to the daemon by SMTP, and so through its filters."""
        return subprocess.run([self.program, "-C", self.submit_cf, "-i", *options, "-f", sender, recipient], input=message,
                              env=self.environment, capture_output=True, check=True)
