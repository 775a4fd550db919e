#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Sends mails through a private Postfix with the engine before it, and shows what became of every attachment.

Run by ./quickstart, which builds first. State of a run that was kept: build/quickstart/state.json.
"""
import argparse
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time

PROJECT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(PROJECT / "contrib"), str(PROJECT / "tests/e2e")]

from mail_compare import compare  # noqa: E402
from private_postfix import Engine, Guard, Milter, PrivatePostfix, PrivatePostfixError, SmtpClient, free_port, to_crlf  # noqa: E402

FOLDER = PROJECT / "build/quickstart"
STATE = FOLDER / "state.json"
RECEIVED = FOLDER / "received"
BUILD = pathlib.Path(os.environ.get("OPTIMILTER_BUILD") or PROJECT / "build/release")
RECIPIENT = "ben@receiver.example"

# A line of the engine's log about one part, and about a whole message.
PART_LINE = re.compile(r'([0-9A-F]{8,}): part=\d+ type=(\S+) name="([^"]*)" format=(\S+) in=(\d+) out=(\d+) .*status=(.*)')
MESSAGE_LINE = re.compile(r"([0-9A-F]{8,}): (?!part=)(?:.* )?status=(.*)")


class Sink:
    """The storing server as a process of its own, so that it can stay when this program ends."""

    def __init__(self):
        self.port = free_port()
        self.process = subprocess.Popen(
            ["/usr/bin/python3", PROJECT / "contrib/private_postfix/sink.py", "--port", str(self.port), "--folder", RECEIVED],
            cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=open(FOLDER / "sink.log", "wb"), start_new_session=True)

    def wait_for(self, recipient, timeout=60):
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            for envelope in sorted(RECEIVED.glob("*.json")):
                if envelope.with_suffix(".eml").exists() and recipient in json.loads(envelope.read_text())["recipients"]:
                    return envelope.with_suffix(".eml")
            if self.process.poll() is not None:
                raise PrivatePostfixError(f"the storing server has ended: {(FOLDER / 'sink.log').read_text()}")
            time.sleep(0.05)
        raise PrivatePostfixError(f"the mail to {recipient} did not arrive within {timeout} s")

    def stop(self):
        self.process.terminate()
        self.process.wait()


class Trial:
    """Everything that runs."""

    def __init__(self):
        self.sink = Sink()
        # Without internal networks these mails count as coming from outside, and signed ones are left alone.
        self.engine = Engine(BUILD, {"internal_networks": []}, outlive_parent=True)
        self.guard = Guard(self.engine, outlive_parent=True)
        self.postfix = PrivatePostfix(self.sink.port, {"plain": [], "filtered": [Milter(self.guard.endpoint)]},
                                      non_smtpd=[Milter(self.guard.endpoint)], outlive_parent=True)

    def start(self):
        self.engine.start()
        self.guard.start()
        self.postfix.start()

    def stop(self):
        save_logs(self.postfix.log_file, self.engine.log_file, self.guard.log_file)
        self.postfix.stop()
        self.guard.stop()
        self.engine.stop()
        self.sink.stop()

    def save_state(self):
        STATE.write_text(json.dumps({
            "postfix": self.postfix.pid(), "guard": self.guard.process.pid, "engine": self.engine.process.pid,
            "sink": self.sink.process.pid, "maillog": str(self.postfix.log_file), "engine_log": str(self.engine.log_file),
            "guard_log": str(self.guard.log_file),
            "folders": [str(self.postfix.folder), str(self.guard.folder), str(self.engine.folder)]}) + "\n")

    def send(self, number, mail):
        """(path of what arrived, path of the same mail sent past the engine, queue id)"""
        paths = []
        for listener in ("filtered", "plain"):
            recipient = f"{listener}-{number}@receiver.example"
            with SmtpClient(self.postfix.ports[listener]) as client:
                reply = client.send("anna@sender.example", recipient, mail)
            if reply.code != 250:
                raise PrivatePostfixError(f"Postfix did not take the mail: {reply.text}")
            if listener == "filtered":
                queue_id = re.search(r"queued as (\w+)", reply.text).group(1)
            paths.append(self.sink.wait_for(recipient))
        return *paths, queue_id


def save_logs(maillog, engine_log, guard_log):
    for log, name in ((maillog, "maillog"), (engine_log, "optimilter.log"), (guard_log, "guard.log")):
        with contextlib.suppress(FileNotFoundError):
            shutil.copyfile(log, FOLDER / name)


# The table

COLUMNS = "{:<18} {:<22} {:<6} {:>10} {:>10} {:>6}  {}"


def show_mails(trial, mails):
    print(COLUMNS.format("mail", "attachment", "type", "before", "after", "saved", "what happened"))
    before_all = after_all = 0
    differing = []
    for number, path in enumerate(mails, 1):
        arrived, plain, queue_id = trial.send(number, to_crlf(path.read_bytes()))
        show_parts(path.stem, message_status(trial.engine, queue_id), parts_of(trial.engine, queue_id))
        before, after = plain.read_bytes(), arrived.read_bytes()
        before_all, after_all = before_all + len(before), after_all + len(after)
        differing += [f"{path.name}: {problem}" for problem in compare(before, _same_recipient(after)).problems]
    print(COLUMNS.format("all mails, as sent", "", "", f"{before_all:,}", f"{after_all:,}", percent(before_all, after_all), ""))
    return differing


def _same_recipient(mail):
    return mail.replace(b"filtered-", b"plain-")


def message_status(engine, queue_id, timeout=10):
    """What the log says of the whole message; its line may come a moment after the reply."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        for found in MESSAGE_LINE.finditer(engine.log()):
            if found.group(1) == queue_id:
                return found.group(2)
        time.sleep(0.02)
    return "no line in the log"


