// SPDX-License-Identifier: Apache-2.0
#include "optimizers/pdf_compare.hpp"

#include <fmt/format.h>

#include <map>
#include <utility>
#include <vector>

#include "optimizers/pdf_graph.hpp"
#include "optimizers/pdf_picture.hpp"

namespace optimilter {

namespace {

using Entries = std::map<std::string, QPDFObjectHandle>;

// A key with the value null is no key (ISO 32000-1, 7.3.7).
Entries entries_of(QPDFObjectHandle dictionary) {
    Entries entries = dictionary.getDictAsMap();
    for (auto entry = entries.begin(); entry != entries.end();)
        entry = entry->second.isNull() ? entries.erase(entry) : std::next(entry);
    return entries;
}

template <typename Predicate>
void drop_keys(Entries& entries, Predicate drop) {
    for (auto entry = entries.begin(); entry != entries.end();)
        entry = drop(entry->first) ? entries.erase(entry) : std::next(entry);
}

class Comparison {
  public:
    Comparison(const PdfDocument& before, const PdfDocument& after, const PdfJudges& judges,
               std::uint64_t most_decoded_bytes, Deadline deadline)
        : before_(before), after_(after), judges_(judges), limit_(most_decoded_bytes), deadline_(deadline) {}

    std::string run() {
        std::string why = compare_trailers();
        while (why.empty() && !waiting_.empty()) {
            if (deadline_.expired()) return "no time left to verify";
            const auto [a, b] = waiting_.back();
            waiting_.pop_back();
            why = compare_resolved(a, b);
            if (!why.empty()) why = fmt::format("{} (object {})", why, a.getObjGen().getObj());
        }
        return why;
    }

  private:
    std::string compare_trailers();
    std::string compare_values(QPDFObjectHandle a, QPDFObjectHandle b);
    std::string compare_resolved(QPDFObjectHandle a, QPDFObjectHandle b);
    std::string compare_scalars(QPDFObjectHandle a, QPDFObjectHandle b);
    std::string compare_arrays(QPDFObjectHandle a, QPDFObjectHandle b);
    std::string compare_entries(const Entries& a, const Entries& b);
    std::string compare_streams(QPDFObjectHandle a, QPDFObjectHandle b);
    std::string compare_contents(QPDFObjectHandle a, QPDFObjectHandle b);
    bool same_coding(QPDFObjectHandle a, QPDFObjectHandle b);
    bool pair(QPDFObjGen a, QPDFObjGen b, bool& fresh);

