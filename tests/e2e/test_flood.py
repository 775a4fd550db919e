# SPDX-License-Identifier: Apache-2.0
"""Load control over a real MTA: a flood narrows what is done, then bypass; afterwards all is as before. How fast that
goes, and beside a null filter, is measured by bench/flood.py."""
import json
import pathlib
import re
import subprocess
import tempfile

import pytest
from flood_load import Flood, stuffed
from mail_compare import compare
from mails import photo_mail, sample
from queue_scene import counts, engine_with, make_queue, plant, queue_of
from rig import BUILD, CTL, Engine, QueueWatch, Rig, new_recipient
from test_alerts import Admin
from test_control import ask, until

# One worker, a level in a second or two, and a way back that a test can wait for. The memory of results would know
# the few mails that come again and again.
HASTY = {"profile": "balanced", "workers": 1, "cache_memory": 0, "deadline": "3s", "load_job_wait": "100ms",
         "load_up": "100ms", "load_settle": "100ms", "load_down": "1s",
         "load_cpu_stall": 0, "load_memory_stall": 0}  # the machine of a test has other work too

pytestmark = pytest.mark.both_mtas


def load_of(engine):
    return json.loads(ask(engine, b"status\n"))["load"]


def counter(rig, name):
    return json.loads(ask(rig.engine, b"status\n"))["counters"][name]


def order(engine, *arguments):
    return subprocess.run([CTL, "level", *arguments, "-c", engine.settings_file], capture_output=True, text=True, timeout=20)


def levels_logged(rig):
    """(from, to, cause) of every change, in order."""
    return [(int(a), int(b), cause) for a, b, cause in
            re.findall(r"load: level (\d) to (\d), cause=(\w+) pressure=", rig.engine.log())]


@pytest.fixture
def hasty(tmp_path, mta):
    with Rig(tmp_path, HASTY, mta=mta) as running:
        yield running


def assert_told_once(rig, folder):
    """The admin gets one mail, however often the path unit or the timer starts optimilter-recover."""
    admin_address = new_recipient("admin")
    rig.engine.configure({**HASTY, "notify": [admin_address], "notify_via": str(rig.mta.programs / "usr/sbin/sendmail")})
    assert (rig.engine.folder / "alert").exists()
    admin = Admin(folder, rig.engine.settings_file, rig.mta)
    assert "told by mail" in admin.recover() and "told" not in admin.recover()
    mail = rig.sink.wait_for(admin_address)
    assert b"mail passes unchanged (bypass)" in mail and len(rig.sink.mails_for(admin_address)) == 1


@pytest.mark.both_mtas(only_full=True)
def test_a_flood_ends_in_bypass_and_all_comes_back(hasty, tmp_path):
    mails = [sample("holiday-photo"), sample("report-docx"), sample("slides-pptx")]
    words = [stuffed(re.sub(rb"\r?\n", b"\r\n", mail)) for mail in mails]
    port = hasty.mta.ports["filtered"]
    with Flood(port, words, rate=20, sessions=20) as flood:
        until(lambda: load_of(hasty.engine)["bypass"], "bypass", 60)
        until(lambda: counter(hasty, "messages_bypassed") > 40, "messages that pass unread", 60)
        during = load_of(hasty.engine)
        told = 1 if hasty.mta.name == "Postfix" else 0
        if told:
            assert_told_once(hasty, tmp_path)
    assert {sent.code for sent in flood.sent} == {250}
    assert during["level"] == 5 and during["cause"] in ("job_wait", "eom_time", "deadlines")

    until(lambda: load_of(hasty.engine)["level"] == 0, "calm", 90)
    changes = levels_logged(hasty)
    assert [change[:2] for change in changes[:5]] == [(level, level + 1) for level in range(5)]
    assert all(abs(after - before) == 1 for before, after, _ in changes) and changes[-1][1] == 0
    assert re.search(r"load: bypass: \d\d+ messages passed unread", hasty.engine.log())
    # Passed unread: no line for any of them.
    counters = json.loads(ask(hasty.engine, b"status\n"))["counters"]
    assert counters["messages_bypassed"] > 40
    assert counters["messages"] + counters["messages_bypassed"] == len(flood.sent) + told

    recipients = [f"flood-{sent.number}@receiver.test" for sent in flood.sent]
    hasty.sink.wait_for_count(len(recipients) + told, 120)
    hasty.mta.wait_until_empty(120)
    delivered = [mail for mail in hasty.sink.mails() if mail.recipients[0].startswith("flood-")]
    arrived = {mail.recipients[0]: mail.path for mail in delivered}
    assert len(delivered) == len(recipients) and arrived.keys() == set(recipients)
    for sent in flood.sent:
        original = re.sub(rb"\r?\n", b"\r\n", mails[sent.number % 3])
        changes, problems = compare(b"Received: x\r\n" + original, arrived[f"flood-{sent.number}@receiver.test"].read_bytes())
        assert problems == []

    original, filtered = hasty.send_both_ways(photo_mail(7, size=(800, 600)))
    assert len(compare(original, filtered).changes) == 1
    assert " level=0 status=replaced" in hasty.engine.log().splitlines()[-1]


