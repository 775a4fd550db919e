# SPDX-License-Identifier: Apache-2.0
"""What the tests of the queue watch share: an engine that lets it in, queue directories, and what status says of them."""
import json
import pwd
import subprocess
import time

from rig import BUILD, CTL, LOSSLESS, Engine

OWNER = "optimtest"  # of the private Postfix, and of its queue
NOBODY = "optimengine"  # somebody who may read no queue
FAST = {"queue_interval": "200ms", "queue_group": OWNER}


def status(engine):
    done = subprocess.run([CTL, "status", "--json", "-c", engine.settings_file], capture_output=True, text=True, timeout=20)
    return json.loads(done.stdout)


def queue_of(engine):
    return status(engine)["engine"]["queue"]


def counts(engine):
    found = queue_of(engine)
    return {name: found[name] for name in ("incoming", "active", "deferred", "hold")}


def until(condition, what, seconds=15):
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.02)
    return found


def engine_with(settings):
    engine = Engine(BUILD, {**LOSSLESS, **FAST, **settings})
    engine._starts_as_root = True  # only root may give the socket to that group
    return engine


def plant(queue, folder, number, mode=0o700, first=0):
    """Files as a Postfix has them, which belong to its user. first: of the numbers in their names; a message that has the
    name of a deferred one is that one, tried again."""
    place = queue / folder
    place.mkdir(exist_ok=True, parents=True, mode=0o700)
    for index in range(first, first + number):
        file = place / f"4XyZ{index:06}zABC"
        file.touch()
        file.chmod(mode)
    owned = pwd.getpwnam(OWNER)
    subprocess.run(["chown", "-R", f"{owned.pw_uid}:{owned.pw_gid}", queue], check=True)


def make_queue(queue, number):
    """So many messages in each folder."""
    for name in ("incoming", "active", "deferred", "hold"):
        plant(queue, name, number)
    queue.chmod(0o755)