    const PdfDocument& before_;
    const PdfDocument& after_;
    const PdfJudges& judges_;
    std::uint64_t limit_;
    Deadline deadline_;
    std::vector<std::pair<QPDFObjectHandle, QPDFObjectHandle>> waiting_;
    std::map<QPDFObjGen, QPDFObjGen> partner_of_before_;
    std::map<QPDFObjGen, QPDFObjGen> partner_of_after_;
};

// false when one of the two has another partner already: objects that were one must stay one, and others
// must not become one.
bool Comparison::pair(QPDFObjGen a, QPDFObjGen b, bool& fresh) {
    const auto [forth, is_new] = partner_of_before_.emplace(a, b);
    const auto [back, is_new_too] = partner_of_after_.emplace(b, a);
    fresh = is_new && is_new_too;
    return forth->second == b && back->second == a;
}

std::string Comparison::compare_values(QPDFObjectHandle a, QPDFObjectHandle b) {
    // References to nothing mean null, as null itself does.
    if (a.isNull() && b.isNull()) return {};
    if (a.isIndirect() != b.isIndirect()) return "a reference became a value or the reverse";
    if (!a.isIndirect()) return compare_resolved(a, b);
    bool fresh = false;
    if (!pair(a.getObjGen(), b.getObjGen(), fresh)) return "references lead to other objects";
    if (fresh) waiting_.emplace_back(a, b);
    return {};
}

std::string Comparison::compare_resolved(QPDFObjectHandle a, QPDFObjectHandle b) {
    if (a.getTypeCode() != b.getTypeCode()) return "a value changed its type";
    if (a.isStream()) return compare_streams(a, b);
    if (a.isDictionary()) return compare_entries(entries_of(a), entries_of(b));
    if (a.isArray()) return compare_arrays(a, b);
    return compare_scalars(a, b);
}

std::string Comparison::compare_scalars(QPDFObjectHandle a, QPDFObjectHandle b) {
    bool same = false;
    switch (a.getTypeCode()) {
        case ::ot_null:
            same = true;
            break;
        case ::ot_boolean:
            same = a.getBoolValue() == b.getBoolValue();
            break;
        case ::ot_integer:
            same = a.getIntValue() == b.getIntValue();
            break;
        case ::ot_real:
            same = a.getRealValue() == b.getRealValue();
            break;
        case ::ot_string:
            same = a.getStringValue() == b.getStringValue();
            break;
        case ::ot_name:
            same = a.getName() == b.getName();
            break;
        default:
            return "a value of an unknown type";
    }
    return same ? std::string() : fmt::format("a {} changed", a.getTypeName());
}

std::string Comparison::compare_arrays(QPDFObjectHandle a, QPDFObjectHandle b) {
    const std::vector<QPDFObjectHandle> before = a.getArrayAsVector();
    const std::vector<QPDFObjectHandle> after = b.getArrayAsVector();
    if (before.size() != after.size()) return "an array changed its length";
    for (std::size_t i = 0; i < before.size(); ++i)
        if (std::string why = compare_values(before[i], after[i]); !why.empty()) return why;
    return {};
}

std::string Comparison::compare_entries(const Entries& a, const Entries& b) {
    if (a.size() != b.size()) return "a dictionary lost or gained a key";
    auto after = b.begin();
    for (const auto& [key, value] : a) {
        if (after->first != key) return "a dictionary lost or gained a key";
        if (std::string why = compare_values(value, after->second); !why.empty())
            return fmt::format("{} at {}", why, key);
        ++after;
    }
    return {};
}

bool Comparison::same_coding(QPDFObjectHandle a, QPDFObjectHandle b) {
    for (const char* key : {"/Filter", "/DecodeParms"}) {
        if (!compare_values(a.getDict().getKey(key), b.getDict().getKey(key)).empty()) return false;
    }
    return true;
}

std::string Comparison::compare_streams(QPDFObjectHandle a, QPDFObjectHandle b) {
    const bool picture = is_pdf_picture(a) && is_pdf_picture(b);
    Entries before = entries_of(a.getDict());
    Entries after = entries_of(b.getDict());
    const auto not_compared = [picture](const std::string& key) {
        return is_pdf_stream_frame(key) || (picture && (key == "/Width" || key == "/Height"));
    };
    drop_keys(before, not_compared);
    drop_keys(after, not_compared);
    if (std::string why = compare_entries(before, after); !why.empty()) return why;
    return compare_contents(a, b);
}

bool same_size(QPDFObjectHandle a, QPDFObjectHandle b) {
    for (const char* key : {"/Width", "/Height"}) {
        QPDFObjectHandle before = a.getDict().getKey(key);
        QPDFObjectHandle after = b.getDict().getKey(key);
        if (before.isInteger() != after.isInteger()) return false;
        if (before.isInteger() && before.getIntValue() != after.getIntValue()) return false;
    }
    return true;
}

std::string Comparison::compare_contents(QPDFObjectHandle a, QPDFObjectHandle b) {
    const Result<Bytes> raw_before = before_.raw(a);
    if (!raw_before) return raw_before.error().text;
    const Result<Bytes> raw_after = after_.raw(b);
    if (!raw_after) return raw_after.error().text;
    const bool picture = is_pdf_picture(a);
    const bool sized = !picture || same_size(a, b);
    if (sized && *raw_before == *raw_after && same_coding(a, b)) return {};
    const bool may_change = pdf_coding(a) != PdfCoding::kOther && pdf_coding(b) != PdfCoding::kOther;
    if (!may_change) return "a stream that cannot be compared was changed";
    if (pdf_coding(a) == PdfCoding::kPlain && pdf_coding(b) == PdfCoding::kPlain) {
        const Result<Bytes> want = before_.decoded(a, limit_);
        if (!want) return want.error().text;
        const Result<Bytes> got = after_.decoded(b, limit_);
        if (!got) return got.error().text;
        if (sized && *want == *got) return {};
    }
    return picture ? judges_.picture(a, b) : "the content of a stream changed";
}

// The second half of the file identifier is new with each writing (ISO 32000-1, 14.4).
bool differ_in_second_id(QPDFObjectHandle a, QPDFObjectHandle b) {
    const auto usual = [](QPDFObjectHandle id) {
        return id.isArray() && id.getArrayNItems() == 2 && id.getArrayItem(0).isString() &&
               id.getArrayItem(1).isString();
    };
    return usual(a) && usual(b) && a.getArrayItem(0).getStringValue() == b.getArrayItem(0).getStringValue();
}

std::string Comparison::compare_trailers() {
    Entries before = entries_of(before_.trailer());
    Entries after = entries_of(after_.trailer());
    drop_keys(before, is_pdf_trailer_frame);
    drop_keys(after, is_pdf_trailer_frame);
    const auto id = before.find("/ID");
    const auto new_id = after.find("/ID");
    if (id != before.end() && new_id != after.end() && differ_in_second_id(id->second, new_id->second)) {
        before.erase(id);
        after.erase(new_id);
    }
    return compare_entries(before, after);
}

}  // namespace

std::string compare_pdf(const PdfDocument& before, const PdfDocument& after, const PdfJudges& judges,
                        std::uint64_t most_decoded_bytes, Deadline deadline) {
    std::string why;
    const Status compared = guarded_by_deadline(deadline, [&]() -> Status {
        why = Comparison(before, after, judges, most_decoded_bytes, deadline).run();
        if (!why.empty()) return Success{};
        if (Status status = before.no_warning(); !status) return status;
        return after.no_warning();
    });
    return compared ? why : compared.error().text;
}

}  // namespace optimilter
