# SPDX-License-Identifier: Apache-2.0
"""Many ends of message at the same moment before a filter that takes its time for each. Debian's libmilter lets some of
them wait for others; the guard's kick is the cure. The MTA's side is our own client, so that the machine's load is small."""
import contextlib
import selectors
import tempfile
import time

from faults_rig import BUILD, Engine, Guard, message
from milter_client import MilterClient
import milter_frames as m
from private_postfix import NullMilter

OWN_TIME_S = {8: 3.0, 200: 1.0}
ALLOWED_MORE_S = 0.2


@contextlib.contextmanager
def slow_filter(own_time_s, guard):
    """The endpoint of a filter that sleeps at the end of every message, perhaps behind the guard."""
    with tempfile.TemporaryDirectory(prefix="slow.") as folder, \
            NullMilter(BUILD, "inet", folder, ("--sleep", str(round(own_time_s * 1000)))) as slow:
        if not guard:
            yield slow.endpoint
            return
        plan = Engine(BUILD, {"engine_socket": slow.listen, "deadline": "20s"})  # never started: the guard needs its settings
        try:
            with Guard(plan) as running:
                yield running.endpoint
        finally:
            plan.stop()  # takes its folder away


def _up_to_the_end(endpoint):
    client = MilterClient(endpoint, timeout=60).open()
    for _, play in client.phases(message()):
        play()
    return client


def seconds_each(endpoint, count):
    """Of the answers to so many ends of message, sent within a few milliseconds."""
    clients = [_up_to_the_end(endpoint) for _ in range(count)]
    with selectors.DefaultSelector() as selector:
        sent, seconds = {}, {}
        for client in clients:
            selector.register(client.wire.socket, selectors.EVENT_READ, client)
        for client in clients:
            sent[client] = time.monotonic()
            client.raw(m.frame(m.EOM))
            client.wire.flush()
        while len(seconds) < count:
            for key, _ in selector.select(60):
                reply = key.data.wire.receive()
                assert reply and reply.letter in m.ACCEPT + m.CONTINUE, reply
                seconds[key.data] = time.monotonic() - sent[key.data]
                selector.unregister(key.fileobj)
    for client in clients:
        client.wire.close()
    return sorted(seconds.values())


def run_slow(count, guard):
    own = OWN_TIME_S[count]
    with slow_filter(own, guard) as endpoint:
        return seconds_each(endpoint, count)


def in_time(count, seconds):
    return seconds[-1] <= OWN_TIME_S[count] + ALLOWED_MORE_S


def table(rows):
    """rows: (count, guard, seconds)."""
    lines = ["| ends of message at once | own time | | shortest | median | longest |", "|---|---|---|---|---|---|"]
    for count, guard, seconds in rows:
        lines.append(f"| {count} | {OWN_TIME_S[count]:.2f} s | {'guard' if guard else 'no guard'} | {seconds[0]:.2f} s | "
                     f"{seconds[len(seconds) // 2]:.2f} s | {seconds[-1]:.2f} s |")
    return "\n".join(lines)
