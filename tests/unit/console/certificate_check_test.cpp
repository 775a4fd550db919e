// SPDX-License-Identifier: Apache-2.0
#include "console/certificate_check.hpp"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <memory>

#include "check.hpp"
#include "planted.hpp"

namespace optimilter {
namespace {

constexpr std::int64_t kNow = 1'700'000'000, kDay = 86400;

// A self-signed one that ends at that second.
std::string certificate(std::int64_t end) {
    const std::unique_ptr<EVP_PKEY, decltype(&::EVP_PKEY_free)> key(::EVP_EC_gen("P-256"), &::EVP_PKEY_free);
    const std::unique_ptr<X509, decltype(&::X509_free)> made(::X509_new(), &::X509_free);
    ::X509_set_version(made.get(), 2);
    ::ASN1_TIME_set(::X509_getm_notBefore(made.get()), kNow - 400 * kDay);
    ::ASN1_TIME_set(::X509_getm_notAfter(made.get()), end);
    ::X509_set_pubkey(made.get(), key.get());
    ::X509_sign(made.get(), key.get(), ::EVP_sha256());
    const std::unique_ptr<BIO, decltype(&::BIO_free)> bio(::BIO_new(::BIO_s_mem()), &::BIO_free);
    ::PEM_write_bio_X509(bio.get(), made.get());
    char* text = nullptr;
    const long size = ::BIO_get_mem_data(bio.get(), &text);
    return std::string(text, static_cast<std::size_t>(size));
}

void test_soonest_end() {
    const std::string near = certificate(kNow + 5), far = certificate(kNow + 99 * kDay);
    CHECK_EQ(*soonest_end(near), kNow + 5);
    CHECK_EQ(*soonest_end(far + near), kNow + 5);
    CHECK_EQ(*soonest_end("words before\n" + far + "and behind\n"), kNow + 99 * kDay);
    CHECK_EQ(*soonest_end(certificate(4'000'000'000)), 4'000'000'000);  // beyond 2038 and UTCTime
    for (const std::string& text :
         {std::string(), std::string("x"), std::string("-----BEGIN CERTIFICATE-----\n"),
          std::string("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
          near.substr(0, near.size() / 2)})
        CHECK(!soonest_end(text), text);
}

void test_findings() {
    const Planted planted;
    planted.file("far.pem", certificate(kNow + 15 * kDay));
    planted.file("near.pem", certificate(kNow + 13 * kDay));
    planted.file("past.pem", certificate(kNow - 2 * kDay));
    planted.file("none.pem", "no certificate");
    struct Case {
        std::string name;
        CheckState want;
        std::string_view text;
    };
    const Case cases[] = {
        {"far.pem", CheckState::kOk, "is valid until 2023-11-29 22:13 UTC, 15 days from now"},
        {"near.pem", CheckState::kWarn, "is valid until 2023-11-27 22:13 UTC, 13 days from now"},
        {"past.pem", CheckState::kFail, "was valid until 2023-11-12 22:13 UTC, 2 days ago"},
        {"none.pem", CheckState::kFail, "holds no certificate that can be read"},
        {"missing.pem", CheckState::kFail, "cannot be read"},
    };
    std::vector<std::string> paths;
    for (const Case& c : cases) {
        paths.push_back(planted.path(c.name));
        const auto found = look_at_certificates({paths.back()}, kNow);
        CHECK(found.at(0).state == c.want, c.name);
        CHECK(found[0].text.ends_with(c.text), found[0].text);
    }
    const Check all = certificate_check(look_at_certificates(paths, kNow));
    CHECK(all.state == CheckState::kFail && all.reason.find("far.pem") == std::string::npos);
    const Check sound = certificate_check(look_at_certificates({paths[0]}, kNow));
    CHECK(sound.state == CheckState::kOk && sound.reason.starts_with("1 watched"));
    CHECK(certificate_check({}).state == CheckState::kOk);
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {TEST(test_soonest_end), TEST(test_findings)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
