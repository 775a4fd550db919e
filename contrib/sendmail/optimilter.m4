divert(-1)
dnl SPDX-License-Identifier: Apache-2.0
dnl
dnl optimilter in sendmail.mc, for a Sendmail of 8.14 or later. Before the MAILER lines, and before the
dnl INPUT_MAIL_FILTER line of a DKIM signer, if there is one:
dnl
dnl     include(`/usr/share/doc/optimilter/sendmail/optimilter.m4')dnl
dnl
dnl F= is empty: when optimilter is away, mail passes. T= goes with the setting deadline, 5 s: C: to connect, S: to
dnl send, R: to wait for an answer to anything (optimilter gives one within deadline and 0.5 s), E: for the whole answer
dnl to the end of a message. With another deadline define confOPTIMILTER_TIMEOUTS before the include, R: being the
dnl deadline and 5 s, E: twice that. confOPTIMILTER_SOCKET is the setting listen.
dnl
dnl No confMILTER_MACROS_ line is needed: optimilter asks for its own macros.
ifdef(`confOPTIMILTER_SOCKET', `', `define(`confOPTIMILTER_SOCKET', `unix:/run/optimilter/optimilter.sock')')
ifdef(`confOPTIMILTER_TIMEOUTS', `', `define(`confOPTIMILTER_TIMEOUTS', `C:2s;S:5s;R:10s;E:20s')')
divert(0)dnl
INPUT_MAIL_FILTER(`optimilter', `S=confOPTIMILTER_SOCKET, F=, T=confOPTIMILTER_TIMEOUTS')dnl
