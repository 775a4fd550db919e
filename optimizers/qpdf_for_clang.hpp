// SPDX-License-Identifier: Apache-2.0
//
// Included before libqpdf's headers where clang 14 compiles in C++20. qpdf/JSON.hh has a nested class with a
// std::vector<JSON> and a defaulted destructor, which that clang wants to evaluate while JSON is incomplete;
// a vector whose destructor is declared alone is not looked into. Nothing of ours makes or destroys one: the
// class and its virtual functions are compiled in libqpdf.
#pragma once

#include <vector>

class JSON;

namespace std {

template <>
class vector<JSON> {
  public:
    ~vector();

  private:
    void* places_[3];
};

}  // namespace std
