// SPDX-License-Identifier: Apache-2.0
//
// optimize_zip() and the way through the driver: what changes, what never does.
#include <functional>

#include "check.hpp"
#include "optimizers/formats.hpp"
#include "optimizers/zip_member.hpp"
#include "zip_builder.hpp"

using namespace optimilter;
using namespace optimilter::zip_builder;

namespace {

constexpr std::uint32_t kEntriesMax = 10'000;

OptimizeResult run(ByteView input, const Options& options = {}, Deadline deadline = Deadline()) {
    Budget budget(deadline, options);
    return optimize(input, {}, options, budget);
}

std::string content_of(ByteView file, std::size_t index) {
    const auto archive = read_zip(file, kEntriesMax);
    CHECK(archive.has_value(), archive ? "" : archive.error().text);
    const auto content = MemberContent::of(file, archive->entries.at(index));
    CHECK(content.has_value(), content ? "" : content.error().text);
    return std::string(as_text(content->bytes()));
}

ZipEntry entry_of(ByteView file, std::size_t index) {
    return read_zip(file, kEntriesMax)->entries.at(index);
}

Bytes record_of(ByteView file, std::size_t index) {
    const ByteView record = slice(file, entry_of(file, index).record);
    return Bytes(record.begin(), record.end());
}

// An archive with one of everything that must survive.
std::vector<Item> one_of_everything() {
    return {
        {.name = "mimetype", .content = "application/epub+zip", .method = 0},
        {.name = "a.xml",
         .content = prose(9000),
         .comment = "entry comment",
         .external_attributes = 0x81A40000},
        {.name = "folder/", .method = 0, .external_attributes = 0x41ED0010},
        {.name = "streamed.xml", .content = prose(8000, 2), .descriptor = Descriptor::kSigned},
        {.name = "streamed2.xml", .content = prose(8000, 3), .descriptor = Descriptor::kPlain},
        {.name = "\xC3\xBC.txt", .content = prose(3000, 4), .flags = 0x802},
        {.name = "times.txt",
         .content = prose(3000, 5),
         .local_extra = extra(0x5455, "\3abcdefgh"),
         .central_extra = extra(0x5455, "\3abcd")},
        {.name = "path.txt",
         .content = prose(3000, 6),
         .local_extra = extra(0x7075, "\1abcd\xC3\xA4"),
         .central_extra = extra(0x7075, "\1abcd\xC3\xA4")},
        {.name = "numbers.xml", .content = prose(3000, 10), .local_extra = extra(1, std::string(16, '\0'))},
        {.name = "stored.txt", .content = prose(3000, 7), .method = 0},
        {.name = "noise", .content = noise(3000), .method = 0},
        {.name = "link", .content = "a.xml", .method = 0, .external_attributes = 0120777u << 16},
        {.name = "odd folder/", .content = prose(3000, 8)},
        {.name = "folder of DOS", .content = prose(3000, 8), .external_attributes = 0x10, .host = 0},
        {.name = "__MACOSX/._a.xml", .content = prose(3000, 9)},
        {.name = "old", .content = "x", .method = 6, .raw = "imploded"},
        {.name = "newer", .content = "x", .method = 12, .raw = "BZh9"},
        {.name = "empty", .content = "", .method = 8},
    };
}

void check_contents_and_fields(const Archive& made) {
    const Bytes file = build(made);
    const OptimizeResult result = run(file);
    CHECK_EQ(outcome_name(result.outcome), "optimized", result.reason);
    CHECK(result.output.size() < file.size());
    CHECK(!result.score.has_value());
    CHECK(as_text(result.output).substr(result.output.size() - 15) == "archive comment");
    const auto archive = read_zip(result.output, kEntriesMax);
    CHECK(archive.has_value(), archive ? "" : archive.error().text);
    for (std::size_t i = 0; i < made.items.size(); ++i) {
        const Item& item = made.items[i];
        const ZipEntry& entry = archive->entries[i];
        CHECK_EQ(zip_name(result.output, entry), item.name);
        const std::uint8_t* central = &result.output[entry.central.begin];
        CHECK_EQ(read_le32(central + 12), 0x5A21B6C7u, item.name);
        CHECK_EQ(read_le32(central + 38), item.external_attributes, item.name);
        CHECK_EQ(read_le16(central + 36), 1, item.name);
        CHECK_EQ(as_text(slice(result.output, {entry.name.end, entry.central.end})),
                 item.central_extra + item.comment, item.name);
        if (item.raw) continue;
        CHECK_EQ(content_of(result.output, i), item.content, item.name);
    }
    CHECK(made.listed.empty() || directory_order(*archive) == made.listed);
    CHECK_EQ(outcome_name(run(result.output).outcome), "not_smaller");
}

void contents_and_fields_survive() {
    Archive made;
    made.items = one_of_everything();
    made.comment = "archive comment";
    check_contents_and_fields(made);
    // The directory in an order of its own, which stays.
    for (std::size_t i = 1; i < made.items.size(); i += 2) made.listed.push_back(i);
    for (std::size_t i = 0; i < made.items.size(); i += 2) made.listed.push_back(i);
    check_contents_and_fields(made);
}

void untouched_records_are_copied() {
    const std::vector<Item> items = one_of_everything();
    const Bytes file = build(items);
    const Bytes output = run(file).output;
    for (std::size_t i = 0; i < items.size(); ++i) {
        const std::string_view name = items[i].name;
        const bool fixed = name == "mimetype" || name == "folder/" || name == "odd folder/" ||
                           name == "folder of DOS" || name == "noise" || name == "link" || name == "old" ||
                           name == "newer" || name == "empty";
        CHECK_EQ(record_of(file, i) == record_of(output, i), fixed, name);
        const ZipEntry entry = entry_of(output, i);
        // LibreOffice refuses stored entries with a descriptor; replaced entries have none.
        CHECK(fixed || (entry.flags & kZipHasDescriptor) == 0, name);
        CHECK(fixed || entry.method == kZipDeflated, name);
        CHECK_EQ(entry.flags & kZipUtf8Name, items[i].flags & kZipUtf8Name, name);
    }
}

void second_pass_changes_nothing() {
    const OptimizeResult first = run(build(one_of_everything()));
    CHECK_EQ(outcome_name(run(first.output).outcome), "not_smaller");
    // Above the size where the level changes.
    const Bytes large = build({{.name = "large.csv", .content = prose((1u << 20) + 100)},
                               {.name = "small.csv", .content = prose(1000)}});
    const OptimizeResult result = run(large);
    CHECK_EQ(outcome_name(result.outcome), "optimized", result.reason);
    CHECK_EQ(outcome_name(run(result.output).outcome), "not_smaller");
}

void nothing_to_gain() {
    CHECK_EQ(outcome_name(run(build(Archive{})).outcome), "not_smaller");
    CHECK_EQ(outcome_name(run(build({{.name = "n", .content = noise(500), .method = 0},
                                     {.name = "best", .content = prose(500), .level = 12}}))
                              .outcome),
             "not_smaller");
}

// ---- Members with an optimizer of their own; nested() is played by the test.

const std::string kPicture = "\xFF\xD8\xFF" + noise(3000);
const std::string kSmallerPicture = "\xFF\xD8\xFF" + noise(1000, 9);

OptimizeResult answer(Outcome outcome, std::string_view output, std::optional<double> score = {}) {
    OptimizeResult result;
    result.outcome = outcome;
    result.output.assign(output.begin(), output.end());
    result.score = score;
    return result;
}

Attempt attempt_with(const Bytes& file,
                     std::function<OptimizeResult(ByteView, const TypeHint&, const PictureUse&)> nested,
                     Options options = {}) {
    Budget budget(Deadline(), options);
    Context context{options, budget, 0, std::move(nested)};
    Attempt attempt = optimize_zip(file, context);
    if (attempt.outcome == Outcome::kOptimized) {
        const std::string why = verify_zip(file, attempt, context);
        CHECK(why.empty(), why);
    }
    return attempt;
}

Bytes with_picture(std::uint16_t method) {
    return build({{.name = "word/document.xml", .content = prose(4000)},
                  {.name = "word/media/image1.bin", .content = kPicture, .method = method}});
}

void pictures_are_found_by_bytes() {
    for (const std::uint16_t method : {kZipStored, kZipDeflated}) {
        int calls = 0;
        const Attempt attempt =
            attempt_with(with_picture(method), [&](ByteView member, const TypeHint& hint, const PictureUse&) {
                ++calls;
                CHECK_EQ(as_text(member), kPicture);
                CHECK_EQ(hint.file_name, "word/media/image1.bin");
                return answer(Outcome::kOptimized, kSmallerPicture);
            });
        CHECK_EQ(calls, 1);
        CHECK_EQ(outcome_name(attempt.outcome), "optimized");
        CHECK_EQ(content_of(attempt.output, 1), kSmallerPicture);
        CHECK_EQ(content_of(attempt.output, 0), prose(4000));
        CHECK_EQ(attempt.changes.size(), std::size_t{1});
        CHECK_EQ(attempt.changes[0].index, std::size_t{1});
        CHECK(attempt.changes[0].content == sha256(as_bytes(kSmallerPicture)));
        CHECK(!attempt.score.has_value());
        // Noise does not deflate: stored in either case.
        CHECK_EQ(entry_of(attempt.output, 1).method, kZipStored);
    }
}

void lowest_score_counts() {
    Options options;
    options.lossy = true;
    const Bytes file = build({{.name = "1", .content = kPicture, .method = 0},
                              {.name = "2", .content = kPicture + "2", .method = 0},
                              {.name = "3", .content = kPicture + "33", .method = 0},
                              {.name = "4", .content = kPicture + "444", .method = 0}});
    const double scores[] = {0.99, 0.985, 0.995};
    std::size_t calls = 0;
    const Attempt attempt = attempt_with(
        file,
        [&](ByteView, const TypeHint&, const PictureUse&) {
            const std::size_t call = calls++;
            if (call == 3) return answer(Outcome::kOptimized, kSmallerPicture);
            return answer(Outcome::kOptimized, kSmallerPicture, scores[call]);
        },
        options);
    CHECK_EQ(calls, std::size_t{4});
    CHECK_EQ(attempt.score.value_or(0), 0.985);
    CHECK_EQ(attempt.changes.size(), std::size_t{4});
}

struct NestedCase {
    const char* name;
    Outcome outcome;
    bool deflated_anew;  // the member, content untouched
};

void members_that_stay() {
    // Zero bytes behind the picture's head deflate well, so that deflating anew would show.
    const std::string padded = "\xFF\xD8\xFF" + prose(4000);
    constexpr NestedCase kCases[] = {
        {"signed inside", Outcome::kUntouchable, false}, {"over budget", Outcome::kOverBudget, false},
        {"not smaller", Outcome::kNotSmaller, true},     {"broken", Outcome::kMalformed, true},
        {"different", Outcome::kTooDifferent, true},     {"other variant", Outcome::kNotApplicable, true},
    };
    for (const NestedCase& row : kCases) {
        const Bytes file =
            build({{.name = "pic", .content = padded}, {.name = "text", .content = prose(3000)}});
        const Attempt attempt = attempt_with(
            file, [&](ByteView, const TypeHint&, const PictureUse&) { return answer(row.outcome, ""); });
        CHECK_EQ(outcome_name(attempt.outcome), "optimized", row.name);
        CHECK_EQ(record_of(file, 0) != record_of(attempt.output, 0), row.deflated_anew, row.name);
        CHECK_EQ(content_of(attempt.output, 0), padded, row.name);
        CHECK(attempt.changes.empty(), row.name);
    }
}

// Profiles and XMP in a picture deflate, its pixels do not: a stored one stays stored unless a good part of
// it is of the former kind, whether its optimizer makes it smaller or not.
void stored_pictures_are_deflated_where_that_shows() {
    struct Case {
        const char* name;
        std::string picture;
        bool deflated;
    };
    const std::string head = "\xFF\xD8\xFF";
    const Case kCases[] = {{"nothing", head + noise(30'000), false},
                           {"little", head + prose(500) + noise(60'000), false},
                           {"much", head + prose(6'000) + noise(20'000), true},
                           {"at the end", head + noise(30'000) + prose(4'000), true}};
    for (const Case& row : kCases) {
        for (const bool smaller : {false, true}) {
            const Bytes file = build({{.name = "pic", .content = row.picture + "longer", .method = 0},
                                      {.name = "text", .content = prose(3000)}});
            const auto nested = [&](ByteView, const TypeHint&, const PictureUse&) {
                return smaller ? answer(Outcome::kOptimized, row.picture) : answer(Outcome::kNotSmaller, "");
            };
            const Attempt attempt = attempt_with(file, nested);
            CHECK_EQ(outcome_name(attempt.outcome), "optimized", row.name);
            CHECK_EQ(entry_of(attempt.output, 0).method == kZipDeflated, row.deflated, row.name);
            CHECK_EQ(content_of(attempt.output, 0), row.picture + (smaller ? "" : "longer"), row.name);
        }
    }
}

void results_of_another_format_are_dropped() {
    const Attempt attempt = attempt_with(with_picture(0), [](ByteView, const TypeHint&, const PictureUse&) {
        return answer(Outcome::kOptimized, "GIF89a, smaller indeed");
    });
    CHECK_EQ(content_of(attempt.output, 1), kPicture);
    CHECK(attempt.changes.empty());
}

void nested_archives() {
    const Bytes inner = build({{.name = "deep.xml", .content = prose(5000)}});
    const Bytes middle = build({{.name = "inner", .content = std::string(as_text(inner)), .method = 0}});
    const Bytes outer = build({{.name = "middle", .content = std::string(as_text(middle)), .method = 0}});
    const OptimizeResult result = run(outer);
    CHECK_EQ(outcome_name(result.outcome), "optimized", result.reason);
    const std::string found_middle = content_of(result.output, 0);
    const std::string found_inner = content_of(as_bytes(found_middle), 0);
    CHECK_EQ(content_of(as_bytes(found_inner), 0), prose(5000));
    CHECK_EQ(outcome_name(run(result.output).outcome), "not_smaller");

    Options shallow;
    shallow.max_depth = 2;
    CHECK_EQ(outcome_name(run(outer, shallow).outcome), "over_budget");
}

void signed_archive_inside_stays() {
    const Bytes inner = build({{.name = "META-INF/documentsignatures.xml", .content = prose(3000)}});
    const Bytes outer = build({{.name = "signed.odt", .content = std::string(as_text(inner))},
                               {.name = "letter.txt", .content = prose(3000)}});
    const OptimizeResult result = run(outer);
    CHECK_EQ(outcome_name(result.outcome), "optimized", result.reason);
    CHECK(record_of(outer, 0) == record_of(result.output, 0));
}

// ---- Limits

struct LimitCase {
    const char* name;
    Bytes (*make)();
    void (*limit)(Options&);
    Outcome want;
};

Bytes small_texts() {
    return build({{.name = "a", .content = prose(3000)}, {.name = "b", .content = prose(3000, 2)}});
}

void limits() {
    constexpr LimitCase kCases[] = {
        {"entries", small_texts, [](Options& o) { o.max_entries = 1; }, Outcome::kOverBudget},
        {"entries, just enough", small_texts, [](Options& o) { o.max_entries = 2; }, Outcome::kOptimized},
        {"no bytes at all", small_texts, [](Options& o) { o.max_expanded_bytes = 0; }, Outcome::kOverBudget},
        {"bytes for one of two", small_texts, [](Options& o) { o.max_expanded_bytes = 3000; },
         Outcome::kOptimized},
        {"bomb", [] { return build({{.name = "zeros", .content = std::string(9u << 20, '\0')}}); },
         [](Options&) {}, Outcome::kOverBudget},
        {"bomb of many small ones",
         [] {
             std::vector<Item> items;
             for (int i = 0; i < 10; ++i) {
                 items.push_back({.name = std::to_string(i), .content = std::string(1u << 20, '\0')});
             }
             return build(items);
         },
         [](Options&) {}, Outcome::kOverBudget},
        {"declared far too large",
         [] {
             return build(
                 {{.name = "a", .content = prose(3000), .size = 0xFFFFFFF0u}, {.name = "b", .content = "b"}});
         },
         [](Options&) {}, Outcome::kOverBudget},
        {"declared too large", [] { return build({{.name = "a", .content = prose(3000), .size = 3001u}}); },
         [](Options&) {}, Outcome::kMalformed},
        {"declared too small", [] { return build({{.name = "a", .content = prose(3000), .size = 2999u}}); },
         [](Options&) {}, Outcome::kMalformed},
        {"wrong checksum",
         [] {
             return build({{.name = "good", .content = prose(3000)},
                           {.name = "bad", .content = prose(30), .crc = 12345u}});
         },
         [](Options&) {}, Outcome::kMalformed},
        {"wrong checksum of a stored one",
         [] {
             return build({{.name = "good", .content = prose(3000)},
                           {.name = "bad", .content = "x", .method = 0, .crc = 12345u}});
         },
         [](Options&) {}, Outcome::kMalformed},
        {"broken stream",
         [] {
             return build({{.name = "good", .content = prose(3000)},
                           {.name = "bad", .content = "x", .raw = "\xFF\xFF\xFF"}});
         },
         [](Options&) {}, Outcome::kMalformed},
    };
    for (const LimitCase& row : kCases) {
        Options options;
        row.limit(options);
        const OptimizeResult result = run(row.make(), options);
        CHECK_EQ(outcome_name(result.outcome), outcome_name(row.want), row.name);
        CHECK_EQ(result.reason.empty(), row.want == Outcome::kOptimized, row.name);
    }
}

// A quine of archives needs no bytes of its own here: depth and entries are spent, never reset.
void budget_is_shared_with_members() {
    std::vector<Item> items;
    for (std::uint32_t i = 0; i < 10; ++i) {
        // Each another one: what is the same is optimised, and paid, once.
        const Bytes inner = build({{.name = "a.txt", .content = prose(3000, i + 1)},
                                   {.name = "b.txt", .content = prose(2000, i + 50)}});
        items.push_back(
            {.name = std::to_string(i) + ".zip", .content = std::string(as_text(inner)), .method = 0});
    }
    Options options;
    options.max_entries = 10 + 3 * 2;
    const OptimizeResult result = run(build(items), options);
    CHECK_EQ(outcome_name(result.outcome), "optimized", result.reason);
    int changed = 0;
    for (std::size_t i = 0; i < items.size(); ++i)
        changed += content_of(result.output, i) != items[i].content;
    CHECK_EQ(changed, 3);
}

// No time for anything: the whole stays. Time ends while members are worked at: what is done counts.
void time_ends() {
    const Bytes file = with_picture(0);
    Options options;
    {
        Budget budget(Deadline::in_ms(-1), options);
        Context context{options, budget, 0, nullptr};
        CHECK_EQ(outcome_name(optimize_zip(file, context).outcome), "over_budget");
    }
    const Deadline end = Deadline::in_ms(500);
    Budget budget(end, options);
    bool called = false;
    Context context{options, budget, 0, [&](ByteView, const TypeHint&, const PictureUse&) {
                        called = true;
                        CHECK(budget.deadline().at() < end.at() - std::chrono::milliseconds(10));
                        // A picture that takes all the time there is, not only its share.
                        while (!end.expired()) continue;
                        return answer(Outcome::kOptimized, kSmallerPicture);
                    }};
    const Attempt attempt = optimize_zip(file, context);
    // A machine so slow that it did not come to the picture proves nothing.
    if (!called) return;
    CHECK_EQ(outcome_name(attempt.outcome), "optimized", attempt.reason);
    CHECK_EQ(content_of(attempt.output, 1), kSmallerPicture);
    CHECK(record_of(file, 0) == record_of(attempt.output, 0));
}

// ---- Damage

void truncated_files_stay() {
    const Bytes file = build(one_of_everything());
    for (std::size_t i = 0; i < 16; ++i) {
        const OptimizeResult result = run(ByteView(file).first(file.size() * i / 16));
        CHECK(result.outcome != Outcome::kOptimized, std::to_string(i));
    }
}

// Whatever a flipped bit does, a result has the contents that the input has.
void flipped_bits_never_spread() {
    const Bytes file = build({{.name = "a", .content = prose(400)},
                              {.name = "b", .content = prose(300, 2), .descriptor = Descriptor::kSigned},
                              {.name = "c", .content = prose(200, 3), .method = 0}});
    for (std::size_t bit = 0; bit < file.size() * 8; bit += 3) {
        Bytes bad = file;
        bad[bit / 8] ^= static_cast<std::uint8_t>(1u << (bit % 8));
        const OptimizeResult result = run(bad);
        if (result.outcome != Outcome::kOptimized) continue;
        const auto archive = read_zip(bad, kEntriesMax);
        CHECK(archive.has_value(), std::to_string(bit));
        for (std::size_t i = 0; i < archive->entries.size(); ++i) {
            if (!is_readable(archive->entries[i])) continue;
            CHECK_EQ(content_of(result.output, i), content_of(bad, i), std::to_string(bit));
        }
    }
}

}  // namespace

int main() {
    initialize_optimizers();
    const CMUnitTest tests[] = {
        TEST(contents_and_fields_survive),
        TEST(untouched_records_are_copied),
        TEST(second_pass_changes_nothing),
        TEST(nothing_to_gain),
        TEST(pictures_are_found_by_bytes),
        TEST(lowest_score_counts),
        TEST(members_that_stay),
        TEST(stored_pictures_are_deflated_where_that_shows),
        TEST(results_of_another_format_are_dropped),
        TEST(nested_archives),
        TEST(signed_archive_inside_stays),
        TEST(limits),
        TEST(budget_is_shared_with_members),
        TEST(time_ends),
        TEST(truncated_files_stay),
        TEST(flipped_bits_never_spread),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
