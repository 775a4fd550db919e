# SPDX-License-Identifier: Apache-2.0
"""A private Sendmail beside the private Postfix: the same listeners, the same sink, the same interface.

Used by tests/e2e and tests/faults. Never touches a system Sendmail, its settings, queue or log.
"""
from .sendmail import PrivateSendmail, private_folder, sendmail_filter
from .unpack import sendmail_root

__all__ = ["PrivateSendmail", "private_folder", "sendmail_filter", "sendmail_root"]
