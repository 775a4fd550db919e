// SPDX-License-Identifier: Apache-2.0
#include "optimizers/pdf_content.hpp"

#include <array>
#include <cstdlib>
#include <memory>
#include <qpdf/Buffer.hh>
#include <qpdf/BufferInputSource.hh>
#include <qpdf/QPDFTokenizer.hh>
#include <vector>

namespace optimilter {

namespace {

// More than Acrobat's 28, and all that real files have.
constexpr std::size_t kDeepestState = 512;

Error malformed() {
    return {ErrorCode::kMalformed, "page content that cannot be followed"};
}

using Draw = std::function<Status(const std::string&, const QPDFMatrix&)>;

class Reading {
  public:
    Reading(ByteView content, const QPDFMatrix& start, PdfContentBounds& bounds, const Draw& draw)
        : bounds_(bounds), draw_(draw), matrix_(start) {
        auto* const bytes = const_cast<unsigned char*>(content.data());
        input_ = std::make_shared<BufferInputSource>("content", new Buffer(bytes, content.size()), true);
        tokenizer_.allowEOF();
    }

    Status run() {
        for (;;) {
            if (bounds_.tokens_left == 0) return Error{ErrorCode::kLimit, "too many operators"};
            --bounds_.tokens_left;
            constexpr std::uint64_t kPoll = 4096;
            if (bounds_.tokens_left % kPoll == 0 && bounds_.deadline.expired())
                return Error{ErrorCode::kDeadline, "deadline"};
            const QPDFTokenizer::Token token = tokenizer_.readToken(input_, "content", true);
            if (token.getType() == QPDFTokenizer::tt_eof) return Success{};
            if (Status status = take(token); !status) return status;
        }
    }

  private:
    Status take(const QPDFTokenizer::Token& token) {
        switch (token.getType()) {
            case QPDFTokenizer::tt_bad:
                return malformed();
            case QPDFTokenizer::tt_integer:
            case QPDFTokenizer::tt_real:
                numbers_[count_ % numbers_.size()] = std::strtod(token.getValue().c_str(), nullptr);
                ++count_;
                return Success{};
            case QPDFTokenizer::tt_name:
                name_ = token.getValue();
                return Success{};
            case QPDFTokenizer::tt_word: {
                const Status status = operate(token.getValue());
                count_ = 0;
                name_.clear();
                return status;
            }
            default:
                return Success{};
        }
    }

    Status operate(const std::string& word) {
        if (word == "q") {
            if (stack_.size() >= kDeepestState) return malformed();
            stack_.push_back(matrix_);
        } else if (word == "Q") {
            if (stack_.empty()) return Success{};  // readers let it pass
            matrix_ = stack_.back();
            stack_.pop_back();
        } else if (word == "cm") {
            if (count_ != numbers_.size()) return malformed();
            matrix_.concat(
                QPDFMatrix(numbers_[0], numbers_[1], numbers_[2], numbers_[3], numbers_[4], numbers_[5]));
        } else if (word == "Do") {
            return name_.empty() ? malformed() : draw_(name_, matrix_);
        } else if (word == "ID") {
            skip_inline_picture();
        }
        return Success{};
    }

    // One white byte ends the operator.
    void skip_inline_picture() {
        char blank = 0;
        input_->read(&blank, 1);
        tokenizer_.expectInlineImage(input_);
        tokenizer_.readToken(input_, "content", true);
    }

    PdfContentBounds& bounds_;
    const Draw& draw_;
    std::shared_ptr<InputSource> input_;
    QPDFTokenizer tokenizer_;
    QPDFMatrix matrix_;
    std::vector<QPDFMatrix> stack_;
    std::array<double, 6> numbers_{};
    std::size_t count_ = 0;  // numbers since the last operator
    std::string name_;       // the last name since then
};

}  // namespace

Status read_pdf_content(
    ByteView content, const QPDFMatrix& start, PdfContentBounds& bounds,
    const std::function<Status(const std::string& name, const QPDFMatrix& matrix)>& draw) {
    return Reading(content, start, bounds, draw).run();
}

}  // namespace optimilter
