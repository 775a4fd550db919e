// SPDX-License-Identifier: Apache-2.0
#include "console/alert_words.hpp"

#include <algorithm>
#include <iterator>

namespace optimilter {

namespace {

// The first are the heaviest: of several, the heaviest is named in the subject.
constexpr AlertWords kAlertWords[] = {
    {"guard", "the guard does not work as it should", "the guard works again",
     "Mail that reaches no guard is accepted by the MTA as it came (default_action=accept); nothing is lost.",
     "See `optimilterctl status` and the log of optimilterd (journalctl -u optimilter)."},
    {"engine", "the engine does not work as it should", "the engine works again",
     "The guard passes all mail unchanged and at once while the engine is away; nothing is lost or delayed.",
     "See `optimilterctl status` and the log of the engine (journalctl -u optimilter-engine)."},
    {"units", "a unit has failed", "the unit runs again",
     "Mail passes unchanged meanwhile; nothing is lost. optimilter-recover starts the unit again, with "
     "growing "
     "pauses.",
     "See `systemctl status optimilter optimilter-engine` and their log for why it failed."},
    {"bypass", "mail passes unchanged (bypass)", "bypass is over, mail is made smaller again",
     "New messages are accepted at once and delivered as they came; nothing is lost or delayed. optimilter "
     "comes back by itself when the load is down, or the time of a pinned level is.",
     "Nothing has to be done. When it happens often: more CPU, more `workers`, or a smaller `max_size`; "
     "`optimilterctl status` shows what the load is made of."},
    {"workers", "workers crash or cannot be started", "the workers are well again",
     "Attachments whose worker crashed stay as they are; all mail is delivered. What crashed a worker is "
     "remembered and is not tried again.",
     "See the log of the engine for what the files have in common; when somebody sends such files on "
     "purpose, the sandbox has held them. After an upgrade, restart the engine."},
    {"restarts", "a process was lost and started again", "the process runs on",
     "Messages that were open at that moment were passed unchanged by the guard or the MTA, once and whole.",
     "See the log around that time (journalctl -u optimilter -u optimilter-engine, and the kernel's for "
     "oom-kill)."},
    {"recovery", "something could not be put right", "what could not be put right is right again",
     "Mail does not wait for it: what optimilter cannot look at passes unchanged.",
     "The sentences below that end with \"not done\" say what failed and why; it is tried again at every "
     "run."},
    {"settings", "the settings file has problems", "the settings file is in order again",
     "What runs keeps its old settings; what is started now passes all mail unchanged.",
     "Run `optimilterctl check-config /etc/optimilter/optimilter.toml`, mend the lines that it names, and "
     "reload."},
    {"valid_until", "a policy is near or past its last day", "every policy is valid again",
     "From its last day on, mail that the policy would have decided passes untouched; nothing is lost.",
     "Look at the policy, set a new `valid_until`, and reload the engine."},
    {"certs", "a certificate ends soon, has ended or cannot be read", "the certificates are in order again",
     "Mail passes in any case; what the certificate is for stops working on that day.",
     "Renew the certificate and reload whoever uses it, or take it out of `watch_certificates`."},
    {"disk", "a disk is nearly full", "there is room on the disks again",
     "optimilter needs no disk to deliver mail; the MTA's queue does, and stops taking mail when it is full.",
     "Make room on the file systems that are named."},
    {"memory", "memory is short", "there is memory again",
     "Workers are ended first when memory runs out; their parts stay as they are, and mail is delivered.",
     "Set `workers_memory`, fewer `workers`, or find out what else takes the memory."},
    {"sockets", "a socket is not as it should be", "the sockets are in order again",
     "Mail that does not reach us passes unchanged; nothing is lost.",
     "See `optimilterctl selfcheck` for owner, mode and who listens."},
    {"processes", "processes were left over", "no process is left over",
     "Mail is not touched by them; they hold memory and CPU.",
     "Nothing has to be done when they were ended; else see the sentences below."},
};

constexpr AlertWords kAnyWords = {
    "", "something needs a look", "it is well again",
    "Mail does not wait for it: what optimilter cannot look at passes unchanged.",
    "See `optimilterctl selfcheck` and `optimilterctl status`."};

}  // namespace

const AlertWords& alert_words(std::string_view kind) {
    const auto found = std::find_if(std::begin(kAlertWords), std::end(kAlertWords),
                                    [kind](const AlertWords& words) { return words.kind == kind; });
    return found == std::end(kAlertWords) ? kAnyWords : *found;
}

std::vector<std::string_view> alert_kinds() {
    std::vector<std::string_view> kinds;
    for (const AlertWords& words : kAlertWords) kinds.push_back(words.kind);
    return kinds;
}

std::size_t alert_weight(std::string_view kind) {
    const auto found = std::find_if(std::begin(kAlertWords), std::end(kAlertWords),
                                    [kind](const AlertWords& words) { return words.kind == kind; });
    return static_cast<std::size_t>(found - std::begin(kAlertWords));
}

}  // namespace optimilter
