// SPDX-License-Identifier: Apache-2.0
#include "bench/simulate/mail_trace.hpp"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <map>
#include <string_view>

namespace optimilter::sim {

namespace {

constexpr std::size_t kLongestLine = 64 << 10;
constexpr std::uint64_t kLargestFile = 1ull << 30;
constexpr std::uint64_t kLargestMail = 1ull << 32;
constexpr double kEncoded = 1.37;  // base64 with line ends

std::vector<std::string_view> split(std::string_view text, char separator) {
    std::vector<std::string_view> fields;
    for (;;) {
        const std::size_t end = text.find(separator);
        fields.push_back(text.substr(0, end));
        if (end == std::string_view::npos) return fields;
        text.remove_prefix(end + 1);
    }
}

// 0 for what is no number.
double number(std::string_view text) {
    double value = 0;
    const auto end = std::from_chars(text.data(), text.data() + text.size(), value);
    return end.ec == std::errc() && value >= 0 && value <= static_cast<double>(kLargestMail) ? value : 0;
}

std::uint64_t bytes(std::string_view text) {
    return static_cast<std::uint64_t>(number(text));
}

Format format_named(std::string_view name) {
    for (unsigned i = 0; i < static_cast<unsigned>(Format::kCount_); ++i)
        if (format_name(static_cast<Format>(i)) == name) return static_cast<Format>(i);
    return Format::kUnknown;
}

// "jpeg/IMG_1.jpg", "derived:photo-zip", "archives/x.7z": the folder, but for archives the ending.
Format format_of_path(std::string_view path) {
    if (path.starts_with("derived:photo-zip")) return Format::kZip;
    if (path.starts_with("derived:big-deck")) return Format::kOoxml;
    const std::string_view folder = path.substr(0, path.find('/'));
    std::string_view ending = path.substr(std::min(path.rfind('.'), path.size() - 1) + 1);
    if (ending == "gz" || ending == "tgz") ending = "gzip";
    if (ending == "bz2") ending = "bzip2";
    const Format by_folder = format_named(folder);
    return by_folder != Format::kUnknown ? by_folder : format_named(ending);
}

// file, kind, bytes, sha256, path|bytes|sha256;path|...
void read_index_line(std::string_view line, std::vector<Mail>& mails) {
    const auto fields = split(line, '\t');
    if (fields.size() < 5 || fields[0] == "file") return;
    Mail mail;
    mail.size = bytes(fields[2]);
    if (!fields[4].empty()) {
        for (const std::string_view entry : split(fields[4], ';')) {
            const auto words = split(entry, '|');
            if (words.size() >= 2 && !words[0].empty())
                mail.attachments.push_back({format_of_path(words[0]), bytes(words[1]), -1, 0});
        }
    }
    mails.push_back(std::move(mail));
}

// The value of " key=value" in a line of a log; empty: not there.
std::string_view log_value(std::string_view line, std::string_view key) {
    const std::size_t at = line.find(key);
    if (at == std::string_view::npos) return {};
    const std::string_view rest = line.substr(at + key.size());
    return rest.substr(0, rest.find_first_of(" ,"));
}

// The word before ": part=" and the like: the queue id.
std::string_view queue_id(std::string_view line, std::size_t colon) {
    const std::size_t begin = line.rfind(' ', colon);
    return line.substr(begin + 1, colon - begin - 1);
}

// The two lines of optimilter (a part, a message) and the one of Postfix's qmgr that tells a size.
class LogReader {
  public:
    void line(std::string_view line) {
        if (const std::size_t part = line.find(": part="); part != std::string_view::npos) {
            add_part(queue_id(line, part), line);
        } else if (const std::size_t parts = line.find(": parts="); parts != std::string_view::npos) {
            Mail& mail = mails_[std::string(queue_id(line, parts))];
            mail.size = std::max(mail.size, bytes(log_value(line, " in=")));
        } else if (const std::size_t from = line.find(": from=<"); from != std::string_view::npos) {
            if (const std::string_view size = log_value(line, " size="); !size.empty())
                mails_[std::string(queue_id(line, from))].size = bytes(size);
        }
    }

    std::vector<Mail> take(Random& random) {
        std::vector<Mail> mails;
        for (auto& [id, mail] : mails_) {
            if (!parts_known_) guess_attachment(mail, random);
            mails.push_back(std::move(mail));
        }
        return mails;
    }

