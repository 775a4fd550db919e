// SPDX-License-Identifier: Apache-2.0
#include "policy/setting_text.hpp"

#include <sys/un.h>

#include <algorithm>
#include <charconv>

#include "base/text.hpp"

namespace optimilter {

namespace {

bool has_control(std::string_view text) {
    return std::any_of(text.begin(), text.end(),
                       [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
}

std::string check_unix_socket(std::string_view path) {
    if (path.empty() || path[0] != '/') return "the path of a unix socket must be absolute";
    if (path.size() >= sizeof(sockaddr_un::sun_path))
        return fmt::format("the path of a unix socket may have {} bytes", sizeof(sockaddr_un::sun_path) - 1);
    return {};
}

// The libmilter way, port@host. The host may not be left out: that would listen to the whole world.
std::string check_inet_socket(std::string_view text) {
    constexpr std::string_view kWant = "want inet:port@host, for example inet:8895@127.0.0.1";
    const std::size_t at = text.find('@');
    if (at == std::string_view::npos) return std::string(kWant);
    unsigned port = 0;
    const auto [end, status] = std::from_chars(text.data(), text.data() + at, port);
    if (status != std::errc() || end != text.data() + at) return std::string(kWant);
    if (port < 1 || port > 65535) return "the port must be 1 to 65535";
    const std::string_view host = text.substr(at + 1);
    const bool plain = std::all_of(host.begin(), host.end(), [](char c) {
        return (c >= '0' && c <= '9') || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z') || c == '.' ||
               c == '-' || c == ':' || c == '_';
    });
    return host.empty() || !plain ? std::string(kWant) : std::string();
}

std::string check_socket(std::string_view text) {
    if (text.starts_with("unix:")) return check_unix_socket(text.substr(5));
    if (text.starts_with("inet:")) return check_inet_socket(text.substr(5));
    if (text.starts_with("inet6:")) return check_inet_socket(text.substr(6));
    return "want unix:/path, inet:port@host or inet6:port@host";
}

// local or local@domain, of characters that need no quotes in a mail and mean nothing to a shell, an option
// parser or SMTP.
std::string check_address(std::string_view text) {
    constexpr std::string_view kLocal = "abcdefghijklmnopqrstuvwxyz0123456789.!#$%&'*+-/=?^_{|}~";
    constexpr std::string_view kDomain = "abcdefghijklmnopqrstuvwxyz0123456789.-";
    const std::string lower = to_lower(text);
    const std::size_t at = lower.find('@');
    const std::string local = lower.substr(0, at);
    const std::string domain = at == std::string::npos ? "localhost" : lower.substr(at + 1);
    const bool well_formed = !local.empty() && !domain.empty() && local[0] != '-' && domain[0] != '-' &&
                             local.find_first_not_of(kLocal) == std::string::npos &&
                             domain.find_first_not_of(kDomain) == std::string::npos && text.size() <= 254;
    return well_formed ? std::string() : "want a plain mail address, for example postmaster@example.org";
}

std::string check_mail_way(std::string_view text) {
    if (text == "sendmail" || (text.size() > 1 && text[0] == '/')) return {};
    constexpr std::string_view kWant = "want sendmail, an absolute path, or smtp:host:port";
    const std::size_t colon = text.rfind(':');
    if (!text.starts_with("smtp:") || colon < 6) return std::string(kWant);
    unsigned port = 0;
    const auto [end, status] = std::from_chars(text.data() + colon + 1, text.data() + text.size(), port);
    if (status != std::errc() || end != text.data() + text.size()) return std::string(kWant);
    return port >= 1 && port <= 65535 ? std::string() : "the port must be 1 to 65535";
}

std::string check_queue(std::string_view text) {
    const bool sendmail = text.starts_with("sendmail:");
    if (sendmail) text.remove_prefix(9);
    if (!text.starts_with('/')) return "want \"/path\" or \"sendmail:/path\"";
    const std::size_t star = text.find('*');
    if (star == std::string_view::npos) return {};
    if (!sendmail) return "\"*\" is for queues of Sendmail alone";
    return star + 1 == text.size() ? std::string() : "\"*\" may stand at the end alone";
}

// Scheme, host and port are checked; the path is for the other side. No user name: it would be in every log.
std::string check_url(std::string_view text) {
    constexpr std::string_view kWant =
        "want http://host/path or https://host/path, without user name or blanks";
    const bool http = text.starts_with("http://"), https = text.starts_with("https://");
    if ((!http && !https) || text.size() > 2000 || text.find_first_of(" \"<>\\#") != std::string_view::npos)
        return std::string(kWant);
    std::string_view place = text.substr(http ? 7 : 8);
    place = place.substr(0, place.find_first_of("/?"));
    if (place.find('@') != std::string_view::npos) return std::string(kWant);
    const std::size_t bracket = place.rfind(']');
    const std::size_t colon = place.find(':', bracket == std::string_view::npos ? 0 : bracket);
    if (place.substr(0, colon).empty()) return std::string(kWant);
    if (colon == std::string_view::npos) return {};
    unsigned port = 0;
    const auto [end, status] = std::from_chars(place.data() + colon + 1, place.data() + place.size(), port);
    const bool whole = status == std::errc() && end == place.data() + place.size();
    return whole && port >= 1 && port <= 65535 ? std::string() : "the port must be 1 to 65535";
}

// RFC 5322 sec. 3.6.8: printable ASCII without the colon.
std::string check_field_name(std::string_view text) {
    const bool plain =
        std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7F && c != ':'; });
    return plain && text.size() <= 76 ? std::string() : "is no name of a header field";
}

}  // namespace

std::string check_text(std::string_view text, SettingForm form) {
    if (has_control(text)) return "holds a control character";
    if (form == SettingForm::kSocket) return check_socket(text);
    if (form == SettingForm::kAddress && !text.empty()) return check_address(text);
    if (form == SettingForm::kMailWay) return check_mail_way(text);
    if (form == SettingForm::kQueues) return check_queue(text);
    if (form == SettingForm::kUrl && !text.empty()) return check_url(text);
    if (form == SettingForm::kFieldName) return check_field_name(text);
    if (form == SettingForm::kPath && !text.empty() && text[0] != '/')
        return "want an absolute path, or \"\"";
    if (form == SettingForm::kName && text.find_first_of(" :/") != std::string_view::npos)
        return "is no user or group name";
    return {};
}

}  // namespace optimilter