@pytest.mark.both_mtas(only_full=True)
def test_fixed_window_has_no_levels(tmp_path, mta):
    """load_control = false: whatever comes, each message is worked on as far as its deadline goes."""
    with Rig(tmp_path, {**HASTY, "load_control": False}, mta=mta) as rig:
        words = [stuffed(re.sub(rb"\r?\n", b"\r\n", sample("holiday-photo")))]
        with Flood(rig.mta.ports["filtered"], words, rate=20, sessions=20) as flood:
            until(lambda: load_of(rig.engine)["pressure"] > 1, "pressure", 60)
        assert {sent.code for sent in flood.sent} == {250}
        assert load_of(rig.engine)["level"] == 0 and levels_logged(rig) == []
        assert counter(rig, "messages_bypassed") == 0


def test_level_by_order(hasty):
    """5: passes unread; 1 to 4: less is done; auto: as before. All of it logged."""
    done = order(hasty.engine, "5", "--for", "2m")
    assert done.returncode == 0 and "level 5 of 5" in done.stdout and "ordered for" in done.stdout, done
    before = counter(hasty, "messages_bypassed")
    original, filtered = hasty.send_both_ways(photo_mail(8, size=(800, 600)))
    assert compare(original, filtered) == ([], [])
    assert counter(hasty, "messages_bypassed") == before + 1
    assert order(hasty.engine).returncode == 1  # bypass is something to look at
    load = load_of(hasty.engine)
    assert load["pin"]["level"] == 5 and 60 < load["pin"]["left_s"] <= 120 and load["signal"] == "operator"

    assert order(hasty.engine, "4").returncode == 0
    small = photo_mail(9, size=(160, 120))  # above min_size, below what level 4 leaves of the window
    original, filtered = hasty.send_both_ways(small)
    assert compare(original, filtered) == ([], [])
    assert re.search(r"level=4 status=passed", hasty.engine.log())
    assert "load: smaller than the window" in hasty.engine.log() and counter(hasty, "parts_load") == 1

    assert order(hasty.engine, "auto").returncode == 0
    until(lambda: load_of(hasty.engine)["level"] == 0, "calm", 60)
    original, filtered = hasty.send_both_ways(small)
    assert len(compare(original, filtered).changes) == 1
    for words in (r"load: level 5 for 2m, ordered by uid 0", r"load: level 4 for 1h, ordered by uid 0",
                  r"load: the order of level 4 ended, by uid 0"):
        assert re.search(words, hasty.engine.log()), words


@pytest.fixture
def engine():
    with Engine(BUILD, HASTY) as running:
        running.wait_for_log("ready on")
        yield running


@pytest.mark.parametrize("arguments", [["6"], ["-1"], ["five"], ["--for", "2h"]])
def test_level_nonsense_is_bad_usage(engine, arguments):
    assert order(engine, *arguments).returncode == 2


