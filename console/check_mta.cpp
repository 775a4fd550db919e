// SPDX-License-Identifier: Apache-2.0
#include "console/check_mta.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>

#include "base/text.hpp"
#include "console/postfix_lists.hpp"
#include "policy/quantities.hpp"

namespace optimilter {

namespace {

constexpr std::size_t kShown = 120;  // bytes of foreign text in a finding
constexpr std::int64_t kMostConnectMs = 5000;
constexpr std::int64_t kMostCommandMs = 10000;
constexpr std::int64_t kMostContentMs = 60000;
constexpr std::int64_t kContentMarginMs = 5000;
constexpr std::int64_t kContentAdviceMs = 10000;

// One list of milters and where it stands.
struct Chain {
    std::string name;  // "smtpd_milters", "submission: smtpd_milters"
    std::vector<PostfixMilter> milters;
    bool filters_smtp = true;  // asked by smtpd, else by cleanup alone
};

class MtaCheck {
  public:
    MtaCheck(std::string_view settings, std::string_view services, const CheckMtaInput& input)
        : settings_(parse_postfix_settings(settings)),
          services_(parse_postfix_services(services)),
          input_(input) {}

    std::vector<MtaFinding> run() {
        if (settings_.empty()) {
            warn("postconf printed no settings");
            return std::move(findings_);
        }
        check_lists();
        check_sizes();
        check_services();
        check_queue();
        return std::move(findings_);
    }

  private:
    void warn(std::string text) { findings_.push_back({true, std::move(text)}); }
    void note(std::string text) { findings_.push_back({false, std::move(text)}); }

    std::string setting(std::string_view name) const {
        const auto found = settings_.find(name);
        return found == settings_.end() ? std::string() : found->second;
    }

    void check_lists() {
        check_list(
            "smtpd_milters", setting("smtpd_milters"), true,
            "optimilter is not in smtpd_milters: Postfix never asks it about mail that comes in by SMTP");
        check_list("non_smtpd_milters", setting("non_smtpd_milters"), false,
                   "optimilter is not in non_smtpd_milters: mail from sendmail(1) passes unchanged");
        if (icontains(setting("receive_override_options"), "no_milters"))
            warn("receive_override_options has no_milters for all services: Postfix asks no milter at all");
        if (!setting("smtpd_milter_maps").empty())
            note("smtpd_milter_maps is set: clients listed there may be served by other milters");
    }

    void check_list(const std::string& name, const std::string& value, bool filters_smtp,
                    std::string_view when_missing) {
        const auto milters = parse_postfix_milters(value);
        if (!milters) {
            warn(fmt::format("{}: the braces do not match: {}", name, printable(value, kShown)));
            return;
        }
        const Chain chain{name, *milters, filters_smtp};
        const auto ours =
            std::find_if(chain.milters.begin(), chain.milters.end(),
                         [this](const PostfixMilter& milter) { return is_ours(milter.address); });
        if (ours == chain.milters.end()) {
            warn(std::string(when_missing));
            return;
        }
        note(fmt::format("{}: optimilter is milter {} of {}", name, ours - chain.milters.begin() + 1,
                         chain.milters.size()));
        check_socket(chain, ours->address);
        check_action(chain, *ours);
        check_timeouts(chain, *ours);
        check_order(chain, ours);
    }

    // ---- Which milter is ours -------------------------------------------------------------------------

    // The setting listen as Postfix writes it, host first: "inet:8895@127.0.0.1" -> "inet:127.0.0.1:8895".
    std::string postfix_listen() const {
        const std::string_view listen = input_.listen;
        const std::size_t colon = listen.find(':'), at = listen.find('@');
        if (colon == std::string_view::npos || at == std::string_view::npos || at < colon)
            return input_.listen;
        return fmt::format("inet:{}:{}", listen.substr(at + 1), listen.substr(colon + 1, at - colon - 1));
    }

    static std::string_view port_of(std::string_view address) {
        const std::size_t colon = address.rfind(':');
        return colon == std::string_view::npos ? std::string_view() : address.substr(colon + 1);
    }

    bool listens_on_unix() const { return input_.listen.starts_with("unix:"); }
    std::string_view listen_path() const { return std::string_view(input_.listen).substr(5); }

    // Where a unix address leads: below the queue directory, when the asking daemon is in the chroot or the
    // path is relative (the daemons' working directory is the queue directory).
    std::string socket_path(std::string_view address, bool chroot) const {
        std::string path(address.substr(5));
        const bool absolute = path.starts_with('/');
        if (absolute && !chroot) return path;
        return setting("queue_directory") + (absolute ? "" : "/") + path;
    }

    // By its socket; an entry that only bears our name counts too, so that a wrong path is told as such.
    bool is_ours(std::string_view address) const {
        if (icontains(address, "optimilter")) return true;
        if (address.starts_with("unix:")) {
            return listens_on_unix() && (socket_path(address, true) == listen_path() ||
                                         socket_path(address, false) == listen_path());
        }
        return address.starts_with("inet:") && !listens_on_unix() &&
               port_of(address) == port_of(postfix_listen());
    }

    // ---- One entry ------------------------------------------------------------------------------------