  private:
    void add_part(std::string_view id, std::string_view line) {
        parts_known_ = true;
        Attachment attachment;
        attachment.format = format_named(log_value(line, " format="));
        attachment.size = bytes(log_value(line, " in="));
        const std::uint64_t out = bytes(log_value(line, " out="));
        const bool tried = line.find(" cpu=") != std::string_view::npos;
        if (tried) attachment.known_cpu_ms = number(log_value(line, " cpu="));
        attachment.known_saved = attachment.size > out ? static_cast<double>(attachment.size - out) : 0;
        Mail& mail = mails_[std::string(id)];
        mail.size += static_cast<std::uint64_t>(static_cast<double>(attachment.size) * kEncoded);
        mail.attachments.push_back(attachment);
    }

    // Postfix alone tells sizes only: what is larger than text is one attachment of the usual kinds.
    static void guess_attachment(Mail& mail, Random& random) {
        constexpr Format kUsual[] = {Format::kJpeg, Format::kPdf, Format::kOoxml, Format::kPdf, Format::kPng};
        if (mail.size < 20000) return;
        const auto size = static_cast<std::uint64_t>(static_cast<double>(mail.size - 8000) / kEncoded);
        mail.attachments.push_back({kUsual[random.below(std::size(kUsual))], size, -1, 0});
    }

    std::map<std::string, Mail, std::less<>> mails_;
    bool parts_known_ = false;
};

struct Kind {
    double share;
    Format format;
    double median_size;
};
constexpr Kind kAttached[] = {
    {0.28, Format::kJpeg, 350e3}, {0.29, Format::kPdf, 120e3}, {0.19, Format::kOoxml, 100e3},
    {0.04, Format::kOoxml, 4e6},  {0.07, Format::kPng, 120e3}, {0.04, Format::kZip, 5e6},
    {0.04, Format::kOle, 60e3},   {0.03, Format::kOdf, 60e3},  {0.01, Format::kTiff, 400e3},
    {0.01, Format::kGif, 100e3},
};
constexpr double kSizeScatter = 1.2;
constexpr std::uint64_t kLargestAttachment = 18 << 20;

Attachment usual_attachment(Random& random) {
    double left = random.uniform();
    const Kind* kind = std::begin(kAttached);
    while (kind + 1 != std::end(kAttached) && left >= kind->share) left -= (kind++)->share;
    const double size = kind->median_size * random.scatter(kSizeScatter);
    return {kind->format, std::min(static_cast<std::uint64_t>(size), kLargestAttachment), -1, 0};
}

}  // namespace

Result<std::vector<Mail>> read_trace(const std::string& path) {
    std::ifstream file(path);
    if (!file) return Error{ErrorCode::kIo, "cannot read " + path};
    std::vector<Mail> mails;
    LogReader log;
    Random random(1);
    bool is_index = false;
    std::uint64_t total = 0;
    for (std::string line; std::getline(file, line);) {
        total += line.size() + 1;
        if (line.size() > kLongestLine || total > kLargestFile)
            return Error{ErrorCode::kLimit, path + ": too large"};
        if (line.starts_with("file\tkind\t")) is_index = true;
        if (is_index)
            read_index_line(line, mails);
        else
            log.line(line);
    }
    if (!is_index) mails = log.take(random);
    if (mails.empty()) return Error{ErrorCode::kMalformed, path + ": no message in it"};
    return mails;
}

std::vector<Mail> business_mix(std::size_t count, Random& random) {
    std::vector<Mail> mails(count);
    for (Mail& mail : mails) {
        const double kind = random.uniform();
        mail.size = static_cast<std::uint64_t>(3000 * random.scatter(0.7));
        if (kind >= 0.9) {
            mail.attachments.push_back(
                {Format::kPng, static_cast<std::uint64_t>(12000 * random.scatter(0.5)), -1, 0});
        } else if (kind >= 0.7) {
            constexpr std::size_t kCounts[] = {1, 1, 1, 1, 1, 1, 2, 2, 3, 5};
            for (std::size_t n = kCounts[random.below(std::size(kCounts))]; n > 0; --n)
                mail.attachments.push_back(usual_attachment(random));
        }
        for (const Attachment& attachment : mail.attachments)
            mail.size += static_cast<std::uint64_t>(static_cast<double>(attachment.size) * kEncoded);
    }
    return mails;
}

}  // namespace optimilter::sim
