// SPDX-License-Identifier: Apache-2.0
#include "console/certificate_check.hpp"

#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <algorithm>
#include <ctime>
#include <memory>
#include <optional>

#include "base/text.hpp"
#include "console/small_file.hpp"
#include "milter/expiry.hpp"

namespace optimilter {

namespace {

constexpr std::size_t kMostCertificates = 1000;

using BioPtr = std::unique_ptr<BIO, decltype(&::BIO_free)>;
using X509Ptr = std::unique_ptr<X509, decltype(&::X509_free)>;

std::optional<std::int64_t> end_of(const X509* certificate) {
    std::tm parts{};
    if (::ASN1_TIME_to_tm(::X509_get0_notAfter(certificate), &parts) != 1) return std::nullopt;
    return static_cast<std::int64_t>(::timegm(&parts));
}

CertificateFinding look_at(const std::string& path, std::int64_t now) {
    const auto text = read_small_file(path);
    if (!text) return {path, CheckState::kFail, printable(path) + " cannot be read"};
    const auto end = soonest_end(*text);
    if (!end) return {path, CheckState::kFail, fmt::format("{}: {}", printable(path), end.error().text)};
    const ExpiryState state = expiry_state(*end, now);
    return {path,
            state == ExpiryState::kPast   ? CheckState::kFail
            : state == ExpiryState::kNear ? CheckState::kWarn
                                          : CheckState::kOk,
            describe_expiry({path, *end}, now)};
}

}  // namespace

Result<std::int64_t> soonest_end(const std::string& pem) {
    const BioPtr bio(::BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), &::BIO_free);
    std::optional<std::int64_t> soonest;
    for (std::size_t i = 0; bio && i < kMostCertificates; ++i) {
        const X509Ptr certificate(::PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr), &::X509_free);
        if (!certificate) break;
        if (const auto end = end_of(certificate.get())) soonest = std::min(soonest.value_or(*end), *end);
    }
    ::ERR_clear_error();  // "no start line" at the end of the text is one
    if (!soonest) return Error{ErrorCode::kMalformed, "holds no certificate that can be read"};
    return *soonest;
}

std::vector<CertificateFinding> look_at_certificates(const std::vector<std::string>& paths,
                                                     std::int64_t now) {
    std::vector<CertificateFinding> findings;
    for (const std::string& path : paths) findings.push_back(look_at(path, now));
    return findings;
}

Check certificate_check(const std::vector<CertificateFinding>& findings) {
    Check check{"certs", CheckState::kOk, {}};
    for (const CertificateFinding& finding : findings) {
        check.state = std::max(check.state, finding.state);
        if (finding.state != CheckState::kOk)
            check.reason += (check.reason.empty() ? "" : "; ") + finding.text;
    }
    if (findings.empty()) check.reason = "watch_certificates is empty: none are watched";
    if (check.reason.empty())
        check.reason = fmt::format("{} watched, all valid for more than 14 days", findings.size());
    return check;
}

}  // namespace optimilter