    bool is_chrooted(const PostfixService& service) const {
        // "-" means no since Postfix 3.0, unless the settings ask for the old way.
        const std::string level = setting("compatibility_level");
        return service.chroot == "y" || (service.chroot == "-" && (level.empty() || level == "0"));
    }

    void check_socket(const Chain& chain, std::string_view address) {
        const bool unix_entry = address.starts_with("unix:");
        if (!unix_entry && !address.starts_with("inet:")) {
            warn(
                fmt::format("{}: \"{}\" is neither unix: nor inet:", chain.name, printable(address, kShown)));
            return;
        }
        const bool same_kind = unix_entry == listens_on_unix();
        if (!same_kind || (!unix_entry && port_of(address) != port_of(postfix_listen()))) {
            warn(fmt::format("{}: Postfix asks {}, but optimilter listens on {}", chain.name,
                             printable(address, kShown), printable(input_.listen, kShown)));
            return;
        }
        if (!unix_entry) return;
        for (const bool chroot : {true, false}) check_reach(chain, address, chroot);
    }

    // Says once for all services of one kind that look in the wrong place.
    void check_reach(const Chain& chain, std::string_view address, bool chroot) {
        std::string names;
        for (const PostfixService& service : services_) {
            const bool asks = service.command == (chain.filters_smtp ? "smtpd" : "cleanup");
            if (!asks || is_chrooted(service) != chroot) continue;
            names += (names.empty() ? "" : ", ") + service.name;
        }
        if (names.empty()) return;
        const std::string path = socket_path(address, chroot);
        if (input_.path_exists(path)) return;
        const std::string who =
            fmt::format("{}: {} ({}) looks for the socket at {}", chain.name, printable(names, kShown),
                        chroot ? "in the chroot" : "no chroot", printable(path, kShown));
        if (path == listen_path()) {
            warn(who + ", which is not there: is optimilter-engine running?");
        } else {
            warn(fmt::format("{}, which is not there; optimilter listens on {}", who,
                             printable(listen_path(), kShown)));
        }
    }

    // The milter's own setting, else the global one.
    std::string effective(const PostfixMilter& milter, const std::string& name) const {
        const auto own = milter.settings.find(name);
        return own != milter.settings.end() ? own->second : setting("milter_" + name);
    }

    void check_action(const Chain& chain, const PostfixMilter& ours) {
        const std::string action = effective(ours, "default_action");
        if (action != "accept")
            warn(
                fmt::format("{}: default_action is \"{}\": when optimilter is away, mail would not pass; set "
                            "default_action=accept",
                            chain.name, printable(action, kShown)));
        const std::string protocol = effective(ours, "protocol");
        if (!protocol.empty() && protocol < "6")
            warn(fmt::format("{}: milter_protocol is {}; optimilter wants 6", chain.name,
                             printable(protocol, kShown)));
    }

    void check_timeout(const Chain& chain, const PostfixMilter& ours, const std::string& name,
                       std::int64_t least_ms, std::int64_t most_ms, std::int64_t advice_ms) {
        const std::string value = effective(ours, name);
        const auto ms = parse_postfix_time(value);
        const std::string place = fmt::format("{}: {} is \"{}\"", chain.name, name, printable(value, kShown));
        const std::string advice = fmt::format("set {}={}", name, print_time(advice_ms));
        if (!ms) {
            warn(fmt::format("{}, which is no time; {}", place, advice));
        } else if (*ms < least_ms) {
            warn(fmt::format("{}: Postfix would give up before our deadline of {}; {}", place,
                             print_time(input_.deadline_ms), advice));
        } else if (*ms > most_ms) {
            warn(fmt::format("{}: a hung milter would hold every session up for so long; {}", place, advice));
        }
    }

    void check_timeouts(const Chain& chain, const PostfixMilter& ours) {
        check_timeout(chain, ours, "connect_timeout", 0, kMostConnectMs, 2000);
        check_timeout(chain, ours, "command_timeout", 0, kMostCommandMs, 5000);
        // Whole seconds, rounded up: Postfix knows no milliseconds.
        const std::int64_t advice_margin = std::max(kContentAdviceMs, input_.guard_slack_ms + 5000);
        const std::int64_t advice = (input_.deadline_ms + advice_margin + 999) / 1000 * 1000;
        const std::int64_t margin = std::max(kContentMarginMs, input_.guard_slack_ms + 1000);
        check_timeout(chain, ours, "content_timeout", input_.deadline_ms + margin,
                      std::max(kMostContentMs, advice), advice);
    }

    // ---- Order ----------------------------------------------------------------------------------------

    static bool signs_dkim(std::string_view address) {
        return looks_like_dkim_signer(address,
                                      address.starts_with("inet:") ? port_of(address) : std::string_view());
    }

    void check_order(const Chain& chain, std::vector<PostfixMilter>::const_iterator ours) {
        const auto signer = std::find_if(chain.milters.begin(), ours, [](const PostfixMilter& milter) {
            return signs_dkim(milter.address);
        });
        if (signer == ours) return;
        warn(order_warning(chain.name, signer->address, input_));
    }

