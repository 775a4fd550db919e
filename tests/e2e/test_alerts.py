# SPDX-License-Identifier: Apache-2.0
"""What the admin hears: from the engine's alert board over the alert file to optimilter-recover, and from there by mail
through a real Postfix or by webhook; optimilterctl alerts; certificates."""
import contextlib
import datetime
import email
import email.policy
import http.server
import json
import os
import pathlib
import re
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time

import pytest
from guarded import until
from mails import photo_mail
from rig import BUILD, CTL, Engine, LOSSLESS, MailSink, PROJECT, new_recipient

RECOVER = BUILD / "console/optimilter-recover"
SYSTEMD = PROJECT / "contrib/systemd"


class Admin:
    """Runs optimilter-recover as the path unit would, for the engine's settings and a state folder of its own."""

    def __init__(self, folder, settings_file, postfix=None):
        self.state = folder / "state"
        self.words = ["-c", settings_file, "--state", self.state]
        self.postfix = ["--postfix-config", postfix.config] if postfix else []
        self.environment = postfix.environment if postfix else None

    def recover(self, before=(), **environment):
        env = {**(self.environment or os.environ), **environment}
        return subprocess.run([*before, RECOVER.absolute(), *self.words, *self.postfix], capture_output=True, text=True,
                              timeout=120, env=env).stdout

    def alerts(self, *words, **options):
        return subprocess.run([CTL, "alerts", *self.words, *words], capture_output=True, text=True, timeout=60, **options)

    def known(self):
        return {alert["key"]: alert for alert in json.loads(self.alerts("--json").stdout)["alerts"]}


def told_settings(rig, recipient):
    return {**LOSSLESS, "notify": [recipient], "notify_via": str(rig.postfix.programs / "usr/sbin/sendmail")}


def mtime(path):
    return path.stat().st_mtime_ns if path.exists() else 0


def lose_engine(rig):
    """Killed, and started by somebody, as systemd does. Returns when its alert file has changed."""
    alert_file = rig.engine.folder / "alert"
    before = mtime(alert_file)
    rig.engine.kill()
    rig.engine.start()
    until(lambda: mtime(alert_file) != before)


# ---- From the engine to the admin's mailbox

def test_a_lost_engine_is_told_once_by_a_mail_that_nobody_touches(own_rig, tmp_path):
    recipient = new_recipient("admin")
    own_rig.engine.configure(told_settings(own_rig, recipient))
    admin = Admin(tmp_path, own_rig.engine.settings_file, own_rig.postfix)
    assert "told" not in admin.recover()
    lose_engine(own_rig)
    assert "the admin was told by mail" in admin.recover()
    mail = email.message_from_bytes(own_rig.sink.wait_for(recipient), policy=email.policy.default)
    text = mail.get_content()
    assert re.fullmatch(r"optimilter on \S+: a process was lost and started again \(it is over\)", mail["Subject"])
    assert mail["X-Optimilter-Alert"] == "restarts" and not mail.defects
    assert text.startswith("Mail keeps flowing and none is lost") and "ended without being asked to" in text
    for _ in range(3):
        assert "told" not in admin.recover()
    # The guard and engine saw it on its way, and left it as it was; it came back to nobody.
    until(lambda: "already processed" in own_rig.engine.log())
    assert "status=replaced" not in own_rig.engine.log()
    delivered = own_rig.sink.mails_for(recipient)
    assert len(delivered) == 1 and delivered[0].sender == ""
    assert len(email.message_from_bytes(delivered[0].path.read_bytes()).get_all("X-Optimilter")) == 1


def test_an_orderly_restart_is_no_news(own_rig, tmp_path):
    own_rig.engine.configure(told_settings(own_rig, new_recipient("admin")))
    admin = Admin(tmp_path, own_rig.engine.settings_file, own_rig.postfix)
    admin.recover()
    for _ in range(3):
        own_rig.engine.stop(keep_folder=True)
        own_rig.engine.start()
        assert "told" not in admin.recover()
    assert not (own_rig.engine.folder / "alert").exists()
    assert (own_rig.engine.folder / "alert.running").exists()


def test_mail_is_optimised_again_after_an_alert(own_rig, tmp_path):
    """That the admin is told hinders nobody: photos become smaller all the same."""
    recipient = new_recipient("admin")
    own_rig.engine.configure(told_settings(own_rig, recipient))
    admin = Admin(tmp_path, own_rig.engine.settings_file, own_rig.postfix)
    lose_engine(own_rig)
    admin.recover()
    own_rig.sink.wait_for(recipient)
    assert b"\r\nX-Optimilter: " in own_rig.send(photo_mail(3))


