#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs a program with the rights its systemd unit leaves it, where no systemd runs: user, capabilities, system calls,
namespaces, address families, no writable code, and always no new privileges. Folders are left as they are.

usage: unit_cage.py UNIT USER PROGRAM [ARGUMENT...]
"""
import ctypes
import errno
import os
import pathlib
import pwd
import re
import socket
import subprocess
import sys

ALLOW, ERRNO_EPERM = 0x7FFF0000, 0x00050000 | errno.EPERM
MASKED_EQ, EQ = 7, 4
NAMESPACES = {"mnt": 0x00020000, "cgroup": 0x02000000, "uts": 0x04000000, "ipc": 0x08000000, "user": 0x10000000,
              "pid": 0x20000000, "net": 0x40000000}


class Comparison(ctypes.Structure):
    _fields_ = [("arg", ctypes.c_uint), ("op", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64)]


def directives(unit, name):
    return re.findall(rf"^{name}=(.*)$", pathlib.Path(unit).read_text(), re.M)


def members(word):
    """The system calls of a group, groups inside it too."""
    if not word.startswith("@"):
        return {word}
    lines = subprocess.run(["systemd-analyze", "syscall-filter", word], capture_output=True, text=True, check=True).stdout
    found = set()
    for line in lines.splitlines()[1:]:
        name = line.strip()
        if name and not name.startswith("#"):
            found |= members(name)
    return found


def allowed_calls(unit):
    calls = members("@default")  # systemd adds it to every list of what is allowed
    for line in directives(unit, "SystemCallFilter"):
        listed = set().union(*(members(word) for word in line.lstrip("~").split()))
        calls = calls - listed if line.startswith("~") else calls | listed
    return calls


class Filters:
    """Everything is looked up before the first of them closes."""

    def __init__(self, unit):
        self.library = ctypes.CDLL("libseccomp.so.2")
        self.library.seccomp_init.restype = ctypes.c_void_p
        self.loaded = [self._arguments(unit), self._allow_list(unit)]  # the second lets none through

    def _context(self, default):
        return ctypes.c_void_p(self.library.seccomp_init(ctypes.c_uint32(default)))

    def _rule(self, context, action, name, *comparisons):
        number = self.library.seccomp_syscall_resolve_name(name.encode())
        if number < 0:
            return  # of another architecture, or newer than the library
        list_of = (Comparison * max(1, len(comparisons)))(*comparisons)
        if self.library.seccomp_rule_add_array(context, ctypes.c_uint32(action), number, len(comparisons), list_of) != 0:
            raise OSError(f"seccomp rule for {name}")

    def _allow_list(self, unit):
        context = self._context(ERRNO_EPERM)
        for name in allowed_calls(unit):
            self._rule(context, ALLOW, name)
        return context

    def _arguments(self, unit):
        context = self._context(ALLOW)
        families = {getattr(socket, name).value for name in " ".join(directives(unit, "RestrictAddressFamilies")).split()}
        for family in set(range(45)) - families:
            self._rule(context, ERRNO_EPERM, "socket", Comparison(0, EQ, family, 0))
        kept = " ".join(directives(unit, "RestrictNamespaces")).split()
        for name, flag in NAMESPACES.items():
            if name not in kept:
                self._rule(context, ERRNO_EPERM, "unshare", Comparison(0, MASKED_EQ, flag, flag))
        return context

    def load(self):
        for context in self.loaded:
            if self.library.seccomp_load(context) != 0:
                raise OSError("seccomp_load")


def main(arguments):
    unit, program = arguments[0], arguments[2:]
    filters = Filters(unit)
    libc = ctypes.CDLL(None, use_errno=True)
    if "yes" in directives(unit, "MemoryDenyWriteExecute") and libc.prctl(65, 1, 0, 0, 0) != 0:  # PR_SET_MDWE, Linux 6.3
        print("unit_cage: this kernel cannot refuse writable code", file=sys.stderr)
    libc.prctl(38, 1, 0, 0, 0)  # PR_SET_NO_NEW_PRIVS
    filters.load()
    os.execv(program[0], program)


def outer(arguments):
    """Gives up the user and the capabilities, then comes back as main()."""
    unit, user = arguments[0], pwd.getpwnam(arguments[1])
    kept = " ".join(directives(unit, "CapabilityBoundingSet")).lower().replace("cap_", "+").split()
    ambient = " ".join(directives(unit, "AmbientCapabilities")).lower().replace("cap_", "+").split()
    words = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups",
             "--bounding-set=" + ",".join(["-all", *kept]), "--inh-caps=" + ",".join(["-all", *ambient]),
             "--ambient-caps=" + ",".join(["-all", *ambient]), sys.executable, __file__, "--inside", *arguments]
    os.execvp(words[0], words)


if __name__ == "__main__":
    if len(sys.argv) > 4 and sys.argv[1] == "--inside":
        main(sys.argv[2:])
    elif len(sys.argv) > 3:
        outer(sys.argv[1:])
    else:
        sys.exit(__doc__.strip().splitlines()[-1])
