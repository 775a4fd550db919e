// SPDX-License-Identifier: Apache-2.0
//
// What `optimilterctl optimize` says of one file: a line of JSON, or a few lines for people. Pure functions.
#pragma once

#include <string>
#include <vector>

#include "milter/trip.hpp"

namespace optimilter {

struct FileReport {
    std::string file;  // as given on the command line
    bool is_message = false;
    std::size_t bytes_in = 0;
    std::size_t bytes_out = 0;
    double cpu_ms = 0;  // ours and the workers'
    double wall_ms = 0;
    std::string reason;             // why nothing changed; empty otherwise
    std::vector<PartReport> parts;  // one, for a bare file
};

// One line, without the line end; the fields are documented in optimilterctl(1).
std::string json_line(const FileReport& report);

// A line for the file and one for each part worth knowing; foreign text cleaned for the terminal.
std::string text_lines(const FileReport& report);

}  // namespace optimilter
