# SPDX-License-Identifier: Apache-2.0
"""What a test of real mail stands on: sink, engine, Postfix, and the way from one to the other."""
import itertools
import os
import pathlib
import re
import sys

PROJECT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT / "contrib"))

from private_postfix import Engine, Guard, MailSink, Milter, NullMilter, PrivatePostfix, QueueWatch, SmtpClient, milter_list, to_crlf  # noqa: E402,F401
from private_sendmail import PrivateSendmail, private_folder  # noqa: E402

BUILD = pathlib.Path(os.environ.get("OPTIMILTER_BUILD") or PROJECT / "build/release")
CORPUS = pathlib.Path(os.environ.get("OPTIMILTER_CORPUS") or PROJECT.parent / "shared/corpus")
SAMPLES = PROJECT / "samples"
CTL = BUILD / "console/optimilterctl"
WORKER = BUILD / "workers/optimilter-worker"

# What most tests want: nothing lost in any picture, and time enough on a slow machine.
LOSSLESS = {"profile": "lossless", "deadline": "20s"}

_numbers = itertools.count(1)


def new_recipient(word="mail"):
    """An address that no other message of this run has."""
    return f"{word}-{next(_numbers):05}@receiver.test"


class Rig:
    """A sink, guard and engine, and an MTA whose port `filtered` has the guard, and whose port `plain` has nothing.
    guard=False: the MTA speaks to the engine itself, to show what the guard is good for. mta: "postfix" or "sendmail";
    the latter's sockets lie in a private_folder(), because it refuses them below /tmp."""

    def __init__(self, folder, settings=None, socket_kind="unix", before=(), after=(), jail=False, postfix_settings=None,
                 guard=True, mta="postfix"):
        self.sink = MailSink(folder / "delivered")
        sockets = private_folder() if mta == "sendmail" else None
        self.engine = Engine(BUILD, settings or LOSSLESS, "unix" if guard else socket_kind, folder=None if guard else sockets)
        self.guard = Guard(self.engine, socket_kind, folder=sockets) if guard else None
        if jail:  # the socket has to lie in the queue folder, which exists only with the Postfix
            self.mta = PrivatePostfix(self.sink.port, {"plain": [], "filtered": [self._jailed_milter()]}, jail=True)
            self.guard = Guard(self.engine, folder=self.guard.folder, jail_queue=self.mta.queue)
        else:
            chain = [*before, Milter((self.guard or self.engine).endpoint), *after]
            listeners = {"plain": [], "filtered": chain, "twice": [*chain, *chain]}
            if mta == "sendmail":
                self.mta = PrivateSendmail(BUILD, self.sink.port, listeners)
            else:
                self.mta = PrivatePostfix(self.sink.port, listeners, non_smtpd=chain, settings=postfix_settings)

    @property
    def postfix(self):
        """For tests that were written for Postfix: the MTA, whichever it is."""
        return self.mta

    def _jailed_milter(self):
        return Milter(f"unix:/{self.guard.folder.name}/milter.sock")

    def __enter__(self):
        try:
            self.engine.start()
            if self.guard:
                self.guard.start()
            self.mta.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.mta.stop()
        if self.guard:
            self.guard.stop()
        self.engine.stop()
        self.sink.close()

    def send(self, message, listener="filtered", sender="sender@sender.test", recipient=None, parameters="", chunk=None):
        """Sends, and waits for what arrives."""
        recipient = recipient or new_recipient(listener)
        with SmtpClient(self.mta.ports[listener]) as client:
            reply = client.send(sender, recipient, message, parameters, chunk)
        assert reply.code == 250, reply
        return self.sink.wait_for(recipient)

    def refuses(self, message):
        """Does the MTA itself refuse it, with the filter and without? Sendmail does so with a bare CR, for the attacks of
        2023; no reply but 421 passes here."""
        if not isinstance(self.mta, PrivateSendmail) or not re.search(rb"\r(?!\n)", message):
            return False
        for listener in ("plain", "filtered"):
            with SmtpClient(self.mta.ports[listener]) as client:
                assert client.send("sender@sender.test", new_recipient(), message).code == 421
        return True

    def send_both_ways(self, message, **options):
        """(as it arrives without the milter, as it arrives with it): the recipient is the same, so is all else."""
        recipient = new_recipient("both")
        plain = self.send(message, "plain", recipient=recipient, **options)
        with SmtpClient(self.mta.ports["filtered"]) as client:
            reply = client.send(options.get("sender", "sender@sender.test"), recipient, message,
                                options.get("parameters", ""), options.get("chunk"))
        assert reply.code == 250, reply
        self.sink.wait_for_recipient_count(recipient, 2)
        return plain, self.sink.mails_for(recipient)[1].path.read_bytes()
