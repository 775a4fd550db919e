// SPDX-License-Identifier: Apache-2.0
//
// The program that ships, in its full sandbox: jobs come back, and the process is shut in as promised.
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstddef>
#include <cstdio>
// jpeglib.h needs both above.
#include <jpeglib.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "check.hpp"
#include "workers/pool.hpp"

namespace optimilter {
namespace {

PoolSettings settings() {
    PoolSettings chosen;
    chosen.worker_program = OPTIMILTER_WORKER;
    chosen.workers = 1;
    chosen.spares = 1;
    return chosen;
}

struct Fixture {
    Counters counters;
    std::unique_ptr<Pool> pool;

    explicit Fixture(const PoolSettings& chosen = settings()) {
        auto started = Pool::start(chosen, counters);
        if (!started) throw check::Failure("start: " + started.error().text);
        pool = std::move(*started);
    }
};

JobResult run(Pool& pool, ByteView bytes, const Options& options, TypeHint hint = {}) {
    const Deadline deadline = Deadline::in_ms(60'000);
    auto lease = pool.lease(deadline);
    if (!lease) throw check::Failure("lease: " + lease.error().text);
    auto file = Memfd::create("input");
    CHECK(file->append(bytes).has_value());
    const Job job{&*file, sha256(bytes), hint, &options, deadline};
    return lease->run(job);
}

struct Compressor {
    jpeg_compress_struct state{};
    jpeg_error_mgr errors{};
    Compressor() {
        state.err = ::jpeg_std_error(&errors);
        ::jpeg_create_compress(&state);
    }
    ~Compressor() { ::jpeg_destroy_compress(&state); }
    Compressor(const Compressor&) = delete;
    Compressor& operator=(const Compressor&) = delete;
};

// A grey gradient with noise, quality 97: something to gain without loss, and more with.
Bytes noisy_jpeg(unsigned width, unsigned height) {
    Compressor jpeg;
    unsigned char* data = nullptr;
    unsigned long size = 0;
    ::jpeg_mem_dest(&jpeg.state, &data, &size);
    jpeg.state.image_width = width;
    jpeg.state.image_height = height;
    jpeg.state.input_components = 1;
    jpeg.state.in_color_space = JCS_GRAYSCALE;
    ::jpeg_set_defaults(&jpeg.state);
    ::jpeg_set_quality(&jpeg.state, 97, TRUE);
    ::jpeg_start_compress(&jpeg.state, TRUE);
    std::uint32_t noise = 1;
    std::vector<JSAMPLE> row(width);
    for (unsigned y = 0; y < height; ++y) {
        for (unsigned x = 0; x < width; ++x) {
            noise = noise * 1664525u + 1013904223u;
            row[x] = static_cast<JSAMPLE>(40 + (x + y) % 150 + (noise >> 28));
        }
        JSAMPROW rows[] = {row.data()};
        ::jpeg_write_scanlines(&jpeg.state, rows, 1);
    }
    ::jpeg_finish_compress(&jpeg.state);
    Bytes bytes(data, data + size);
    std::free(data);
    return bytes;
}

void test_unknown_format_is_left_alone() {
    Fixture fixture;
    const JobResult result = run(*fixture.pool, as_bytes("just text, nothing else"), Options());
    CHECK_EQ(result.outcome, Outcome::kNotApplicable);
    CHECK_EQ(result.format, Format::kUnknown);
    CHECK(result.output.bytes().empty());
    CHECK_EQ(fixture.counters.get(Counter::kWorkersDied), 0u);
}

// Every way through a codec must live inside the system call filter; a call it refuses shows as signal 31.
void test_pictures_under_the_filter() {
    Fixture fixture;
    const Bytes jpeg = noisy_jpeg(640, 480);
    Options lossy;
    lossy.lossy = true;
    lossy.max_side_px = 320;
    lossy.score_min = 0;
    for (const Options& options : {Options(), lossy}) {
        const JobResult result = run(*fixture.pool, jpeg, options, {"image/jpeg", "a.jpg"});
        CHECK_EQ(result.format, Format::kJpeg);
        CHECK(result.outcome == Outcome::kOptimized || result.outcome == Outcome::kNotSmaller, result.reason);
        CHECK(result.cpu_ms > 0);
    }
    CHECK_EQ(fixture.counters.get(Counter::kWorkersDied), 0u);
}

void test_broken_pictures_do_not_kill() {
    Fixture fixture;
    Bytes jpeg = noisy_jpeg(320, 240);
    for (std::size_t i = 700; i < jpeg.size(); i += 97) jpeg[i] = 0xFF;
    for (const std::size_t cut : {jpeg.size(), jpeg.size() / 2, std::size_t{20}}) {
        const JobResult result = run(*fixture.pool, ByteView(jpeg).first(cut), Options());
        CHECK(result.outcome != Outcome::kOptimized, result.reason);
    }
    CHECK_EQ(fixture.counters.get(Counter::kWorkersDied), 0u);
}

std::string status_field(const std::filesystem::path& process, const std::string& name) {
    std::ifstream file(process / "status");
    for (std::string line; std::getline(file, line);) {
        if (line.rfind(name + ":", 0) == 0)
            return line.substr(line.find_first_not_of(" \t", name.size() + 1));
    }
    return {};
}

std::vector<std::filesystem::path> children_of(const std::string& pid) {
    std::vector<std::filesystem::path> found;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
        const std::string name = entry.path().filename();
        if (name.find_first_not_of("0123456789") != std::string::npos) continue;
        if (status_field(entry.path(), "PPid") == pid) found.push_back(entry.path());
    }
    return found;
}

// What /proc tells of zygote and worker.
void test_shut_in() {
    Fixture fixture;
    const auto zygotes = children_of(std::to_string(::getpid()));
    CHECK_EQ(zygotes.size(), 1u);
    const auto workers = children_of(zygotes[0].filename());
    CHECK(!workers.empty());
    for (const auto& process : {zygotes[0], workers[0]}) {
        CHECK_EQ(status_field(process, "NoNewPrivs"), "1", process.native());
        CHECK_EQ(status_field(process, "CapEff"), "0000000000000000", process.native());
        if (::geteuid() == 0) CHECK_EQ(status_field(process, "Uid").substr(0, 5), "65534", process.native());
    }
    CHECK_EQ(status_field(workers[0], "Seccomp"), "2");
    // Standard streams and the socket: nothing of ours was inherited.
    if (::geteuid() == 0) {
        std::size_t descriptors = 0;
        for ([[maybe_unused]] const auto& fd : std::filesystem::directory_iterator(workers[0] / "fd"))
            ++descriptors;
        CHECK_EQ(descriptors, 4u);
    }
}

std::vector<pid_t> zygote_and_workers(pid_t engine) {
    std::vector<pid_t> found;
    for (const auto& zygote : children_of(std::to_string(engine))) {
        found.push_back(std::stoi(zygote.filename()));
        for (const auto& worker : children_of(zygote.filename()))
            found.push_back(std::stoi(worker.filename()));
    }
    return found;
}

// The service manager signals the whole group; the engine still drains then and needs its workers.
void test_stop_signals_are_the_engines_affair() {
    Fixture fixture;
    for (const pid_t pid : zygote_and_workers(::getpid())) {
        for (const int number : {SIGTERM, SIGINT, SIGHUP}) CHECK_EQ(::kill(pid, number), 0);
    }
    CHECK_EQ(run(*fixture.pool, as_bytes("text"), Options()).outcome, Outcome::kNotApplicable);
    CHECK_EQ(fixture.counters.get(Counter::kWorkersDied), 0u);
}

// kill -9 of the engine leaves no process behind.
void test_engine_killed() {
    int ready[2];
    CHECK_EQ(::pipe(ready), 0);
    const pid_t engine = ::fork();
    if (engine == 0) {
        const Fixture fixture;
        if (::write(ready[1], "x", 1) == 1) ::pause();
        ::_exit(1);
    }
    char byte = 0;
    CHECK_EQ(::read(ready[0], &byte, 1), 1);
    std::vector<pollfd> watched;
    for (const pid_t pid : zygote_and_workers(engine))
        watched.push_back({static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)), POLLIN, 0});
    ::kill(engine, SIGKILL);
    ::waitpid(engine, nullptr, 0);
    CHECK(watched.size() >= 2);
    for (pollfd& process : watched) {
        CHECK_EQ(::poll(&process, 1, 20'000), 1);
        ::close(process.fd);
    }
    ::close(ready[0]);
    ::close(ready[1]);
}

// A whole picture does not fit: the library's failed allocation ends the job or the worker, never more.
void test_memory_limit() {
#ifndef OPTIMILTER_SANITIZED
    PoolSettings small = settings();
    small.memory_bytes = 300ull << 20;
    Fixture fixture(small);
    Options lossy;
    lossy.lossy = true;
    const Bytes jpeg = noisy_jpeg(3000, 2000);
    run(*fixture.pool, jpeg, lossy);
    const JobResult after = run(*fixture.pool, as_bytes("still here?"), Options());
    CHECK_EQ(after.outcome, Outcome::kNotApplicable);
#endif
}

void test_refuses_to_run_by_hand() {
    const std::string command = std::string(OPTIMILTER_WORKER);
    for (const std::string arguments :
         {"", " --help", " --zygote 0 --uid 1 --gid 1 --memory 1", " --zygote 99 --uid 1 --gid 1 --memory 1",
          " --zygote -1 --uid 1 --gid 1 --memory 1"}) {
        std::FILE* pipe = ::popen((command + arguments + " 2>&1 </dev/null").c_str(), "r");
        char line[200] = {};
        CHECK(std::fgets(line, sizeof(line), pipe) != nullptr, arguments);
        CHECK_EQ(WEXITSTATUS(::pclose(pipe)), 2, arguments);
        CHECK(std::string(line).find("started by optimilter-engine") != std::string::npos, arguments);
    }
}

// Figures for the builder: OPTIMILTER_MEASURE=1 prints what a message costs.
double median_round_trip_us(Pool::Lease& lease, std::size_t size) {
    std::vector<double> times;
    const Options options;
    for (std::uint8_t i = 0; i < 51; ++i) {
        auto file = Memfd::create("input");
        Bytes bytes(size, i);
        CHECK(file->append(bytes).has_value());
        const Job job{&*file, sha256(bytes), {}, &options, Deadline::in_ms(60'000)};
        const Stopwatch watch;
        CHECK_EQ(lease.run(job).outcome, Outcome::kNotApplicable);
        times.push_back(watch.elapsed_ms() * 1e3);
    }
    std::sort(times.begin(), times.end());
    return times[times.size() / 2];
}

void test_measure() {
    if (std::getenv("OPTIMILTER_MEASURE") == nullptr) return;
    const Stopwatch start;
    Fixture fixture;
    std::printf("pool started in %.1f ms\n", start.elapsed_ms());
    {
        auto lease = fixture.pool->lease(Deadline::in_ms(10'000));
        for (const std::size_t size : {std::size_t{1000}, std::size_t{100'000}, std::size_t{10'000'000}})
            std::printf("round trip %zu bytes: %.0f us\n", size, median_round_trip_us(*lease, size));
    }
    const double before_ms = fixture.pool->overhead_cpu_ms();
    const Stopwatch watch;
    for (int i = 0; i < 100; ++i) run(*fixture.pool, as_bytes("text " + std::to_string(i)), Options());
    std::printf("100 messages: %.2f ms each, worker overhead CPU %.2f ms each\n", watch.elapsed_ms() / 100,
                (fixture.pool->overhead_cpu_ms() - before_ms) / 100);
    for (const std::string& step : fixture.pool->missing_sandbox_steps())
        std::printf("missing: %s\n", step.c_str());
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    set_log_sink([](LogLevel, std::string_view) {});
    const CMUnitTest tests[] = {TEST(test_unknown_format_is_left_alone),
                                TEST(test_pictures_under_the_filter),
                                TEST(test_broken_pictures_do_not_kill),
                                TEST(test_shut_in),
                                TEST(test_stop_signals_are_the_engines_affair),
                                TEST(test_engine_killed),
                                TEST(test_memory_limit),
                                TEST(test_refuses_to_run_by_hand),
                                TEST(test_measure)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
