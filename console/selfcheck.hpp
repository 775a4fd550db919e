// SPDX-License-Identifier: Apache-2.0
//
// All checks of one machine, in one list, and what optimilter-recover may act on. Every source it asks is
// passed in, so that a test plants its own machine; changes nothing. One thread at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "console/certificate_check.hpp"
#include "console/check_list.hpp"
#include "console/machine_checks.hpp"
#include "console/process_table.hpp"
#include "console/socket_checks.hpp"
#include "console/unit_check.hpp"
#include "policy/rule_set.hpp"
#include "policy/settings.hpp"

namespace optimilter {

struct SelfcheckSources {
    std::string settings_file;   // for the report; empty: built-in values, because there is none
    LoadedSettings loaded;       // of that file
    LoadedRules rules;           // of its policy_dir
    std::string worker_program;  // absolute path; empty: not found
    std::int64_t now = 0;        // seconds since 1970
    std::string proc = "/proc";
    std::string systemd = "/run/systemd/system";  // is there only where systemd runs (sd_booted(3))
    std::string core_dumps = "/var/lib/systemd/coredump";
    std::string logs = "/var/log";
    std::string sendmail_cf = "/etc/mail/sendmail.cf";
    std::string sendmail_queue = "/var/spool/mqueue";
    AskDiskSpace disk_space;
    // JSON of guard or engine: path of the socket, and the command for those that take one.
    std::function<Result<std::string>(const std::string& path, const std::string& command)> ask;
    // What postconf and systemctl print for these arguments.
    std::function<Result<std::string>(const std::vector<std::string>&)> postconf;
    std::function<Result<std::string>(const std::vector<std::string>&)> systemctl;
};

// The sources of this machine. settings_file: empty for the default one, or the built-in values where that
// is not there. postfix_config: as for postconf -c. Programs get 10 s, guard and engine 2 s.
SelfcheckSources this_machine(const std::string& settings_file, const std::string& postfix_config);

struct SelfcheckFindings {
    CheckList checks;  // every name of check_names(), in that order
    std::vector<ProcessEntry> orphans;
    std::vector<SocketFinding> sockets;
    std::vector<UnitState> units;  // empty where no systemd runs
    std::vector<CertificateFinding> certificates;
};
SelfcheckFindings selfcheck(const SelfcheckSources& sources);

}  // namespace optimilter
