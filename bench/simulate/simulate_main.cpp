// SPDX-License-Identifier: Apache-2.0
//
// bench/simulate: what the load controller makes of a mail load, without a mail system. See doc/load.md.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <fstream>
#include <string>

#include "bench/simulate/costs.hpp"
#include "bench/simulate/report.hpp"
#include "policy/decide.hpp"
#include "policy/quantities.hpp"

namespace optimilter::sim {

namespace {

struct Wish {
    std::string trace, shape = "steady", controller = "on", csv, svg, settings;
    double rate = 0, load = 0;
    int hosts = 1;
    std::uint64_t warm_up = 0;
    bool words = false;
    Plan plan;
};

int complain(const std::string& text) {
    std::fprintf(stderr, "simulate: %s\n", text.c_str());
    return 2;
}

// CPU seconds of a worker for a message at level 0, on average.
double work_a_message(const std::vector<Mail>& trace, const Settings& settings) {
    double cpu_ms = 0;
    for (const Mail& mail : trace) {
        for (const Attachment& part : mail.attachments) {
            if (!part_excluded(settings, part.format, part.size).empty()) continue;
            cpu_ms += part.known_cpu_ms >= 0 ? part.known_cpu_ms
                                             : mean_cost(part.format, part.size, settings.effort).cpu_ms;
        }
    }
    return cpu_ms / 1000 / static_cast<double>(trace.size());
}

// "on", "off", or a window that never moves: "64KiB-4MiB". Empty: done; else what is wrong.
std::string set_controller(const std::string& word, Settings& settings) {
    if (word == "on") return {};
    settings.load_control = false;
    if (word == "off") return {};
    const std::size_t dash = word.find('-');
    if (dash == std::string::npos) return "--controller: on, off, or a window such as 64KiB-4MiB";
    const auto least = parse_size(word.substr(0, dash)), most = parse_size(word.substr(dash + 1));
    if (!least || !most || *least > *most) return "--controller: \"" + word + "\" is no window of sizes";
    settings.min_size = static_cast<std::uint64_t>(*least);
    settings.max_size = static_cast<std::uint64_t>(*most);
    return {};
}

bool write_file(const std::string& path, const std::string& text) {
    std::ofstream file(path, std::ios::binary);
    file << text;
    file.close();
    return static_cast<bool>(file);
}

std::vector<Second> run_all(const Wish& wish, const std::vector<Mail>& trace) {
    std::vector<Second> all;
    for (int host = 0; host < wish.hosts; ++host) {
        Plan plan = wish.plan;
        plan.rate = wish.rate / wish.hosts;
        plan.seed = wish.plan.seed * 1000003 + static_cast<std::uint64_t>(host);
        const auto seconds = run_host(plan, trace);
        if (all.empty()) all.resize(seconds.size());
        for (std::size_t i = 0; i < seconds.size(); ++i) all[i].add(seconds[i]);
    }
    return all;
}

int run(Wish& wish) {
    const auto shape = shape_named(wish.shape);
    if (!shape) return complain("--shape: steady, ramp, spike, saw, day or flood");
    wish.plan.shape = *shape;
    if (!wish.settings.empty()) {
        const LoadedSettings loaded = load_settings(wish.settings);
        if (!loaded.ok()) return complain(loaded.problems.front().text);
        wish.plan.settings = loaded.settings;
    }
    Random random(wish.plan.seed);
    std::vector<Mail> trace = business_mix(20000, random);
    if (!wish.trace.empty()) {
        auto read = read_trace(wish.trace);
        if (!read) return complain(read.error().text);
        trace = std::move(*read);
    }
    // What can be carried is that of the settings as they are, before a window takes some of it away.
    const double work_s = work_a_message(trace, wish.plan.settings);
    const double full_rate = work_s > 0 ? wish.hosts * wish.plan.workers / work_s : 0;
    if (wish.load > 0) wish.rate = wish.load * full_rate;
    if (wish.rate <= 0 || wish.rate > 10000 || wish.rate / wish.hosts > 10000)
        return complain("--rate: above 0, to 10000 messages a second");
    if (const std::string wrong = set_controller(wish.controller, wish.plan.settings); !wrong.empty())
        return complain(wrong);

    const auto seconds = run_all(wish, trace);
    const Totals sum = totals(seconds, wish.warm_up);
    const double counted_s = static_cast<double>(seconds.size()) -
                             static_cast<double>(std::min<std::size_t>(wish.warm_up, seconds.size()));
    const std::string title = fmt::format(
        "{} {:.1f} messages/s ({:.2f} times what {} x {} workers can carry at level 0), controller {}, seed "
        "{}",
        wish.shape, wish.rate, full_rate > 0 ? wish.rate / full_rate : 0, wish.hosts, wish.plan.workers,
        wish.controller, wish.plan.seed);
    std::fputs(wish.words ? totals_words(sum, counted_s).c_str()
                          : (title + "\n" + totals_text(sum, counted_s)).c_str(),
               stdout);
    if (!wish.csv.empty() && !write_file(wish.csv, csv(seconds))) return complain("cannot write " + wish.csv);
    if (!wish.svg.empty() && !write_file(wish.svg, svg(seconds, title)))
        return complain("cannot write " + wish.svg);
    return 0;
}

void add_options(CLI::App& app, Wish& wish) {
    Plan& plan = wish.plan;
    app.add_option(
        "--trace", wish.trace,
        "INDEX.tsv of make_mail.py, or a log of optimilter or Postfix; else a made-up business mix");
    app.add_option("--rate", wish.rate, "messages a second, all hosts together, up to 10000");
    app.add_option("--load", wish.load,
                   "instead of --rate: so many times what the workers can carry at level 0");
    app.add_option("--shape", wish.shape, "steady, ramp, spike, saw, day or flood");
    app.add_option("--seconds", plan.seconds, "of the run")
        ->check(CLI::Range(1, 1000000))
        ->capture_default_str();
    app.add_option("--warm-up", wish.warm_up, "seconds that the totals leave out");
    app.add_option("--hosts", wish.hosts, "each with an MTA, an engine and workers of its own")
        ->check(CLI::Range(1, 1000))
        ->capture_default_str();
    app.add_option("--workers", plan.workers, "of a host")->check(CLI::Range(1, 256))->capture_default_str();
    app.add_option("--cores", plan.cores, "of a host")->check(CLI::Range(1, 1024))->capture_default_str();
    app.add_option("--sessions", plan.sessions, "process limit of a host's smtpd")
        ->check(CLI::Range(1, 100000))
        ->capture_default_str();
    app.add_option("--mta-cpu-ms", plan.mta_cpu_ms, "CPU of the MTA for a message")
        ->check(CLI::Range(0.0, 1000.0))
        ->capture_default_str();
    app.add_option("--deliver-rate", plan.deliver_rate, "messages a second that leave a host's queue")
        ->check(CLI::Range(0.1, 1e6))
        ->capture_default_str();
    app.add_option("--controller", wish.controller, "on, off, or a fixed window such as 64KiB-4MiB")
        ->capture_default_str();
    app.add_option("--settings", wish.settings, "an optimilter.toml; else the defaults");
    app.add_option("--seed", plan.seed, "of all chance")->capture_default_str();
    app.add_option("--csv", wish.csv, "write a line a second");
    app.add_option("--svg", wish.svg, "write a picture");
    app.add_flag("--words", wish.words, "totals as key=value");
}

}  // namespace

}  // namespace optimilter::sim

int main(int argc, char** argv) {
    using namespace optimilter::sim;
    CLI::App app("Load control on a model of MTA, guard and workers.", "simulate");
    Wish wish;
    add_options(app, wish);
    CLI11_PARSE(app, argc, argv);
    return run(wish);
}
