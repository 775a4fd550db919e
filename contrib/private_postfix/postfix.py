# SPDX-License-Identifier: Apache-2.0
"""A Postfix of our own: private folders, ports of 127.0.0.1 above 1024, its own accounts, its own log.

One smtpd listener a name, each with its own list of milters, so that the same message can be sent with and
without them. What is delivered goes to one relay host, the sink.
"""
import grp
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections import namedtuple

from .mta import PrivateMta, PrivatePostfixError, die_with_parent
from .unpack import library_path, postfix_root

OWNER, SETGID_GROUP = "optimtest", "optimdrop"

# One entry of smtpd_milters; endpoint is Postfix's own "unix:/path" or "inet:127.0.0.1:port". The time-outs are
# those of contrib/postfix.
Milter = namedtuple("Milter", "endpoint default_action connect_timeout command_timeout content_timeout",
                    defaults=("accept", "2s", "5s", "15s"))


class PrivatePostfix(PrivateMta):
    """listeners: name -> list of Milter. non_smtpd: milters for sendmail(1). jail: folder services are chrooted to
    the queue folder, as Debian does it; milter socket paths then count from there."""

    name = "Postfix"

    def __init__(self, sink_port, listeners, non_smtpd=(), jail=False, settings=None, folder=None, outlive_parent=False):
        self._check_accounts()
        self.root = postfix_root()
        self.folder = pathlib.Path(folder or tempfile.mkdtemp(prefix="optimilter-postfix."))
        self.folder.chmod(0o755)  # the mail owner must get through
        self.queue = self.folder / "queue"
        self.log_file = self.folder / "maillog"
        self.stderr_file = self.folder / "master.stderr"
        self.config = self.folder / "etc"
        self.ports = {name: free_port() for name in listeners}
        self._outlive_parent = outlive_parent
        self._master = None
        self._make_folders()
        self._copy_programs()
        self._write_main_cf(sink_port, non_smtpd, settings or {})
        self._write_master_cf(listeners, jail)

    @staticmethod
    def _check_accounts():
        if os.getuid() != 0:
            raise PrivatePostfixError("a private Postfix needs root: its master starts only as root")
        try:
            pwd.getpwnam(OWNER), grp.getgrnam(SETGID_GROUP)
        except KeyError as missing:
            raise PrivatePostfixError(f"an account for the private Postfix is missing ({missing}); ./check makes it") from None

    def _make_folders(self):
        owner, setgid = pwd.getpwnam(OWNER).pw_uid, grp.getgrnam(SETGID_GROUP).gr_gid
        for folder in (self.config, self.queue, self.queue / "pid"):
            folder.mkdir(mode=0o755, parents=True)
        for name in "active bounce corrupt defer deferred flush hold incoming private saved trace".split():
            self._owned(self.queue / name, 0o700, owner, 0)
        self._owned(self.queue / "public", 0o710, owner, setgid)
        self._owned(self.queue / "maildrop", 0o1730, owner, setgid)
        self._owned(self.folder / "data", 0o700, owner, 0)

    @staticmethod
    def _owned(folder, mode, user, group):
        folder.mkdir()
        os.chown(folder, user, group)
        folder.chmod(mode)

    def _copy_programs(self):
        """Beside the queue: below /root, say, the mail owner could not reach the unpacked ones."""
        self.programs = self.folder / "programs"
        shutil.copytree(self.root / "usr", self.programs / "usr", symlinks=True,
                        ignore=shutil.ignore_patterns("doc", "man", "locale", "*.a"))
        if (self.root / "lib").is_dir():
            shutil.copytree(self.root / "lib", self.programs / "lib", symlinks=True)
        self.environment = dict(os.environ, MAIL_CONFIG=str(self.config), LD_LIBRARY_PATH=library_path(self.programs),
                                PATH=f"{self.programs}/usr/sbin:/usr/sbin:/usr/bin:/sbin:/bin")

    def _write_main_cf(self, sink_port, non_smtpd, more):
        settings = {
            "compatibility_level": "3.7",
            "queue_directory": self.queue, "data_directory": self.folder / "data",
            "command_directory": self.programs / "usr/sbin", "daemon_directory": self.programs / "usr/lib/postfix/sbin",
            "shlib_directory": self.programs / "usr/lib/postfix", "meta_directory": self.config,
            "sendmail_path": self.programs / "usr/sbin/sendmail",
            "mail_owner": OWNER, "setgid_group": SETGID_GROUP,
            "import_environment": "MAIL_CONFIG TZ LANG=C LD_LIBRARY_PATH PATH",
            "export_environment": "MAIL_CONFIG TZ LANG=C LD_LIBRARY_PATH PATH",
            "maillog_file": self.log_file, "maillog_file_prefixes": self.folder,
            "myhostname": "mx.optimilter.test", "mydestination": "", "mynetworks": "127.0.0.0/8",
            "inet_interfaces": "127.0.0.1", "inet_protocols": "ipv4", "smtp_tcp_port": "25",
            "relayhost": f"[127.0.0.1]:{sink_port}", "smtp_host_lookup": "native", "smtp_dns_support_level": "disabled",
            "smtpd_peername_lookup": "no", "smtpd_relay_restrictions": "permit_mynetworks,reject",
            "local_transport": "error:no local mail here", "local_recipient_maps": "", "alias_maps": "", "alias_database": "",
            "smtp_tls_security_level": "none", "smtpd_tls_security_level": "none", "smtpd_sasl_auth_enable": "no",
            "smtpd_client_connection_count_limit": "0", "anvil_status_update_time": "1d", "in_flow_delay": "0",
            "default_process_limit": "260", "message_size_limit": "104857600", "mailbox_size_limit": "0",
            "smtputf8_enable": "yes", "smtpd_discard_ehlo_keywords": "", "notify_classes": "",
            "smtp_destination_concurrency_limit": "20", "initial_destination_concurrency": "20",
            "minimal_backoff_time": "2s", "maximal_backoff_time": "10s", "queue_run_delay": "2s",
            "smtpd_banner": "$myhostname ESMTP private", "biff": "no",
            "milter_protocol": "6", "milter_default_action": "accept",
            "non_smtpd_milters": milter_list(non_smtpd),
        }
        settings.update(more)
        text = "".join(f"{name} = {value}\n" for name, value in settings.items())
        self._write_config("main.cf", text)

    def _write_master_cf(self, listeners, jail):
        chroot = "y" if jail else "n"
        lines = [f"127.0.0.1:{self.ports[name]} inet n - {chroot} - 260 smtpd\n"
                 f"  -o {{ smtpd_milters = {milter_list(milters)} }}\n  -o syslog_name=postfix/{name}\n"
                 for name, milters in listeners.items()]
        for service, kind, private, wakeup, limit, program in (
                ("pickup", "unix", "n", "60", "1", "pickup"), ("cleanup", "unix", "n", "-", "0", "cleanup"),
                ("qmgr", "unix", "n", "300", "1", "qmgr"), ("rewrite", "unix", "-", "-", "-", "trivial-rewrite"),
                ("bounce", "unix", "-", "-", "0", "bounce"), ("defer", "unix", "-", "-", "0", "bounce"),
                ("trace", "unix", "-", "-", "0", "bounce"), ("verify", "unix", "-", "-", "1", "verify"),
                ("flush", "unix", "n", "1000?", "0", "flush"), ("proxymap", "unix", "-", "-", "-", "proxymap"),
                ("smtp", "unix", "-", "-", "-", "smtp"), ("relay", "unix", "-", "-", "-", "smtp"),
                ("showq", "unix", "n", "-", "-", "showq"), ("error", "unix", "-", "-", "-", "error"),
                ("retry", "unix", "-", "-", "-", "error"), ("discard", "unix", "-", "-", "-", "discard"),
                ("anvil", "unix", "-", "-", "1", "anvil"), ("scache", "unix", "-", "-", "1", "scache")):
            jailed = "n" if program in ("qmgr", "proxymap") else chroot
            lines.append(f"{service} {kind} {private} - {jailed} {wakeup} {limit} {program}\n")
        lines.append("postlog unix-dgram n - n - 1 postlogd\n")
        self._write_config("master.cf", "".join(lines))

    def _write_config(self, name, text):
        """Postfix reads a file that has just changed again and again, for 2 s: so let it look older."""
        file = self.config / name
        file.write_text(text)
        os.utime(file, (time.time() - 60,) * 2)

    # Running

    def start(self, timeout=30):
        self._master = subprocess.Popen(
            [self.programs / "usr/lib/postfix/sbin/master", "-c", self.config], env=self.environment, cwd="/",
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=open(self.stderr_file, "wb"),
            start_new_session=True, preexec_fn=None if self._outlive_parent else die_with_parent)
        self.wait_until_it_greets(self._master, timeout)
        return self

    def pid(self):
        """Of the master, by its own pid file."""
        return int((self.queue / "pid/master.pid").read_text().strip())

    def stop(self, keep_folder=False):
        if self._master and self._master.poll() is None:
            os.kill(self.pid(), signal.SIGTERM)
            self._master.wait(timeout=30)
        if not keep_folder:
            shutil.rmtree(self.folder, ignore_errors=True)

    # Watching

    def queued(self, *names):
        """Queue files in the folders named (all live ones by default)."""
        names = names or ("maildrop", "incoming", "active", "deferred", "hold", "corrupt")
        return [path for name in names for path in (self.queue / name).rglob("*") if path.is_file()]

    # Local submission

    def sendmail(self, sender, recipient, message, *options):
        """sendmail(1) with the private configuration: goes through maildrop, pickup and non_smtpd_milters."""
        return subprocess.run([self.programs / "usr/sbin/sendmail", "-i", *options, "-f", sender, recipient], input=message,
                              env=self.environment, capture_output=True, check=True)

    def command(self, name, *arguments):
        """The output of one of Postfix's own commands, e.g. postconf."""
        return subprocess.run([self.programs / "usr/sbin" / name, *arguments], env=self.environment, check=True,
                              capture_output=True, text=True).stdout


def milter_list(milters):
    return ", ".join(f"{{ {milter.endpoint}, default_action={milter.default_action}, "
                     f"connect_timeout={milter.connect_timeout}, command_timeout={milter.command_timeout}, "
                     f"content_timeout={milter.content_timeout} }}" for milter in milters)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
