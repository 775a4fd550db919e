# SPDX-License-Identifier: Apache-2.0
# Sourced by ./quickstart and ./check (POSIX sh): installs what packages.list names and makes the accounts
# the private Postfix runs under. Nothing else on the system is changed.

say() { printf '\n== %s\n' "$*"; }
fail() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }

# packages_of KIND...: the names whose line in packages.list has one of the kinds.
packages_of() {
    for kind in "$@"; do
        sed -n "s/^\([a-z0-9][a-z0-9.+-]*\)[[:space:]]*#\(.*\)\$/\1 \2 /p" packages.list | grep " $kind " | cut -d' ' -f1
    done | sort -u
}

missing_packages() {
    for package in $(packages_of "$@"); do
        dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed || echo "$package"
    done
}

# as_root COMMAND...: as root already, or through a sudo that needs no password typed, or with a terminal to type it.
as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}
can_be_root() {
    [ "$(id -u)" = 0 ] && return 0
    command -v sudo >/dev/null || return 1
    sudo -n true 2>/dev/null || [ -t 0 ]
}

# install_packages KIND...: only what is missing; a fresh system's empty package lists are fetched first.
install_packages() {
    [ -r /etc/debian_version ] || fail "this needs Debian 12 (bookworm); packages.list names what to install elsewhere"
    missing=$(missing_packages "$@" | tr '\n' ' ')
    [ -n "$missing" ] || { echo "all Debian packages are there"; return 0; }
    can_be_root || fail "these packages are missing, and only root can install them. Please run as root:
    apt-get install --no-install-recommends $missing"
    echo "installing: $missing"
    lists_are_there || as_root apt-get -qq update || fail "apt-get update failed: are the package sources reachable?"
    install_now $missing && return 0
    # Lists that are there may be old and name files that are gone: once more with new ones.
    as_root apt-get -qq update && install_now $missing && return 0
    fail "apt-get could not install the packages; its last lines are above"
}
lists_are_there() {
    ls /var/lib/apt/lists/*Packages* >/dev/null 2>&1
}
install_now() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o Dpkg::Use-Pty=0 install --no-install-recommends "$@" \
        >build/apt.log 2>&1 || { tail -n 15 build/apt.log; return 1; }
}

# The private Postfix insists on an owner and a setgid group that nobody else uses; the engine under test has
# a user of its own, as it has in production. System accounts without home, shell or password.
make_accounts() {
    for group in optimtest optimdrop optimengine; do
        getent group $group >/dev/null || groupadd --system $group || fail "cannot make the group $group"
    done
    for user in optimtest optimengine; do
        getent passwd $user >/dev/null ||
            useradd --system --gid $user --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin $user ||
            fail "cannot make the user $user"
    done
}