def ctl(rig, *words):
    done = subprocess.run([CTL, *words, "-c", rig.engine.settings_file], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_entering_and_leaving_bypass_is_one_mail_each(own_rig, tmp_path):
    recipient, alert_file = new_recipient("admin"), own_rig.engine.folder / "alert"
    own_rig.engine.configure(told_settings(own_rig, recipient))
    admin = Admin(tmp_path, own_rig.engine.settings_file, own_rig.postfix)
    ctl(own_rig, "level", "5", "--for", "1h")
    until(alert_file.exists, 20)
    assert "told by mail" in admin.recover() and "told" not in admin.recover()
    mail = email.message_from_bytes(own_rig.sink.wait_for(recipient), policy=email.policy.default)
    assert mail["Subject"].endswith(": mail passes unchanged (bypass)") and "because of operator" in mail.get_content()
    assert b"\r\nX-Optimilter: " not in own_rig.send(photo_mail(4))
    before = mtime(alert_file)
    ctl(own_rig, "level", "0", "--for", "1h")
    until(lambda: mtime(alert_file) != before, 30)
    assert "told" not in admin.recover()  # it may come back any moment
    # Five minutes later; the time is the board's, so the engine's answer is an old one.
    with Delayed(own_rig.engine, 300) as settings_file:
        admin.words[1] = settings_file
        assert "told by mail" in admin.recover() and "told" not in admin.recover()
    own_rig.sink.wait_for_recipient_count(recipient, 2)
    mail = email.message_from_bytes(own_rig.sink.mails_for(recipient)[1].path.read_bytes(), policy=email.policy.default)
    assert mail["Subject"].endswith(": bypass is over, mail is made smaller again")
    assert "now at level 0" in mail.get_content()


class Delayed:
    """The engine's status, of which all alerts are so much older; gives a settings file whose control socket says so."""

    def __init__(self, engine, seconds):
        self.engine, self.seconds = engine, seconds
        self.folder = tempfile.TemporaryDirectory(prefix="optimilter-delayed-")
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(f"{self.folder.name}/control.sock")
        self.listener.listen()
        self.thread = threading.Thread(target=self._serve)

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                client = self.listener.accept()[0]
                with client, contextlib.suppress(OSError):
                    client.recv(100)
                    client.sendall(self._status())

    def _status(self):
        with socket.socket(socket.AF_UNIX) as real:
            real.connect(str(self.engine.control))
            real.sendall(b"status\n")
            status = json.loads(b"".join(iter(lambda: real.recv(65536), b"")))
        for alert in status["alerts"]:
            alert["cleared"] -= self.seconds if alert["cleared"] else 0
        return json.dumps(status).encode()

    def __enter__(self):
        self.thread.start()
        file = pathlib.Path(self.folder.name) / "optimilter.toml"
        file.write_text(self.engine.settings_file.read_text().replace(str(self.engine.control), f"{self.folder.name}/control.sock"))
        return file

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.listener.close()
        self.folder.cleanup()


def test_a_crash_loop_is_told_by_the_ladder(own_rig, tmp_path):
    recipient = new_recipient("admin")
    own_rig.engine.configure(told_settings(own_rig, recipient))
    admin = Admin(tmp_path, own_rig.engine.settings_file, own_rig.postfix)
    for _ in range(4):
        lose_engine(own_rig)
        admin.recover()
    own_rig.sink.wait_for(recipient)
    assert len(own_rig.sink.mails_for(recipient)) == 1
    known = admin.known()["restarts"]
    assert known["times"] == 4 and "4 times since" in known["text"] and not known["lasts"]


@pytest.mark.full  # half a minute; what the watch decides is in engine_watch_test.cpp
def test_workers_that_cannot_be_started_are_raised_and_cleared(tmp_path):
    """By the engine's own watch, which waits for 15 s."""
    with Engine(BUILD, LOSSLESS) as engine:
        admin, alert_file = Admin(tmp_path, engine.settings_file), engine.folder / "alert"
        worker = engine.worker.read_bytes()
        engine.worker.unlink()
        zygote = json.loads(subprocess.run([CTL, "status", "--json", "-c", engine.settings_file], capture_output=True, text=True,
                                           timeout=60).stdout)["engine"]["workers"]["zygote_pid"]
        os.kill(zygote, signal.SIGKILL)
        until(alert_file.exists, 60)
        raised = admin.known()["workers"]
        assert raised["lasts"] and raised["text"].startswith("workers cannot be started: ")
        before = mtime(alert_file)
        engine.worker.write_bytes(worker)
        engine.worker.chmod(0o755)
        until(lambda: mtime(alert_file) != before, 60)
        assert not admin.known()["workers"]["lasts"]


def test_the_path_unit_watches_the_file_of_the_settings():
    path = (SYSTEMD / "optimilter-recover.path").read_text()
    default = re.search(r'^OPTIMILTER_SETTING\(alert_file, std::string, "([^"]+)"', (PROJECT / "policy/settings.def").read_text(),
                        re.M)[1]
    assert re.search(r"^PathChanged=(.*)$", path, re.M)[1] == default
    assert re.search(r"^Unit=(.*)$", path, re.M)[1] == "optimilter-recover.service"
    engine = (SYSTEMD / "optimilter-engine.service.in").read_text()
    assert os.path.dirname(default) in re.search(r"^ReadWritePaths=(.*)$", engine, re.M)[1]


@pytest.mark.parametrize("days, said, passes", [(5, "is valid until the end of", False), (-40, "was valid until the end of", True)])
def test_last_day_of_a_policy(open_folder, days, said, passes):
    """A banner and one mail's worth of alert; a new date ends it."""
    rules = open_folder / "policy.d"
    rules.mkdir()
    last_day = datetime.datetime.now(datetime.timezone.utc).date() + datetime.timedelta(days)
    (rules / "10-test.toml").write_text(f"valid_until = {last_day}\n")
    (rules / "10-test.toml").chmod(0o644)
    with Engine(BUILD, {**LOSSLESS, "policy_dir": rules}) as engine:
        admin, alert_file = Admin(open_folder, engine.settings_file), engine.folder / "alert"
        until(alert_file.exists, 30)
        status = subprocess.run([CTL, "status", "-c", engine.settings_file], capture_output=True, text=True, timeout=60).stdout
        assert re.match(rf"\*\*\* policy .*10-test.toml {said} {last_day} .* \*\*\*\n", status), status
        assert ("all mail passes unchanged" in status) == passes
        admin.recover()
        known = admin.known()
        assert known["valid_until"]["lasts"] and "settings" not in known
        before = mtime(alert_file)
        (rules / "10-test.toml").write_text("valid_until = 2037-12-31\n")
        engine.reload()
        until(lambda: mtime(alert_file) != before, 30)
        assert not admin.known()["valid_until"]["lasts"]


# ---- optimilterctl alerts

@pytest.fixture
def broken(tmp_path):
    """A machine whose guard does not answer; nobody is told unless the test says whom."""
    return Broken(tmp_path)


class Broken:
    def __init__(self, folder):
        self.folder = folder
        self.settings_file = folder / "optimilter.toml"
        self.settings = {"listen": f"unix:{folder}/listen.sock", "engine_socket": f"unix:{folder}/engine.sock",
                         "control_socket": "", "guard_status_socket": str(folder / "guard.sock"),
                         "alert_file": str(folder / "alert")}
        self.configure()
        self.admin = Admin(folder, self.settings_file)

    def configure(self, **settings):
        self.settings.update(settings)
        self.settings_file.write_text("".join(f"{key} = {json.dumps(value)}\n" for key, value in self.settings.items()))


@pytest.fixture
def sink(tmp_path):
    one = MailSink(tmp_path / "sink")
    yield one
    one.close()


def test_list_of_what_the_engine_says(own_rig, tmp_path):
    admin = Admin(tmp_path, own_rig.engine.settings_file, own_rig.postfix)
    quiet = admin.alerts()
    assert (quiet.returncode, quiet.stdout) == (0, "no alerts\n")
    lose_engine(own_rig)
    done = admin.alerts()
    assert re.match(r"over  restarts: \w{3}, .* to .*\n      the engine \(pid \d+\) ended without being asked to", done.stdout)
    assert done.returncode == 0  # it is over
    own_rig.engine.kill()
    done = admin.alerts()
    assert done.returncode == 1 and "not known: the engine: " in done.stdout


def test_snooze(broken, sink):
    broken.configure(notify=["a@admin.test"], notify_via=f"smtp:127.0.0.1:{sink.port}")
    for kind in ("sockets", "guard"):
        done = broken.admin.alerts("snooze", kind, "--for", "8h")
        assert done.returncode == 0 and f"nothing is told of {kind} until " in done.stdout, done.stderr
    assert "told by" not in broken.admin.recover()
    listed = broken.admin.alerts()
    assert listed.returncode == 1 and "lasts sockets: " in listed.stdout and "snoozed for 8 h" in listed.stdout
    known = broken.admin.known()
    assert known["guard"]["lasts"] and known["guard"]["snoozed_until"] == pytest.approx(time.time() + 8 * 3600, abs=120)
    assert broken.admin.alerts("unsnooze", "sockets").stdout == "sockets is told of again\n"
    assert broken.admin.alerts("unsnooze", "sockets").stdout == "sockets was not snoozed\n"
    assert "told by mail" in broken.admin.recover()
    text = email.message_from_bytes(sink.wait_for_count(1)[0].path.read_bytes())
    assert text["X-Optimilter-Alert"] == "sockets"
    assert broken.admin.known()["sockets"]["mail"]["sends"] == 1


@pytest.mark.parametrize("words", [["snooze", "nonsense", "--for", "1h"], ["snooze", "disk"], ["snooze", "disk", "--for", "soon"],
                                   ["snooze", "disk", "--for", "1s"], ["snooze", "disk", "--for", "9999h"], ["unsnooze"],
                                   ["snooze"], ["nonsense"]])
def test_bad_usage(broken, words):
    assert broken.admin.alerts(*words).returncode == 2
    assert not broken.admin.state.exists()


@pytest.fixture
def open_folder():
    with tempfile.TemporaryDirectory(prefix="optimilter-alerts-") as name:
        os.chmod(name, 0o755)
        yield pathlib.Path(name)


def test_only_root_sees_and_snoozes_all(open_folder):
    broken = Broken(open_folder)
    broken.admin.recover()
    program = open_folder / "optimilterctl"
    program.write_bytes(CTL.read_bytes())
    program.chmod(0o755)
    someone = {"user": 65534, "group": 65534, "extra_groups": []}
    words = [program, "alerts", "-c", broken.settings_file, "--state", broken.admin.state]
    listed = subprocess.run(words, capture_output=True, text=True, timeout=60, **someone)
    assert "not known: what optimilter-recover remembers: that takes root" in listed.stdout and listed.returncode == 1
    done = subprocess.run([*words, "snooze", "disk", "--for", "1h"], capture_output=True, text=True, timeout=60, **someone)
    assert done.returncode == 1 and "this takes root" in done.stderr


# ---- Webhook

class Hook:
    """An HTTP server that keeps what it gets and answers with status, or what answer() says."""

    def __init__(self, certificate=None):
        hook = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                hook.got.append((self.path, self.headers, self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(hook.status)
                self.send_header("Location", hook.location)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.got, self.status, self.location = [], 200, "/elsewhere"
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_port
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def hook():
    one = Hook()
    yield one
    one.close()


def test_webhook_gets_json_once(broken, hook):
    broken.configure(notify_webhook=f"http://127.0.0.1:{hook.port}/hook?token=s3cret")
    assert "the admin was told by webhook" in broken.admin.recover()
    assert "told" not in broken.admin.recover()
    path, headers, body = hook.got[0]
    assert path == "/hook?token=s3cret" and headers["Content-Type"] == "application/json" and len(hook.got) == 1
    letter = json.loads(body)
    assert letter["source"] == "optimilter-recover" and letter["time"] == pytest.approx(time.time(), abs=120)
    alerts = {alert["key"]: alert for alert in letter["alerts"]}
    assert alerts["guard"]["phase"] == "new" and "nothing is lost" in alerts["guard"]["meaning"]
    assert {check["name"] for check in letter["checks"]} >= {"disk", "guard", "certs"}


@pytest.mark.parametrize("status", [500, 404, 302])
def test_webhook_that_refuses_is_tried_again_and_told_without_its_secret(broken, hook, status):
    broken.configure(notify_webhook=f"http://127.0.0.1:{hook.port}/s3cret")
    hook.status = status
    said = broken.admin.recover()
    assert f"could not be told by webhook: http://127.0.0.1:{hook.port} answered {status}" in said and "s3cret" not in said
    hook.status = 204
    assert "told by webhook" in broken.admin.recover()
    assert [path for path, _, _ in hook.got] == ["/s3cret", "/s3cret"]  # no redirect was followed
    assert json.loads(hook.got[0][2])["alerts"] == json.loads(hook.got[1][2])["alerts"]


def test_mail_and_webhook_do_not_wait_for_each_other(broken, hook, sink):
    broken.configure(notify_webhook=f"http://127.0.0.1:{hook.port}/", notify=["a@admin.test"],
                     notify_via=f"smtp:127.0.0.1:{sink.port}")
    hook.status = 503
    said = broken.admin.recover()
    assert "told by mail" in said and "could not be told by webhook" in said
    text = email.message_from_bytes(sink.wait_for_count(1)[0].path.read_bytes(), policy=email.policy.default).get_content()
    assert "could not be told by webhook" in " ".join(text.split())
    sink.deferring = True
    hook.status = 200
    assert "told by webhook" in broken.admin.recover()
    assert len(hook.got) == 2 and len(sink.mails()) == 1


def flood(listener):
    """Answers one request with headers without end."""
    client = listener.accept()[0]
    client.recv(65536)
    junk = b"".join(b"X-%d: %s\r\n" % (number, b"b" * 200) for number in range(300))
    with client, contextlib.suppress(OSError):
        client.sendall(b"HTTP/1.1 200 OK\r\n")
        while True:
            client.sendall(junk)


def test_webhook_with_no_more_rights_than_the_unit_has(broken, hook):
    """Its bound on memory holds there, too."""
    cage = [sys.executable, pathlib.Path(__file__).with_name("unit_cage.py"), SYSTEMD / "optimilter-recover.service.in", "root"]
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=flood, args=(listener,))
        thread.start()
        broken.configure(notify_webhook=f"http://127.0.0.1:{listener.getsockname()[1]}/")
        assert "could not be told by webhook" in (said := broken.admin.recover(cage)) and "the answer was too much" in said
        thread.join()
    broken.configure(notify_webhook=f"http://127.0.0.1:{hook.port}/")
    assert "told by webhook" in broken.admin.recover(cage) and len(hook.got) == 1


def make_certificate(folder, days, name="localhost"):
    files = folder / f"{name}-{days}.pem", folder / f"{name}-{days}.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", str(days),
                    "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}", "-keyout", files[1], "-out", files[0]],
                   check=True, capture_output=True)
    return files


