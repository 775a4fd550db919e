// SPDX-License-Identifier: Apache-2.0
//
// Preloaded into guard and engine by tests/faults/resources.py: the wall clock (CLOCK_REALTIME, time(2),
// gettimeofday(2)) runs as many seconds ahead as the file $OPTIMILTER_CLOCK_JUMP says at that moment; the
// monotonic clock is left alone, as a real jump leaves it. The file is mapped: two int64, the seconds ahead
// and a count of the answers that were changed. Any thread.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>

namespace {

struct Jump {
    std::atomic<std::int64_t> seconds;
    std::atomic<std::int64_t> answers;
};

Jump* jump = nullptr;

__attribute__((constructor)) void map_jump() {
    const char* path = std::getenv("OPTIMILTER_CLOCK_JUMP");
    const int fd = path == nullptr ? -1 : ::open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0) return;
    void* at = ::mmap(nullptr, sizeof(Jump), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    ::close(fd);
    if (at != MAP_FAILED) jump = static_cast<Jump*>(at);
}

template <typename Function>
Function* next(const char* name) {
    return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

std::int64_t ahead() {
    if (jump == nullptr) return 0;
    const std::int64_t seconds = jump->seconds;
    if (seconds != 0) ++jump->answers;
    return seconds;
}

}  // namespace

extern "C" {

int clock_gettime(clockid_t clock, timespec* now) {
    static const auto real = next<int(clockid_t, timespec*)>("clock_gettime");
    const int result = real(clock, now);
    if (result == 0 && clock == CLOCK_REALTIME) now->tv_sec += ahead();
    return result;
}

time_t time(time_t* out) {
    timespec now{};
    clock_gettime(CLOCK_REALTIME, &now);
    if (out != nullptr) *out = now.tv_sec;
    return now.tv_sec;
}

int gettimeofday(timeval* out, void* zone) {
    static const auto real = next<int(timeval*, void*)>("gettimeofday");
    const int result = real(out, zone);
    if (result == 0) out->tv_sec += ahead();
    return result;
}
}
