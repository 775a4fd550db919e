// SPDX-License-Identifier: Apache-2.0
//
// Random well-formed MIME mail for property tests, made from a seed: nested multiparts, CRLF or LF, preambles
// and epilogues, odd parameters, all transfer encodings, base64 in lines of many lengths. A mail is kept as
// pieces, so that what a splice must give can be written down without any code under test.
#pragma once

#include <map>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace generated {

struct Leaf {
    bool base64 = false;
    std::string body;     // as it stands in the mail
    std::string content;  // what a base64 body decodes to
};

// A new body for a leaf, and the number for its size=.
struct NewBody {
    std::string body;
    std::size_t size = 0;
};

struct Mail {
    enum class Kind { kFixed, kBody, kSize };
    struct Piece {
        Kind kind;
        std::string text;
        std::size_t leaf;
    };
    std::vector<Piece> pieces;
    std::vector<Leaf> leaves;  // in the order of the mail
    std::string eol;

    std::string text(const std::map<std::size_t, NewBody>& replaced = {}) const {
        std::string out;
        for (const Piece& piece : pieces) {
            const auto found = replaced.find(piece.leaf);
            if (piece.kind == Kind::kFixed || found == replaced.end())
                out += piece.text;
            else
                out += piece.kind == Kind::kBody ? found->second.body : std::to_string(found->second.size);
        }
        return out;
    }
};

// Plain base64 (RFC 4648), written here so that ours has something to be compared with.
inline std::string base64(std::string_view raw, std::size_t line_length, std::string_view eol) {
    constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string flat, out;
    for (std::size_t i = 0; i < raw.size(); i += 3) {
        unsigned bits = 0;
        for (std::size_t k = 0; k < 3; ++k)
            bits = (bits << 8) | (i + k < raw.size() ? static_cast<unsigned char>(raw[i + k]) : 0u);
        for (std::size_t k = 0; k < 4; ++k)
            flat += i + k > raw.size() ? '=' : kAlphabet[(bits >> (18 - 6 * k)) & 63];
    }
    for (std::size_t i = 0; i < flat.size(); i += line_length) {
        if (i > 0) out += eol;
        out += flat.substr(i, line_length);
    }
    return out;
}

class Generator {
  public:
    // padded: blanks after some boundaries (RFC 2046 sec. 5.1.1), which not every reader knows.
    explicit Generator(unsigned seed, bool padded = true) : random_(seed), padded_(padded) {}

    Mail make() {
        mail_ = Mail();
        mail_.eol = one_in(2) ? "\r\n" : "\n";
        fixed("From: a@example.org" + mail_.eol + "MIME-Version: 1.0 (made up)" + mail_.eol);
        entity(0);
        return std::move(mail_);
    }

  private:
    std::size_t below(std::size_t n) { return random_() % n; }
    bool one_in(std::size_t n) { return below(n) == 0; }
    const std::string& eol() const { return mail_.eol; }
    void fixed(std::string text) { mail_.pieces.push_back({Mail::Kind::kFixed, std::move(text), SIZE_MAX}); }

    // Fields, the blank line and the body of one entity, without a line end after it.
    void entity(std::size_t depth) {
        if (depth < 5 && (depth == 0 ? !one_in(8) : one_in(3)))
            multipart(depth);
        else
            leaf();
    }

    std::string words(std::size_t lines) {
        constexpr std::string_view kWords[] = {"hello", "--",        "-- ", "--x",        "=",
                                               ".",     "From here", "",    "begin 644 x"};
        std::string out;
        for (std::size_t i = 0; i < lines; ++i) out += std::string(kWords[below(std::size(kWords))]) + eol();
        return out;
    }

    void multipart(std::size_t depth) {
        constexpr std::string_view kTypes[] = {"mixed", "related", "alternative", "x-odd", "parallel"};
        std::string boundary =
            "b" + std::to_string(100'000 + counter_++) + (one_in(2) ? "'()+_,-./:=?" : "_x");
        if (one_in(4)) boundary.append(70 - boundary.size(), 'L');
        const std::string fold = one_in(2) ? eol() + "\t" : " ";
        fixed("Content-Type: Multipart/" + std::string(kTypes[below(5)]) + ";" + fold + "boundary=\"" +
              boundary + "\"" + (one_in(3) ? "; type=\"text/html\"" : "") + eol() + eol());
        if (one_in(3)) fixed(words(1 + below(3)));
        const std::size_t parts = 1 + below(4);
        for (std::size_t i = 0; i < parts; ++i) {
            fixed("--" + boundary + (padded_ && one_in(6) ? " \t" : "") + eol());
            entity(depth + 1);
            fixed(eol());
        }
        fixed("--" + boundary + "--" + (padded_ && one_in(6) ? " " : ""));
        if (one_in(3)) fixed(eol() + words(below(3)));
    }

    void leaf() {
        switch (below(5)) {
            case 0:
                return read_only_leaf("Content-Type: text/plain; charset=utf-8", "quoted-printable",
                                      "a=3Db =" + eol() + "soft" + eol() + words(below(3)));
            case 1:
                return read_only_leaf("Content-Type: text/html", "8bit",
                                      "Gr\xC3\xBC\xC3\x9F" + eol() + words(2));
            case 2:
                return read_only_leaf("Subject: not a type", "7bit", words(below(4)));
            default:
                return base64_leaf();
        }
    }

    void read_only_leaf(const std::string& field, const std::string& encoding, std::string body) {
        fixed(field + eol() + "Content-Transfer-Encoding: " + encoding + eol() + eol());
        add_body({false, std::move(body), {}});
    }

    void base64_leaf() {
        constexpr std::string_view kParameters[] = {
            "", "; name=\"a;b (1).png\"", "; name*0*=utf-8''%C3%BC; name*1=x", "; name==?utf-8?Q?a?=", ";"};
        constexpr std::size_t kLengths[] = {4, 60, 64, 72, 76, 77, 100, 996};
        Leaf made;
        made.base64 = true;
        for (std::size_t i = 30 + below(3000); i > 0; --i) made.content += static_cast<char>(random_());
        const std::size_t length = kLengths[below(8)];
        // Lines of 77 could cut the padding in two, which is not clean.
        if (length % 4 != 0) made.content.resize(made.content.size() / 3 * 3);
        made.body = base64(made.content, length, eol());
        for (std::size_t i = below(3); i > 0; --i) made.body += eol();
        if (one_in(5)) made.body.insert(0, eol());
        fixed("Content-Type: image/png" + std::string(kParameters[below(5)]) + eol() +
              "Content-Transfer-Encoding: Base64" + eol());
        if (one_in(2) && mail_.pieces.size() > 2) {
            fixed("Content-Disposition: attachment; size=");
            const std::string size = std::to_string(made.content.size());
            mail_.pieces.push_back({Mail::Kind::kSize, size, mail_.leaves.size()});
            fixed("; filename=x.png" + eol());
        }
        fixed(eol());
        add_body(std::move(made));
    }

    void add_body(Leaf leaf) {
        mail_.pieces.push_back({Mail::Kind::kBody, leaf.body, mail_.leaves.size()});
        mail_.leaves.push_back(std::move(leaf));
    }

    std::mt19937 random_;
    bool padded_;
    std::size_t counter_ = 0;
    Mail mail_;
};

}  // namespace generated
