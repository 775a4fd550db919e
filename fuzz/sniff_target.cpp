// SPDX-License-Identifier: Apache-2.0
//
// A byte of length, a file name of so many bytes, then a file. Promises: the same bytes always give the same
// format, and a name only chooses among formats that share their bytes (the ZIP family), or tells TGA.
#include <algorithm>

#include "fuzz/fuzz_target.hpp"
#include "optimizers/format.hpp"
#include "optimizers/zip_reader.hpp"
#include "optimizers/zip_sniff.hpp"

namespace optimilter::fuzz {

namespace {

bool is_zip_family(Format format) {
    constexpr Format kFamily[] = {Format::kZip, Format::kOoxml, Format::kOdf, Format::kEpub, Format::kJar};
    return std::find(std::begin(kFamily), std::end(kFamily), format) != std::end(kFamily);
}

bool lies_in(std::string_view inner, ByteView outer) {
    const auto* begin = reinterpret_cast<const std::uint8_t*>(inner.data());
    return inner.empty() || (begin >= outer.data() && begin + inner.size() <= outer.data() + outer.size());
}

void run(ByteView input) {
    Feed feed(input);
    const std::string name = feed.text();
    const ByteView file = feed.rest();
    const Format plain = sniff(file);
    const Format hinted = sniff(file, {"application/zip", name});
    promise(plain < Format::kCount_ && hinted < Format::kCount_, "a format is one of the list");
    promise(!format_name(plain).empty(), "a format has a name");
    // TGA files of the old kind have no magic at all.
    const bool named_tga = plain == Format::kUnknown && hinted == Format::kTga;
    promise(plain == hinted || named_tga || (is_zip_family(plain) && is_zip_family(hinted)), "bytes decide");
    // A file of its exact size in memory, so that a read past its end is seen.
    const Bytes copy = bytes_of(file);
    promise(sniff(copy) == plain, "the same bytes are the same format");
    promise(lies_in(zip_mimetype(copy), copy), "a mimetype is a view into the file");
    visit_zip_names(copy, [&](std::string_view seen) {
        promise(lies_in(seen, copy), "a name is a view into the file");
        return true;
    });
}

}  // namespace

}  // namespace optimilter::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    optimilter::fuzz::run({bytes, size});
    return 0;
}
