// SPDX-License-Identifier: Apache-2.0
//
// The names of the parts of a document and the references between them: relative paths, percent signs, upper
// and lower case (ECMA-376 part 2, 6.2 and 6.5). Thread safe after it was made.
//
// Security: reads outside bytes; names are only ever compared with those of the archive's own entries.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "optimizers/zip_reader.hpp"

namespace optimilter {

// A reference made in a part that stands in folder ("word/" or empty), in the form that names are compared
// in: lower case, without percent signs, "." and "..", and without a slash at the start.
std::string part_name(std::string_view folder, std::string_view reference);

// "word/" of "word/document.xml"; empty at the top.
std::string_view folder_of(std::string_view name);
std::string_view base_name(std::string_view name);

class PartNames {
  public:
    PartNames(ByteView file, const ZipArchive& archive);

    // name: as part_name() makes it.
    std::optional<std::size_t> find(std::string_view name) const;
    const std::string& name(std::size_t entry) const { return names_.at(entry); }
    // Entries whose names mean the same.
    const std::vector<std::size_t>& ambiguous() const { return ambiguous_; }

  private:
    std::vector<std::string> names_;
    std::map<std::string, std::size_t, std::less<>> places_;
    std::vector<std::size_t> ambiguous_;
};

}  // namespace optimilter
