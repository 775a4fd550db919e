// SPDX-License-Identifier: Apache-2.0
//
// gzip, bzip2, xz and zstd through the driver; verify_compressed() against results that no honest optimizer
// would write.
#include "check.hpp"
#include "optimizers/formats.hpp"
#include "optimizers/stream_codec.hpp"
#include "stream_builder.hpp"
#include "tar_builder.hpp"

using namespace optimilter;
using namespace optimilter::stream_builder;

namespace {

constexpr Format kFormats[] = {Format::kGzip, Format::kBzip2, Format::kXz, Format::kZstd};

OptimizeResult run(const Bytes& input, const Options& options = {}, Deadline deadline = Deadline()) {
    Budget budget(deadline, options);
    return optimize(input, {}, options, budget);
}

Bytes content_of(const Bytes& file, Format format) {
    const Options options;
    const Budget budget(Deadline(), options);
    return expand_independently(file, format, 1u << 26, budget).value();
}

std::string archive_text() {
    return tar_builder::tar_text({{.name = "a.zip", .content = tar_builder::poor_zip(60'000)}});
}

void same_content_is_packed_better() {
    const std::string content = prose(150'000);
    for (const Format format : {Format::kGzip, Format::kXz, Format::kZstd}) {
        const std::string name(format_name(format));
        const Bytes input = stream(format, content);
        const OptimizeResult result = run(input);
        CHECK_EQ(result.outcome, Outcome::kOptimized, name + ": " + result.reason);
        CHECK_EQ(as_text(content_of(result.output, format)), std::string_view(content), name);
        const OptimizeResult second = run(result.output);
        CHECK_EQ(second.outcome, Outcome::kNotSmaller, name);
        CHECK(second.reason == "not smaller" || second.reason == "compressed at full strength",
              name + ": " + second.reason);
    }
}

void members_inside_become_smaller() {
    for (const Format format : kFormats) {
        const std::string name(format_name(format));
        const Bytes input = stream(format, archive_text());
        const OptimizeResult result = run(input);
        CHECK_EQ(result.outcome, Outcome::kOptimized, name + ": " + result.reason);
        CHECK(content_of(result.output, format).size() < archive_text().size(), name);
        CHECK_EQ(run(result.output).outcome, Outcome::kNotSmaller, name);
        Options flat;
        flat.max_depth = 1;
        const OptimizeResult outer = run(input, flat);
        CHECK(outer.outcome != Outcome::kOptimized ||
                  as_text(content_of(outer.output, format)) == std::string_view(archive_text()),
              name);
    }
}

void headers_are_kept() {
    const OptimizeResult gz = run(gzip(prose(50'000)));
    CHECK(starts_with(gz.output, kGzipHeader));
    for (const std::uint8_t check : std::initializer_list<std::uint8_t>{0, 1, 4, 10}) {
        const OptimizeResult xz = run(stream(Format::kXz, prose(50'000), check));
        CHECK_EQ(xz.outcome, Outcome::kOptimized, std::to_string(check));
        CHECK_EQ(int{xz.output[7]}, int{check});
    }
    for (const bool told : {false, true}) {
        const OptimizeResult zst = run(stream(Format::kZstd, prose(50'000), 4, told));
        CHECK_EQ(zst.outcome, Outcome::kOptimized, zst.reason);
        const auto frame = read_stream_frame(zst.output, Format::kZstd);
        CHECK_EQ(frame->check, told ? 1 : 0);
        CHECK_EQ(frame->content_size.has_value(), told);
    }
}

Bytes with_bytes_after(Bytes file, std::size_t count) {
    file.resize(file.size() + count);
    return file;
}

void broken_and_several_streams_stay() {
    for (const Format format : kFormats) {
        const std::string name(format_name(format));
        const Bytes file = stream(format, prose(20'000));
        CHECK(run(with_bytes_after(file, 8)).outcome != Outcome::kOptimized, name + " with bytes after");
        Bytes twice = file;
        append(twice, file);
        CHECK(run(twice).outcome != Outcome::kOptimized, name + " twice");
        for (std::size_t i = 1; i < 16; ++i) {
            Bytes cut = file;
            cut.resize(file.size() * i / 16);
            CHECK(run(cut).outcome != Outcome::kOptimized, name + " cut");
        }
        Bytes bent = file;
        bent[bent.size() / 2] ^= 0x10;
        CHECK(run(bent).outcome != Outcome::kOptimized, name + " flipped");
    }
    Bytes wrong_crc = gzip(prose(9000));
    wrong_crc[wrong_crc.size() - 6] ^= 1;
    CHECK_EQ(run(wrong_crc).outcome, Outcome::kMalformed);
}

// A stream inside a stream of the same kind is its content, and the verifier sees it as such.
void streams_inside_streams() {
    Options deep;
    deep.max_depth = 6;
    for (const Format format : kFormats) {
        const std::string name(format_name(format));
        const std::string inner(as_text(stream(format, archive_text())));
        const Bytes input = stream(format, inner);
        CHECK(content_of(input, format).size() == inner.size(), name);
        const OptimizeResult result = run(input, deep);
        CHECK_EQ(result.outcome, Outcome::kOptimized, name + ": " + result.reason);
        CHECK_EQ(run(result.output, deep).outcome, Outcome::kNotSmaller, name);
    }
}

struct Refusal {
    const char* name;
    Bytes file;
    Outcome outcome;
    const char* reason;
};

Bytes joined(Bytes file, const std::string& more) {
    append(file, as_bytes(more));
    return file;
}

// The last bytes of a gzip file tell its size: of one member, and only when nothing follows.
void reasons_are_true() {
    const Bytes one = gzip(prose(9000));
    const std::string other(as_text(gzip(prose(500, 3))));
    Bytes wrong_size = one;
    wrong_size[wrong_size.size() - 4] ^= 1;
    const Refusal rows[] = {
        {"smaller second member", joined(one, other), Outcome::kUntouchable, "several gzip members"},
        {"equal second member", joined(one, std::string(as_text(one))), Outcome::kUntouchable,
         "several gzip members"},
        {"larger second member", joined(gzip("abc"), other), Outcome::kUntouchable, "several gzip members"},
        {"line end", joined(one, "\n"), Outcome::kUntouchable, "bytes after the gzip data"},
        {"zeros", joined(one, std::string(512, '\0')), Outcome::kUntouchable, "bytes after the gzip data"},
        {"size that cannot be", joined(one, "\xFF\xFF\xFF\xFF"), Outcome::kUntouchable,
         "bytes after the gzip data"},
        {"member and bytes", joined(joined(one, other), "tail"), Outcome::kUntouchable,
         "bytes after the gzip data"},
        {"wrong size", wrong_size, Outcome::kMalformed, "deflated data inflates to less than was declared"},
        {"empty", stream(Format::kZstd, ""), Outcome::kMalformed, "compressed stream is empty or broken"},
        {"bzip2", joined(stream(Format::kBzip2, prose(9000)), "tail"), Outcome::kUntouchable,
         "bytes after the compressed stream"},
    };
    for (const Refusal& row : rows) {
        const OptimizeResult result = run(row.file);
        CHECK_EQ(result.outcome, row.outcome, row.name);
        CHECK_EQ(result.reason, row.reason, row.name);
    }
}

// Looking for the true reason expands no further than anything else.
void reasons_have_bounds() {
    const Bytes bomb = gzip(std::string(20u << 20, '\0'));
    const OptimizeResult result = run(joined(bomb, "\1\1\1\1"));
    CHECK_EQ(result.outcome, Outcome::kOverBudget, result.reason);
    Options tight;
    tight.max_expanded_bytes = 5000;
    const OptimizeResult dear = run(joined(gzip(prose(9000)), std::string(4, '\0')), tight);
    CHECK_EQ(dear.outcome, Outcome::kOverBudget, dear.reason);
}

void bombs_and_deadlines() {
    const std::string zeros(20u << 20, '\0');
    for (const Format format : {Format::kGzip, Format::kBzip2, Format::kXz, Format::kZstd}) {
        const OptimizeResult result = run(stream(format, zeros));
        CHECK_EQ(result.outcome, Outcome::kOverBudget, format_name(format));
    }
    Options small;
    small.max_expanded_bytes = 10'000;
    for (const Format format : kFormats) {
        const Bytes file = stream(format, prose(20'000));
        CHECK_EQ(run(file, small).outcome, Outcome::kOverBudget, format_name(format));
        CHECK_EQ(run(file, {}, Deadline::in_ms(0)).outcome, Outcome::kOverBudget, format_name(format));
    }
    // A stream of a stream of a stream is a container deep enough.
    Bytes nested = gzip(prose(2000));
    for (int i = 0; i < 7; ++i) nested = gzip(std::string(as_text(nested)));
    CHECK(run(nested).outcome != Outcome::kOptimized);
}

// ---- verify

std::string verdict(const Bytes& input, const Attempt& attempt) {
    const Options options;
    Budget budget(Deadline(), options);
    Context context{options, budget, 0, nullptr, {}};
    return verify_compressed(input, attempt, context);
}

Attempt claim(Bytes output) {
    Attempt attempt;
    attempt.outcome = Outcome::kOptimized;
    attempt.output = std::move(output);
    return attempt;
}

void forged_contents_are_seen() {
    for (const Format format : kFormats) {
        const std::string name(format_name(format));
        const std::string content = prose(4000);
        const Bytes input = stream(format, content);
        CHECK_EQ(verdict(input, claim(input)), "", name);
        std::string flipped = content;
        flipped[2000] ^= 1;
        CHECK_EQ(verdict(input, claim(stream(format, flipped))), "content differs", name);
        CHECK_EQ(verdict(input, claim(stream(format, content.substr(1)))), "content differs", name);
        CHECK(!verdict(input, claim(stream(format, content + "x"))).empty(), name);
        CHECK(!verdict(input, claim(with_bytes_after(input, 4))).empty(), name + " with bytes after");
        Bytes cut = input;
        cut.pop_back();
        CHECK(!verdict(input, claim(cut)).empty(), name + " cut");
        const Format other = format == Format::kGzip ? Format::kXz : Format::kGzip;
        CHECK_EQ(verdict(input, claim(stream(other, content))), "format changed", name);
    }
}

void forged_changes_are_seen() {
    const std::string before = archive_text();
    const Bytes input = gzip(before);
    const std::string after = tar_builder::tar_text({{.name = "a.zip", .content = "PK"}});
    Attempt attempt = claim(gzip(after));
    CHECK_EQ(verdict(input, attempt), "content differs");
    attempt.changes = {{0, sha256(as_bytes(before))}};
    CHECK_EQ(verdict(input, attempt), "content is not what was verified");
    attempt.changes = {{1, sha256(as_bytes(after))}};
    CHECK_EQ(verdict(input, attempt), "more members than one");
    attempt.changes = {{0, sha256(as_bytes(after))}};
    CHECK_EQ(verdict(input, attempt), "");
    attempt = claim(gzip("text"));
    attempt.changes = {{0, sha256(as_bytes("text"))}};
    CHECK_EQ(verdict(input, attempt), "format of the content changed");
}

void forged_headers_are_seen() {
    const std::string content = prose(4000);
    const Bytes input = gzip(content);
    const std::string nameless{"\x1F\x8B\x08\0\1\2\3\4\2\3", 10};
    CHECK_EQ(verdict(input, claim(gzip(content, nameless))), "gzip header differs");
    for (const std::size_t at : {4u, 8u, 9u, 10u}) {
        Bytes bent = input;
        bent[at] ^= 1;
        CHECK_EQ(verdict(input, claim(bent)), "gzip header differs", std::to_string(at));
    }
    CHECK(!verdict(stream(Format::kXz, content, 4), claim(stream(Format::kXz, content, 1))).empty());
    CHECK(!verdict(stream(Format::kZstd, content, 4, true), claim(stream(Format::kZstd, content, 4, false)))
               .empty());
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {TEST(same_content_is_packed_better),
                                TEST(members_inside_become_smaller),
                                TEST(headers_are_kept),
                                TEST(broken_and_several_streams_stay),
                                TEST(streams_inside_streams),
                                TEST(reasons_are_true),
                                TEST(reasons_have_bounds),
                                TEST(bombs_and_deadlines),
                                TEST(forged_contents_are_seen),
                                TEST(forged_changes_are_seen),
                                TEST(forged_headers_are_seen)};
    initialize_optimizers();
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
