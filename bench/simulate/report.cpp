// SPDX-License-Identifier: Apache-2.0
#include "bench/simulate/report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

namespace optimilter::sim {

namespace {

constexpr double kMega = 1e6;

double saved_a_cpu_second(const Totals& totals) {
    return totals.cpu_ms > 0 ? totals.saved_bytes / (totals.cpu_ms / 1000) : 0;
}

}  // namespace

Totals totals(const std::vector<Second>& seconds, std::size_t from) {
    Totals sum;
    Histogram delays;
    for (std::size_t i = std::min(from, seconds.size()); i < seconds.size(); ++i) {
        const Second& second = seconds[i];
        sum.arrived += second.arrived;
        sum.accepted += second.accepted;
        sum.refused += second.refused;
        sum.worked += second.worked;
        sum.missed += second.missed;
        sum.saved_bytes += second.saved_bytes;
        sum.cpu_ms += second.cpu_ms;
        sum.busy += second.busy;
        sum.level += second.level;
        sum.changes += i > from && second.level != seconds[i - 1].level;
        sum.highest = std::max<int>(sum.highest, second.level);
        delays.add(second.delays);
    }
    const double count = std::max<double>(static_cast<double>(seconds.size()) - static_cast<double>(from), 1);
    sum.busy /= count;
    sum.level /= count;
    sum.p50_ms = delays.percentile(0.50);
    sum.p95_ms = delays.percentile(0.95);
    sum.p99_ms = delays.percentile(0.99);
    return sum;
}

std::string totals_text(const Totals& t, double seconds) {
    const double worked = std::max<double>(static_cast<double>(t.worked), 1);
    return fmt::format(
        "{:.1f} messages/s accepted ({} refused), {} worked on, {:.1f} % of these at the deadline\n"
        "saved {:.1f} MB ({:.3f} MB/s), {:.3f} MB a CPU second of the workers, which were {:.0f} % busy\n"
        "added to the end of a message: p50 {:.0f} ms, p95 {:.0f} ms, p99 {:.0f} ms\n"
        "level {:.2f} on average, {} at most, {} changes\n",
        static_cast<double>(t.accepted) / seconds, t.refused, t.worked,
        100 * static_cast<double>(t.missed) / worked, t.saved_bytes / kMega, t.saved_bytes / kMega / seconds,
        saved_a_cpu_second(t) / kMega, 100 * t.busy, t.p50_ms, t.p95_ms, t.p99_ms, t.level, t.highest,
        t.changes);
}

std::string totals_words(const Totals& t, double seconds) {
    return fmt::format(
        "accepted_a_s={:.3f} refused={} worked={} missed={} saved_mb={:.3f} saved_mb_a_s={:.4f} "
        "saved_mb_a_cpu_s={:.4f} "
        "busy={:.3f} p50_ms={:.1f} p95_ms={:.1f} p99_ms={:.1f} level={:.3f} highest={} changes={}\n",
        static_cast<double>(t.accepted) / seconds, t.refused, t.worked, t.missed, t.saved_bytes / kMega,
        t.saved_bytes / kMega / seconds, saved_a_cpu_second(t) / kMega, t.busy, t.p50_ms, t.p95_ms, t.p99_ms,
        t.level, t.highest, t.changes);
}

std::string csv(const std::vector<Second>& seconds) {
    std::string text =
        "second,level,pressure,signal,min_size,max_size,effort,least_yield,arrived,accepted,refused,worked,"
        "missed,"
        "sessions,clients_waiting,waiting,queue,busy,cpu_ms,saved_bytes,delay_p50_ms,delay_p95_ms,delay_p99_"
        "ms\n";
    for (std::size_t i = 0; i < seconds.size(); ++i) {
        const Second& s = seconds[i];
        text += fmt::format(
            "{},{},{:.3f},{},{},{},{},{:.0f},{},{},{},{},{},{},{},{},{:.0f},{:.3f},{:.1f},{:.0f},{:.1f},{:."
            "1f},{:.1f}\n",
            i + 1, s.level, s.pressure, load_signal_name(s.signal), s.limits.min_size, s.limits.max_size,
            s.limits.effort_max, s.limits.least_yield, s.arrived, s.accepted, s.refused, s.worked, s.missed,
            s.sessions, s.clients_waiting, s.waiting, s.queue, s.busy, s.cpu_ms, s.saved_bytes,
            s.delays.percentile(0.5), s.delays.percentile(0.95), s.delays.percentile(0.99));
    }
    return text;
}

// ---- The picture
// ---------------------------------------------------------------------------------------------

namespace {

constexpr double kWidth = 900, kPanel = 150, kLeft = 70, kRight = 30, kTop = 44, kGap = 46;
constexpr std::size_t kPoints = 450;  // along the time axis; seconds in between are averaged

struct Line {
    std::string_view name, colour;
    std::function<double(const Second&)> value;
};
struct Panel {
    std::string_view unit;
    std::vector<Line> lines;
    double least_top;  // the axis reaches at least so far
};

std::vector<double> averaged(const std::vector<Second>& seconds, const Line& line) {
    const std::size_t points = std::min(seconds.size(), kPoints);
    std::vector<double> values(points);
    for (std::size_t p = 0; p < points; ++p) {
        const std::size_t begin = p * seconds.size() / points, end = (p + 1) * seconds.size() / points;
        for (std::size_t i = begin; i < end; ++i) values[p] += line.value(seconds[i]);
        values[p] /= static_cast<double>(end - begin);
    }
    return values;
}

// The next of 1, 2, 5, 10, 20 ... at or above.
double round_up(double value) {
    double step = 1e-6;
    for (int i = 0; step < value && i < 60; ++i) step *= i % 3 == 1 ? 2.5 : 2;
    return step;
}

std::string polyline(const std::vector<double>& values, double top, double y0, std::string_view colour) {
    std::string points;
    for (std::size_t i = 0; i < values.size(); ++i) {
        const double x = kLeft + (kWidth - kLeft - kRight) * static_cast<double>(i) /
                                     std::max<double>(static_cast<double>(values.size()) - 1, 1);
        points += fmt::format("{:.1f},{:.1f} ", x, y0 + kPanel - kPanel * std::min(values[i] / top, 1.0));
    }
    return fmt::format("<polyline fill=\"none\" stroke=\"{}\" stroke-width=\"1.5\" points=\"{}\"/>\n", colour,
                       points);
}

std::string panel_svg(const Panel& panel, const std::vector<Second>& seconds, double y0) {
    std::vector<std::vector<double>> values;
    double top = panel.least_top;
    for (const Line& line : panel.lines) {
        values.push_back(averaged(seconds, line));
        for (const double value : values.back()) top = std::max(top, value);
    }
    if (top > panel.least_top) top = round_up(top);
    std::string text =
        fmt::format("<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"none\" stroke=\"#bbb\"/>\n",
                    kLeft, y0, kWidth - kLeft - kRight, kPanel);
    for (const double share : {0.0, 0.5, 1.0})
        text += fmt::format("<text x=\"{}\" y=\"{:.1f}\" text-anchor=\"end\">{:g}</text>\n", kLeft - 6,
                            y0 + kPanel - kPanel * share + 4, top * share);
    text +=
        fmt::format("<text x=\"{}\" y=\"{}\" font-weight=\"bold\">{}</text>\n", kLeft, y0 - 8, panel.unit);
    double x = kLeft + 150;
    for (std::size_t i = 0; i < panel.lines.size(); ++i) {
        const Line& line = panel.lines[i];
        text += polyline(values[i], top, y0, line.colour);
        text +=
            fmt::format("<text x=\"{}\" y=\"{}\" fill=\"{}\">{}</text>\n", x, y0 - 8, line.colour, line.name);
        x += 30 + 7.5 * static_cast<double>(line.name.size());
    }
    return text;
}

std::vector<Panel> panels() {
    return {
        {"messages a second",
         {{"arrive", "#1f5fa8", [](const Second& s) { return static_cast<double>(s.arrived); }},
          {"accepted", "#58a45b", [](const Second& s) { return static_cast<double>(s.accepted); }},
          {"worked on", "#c98a1b", [](const Second& s) { return static_cast<double>(s.worked); }}},
         1},
        {"level (0 to 5)",
         {{"level", "#b03030", [](const Second& s) { return static_cast<double>(s.level); }}},
         5},
        {"added, ms",
         {{"p50", "#58a45b", [](const Second& s) { return s.delays.percentile(0.5); }},
          {"p99", "#7a3fa0", [](const Second& s) { return s.delays.percentile(0.99); }}},
         1},
        {"saved, MB a second",
         {{"saved", "#1f5fa8", [](const Second& s) { return s.saved_bytes / kMega; }}},
         0},
    };
}

std::string escaped(const std::string& text) {
    std::string safe;
    for (const char c : text) safe += c == '<' ? "&lt;" : c == '&' ? "&amp;" : std::string(1, c);
    return safe;
}

}  // namespace

std::string svg(const std::vector<Second>& seconds, const std::string& title) {
    if (seconds.empty()) return {};
    const auto all = panels();
    const double height = kTop + static_cast<double>(all.size()) * (kPanel + kGap) + 10;
    std::string text = fmt::format(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} {1}\" "
        "font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"{0}\" height=\"{1}\" fill=\"white\"/>\n"
        "<text x=\"{2}\" y=\"18\">{3}</text>\n",
        kWidth, height, kLeft, escaped(title));
    double y = kTop + 6;
    for (const Panel& panel : all) {
        text += panel_svg(panel, seconds, y);
        y += kPanel + kGap;
    }
    for (const double share : {0.0, 0.25, 0.5, 0.75, 1.0})
        text += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">{:.0f} s</text>\n",
                            kLeft + (kWidth - kLeft - kRight) * share, y - kGap + 16,
                            share * static_cast<double>(seconds.size()));
    return text + "</svg>\n";
}

}  // namespace optimilter::sim
