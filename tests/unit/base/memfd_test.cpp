// SPDX-License-Identifier: Apache-2.0
#include "base/memfd.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.hpp"
#include "base/digest.hpp"
#include "check.hpp"

namespace optimilter {
namespace {

void test_append_and_map() {
    auto file = Memfd::create("test");
    CHECK(file.has_value());
    CHECK(file->append(as_bytes("hello ")).has_value());
    CHECK(file->append(as_bytes("world")).has_value());
    CHECK_EQ(file->size(), 11u);
    const auto mapping = Mapping::of(file->fd(), file->size());
    CHECK(mapping.has_value());
    CHECK_EQ(as_text(mapping->bytes()), "hello world");
}

void test_seals_hold() {
    auto file = Memfd::create("test");
    CHECK(file->append(as_bytes("0123456789")).has_value());
    CHECK(file->seal_shape().has_value());
    CHECK(::ftruncate(file->fd(), 3) != 0);
    CHECK(!file->append(as_bytes("x")).has_value());
    void* map = ::mmap(nullptr, 10, PROT_READ | PROT_WRITE, MAP_SHARED, file->fd(), 0);
    CHECK(map != MAP_FAILED);
    const Status refused = file->seal_writes();
    ::munmap(map, 10);
    CHECK(!refused.has_value());
    CHECK(refused.error().code == ErrorCode::kRefused);
    CHECK(file->seal_writes().has_value());
    CHECK(::pwrite(file->fd(), "x", 1, 0) < 0);
}

void test_read_file_refuses() {
    CHECK(read_file("/nonexistent/file", 10).error().code == ErrorCode::kIo);
    CHECK(read_file("/", 10).error().code == ErrorCode::kUnsupported);
    CHECK(read_file("/proc/self/exe", 10).error().code == ErrorCode::kLimit);
}

void test_digest() {
    CHECK_EQ(to_hex(sha256(as_bytes("abc"))),
             "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

void test_deadline() {
    CHECK(Deadline(SteadyClock::now()).expired());
    CHECK_EQ(Deadline(SteadyClock::now()).remaining_ms(), 0);
    CHECK(!Deadline().expired());
    CHECK_EQ(Deadline().remaining_ms(), 24 * 3600 * 1000);
    const Deadline soon = Deadline::in_ms(1000);
    CHECK(soon.remaining_ms() > 0 && soon.remaining_ms() <= 1000);
    CHECK(soon.earlier(Deadline()).at() == soon.at());
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {TEST(test_append_and_map), TEST(test_seals_hold),
                                TEST(test_read_file_refuses), TEST(test_digest), TEST(test_deadline)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
