// SPDX-License-Identifier: Apache-2.0
#include "policy/settings.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <random>

#include "check.hpp"

namespace optimilter {
namespace {

// Every setting, none at its default.
constexpr std::string_view kAllChanged = R"(# comment
listen = "inet:8895@127.0.0.1"
socket_mode = "0600"
socket_group = "postfix"
engine_socket = "unix:/run/optimilter/e.sock"
control_socket = "/run/optimilter/c.sock"
guard_status_socket = ""
control_group = "optimilter-admin"
user = "optimilter"
worker_program = "/usr/libexec/optimilter/optimilter-worker"
workers = 3
worker_spares = 1
messages_per_worker = 10
worker_memory = "2GiB"
workers_memory = "3GiB"
workers_cpu_weight = 5
idle_timeout = "30m"
profile = "compact"
jpeg_progressive = false
jpeg_quality_max = 80
jpeg_quality_min = 60
score_min = 0.96
score_min_text = 0.97
max_side_px = 0
png_quantize = false
png_quality_min = 70
keep_gps = false
document_ppi = 96
convert = ["tga", "bmp"]
effort = 1
formats = ["jpeg", "odf"]
min_size = 1000
max_size = "10MB"
min_gain_percent = 5
min_gain_bytes = "1KiB"
internal_networks = ["10.0.0.0/8", "2001:db8::/32"]
inner_messages = true
skip_dkim_inbound = false
skip_dkim_outbound = true
dry_run = true
trace_header = false
policy_dir = "/etc/rules"
opt_out_header = "X-No"
opt_in_header = "X-Yes"
opt_trust = "nobody"
deadline = "1500ms"
body_budget = "1GiB"
client_share = 50
max_pixels = 50_000_000
max_expanded = "100MiB"
max_entries = 500
max_depth = 1
max_mime_depth = 10
max_mime_parts = 100
cache_memory = "1MiB"
cache_file = "/tmp/cache.db"
cache_file_size = "32MiB"
cache_per_direction = false
load_control = false
load_job_wait = "1s"
load_eom_share = 50
load_deadlines_share = 20
mta_sessions = 200
load_sessions_share = 60
load_queue_length = 500
load_queue_age = "1m"
load_cpu_stall = 70
load_memory_stall = 10
load_yield = 50
load_up = "1s"
load_settle = "10s"
load_down = "1m"
load_probe_one_in = 50
engine_timeout = "1s"
guard_slack = "200ms"
guard_sessions = 100
guard_reply_budget = "32MiB"
send_buffer = "1MiB"
reply_in_pieces = true
breaker_timeouts = 5
breaker_probe = "1s"
queue_directories = ["/var/spool/postfix", "/var/spool/postfix-out", "sendmail:/var/spool/mqueue/q*"]
queue_interval = "2s"
queue_socket = ""
queue_group = "optimilter-queue"
queue_user = "postfix"
log_level = "debug"
log_target = "stderr"
log_socket = "/run/systemd/journal/dev-log"
notify = ["root", "mail.admin+optimilter@example.org"]
notify_from = "filter@example.org"
notify_via = "smtp:[::1]:25"
notify_webhook = "https://[::1]:8443/hook?a=b%20c"
watch_certificates = ["/etc/ssl/a.pem", "/b"]
alert_file = ""
)";

std::string all_problems(const LoadedSettings& loaded) {
    std::string text;
    for (const SettingsProblem& problem : loaded.problems) text += problem.text + "\n";
    return text;
}

void test_defaults() {
    const LoadedSettings loaded = parse_settings("", "f");
    CHECK_EQ(all_problems(loaded), "");
    CHECK_EQ(print_settings(loaded.settings, true), "");
    CHECK_EQ(loaded.settings.deadline, 5000);
    CHECK_EQ(loaded.settings.internal_networks.size(), 2u);
}

void test_every_setting_is_read() {
    const LoadedSettings loaded = parse_settings(kAllChanged, "f");
    CHECK_EQ(all_problems(loaded), "");
    const Settings& s = loaded.settings;
    CHECK_EQ(s.listen, "inet:8895@127.0.0.1");
    CHECK_EQ(s.socket_mode, 0600u);
    CHECK_EQ(s.worker_memory, 2ull << 30);
    CHECK_EQ(s.idle_timeout, 1800000);
    CHECK_EQ(s.profile, ProfileName::kCompact);
    CHECK(s.jpeg_progressive == false);
    CHECK(s.score_min == 0.96);
    CHECK(s.score_min_text == 0.97);
    CHECK(s.document_ppi == 96u && s.effort == 1u);
    CHECK(s.convert->has(Format::kTga) && s.convert->has(Format::kBmp) && !s.convert->has(Format::kPcx));
    CHECK(s.max_side_px == 0u);
    CHECK(s.formats.has(Format::kOdf) && !s.formats.has(Format::kPng));
    CHECK_EQ(s.min_size, 1000u);
    CHECK_EQ(s.max_size, 10000000u);
    CHECK_EQ(print_network(s.internal_networks.at(1)), "2001:db8::/32");
    CHECK_EQ(s.deadline, 1500);
    CHECK_EQ(s.max_pixels, 50000000u);
    CHECK_EQ(s.log_level, LogLevel::kDebug);
    CHECK_EQ(s.log_target, LogTarget::kStderr);
    // Fails when a new row of the table has no line in the text above.
    for (const SettingText& row : describe_settings())
        CHECK(print_settings(s, true).find("\n" + std::string(row.name) + " = ") != std::string::npos ||
                  print_settings(s, true).starts_with(row.name),
              row.name);
}

// What was printed reads back to what was printed, all and changed only.
void test_round_trip() {
    for (const std::string_view text :
         {std::string_view(), kAllChanged, std::string_view("user = \"a\\u00e9\"")}) {
        const Settings settings = parse_settings(text, "f").settings;
        for (const bool only_changed : {false, true}) {
            const LoadedSettings again = parse_settings(print_settings(settings, only_changed), "again");
            CHECK_EQ(all_problems(again), "", text);
            CHECK_EQ(print_settings(again.settings, false), print_settings(settings, false), text);
        }
    }
}

void test_quotes_survive_printing() {
    Settings settings;
    settings.worker_program = "/a \"b\\c\x7f";
    const LoadedSettings again = parse_settings(print_settings(settings, true) + "dry_run = true\n", "f");
    // The control character is escaped, read back, and then refused by the check.
    CHECK_EQ(again.problems.size(), 1u);
    CHECK(again.settings.dry_run);
    settings.worker_program = "/a \"b\\c";
    CHECK_EQ(parse_settings(print_settings(settings, true), "f").settings.worker_program, "/a \"b\\c");
}

void test_profile_values_are_comments() {
    Settings settings;
    settings.profile = ProfileName::kCompact;
    settings.jpeg_quality_min = 50;
    const std::string text = print_settings(settings, false);
    CHECK(text.find("# jpeg_quality_max = 78 (profile compact)\n") != std::string::npos);
    CHECK(text.find("\njpeg_quality_min = 50\n") != std::string::npos);
    CHECK(text.find("# score_min = 0.93 (profile compact)\n") != std::string::npos);
    CHECK(print_settings(settings, true).find('#') == std::string::npos);
}

void test_problems() {
    struct Case {
        std::string_view name, toml, want;
    };
    constexpr Case kCases[] = {
        {"unknown key", "\ndedline = 5", "f:2: unknown setting \"dedline\"; did you mean \"deadline\"?\n"},
        {"unknown, nothing near", "zzzzzzzzzzzz = 5", "f:1: unknown setting \"zzzzzzzzzzzz\"\n"},
        {"table", "[engineering]\nx = 1",
         "f:1: unknown setting \"engineering\"; settings stand at the top of the file, not in tables\n"},
        {"array of tables", "[[engineering]]\nx = 1",
         "f:1: unknown setting \"engineering\"; settings stand at the top of the file, not in tables\n"},
        {"setting as a table", "[deadline]\nms = 1", "f:1: deadline: want a time, not a table\n"},
        {"hostile key", "\"a\\u001b[2J\\nb\" = 1", "f:1: unknown setting \"a?[2J?b\"\n"},
        {"wrong kind: text", "workers = \"2\"", "f:1: workers: want a whole number, not text\n"},
        {"wrong kind: fraction", "workers = 2.0",
         "f:1: workers: want a whole number, not a number with a fraction\n"},
        {"wrong kind: number for text", "user = 1", "f:1: user: want text in quotes, not a whole number\n"},
        {"wrong kind: text for switch", "dry_run = \"yes\"", "f:1: dry_run: want true or false, not text\n"},
        {"wrong kind: number for switch", "dry_run = 1",
         "f:1: dry_run: want true or false, not a whole number\n"},
        {"wrong kind: date", "deadline = 2024-01-01", "f:1: deadline: want a time, not a date or time\n"},
        {"wrong kind: list", "min_size = [1]", "f:1: min_size: want a size, not a list\n"},
        {"too small", "deadline = 99", "f:1: deadline: \"99ms\" is out of range, \"100ms\" to \"1m\"\n"},
        {"too large", "deadline = \"61s\"", "f:1: deadline: \"61s\" is out of range, \"100ms\" to \"1m\"\n"},
        {"negative", "workers = -1", "f:1: workers: -1 is out of range, 0 to 256\n"},
        {"negative size", "min_size = -1", "f:1: min_size: -1 is out of range, 0 to \"1GiB\"\n"},
        {"size over its bound", "worker_memory = 1",
         "f:1: worker_memory: 1 is out of range, \"256MiB\" to \"16GiB\"\n"},
        {"largest integer", "max_entries = 9223372036854775807",
         "f:1: max_entries: 9223372036854775807 is out of range, 1 to 1000000\n"},
        {"quality 0", "jpeg_quality_max = 0", "f:1: jpeg_quality_max: 0 is out of range, 1 to 100\n"},
        {"quality 256 must not wrap", "png_quality_min = 256",
         "f:1: png_quality_min: 256 is out of range, 0 to 100\n"},
        {"score too low", "score_min = 0.5", "f:1: score_min: 0.5 is out of range, 0.9 to 1.0\n"},
        {"score in percent", "score_min = 98", "f:1: score_min: 98 is out of range, 0.9 to 1.0\n"},
        {"score not a number", "score_min = nan", "f:1: score_min: nan is out of range, 0.9 to 1.0\n"},
        {"score infinite", "score_min = inf", "f:1: score_min: inf is out of range, 0.9 to 1.0\n"},
        {"score as text", "score_min = \"0.98\"", "f:1: score_min: want a number, not text\n"},
        {"size without a unit", "min_size = \"8192\"",
         "f:1: min_size: want a whole number with B, KiB, MiB, GiB, kB, MB or GB\n"},
        {"time with a size unit", "deadline = \"5MB\"",
         "f:1: deadline: want a whole number with ms, s, m (minutes) or h\n"},
        {"word", "profile = \"balancd\"",
         "f:1: profile: \"balancd\" is none of lossless, balanced, compact; did you mean \"balanced\"?\n"},
        {"word, nothing near", "profile = \"zzzzzzzz\"",
         "f:1: profile: \"zzzzzzzz\" is none of lossless, balanced, compact\n"},
        {"word in capitals", "log_level = \"ZZ\"",
         "f:1: log_level: \"ZZ\" is none of debug, info, warning, error\n"},
        {"fatal is no level to choose", "log_level = \"xfatalx\"",
         "f:1: log_level: \"xfatalx\" is none of debug, info, warning, error\n"},
        {"word as a number", "log_target = 1",
         "f:1: log_target: want one of syslog, stderr, not a whole number\n"},
        {"format", "formats = [\"jpeg\", \"pngg\"]",
         "f:1: formats: element 2: \"pngg\" is none of jpeg, png, gif, tiff, webp, bmp, tga, pcx, sgi, pnm, "
         "sunras, ooxml, odf, epub, ole, pdf, zip, 7z, tar, gzip, bzip2, xz, zstd; did you mean "
         "\"png\"?\n"},
        {"format without optimizer", "formats = [\"rar\"]",
         "f:1: formats: element 1: \"rar\" is none of jpeg, png, gif, tiff, webp, bmp, tga, pcx, sgi, pnm, "
         "sunras, ooxml, odf, epub, ole, pdf, zip, 7z, tar, gzip, bzip2, xz, zstd; did you mean \"tar\"?\n"},
        {"formats as text", "formats = \"jpeg\"", "f:1: formats: want a list of formats, not text\n"},
        {"network", "internal_networks = [\"10.1.0.0/8\"]",
         "f:1: internal_networks: element 1: \"10.1.0.0/8\" has bits set behind the prefix; "
         "\"10.0.0.0/8\"?\n"},
        {"network as a number", "internal_networks = [10]",
         "f:1: internal_networks: element 1: want a network in quotes, not a whole number\n"},
        {"octal as a number", "socket_mode = 660",
         "f:1: socket_mode: want octal digits in quotes, not a whole number\n"},
        {"octal digits", "socket_mode = \"0680\"", "f:1: socket_mode: want octal digits\n"},
        {"octal too large", "socket_mode = \"1777\"",
         "f:1: socket_mode: \"1777\" is out of range, \"0000\" to \"0777\"\n"},
        {"octal empty", "socket_mode = \"\"", "f:1: socket_mode: want octal digits\n"},
        {"socket without a family", "listen = \"/run/x\"",
         "f:1: listen: \"/run/x\": want unix:/path, inet:port@host or inet6:port@host\n"},
        {"socket relative", "listen = \"unix:x\"",
         "f:1: listen: \"unix:x\": the path of a unix socket must be absolute\n"},
        {"socket the Postfix way", "listen = \"inet:127.0.0.1:8895\"",
         "f:1: listen: \"inet:127.0.0.1:8895\": want inet:port@host, for example inet:8895@127.0.0.1\n"},
        {"socket without a host", "listen = \"inet:8895@\"",
         "f:1: listen: \"inet:8895@\": want inet:port@host, for example inet:8895@127.0.0.1\n"},
        {"socket, port 0", "listen = \"inet:0@localhost\"",
         "f:1: listen: \"inet:0@localhost\": the port must be 1 to 65535\n"},
        {"socket, port too large", "listen = \"inet6:65536@::1\"",
         "f:1: listen: \"inet6:65536@::1\": the port must be 1 to 65535\n"},
        {"empty socket", "listen = \"\"",
         "f:1: listen: \"\": want unix:/path, inet:port@host or inet6:port@host\n"},
        {"relative program", "worker_program = \"bin/w\"",
         "f:1: worker_program: \"bin/w\": want an absolute path, or \"\"\n"},
        {"NUL in a path", "worker_program = \"/a\\u0000b\"",
         "f:1: worker_program: \"/a?b\": holds a control character\n"},
        {"user with group", "user = \"a:b\"", "f:1: user: \"a:b\": is no user or group name\n"},
        {"address with an option", "notify = [\"-oX@example.org\"]",
         "f:1: notify: element 1: \"-oX@example.org\": want a plain mail address, for example "
         "postmaster@example.org\n"},
        {"address with a line end", "notify = [\"a\", \"a@b\\r\\nDATA\"]",
         "f:1: notify: element 2: \"a@b??DATA\": holds a control character\n"},
        {"address with blanks", "notify_from = \"A <a@example.org>\"",
         "f:1: notify_from: \"A <a@example.org>\": want a plain mail address, for example "
         "postmaster@example.org\n"},
        {"relative path in a list", "watch_certificates = [\"/a\", \"b.pem\"]",
         "f:1: watch_certificates: element 2: \"b.pem\": want an absolute path, or \"\"\n"},
        {"empty path in a list", "watch_certificates = [\"\"]",
         "f:1: watch_certificates: element 1: is empty\n"},
        {"no list of paths", "watch_certificates = \"/a\"",
         "f:1: watch_certificates: want a list of absolute paths, not text\n"},
        {"another scheme", "notify_webhook = \"ftp://a.test/\"",
         "f:1: notify_webhook: \"ftp://a.test/\": want http://host/path or https://host/path, without user "
         "name or blanks\n"},
        {"URL with a password", "notify_webhook = \"https://u:p@a.test/\"",
         "f:1: notify_webhook: \"https://u:p@a.test/\": want http://host/path or https://host/path, without "
         "user name or blanks\n"},
        {"URL without host", "notify_webhook = \"http://:80/\"",
         "f:1: notify_webhook: \"http://:80/\": want http://host/path or https://host/path, without user "
         "name "
         "or blanks\n"},
        {"URL with a bad port", "notify_webhook = \"http://a.test:70000/\"",
         "f:1: notify_webhook: \"http://a.test:70000/\": the port must be 1 to 65535\n"},
        {"URL with a line end", "notify_webhook = \"http://a.test/\\r\\nX: y\"",
         "f:1: notify_webhook: \"http://a.test/??X: y\": holds a control character\n"},
        {"address with two at signs", "notify_from = \"a@b@c\"",
         "f:1: notify_from: \"a@b@c\": want a plain mail address, for example postmaster@example.org\n"},
        {"empty address", "notify = [\"\"]", "f:1: notify: element 1: is empty\n"},
        {"one address without a list", "notify = \"root\"",
         "f:1: notify: want a list of mail addresses, not text\n"},
        {"way of mail", "notify_via = \"exim\"",
         "f:1: notify_via: \"exim\": want sendmail, an absolute path, or smtp:host:port\n"},
        {"way of mail without a host", "notify_via = \"smtp::25\"",
         "f:1: notify_via: \"smtp::25\": want sendmail, an absolute path, or smtp:host:port\n"},
        {"way of mail without a port", "notify_via = \"smtp:localhost\"",
         "f:1: notify_via: \"smtp:localhost\": want sendmail, an absolute path, or smtp:host:port\n"},
        {"way of mail, port too large", "notify_via = \"smtp:localhost:65536\"",
         "f:1: notify_via: \"smtp:localhost:65536\": the port must be 1 to 65535\n"},
        {"queue without its path", "queue_directories = [\"postfix\"]",
         "f:1: queue_directories: element 1: \"postfix\": want \"/path\" or \"sendmail:/path\"\n"},
        {"queue of another MTA", "queue_directories = [\"exim:/var/spool/exim4\"]",
         "f:1: queue_directories: element 1: \"exim:/var/spool/exim4\": want \"/path\" or "
         "\"sendmail:/path\"\n"},
        {"queue of Sendmail, relative", "queue_directories = [\"sendmail:mqueue\"]",
         "f:1: queue_directories: element 1: \"sendmail:mqueue\": want \"/path\" or \"sendmail:/path\"\n"},
        {"queues of Postfix by pattern", "queue_directories = [\"/var/spool/postfix*\"]",
         "f:1: queue_directories: element 1: \"/var/spool/postfix*\": \"*\" is for queues of Sendmail "
         "alone\n"},
        {"pattern in the middle", "queue_directories = [\"sendmail:/q*/a\"]",
         "f:1: queue_directories: element 1: \"sendmail:/q*/a\": \"*\" may stand at the end alone\n"},
        {"empty queue", "queue_directories = [\"/a\", \"\"]",
         "f:1: queue_directories: element 2: \"\": want \"/path\" or \"sendmail:/path\"\n"},
        {"queue without a list", "queue_directories = \"/a\"",
         "f:1: queue_directories: want a list of queue directories, not text\n"},
        {"CPU weight too large", "workers_cpu_weight = 10001",
         "f:1: workers_cpu_weight: 10001 is out of range, 0 to 10000\n"},
        {"sizes crossed", "max_size = 1024\n\nmin_size = 1025",
         "f:3: min_size is above max_size: no attachment would qualify\n"},
        {"size against the default", "max_size = 1024",
         "f:1: min_size is above max_size: no attachment would qualify\n"},
        {"qualities crossed", "jpeg_quality_max = 50\njpeg_quality_min = 51",
         "f:2: jpeg_quality_min 51 is above jpeg_quality_max 50 (profile balanced)\n"},
        {"quality against the profile", "jpeg_quality_max = 50",
         "f:1: jpeg_quality_min 60 is above jpeg_quality_max 50 (profile balanced)\n"},
        {"quality does not matter to lossless", "profile = \"lossless\"\njpeg_quality_max = 60", ""},
        {"every problem, in the file's order", "workers = -1\nfoo = 1\ndeadline = 0",
         "f:1: workers: -1 is out of range, 0 to 256\n"
         "f:2: unknown setting \"foo\"\n"
         "f:3: deadline: 0 is out of range, \"100ms\" to \"1m\"\n"},
    };
    for (const Case& c : kCases) CHECK_EQ(all_problems(parse_settings(c.toml, "f")), c.want, c.name);
}

// toml++ words these itself; the place is what we promise.
void test_broken_toml() {
    struct Case {
        std::string_view name, toml, want_start;
    };
    constexpr Case kCases[] = {
        {"duplicate", "workers = 1\nworkers = 1", "f:2: "},
        {"no value", "workers = 1\n\nuser =\n", "f:3: "},
        {"no quotes", "user = mail", "f:1: "},
        {"unterminated text", "user = \"mail", "f:1: "},
        {"unterminated list", "formats = [\"jpeg\",", "f:1: "},
        {"not UTF-8", "user = \"\xff\"", "f:1: "},
        {"NUL", std::string_view("user = \"a\"\n\0", 12), "f:2: "},
        {"integer too large", "workers = 9223372036854775808", "f:1: "},
        {"ini style", "user: mail", "f:1: "},
        {"letter in a name", "workers = 1\nworker\xC3\x86s = 1", "f:2: "},
        {"no name in a table's head", "workers = 1\n[^user]", "f:2: "},
        {"a bracket too many", "workers = 1\n[[[rule]]]", "f:2: "},
        {"a table's head cut by a line", "workers = 1\n[[\nrule]]", "f:2: "},
    };
    for (const Case& c : kCases) {
        const LoadedSettings loaded = parse_settings(c.toml, "f");
        CHECK_EQ(loaded.problems.size(), 1u, c.name);
        CHECK(loaded.problems[0].text.starts_with(c.want_start), c.name);
    }
}

void test_number_of_queue_directories() {
    std::string list = "\"/a\"";
    for (int i = 1; i < 16; ++i) list += ", \"/a\"";
    CHECK(parse_settings("queue_directories = [" + list + "]", "f").ok());
    CHECK_EQ(all_problems(parse_settings("queue_directories = [" + list + ", \"/a\"]", "f")),
             "f:1: queue_directories: at most 16 queue directories\n");
    CHECK(parse_settings("queue_directories = []", "f").ok());
}

void test_long_socket_path() {
    const std::string path = "/" + std::string(106, 'x');
    CHECK(parse_settings("listen = \"unix:" + path + "\"", "f").ok());
    CHECK(!parse_settings("listen = \"unix:" + path + "x\"", "f").ok());
}

// A problem leaves the other settings readable and its own at the default.
void test_bad_value_leaves_the_default() {
    const LoadedSettings loaded = parse_settings("deadline = 1\nworkers = 7\nformats = [\"png\", 1]", "f");
    CHECK_EQ(loaded.problems.size(), 2u);
    CHECK_EQ(loaded.settings.deadline, 5000);
    CHECK_EQ(loaded.settings.workers, 7u);
    CHECK(loaded.settings.formats == FormatSet::all());
}

void test_hostile_nesting() {
    CHECK(!parse_settings("formats = " + std::string(100000, '['), "f").ok());
    CHECK(!parse_settings("a" + std::string(50000, '.') + "b = 1", "f").ok());
    std::string dotted = "a";
    for (int i = 0; i < 20000; ++i) dotted += ".a";
    for (const std::string& line : {dotted + " = 1", "[" + dotted + "]", "user = \"\\\"\" # \n" + dotted})
        CHECK(all_problems(parse_settings(line, "f")).ends_with(": a name with too many dots\n"));
    const std::string dots(200, '.');
    CHECK(parse_settings("listen = \"unix:/a\" # " + dots + "\n# '" + dots, "f").ok());
    CHECK(parse_settings("worker_program = \"/a\\\"" + dots + "\"\nlog_socket = '/" + dots + "'", "f").ok());
}

void test_truncated_and_flipped() {
    std::mt19937 random(20240607);
    for (std::size_t length = 0; length <= kAllChanged.size(); length += 3)
        (void)parse_settings(kAllChanged.substr(0, length), "f");
    for (int i = 0; i < 2000; ++i) {
        std::string text(kAllChanged.substr(0, random() % kAllChanged.size()));
        for (int flips = 0; flips < 3 && !text.empty(); ++flips)
            text[random() % text.size()] = static_cast<char>(random());
        const LoadedSettings loaded = parse_settings(text, "f");
        for (const SettingsProblem& problem : loaded.problems)
            CHECK(problem.text.starts_with("f:") && problem.text.find('\n') == std::string::npos, text);
        if (loaded.ok()) CHECK(parse_settings(print_settings(loaded.settings, false), "f").ok(), text);
    }
}

void test_files() {
    char folder[] = "/tmp/optimilter-settings-XXXXXX";
    CHECK(::mkdtemp(folder) != nullptr);
    const std::string path = std::string(folder) + "/optimilter.toml";
    CHECK_EQ(all_problems(load_settings(path)), path + ": No such file or directory\n");
    CHECK_EQ(all_problems(load_settings(folder)), std::string(folder) + ": Is a directory\n");
    CHECK_EQ(all_problems(load_settings("/dev/zero")), "/dev/zero: larger than 1 MiB\n");
    std::ofstream(path) << "workers = 9\nnope = 1\n";
    const LoadedSettings loaded = load_settings(path);
    CHECK_EQ(loaded.settings.workers, 9u);
    CHECK_EQ(all_problems(loaded), path + ":2: unknown setting \"nope\"\n");
    ::unlink(path.c_str());
    CHECK_EQ(::mkfifo(path.c_str(), 0600), 0);
    CHECK(load_settings(path).ok());  // a FIFO nobody writes to is an empty file, not a wait
    ::unlink(path.c_str());
    ::rmdir(folder);
}

void test_changes_needing_restart() {
    const Settings running;
    CHECK(changes_needing_restart(running, running).empty());
    Settings fresh;
    fresh.deadline = 1000;
    fresh.profile = ProfileName::kCompact;
    CHECK(changes_needing_restart(running, fresh).empty());
    fresh.listen = "inet:1@h";
    fresh.workers = 5;
    const auto names = changes_needing_restart(running, fresh);
    CHECK_EQ(names.size(), 2u);
    CHECK_EQ(names[0], "listen");
    CHECK_EQ(names[1], "workers");
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {
        TEST(test_defaults),
        TEST(test_every_setting_is_read),
        TEST(test_round_trip),
        TEST(test_quotes_survive_printing),
        TEST(test_problems),
        TEST(test_profile_values_are_comments),
        TEST(test_broken_toml),
        TEST(test_number_of_queue_directories),
        TEST(test_long_socket_path),
        TEST(test_hostile_nesting),
        TEST(test_bad_value_leaves_the_default),
        TEST(test_files),
        TEST(test_truncated_and_flipped),
        TEST(test_changes_needing_restart),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