@pytest.mark.parametrize("time, why", [("2d", "a time is"), ("200h", "can be ordered"), ("0s", "can be ordered")])
def test_level_times_are_bounded(engine, time, why):
    done = order(engine, "3", "--for", time)
    assert done.returncode == 1 and why in done.stderr
    assert load_of(engine)["pin"] is None


def test_order_ends_by_itself(engine):
    assert order(engine, "5", "--for", "1s").returncode == 0
    until(lambda: load_of(engine)["pin"] is None, "the end of the order")
    until(lambda: load_of(engine)["level"] == 0, "calm", 60)


def test_bad_lines_on_the_socket(engine):
    for line in (b"level\n", b"level \n", b"level 9\n", b"level 3  2h\n", b"level auto now\n", b"level \xff\x00\"\n"):
        assert b'"error"' in ask(engine, line), line
    assert load_of(engine)["pin"] is None


# ---- The MTA's queue ----

def test_a_remote_outage_is_no_load():
    """20 000 deferred messages leave the level at 0; 3000 active ones do not."""
    with tempfile.TemporaryDirectory(prefix="optimilter-queue.") as folder:
        queue = pathlib.Path(folder) / "spool"
        queue.parent.chmod(0o755)
        make_queue(queue, 0)
        plant(queue, "deferred", 20_000)
        with engine_with({**HASTY, "queue_directories": [queue]}) as engine, QueueWatch(engine):
            until(lambda: counts(engine)["deferred"] == 20_000, "all of them counted", 30)
            samples = load_of(engine)["samples"]
            until(lambda: load_of(engine)["samples"] > samples + 4, "some more samples")
            load = load_of(engine)
            assert load["level"] == 0 and load["signals"]["queue_length"] == 0 and load["pressure"] < 0.5
            plant(queue, "active", 3000)  # of the same: tried again
            until(lambda: queue_of(engine)["retried"] == 3000, "all of them counted", 30)
            samples = load_of(engine)["samples"]
            until(lambda: load_of(engine)["samples"] > samples + 2, "some more samples")
            assert load_of(engine)["level"] == 0
            plant(queue, "active", 3000, first=50_000)
            until(lambda: load_of(engine)["level"] >= 1, "a higher level", 30)
            assert load_of(engine)["cause"] == "queue_length"


# ---- Postfix's {stress} ----

@pytest.mark.postfix_only
def test_stress_of_postfix_is_a_signal(tmp_path):
    """Postfix's master starts smtpd with -o stress=yes when its processes run out, but for services that listen on
    127.0.0.1 alone, as all of a test do: so main.cf says it here."""
    with Rig(tmp_path, HASTY, postfix_settings={"milter_macro_defaults": "stress=$stress"}) as rig:
        rig.send(photo_mail(10))
        assert not stressed_soon(rig)
        _set(rig, "stress", "yes")
        until(lambda: stressed_soon(rig), "a session under stress", 30)
        until(lambda: stressed_soon(rig) and load_of(rig.engine)["level"] >= 1, "a higher level", 30)
        assert levels_logged(rig)[0] == (0, 1, "stress")
        _set(rig, "stress", "")
        until(lambda: not stressed_soon(rig) and load_of(rig.engine)["level"] == 0, "the end of it", 60)


@pytest.mark.postfix_only
def test_without_the_macro_there_is_no_stress(tmp_path):
    with Rig(tmp_path, HASTY, postfix_settings={"stress": "yes"}) as rig:
        assert not stressed_soon(rig)


def stressed_soon(rig):
    """Is stress a signal after the next session and the sample after it?"""
    rig.send(photo_mail(11))
    samples = load_of(rig.engine)["samples"]
    until(lambda: load_of(rig.engine)["samples"] > samples + 1, "another sample")
    return load_of(rig.engine)["signals"]["stress"] == 1


def _set(rig, name, value):
    """As Postfix starts each smtpd anew with it."""
    file = rig.mta.config / "main.cf"
    lines = [line for line in file.read_text().splitlines() if not line.startswith(f"{name} =")]
    rig.mta._write_config("main.cf", "\n".join([*lines, f"{name} = {value}", ""]))
    rig.mta.command("postfix", "reload")