def parts_of(engine, queue_id):
    return [found.groups()[1:] for found in PART_LINE.finditer(engine.log()) if found.group(1) == queue_id]


def show_parts(mail, status, parts):
    if not parts:
        print(COLUMNS.format(mail[:18], "-", "", "", "", "", _shown(status)))
    for kind, name, form, before, after, outcome in parts:
        before, after = int(before), int(after)
        kind = form if form != "unknown" else kind.split("/")[-1][:6]
        print(COLUMNS.format(mail[:18], (name or "-")[:22], kind, f"{before:,}", f"{after:,}", percent(before, after), _shown(outcome)))
        mail = ""
    sys.stdout.flush()


def _shown(status):
    """'passed (reason)' -> 'untouched: reason'."""
    if status.startswith("optimized"):
        return "smaller"
    return re.sub(r"^\w+ \((.*)\)$", r"untouched: \1", status)


def percent(before, after):
    return f"{100 * (before - after) / before:.0f} %" if after < before else "-"


# Keeping and stopping

def say_how_to_go_on(trial):
    port = trial.postfix.ports["filtered"]
    print(f"""
It is still running. Send more mail through optimilter with SMTP to 127.0.0.1 port {port}:
  any mail program, or
  /usr/bin/python3 -c "import smtplib; smtplib.SMTP('127.0.0.1', {port}).sendmail('me@here.example', 'you@there.example', open('MAIL.eml', 'rb').read())"
  (port {trial.postfix.ports['plain']} goes past optimilter, to compare)
Watch it:  tail -f {trial.engine.log_file} {trial.guard.log_file}
Settings:  {trial.engine.settings_file} (then: kill -HUP {trial.engine.process.pid})
Stop it:   ./quickstart --stop""")


def stop_kept():
    if not STATE.exists():
        print("nothing was left running")
        return 0
    state = json.loads(STATE.read_text())
    save_logs(state["maillog"], state["engine_log"], state["guard_log"])
    for name, program in (("postfix", "master"), ("guard", "optimilterd"), ("engine", "optimilter-engine"), ("sink", "sink.py")):
        stop_process(state[name], program)
    for folder in state["folders"]:
        shutil.rmtree(folder, ignore_errors=True)
    STATE.unlink()
    print("stopped")
    return 0


