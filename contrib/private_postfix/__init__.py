# SPDX-License-Identifier: Apache-2.0
"""A private Postfix, a sink that stores what it delivers, and guard and engine before it.

Used by ./quickstart, by tests/e2e and by bench. Never touches a system Postfix, other processes, or an
address but 127.0.0.1. Needs root, and the accounts that contrib/setup.sh makes.
"""
from .engine import Engine, Guard, NullMilter, free_port
from .postfix import Milter, PrivatePostfix, PrivatePostfixError, milter_list
from .queue_watch import QueueWatch
from .sink import MailSink
from .smtp_client import SmtpClient, SmtpReply, to_crlf
from .unpack import postfix_root

__all__ = ["Engine", "Guard", "MailSink", "Milter", "NullMilter", "PrivatePostfix", "PrivatePostfixError", "QueueWatch", "SmtpClient",
           "SmtpReply", "free_port", "milter_list", "postfix_root", "to_crlf"]
