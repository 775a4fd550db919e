// SPDX-License-Identifier: Apache-2.0
//
// PDF objects as text (ISO 32000-1, 7.3), as short as the syntax allows: numbers and names as libqpdf keeps
// them, strings by their bytes. Thread safe: pure functions.
#pragma once

#include <qpdf/QPDFObjectHandle.hh>
#include <string>

namespace optimilter {

// Appends value; what it refers to stays a reference, also value itself unless resolve.
void append_pdf_text(std::string& to, QPDFObjectHandle value, bool resolve = false);

// A name from the form libqpdf keeps it in ("/A B" becomes "/A#20B").
std::string pdf_name_text(const std::string& name);

}  // namespace optimilter