def stop_process(pid, program):
    """Only if the process is still the one we started: numbers are used again."""
    if not _runs(pid, program):
        return
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + 30
    while _runs(pid, program):
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)


def _runs(pid, program):
    if not pathlib.Path("/proc/self").exists():  # a bare chroot: then the number has to do
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, 0)
            return True
        return False
    try:
        words = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return any(word.endswith(b"/" + program.encode()) for word in words[:2])


def still_kept():
    if not STATE.exists():
        return False
    state = json.loads(STATE.read_text())
    return any(_runs(state[name], program) for name, program in
               (("postfix", "master"), ("guard", "optimilterd"), ("engine", "optimilter-engine"), ("sink", "sink.py")))


def prepare_folder():
    shutil.rmtree(FOLDER, ignore_errors=True)
    RECEIVED.mkdir(parents=True)


def give_to_caller():
    """With sudo, what lies in build/ belongs to who called."""
    user, group = int(os.environ.get("SUDO_UID", "0")), int(os.environ.get("SUDO_GID", "0"))
    for path in (FOLDER, *FOLDER.rglob("*")) if user else ():
        os.chown(path, user, group)


def run(arguments):
    if still_kept():
        print("./quickstart --keep has left one running; ./quickstart --stop ends it", file=sys.stderr)
        return 1
    missing = [str(mail) for mail in chosen_mails(arguments) if not mail.is_file()]
    if missing:
        print(f"quickstart: no such file: {', '.join(missing)}", file=sys.stderr)
        return 2
    prepare_folder()
    print("\n== private Postfix, optimilter before it", flush=True)
    trial = Trial()
    kept = False
    try:
        trial.start()
        print(f"Postfix listens on 127.0.0.1:{trial.postfix.ports['filtered']}, optimilter on {trial.guard.listen}\n", flush=True)
        differing = show_mails(trial, chosen_mails(arguments))
        if arguments.keep:
            trial.save_state()
            kept = True
    finally:
        if not kept:
            trial.stop()
    return report(trial, differing, kept)


def chosen_mails(arguments):
    return [arguments.called_from / mail for mail in arguments.mails] or sorted((PROJECT / "samples").glob("*.eml"))


def report(trial, differing, kept):
    if differing:
        print("\nMORE THAN THE ATTACHMENTS HAS CHANGED. Please report this:", *differing, sep="\n  ")
    else:
        print("\nEvery mail was also sent past optimilter and compared part by part: only the attachments that got smaller differ.")
    print("The sample pictures are drawn and smoother than photos; try your own mails: ./quickstart MAIL.eml ...")
    print(f"Received messages: {RECEIVED.relative_to(PROJECT)}/   (NNNNNN.eml as delivered, NNNNNN.json its envelope)")
    if kept:
        say_how_to_go_on(trial)
    else:
        print(f"Logs:              {FOLDER.relative_to(PROJECT)}/optimilter.log, guard.log and maillog")
        print("Everything is stopped; nothing was changed on this machine but the packages and the accounts optimtest and optimengine.")
    give_to_caller()
    return 1 if differing else 0


def main():
    options = argparse.ArgumentParser(prog="./quickstart", description=__doc__.splitlines()[0])
    options.add_argument("--keep", action="store_true", help="leave it running")
    options.add_argument("--stop", action="store_true", help="stop what was left running")
    options.add_argument("--from", dest="called_from", type=pathlib.Path, default=pathlib.Path.cwd(), help="where MAILs count from")
    options.add_argument("mails", nargs="*", type=pathlib.Path)
    arguments = options.parse_args()
    if arguments.stop:
        return stop_kept()
    try:
        return run(arguments)
    except (PrivatePostfixError, OSError, RuntimeError) as problem:
        print(f"quickstart: {problem}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