def test_https_wants_a_certificate_that_is_trusted(broken, tmp_path):
    certificate = make_certificate(tmp_path, 30)
    hook = Hook(certificate)
    try:
        broken.configure(notify_webhook=f"https://localhost:{hook.port}/")
        assert "could not be told by webhook: https://localhost" in broken.admin.recover() and not hook.got
        assert "told by webhook" in broken.admin.recover(SSL_CERT_FILE=str(certificate[0])) and len(hook.got) == 1
    finally:
        hook.close()


# ---- Certificates

def test_a_certificate_near_its_end(broken, sink, tmp_path):
    near, far = make_certificate(tmp_path, 5, "near.test")[0], make_certificate(tmp_path, 200, "far.test")[0]
    broken.configure(guard_status_socket="", watch_certificates=[str(far)], notify=["a@admin.test"],
                     notify_via=f"smtp:127.0.0.1:{sink.port}")
    for kind in ("sockets", "disk", "memory"):
        broken.admin.alerts("snooze", kind, "--for", "8h")
    assert "told by" not in broken.admin.recover()
    broken.configure(watch_certificates=[str(far), str(near), str(tmp_path / "gone.pem")])
    assert "told by mail" in broken.admin.recover()
    assert "told by mail" not in broken.admin.recover()
    mail = email.message_from_bytes(sink.wait_for_count(1)[0].path.read_bytes(), policy=email.policy.default)
    assert re.search(r": a certificate ends soon, has ended or cannot be read \(and 1 more\)$", mail["Subject"])
    text = " ".join(mail.get_content().split())
    assert f"{near} is valid until " in text and re.search("[45] days from now", text) and "gone.pem cannot be read" in text
    status = subprocess.run([CTL, "status", "-c", broken.settings_file], capture_output=True, text=True, timeout=60)
    assert status.stdout.startswith("*** ") and f"*** {near} is valid until " in status.stdout and status.returncode == 1
    check = subprocess.run([CTL, "selfcheck", "-c", broken.settings_file], capture_output=True, text=True, timeout=60).stdout
    assert re.search(rf"^fail  certs      .*{re.escape(str(near))}", check, re.M)
    # Renewed: over, after a while.
    broken.configure(watch_certificates=[str(far)])
    broken.admin.recover()
    state_file = broken.admin.state / "state.json"
    state = json.loads(state_file.read_text())
    assert state["alerts"][f"certs:{near}"]["cleared"] > 0
    for alert in state["alerts"].values():
        alert["cleared"] -= 300 if alert["cleared"] else 0
    state_file.write_text(json.dumps(state))
    assert "told by mail" in broken.admin.recover()
    mail = email.message_from_bytes(sink.wait_for_count(2)[1].path.read_bytes(), policy=email.policy.default)
    assert "the certificates are in order again" in mail["Subject"]
