# SPDX-License-Identifier: Apache-2.0
"""Downloads Debian's Sendmail and the libraries it lacks here, and unpacks them below a cache folder; installs nothing."""
from private_postfix.unpack import unpacked

SENDMAIL = "usr/libexec/sendmail/sendmail"
M4_FOLDER = "usr/share/sendmail/cf"


def sendmail_root():
    """The folder Sendmail (SENDMAIL) and its m4 files (M4_FOLDER) are unpacked in; downloads on first use."""
    return unpacked("sendmail", ["sendmail-bin", "sendmail-cf"], [SENDMAIL])
