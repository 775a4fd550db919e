// SPDX-License-Identifier: Apache-2.0
//
// Changes mails line by line: parts and boundaries move, double and vanish as a whole, where single bytes
// would only break them.
#include <string>
#include <vector>

#include "fuzz/mutation.hpp"
#include "unit/mail/generated_mail.hpp"

namespace optimilter::fuzz {

namespace {

constexpr std::string_view kLines[] = {
    "",
    "--b",
    "--b--",
    "--b--  ",
    "--bb",
    "\tboundary=b",
    "Content-Type: multipart/mixed; boundary=b",
    "Content-Type: multipart/related; boundary=\"b\"; type=\"text/html\"",
    "Content-Type: multipart/digest; boundary=bb",
    "Content-Type: multipart/signed; boundary=b; protocol=\"application/pgp-signature\"",
    "Content-Type: message/rfc822",
    "Content-Type: image/jpeg; name*0*=utf-8''%C3%BC; name*1=\".jpg\"",
    "Content-Type: text/plain; charset=utf-8 (comment; boundary=x)",
    "Content-Transfer-Encoding: base64",
    "Content-Transfer-Encoding: quoted-printable",
    "Content-Transfer-Encoding: (a) bAse64 (b)",
    "Content-Disposition: attachment; size=24; filename=\"=?utf-8?B?YS5qcGc=?=\"",
    "MIME-Version: 1.0",
    "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGlqa2xtbm9wcXJzdHV2d3h5ejAxMjM0NTY3",
    "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo=",
    " ",
    "From here",
    ".",
};

std::vector<std::string> lines_of(std::string_view text) {
    std::vector<std::string> lines;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size() - 1) + 1;
        lines.emplace_back(text.substr(0, end));
        text.remove_prefix(end);
    }
    return lines;
}

Bytes joined(const std::vector<std::string>& lines) {
    Bytes bytes;
    for (const std::string& line : lines) append(bytes, as_bytes(line));
    return bytes;
}

using Place = std::vector<std::string>::iterator;

class LineMutation {
  public:
    LineMutation(ByteView mail, Chance& chance) : lines_(lines_of(as_text(mail))), chance_(chance) {}

    Bytes run() {
        for (std::size_t i = 1 + chance_.below(3); i > 0 && !lines_.empty(); --i) step();
        return joined(lines_);
    }

  private:
    std::size_t any() { return chance_.below(lines_.size()); }
    Place at(std::size_t line) { return lines_.begin() + static_cast<std::ptrdiff_t>(line); }
    std::string line_end() const { return lines_.front().ends_with("\r\n") ? "\r\n" : "\n"; }
    std::vector<std::string> block() {
        const std::size_t first = any();
        const std::size_t count = std::min(1 + chance_.below(12), lines_.size() - first);
        return {at(first), at(first + count)};
    }

    void step() {
        switch (chance_.below(7)) {
            case 0: {
                const std::vector<std::string> copy = block();
                lines_.insert(at(any()), copy.begin(), copy.end());
                return;
            }
            case 1: {
                const std::size_t first = any();
                lines_.erase(at(first), at(std::min(first + 1 + chance_.below(4), lines_.size())));
                return;
            }
            case 2:
                std::swap(lines_[any()], lines_[any()]);
                return;
            case 3:
                lines_[any()] = lines_[any()];
                return;
            case 4: {
                std::string& line = lines_[any()];
                line = string_of(mutated(as_bytes(line), 16));
                return;
            }
            case 5: {
                std::string& line = lines_[any()];
                if (line.ends_with("\r\n"))
                    line.erase(line.size() - 2, 1);
                else if (line.ends_with("\n"))
                    line.insert(line.size() - 1, "\r");
                return;
            }
            default:
                lines_.insert(at(any()), std::string(kLines[chance_.below(std::size(kLines))]) + line_end());
        }
    }

    std::vector<std::string> lines_;
    Chance& chance_;
};

Bytes change(ByteView mail, Chance& chance) {
    if (chance.one_in(50)) return bytes_of(as_bytes(generated::Generator(chance.next()).make().text()));
    return LineMutation(mail, chance).run();
}

}  // namespace

}  // namespace optimilter::fuzz

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* bytes, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
    return optimilter::fuzz::mutate_by(bytes, size, max_size, seed, optimilter::fuzz::change);
}