    // ---- The rest -------------------------------------------------------------------------------------

    void check_sizes() {
        const std::string text = setting("message_size_limit");
        std::uint64_t limit = 0;
        const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), limit);
        if (status != std::errc() || end != text.data() + text.size()) return;
        if (limit == 0 || limit > input_.body_share) {
            warn(
                fmt::format("message_size_limit is {}: messages over {} bytes, the share of body_budget that "
                            "client_share allows, pass unchanged",
                            limit == 0 ? "0 (no limit)" : text, input_.body_share));
        }
    }

    void check_services() {
        for (const PostfixService& service : services_) {
            if (service.command != "smtpd" && service.command != "cleanup") continue;
            const auto options = service.overrides.find("receive_override_options");
            if (options != service.overrides.end() && icontains(options->second, "no_milters"))
                note(fmt::format("service {}: no_milters is set, its mail passes unchanged",
                                 printable(service.name, kShown)));
            for (const char* name : {"smtpd_milters", "non_smtpd_milters"}) check_override(service, name);
        }
    }

    // A list of its own replaces that of main.cf: it is checked like it, but may leave us out on purpose.
    void check_override(const PostfixService& service, const std::string& name) {
        const auto own = service.overrides.find(name);
        if (own == service.overrides.end()) return;
        const std::string place = fmt::format("service {}: {}", printable(service.name, kShown), name);
        const auto milters = parse_postfix_milters(own->second);
        const bool left_out =
            milters && std::none_of(milters->begin(), milters->end(),
                                    [this](const PostfixMilter& milter) { return is_ours(milter.address); });
        if (left_out) {
            note(fmt::format("{} is set to a list without optimilter, its mail passes unchanged", place));
        } else {
            check_list(place, own->second, service.command == "smtpd", "");
        }
    }

    void check_queue() {
        const std::string queue = setting("queue_directory");
        const std::string text = uncounted_queue("queue_directory", queue, input_);
        if (!queue.empty() && !text.empty()) note(text);
    }

    PostfixSettings settings_;
    std::vector<PostfixService> services_;
    const CheckMtaInput& input_;
    std::vector<MtaFinding> findings_;
};

}  // namespace

CheckMtaInput mta_input(const Settings& settings) {
    CheckMtaInput input;
    input.listen = settings.listen;
    input.deadline_ms = settings.deadline;
    input.guard_slack_ms = settings.guard_slack;
    input.body_share = settings.body_budget / 100 * settings.client_share;
    input.skip_dkim_outbound = settings.skip_dkim_outbound;
    input.queue_directories = settings.queue_directories;
    input.path_exists = [](const std::string& path) {
        return ::access(path.c_str(), F_OK) == 0 || (errno != ENOENT && errno != ENOTDIR);
    };
    input.unsafe_place = unsafe_socket_place;
    return input;
}

std::vector<MtaFinding> check_mta(std::string_view settings, std::string_view services,
                                  const CheckMtaInput& input) {
    return MtaCheck(settings, services, input).run();
}

bool looks_like_dkim_signer(std::string_view name_or_address, std::string_view port) {
    if (icontains(name_or_address, "dkim") || icontains(name_or_address, "rspamd")) return true;
    // The customary ports: opendkim 8891 and 12301, dkimpy-milter 8892 and 8893, rspamd 11332.
    constexpr std::string_view kPorts[] = {"8891", "12301", "8892", "8893", "11332"};
    return std::find(std::begin(kPorts), std::end(kPorts), port) != std::end(kPorts);
}

std::string order_warning(std::string_view list, std::string_view signer, const CheckMtaInput& input) {
    return fmt::format(
        "{}: optimilter stands after {}, which looks like a DKIM signer: outbound mail {}; put optimilter "
        "before it",
        list, printable(signer, kShown),
        input.skip_dkim_outbound ? "is signed first and then left as it is"
                                 : "would be changed after it was signed");
}

std::string uncounted_queue(std::string_view what, const std::string& queue, const CheckMtaInput& input) {
    const auto same = [&queue](std::string_view counted) {
        while (counted.size() > 1 && counted.ends_with('/')) counted.remove_suffix(1);
        return counted == queue;
    };
    if (std::any_of(input.queue_directories.begin(), input.queue_directories.end(), same)) return {};
    return fmt::format(
        "{} is \"{}\", which is not in our setting queue_directories: optimilter-queuewatch does not count "
        "it",
        what, printable(queue, kShown));
}

std::string unsafe_socket_place(const std::string& path) {
    struct stat state {};
    if (::lstat(path.c_str(), &state) == 0 && S_ISLNK(state.st_mode)) return path + " is a symbolic link";
    for (std::size_t end = path.rfind('/'); end != std::string::npos;
         end = end == 0 ? std::string::npos : path.rfind('/', end - 1)) {
        const std::string folder = end == 0 ? "/" : path.substr(0, end);
        if (::stat(folder.c_str(), &state) != 0) continue;
        if ((state.st_mode & S_IWOTH) != 0) return folder + " can be written to by everybody";
        if ((state.st_mode & S_IWGRP) != 0) return folder + " can be written to by its group";
    }
    return {};
}

}  // namespace optimilter
