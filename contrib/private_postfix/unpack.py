# SPDX-License-Identifier: Apache-2.0
"""Downloads Debian's Postfix or Sendmail and the libraries they lack here, and unpacks them below a cache folder.

Nothing is installed: no maintainer script runs, dpkg's records stay as they are.
"""
import fcntl
import os
import pathlib
import re
import subprocess

PROJECT = pathlib.Path(__file__).resolve().parents[2]


POSTFIX_PROGRAMS = ("usr/lib/postfix/sbin/master", "usr/lib/postfix/sbin/smtpd", "usr/lib/postfix/sbin/cleanup",
                    "usr/lib/postfix/sbin/smtp", "usr/sbin/postconf")


def cache_folder(name):
    """build/NAME of the work tree, or below $XDG_CACHE_HOME where that is set."""
    cache_home = os.environ.get("XDG_CACHE_HOME")
    return pathlib.Path(cache_home) / "optimilter" / name if cache_home else PROJECT / "build" / name


def postfix_root():
    """The folder Postfix is unpacked in (…/usr/sbin/postconf); downloads on first use."""
    return unpacked("postfix", ["postfix"], POSTFIX_PROGRAMS)


def unpacked(name, packages, programs):
    """The folder that holds the packages, and every library that ldd misses for the programs."""
    cache = cache_folder(name)
    root = cache / "root"
    cache.mkdir(parents=True, exist_ok=True)
    with open(cache / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two test runs at once must not unpack over each other
        if not (cache / "complete").exists():
            for package in packages:
                _unpack(package, cache, root)
            _add_missing_libraries(cache, root, packages, programs)
            (cache / "complete").touch()
    return root


def library_path(root):
    """Value of LD_LIBRARY_PATH for the unpacked programs."""
    return ":".join(str(folder) for folder in
                    (root / "usr/lib/postfix", *sorted(root.glob("usr/lib/*-linux-gnu")), *sorted(root.glob("lib/*-linux-gnu"))))


def _unpack(package, cache, root):
    deb = _download(package, cache)
    root.mkdir(exist_ok=True)
    _run(["dpkg-deb", "--extract", str(deb), str(root)])
    return deb


def _download(package, cache):
    if not list(pathlib.Path("/var/lib/apt/lists").glob("*Packages*")):
        _run(["apt-get", "-qq", "update"])
    try:
        _run(["apt-get", "-qq", "download", package], cwd=cache)
    except RuntimeError:
        _run(["apt-get", "-qq", "update"])  # the lists were there but older than the archive
        _run(["apt-get", "-qq", "download", package], cwd=cache)
    return max(cache.glob(f"{package}_*.deb"), key=lambda deb: deb.stat().st_mtime)


def _add_missing_libraries(cache, root, packages, programs):
    """Follows Depends of the packages until ldd finds every library."""
    waiting, seen = list(packages), set()
    while missing := _libraries_not_found(root, programs):
        if not waiting:
            raise RuntimeError(f"{packages[0]} lacks libraries that its packages do not name: {', '.join(sorted(missing))}")
        deb = max(cache.glob(f"{waiting.pop(0)}_*.deb"))
        for library in _library_dependencies(deb) - seen:
            seen.add(library)
            if not _installed(library):
                _unpack(library, cache, root)
                waiting.append(library)


def _library_dependencies(deb):
    fields = _run(["dpkg-deb", "--field", str(deb), "Depends", "Pre-Depends"])
    names = {re.split(r"[\s(:|]", item.strip(), maxsplit=1)[0]
             for line in fields.splitlines() for item in line.split(":", 1)[-1].split(",")}
    return {name for name in names if name.startswith("lib")}


def _installed(package):
    answer = subprocess.run(["dpkg-query", "-W", "-f", "${db:Status-Status}", package], capture_output=True, text=True)
    return answer.stdout == "installed"


def _libraries_not_found(root, programs):
    environment = dict(os.environ, LD_LIBRARY_PATH=library_path(root))
    missing = set()
    for program in programs:
        answer = subprocess.run(["ldd", str(root / program)], capture_output=True, text=True, env=environment)
        missing.update(re.findall(r"(\S+) => not found", answer.stdout))
    return missing


def _run(command, cwd=None):
    answer = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    if answer.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} failed: {answer.stderr.strip() or answer.stdout.strip()}")
    return answer.stdout
