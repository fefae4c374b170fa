// The files that TLS is made of, each as it can be wrong: start is refused with one line that says
// which, what was found and what to do; a reload keeps what was before.
#include "control/tls/context.h"

#include "control/tls/credentials.h"
#include "tests/control/tls/authority.h"

#include <chrono>
#include <filesystem>
#include <fstream>
#include <openssl/pem.h>
#include <string>
#include <sys/stat.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace flatline {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

WallInstant Now() {
  return WallInstant{
      std::chrono::duration_cast<Duration>(std::chrono::system_clock::now().time_since_epoch())};
}

class TlsContextTest : public testing::Test {
 protected:
  void SetUp() override { authority_.Issue("control"); }

  // Of files of the authority's.
  TlsContext::Identity Files(const std::string& certificate, const std::string& key) {
    return {.certificate = authority_.CertificatePath(certificate), .key = authority_.KeyPath(key)};
  }

  static std::string ErrorOf(const TlsContext::Identity& identity, WallInstant wall = Now()) {
    const auto made = TlsContext::ForServer(identity, wall);
    return made ? "no error" : made.error();
  }

  static std::string ClientErrorOf(const TlsTrust& trust) {
    const auto made = TlsContext::ForClient(trust, "127.0.0.1");
    return made ? "no error" : made.error();
  }

  Authority authority_;
};

TEST_F(TlsContextTest, TellsWhoseItIsAndUntilWhen) {
  const auto made = TlsContext::ForServer(Files("control", "control"), Now());
  ASSERT_TRUE(made) << made.error();
  EXPECT_THAT((*made)->description(),
              AllOf(HasSubstr("CN=control.test, until "), HasSubstr("UTC")));
}

TEST_F(TlsContextTest, EachFileThatIsWrongIsNamed) {
  const auto control = Files("control", "control");
  authority_.Issue("other");
  const std::string nowhere = "/nonexistent/file";
  EXPECT_EQ(ErrorOf(control), "no error");
  EXPECT_THAT(ErrorOf({.certificate = nowhere, .key = control.key}),
              HasSubstr(nowhere + ": needed a certificate, found: No such file"));
  EXPECT_THAT(ErrorOf({.certificate = control.certificate, .key = nowhere}),
              HasSubstr(nowhere + ": needed the key of a certificate, found: No such file"));
  EXPECT_THAT(ErrorOf({.certificate = control.key, .key = control.key}),
              HasSubstr("needed a certificate, found: no start line"));
  EXPECT_THAT(ErrorOf(Files("control", "other")),
              HasSubstr("found: the key of another certificate"));
  EXPECT_THAT(ErrorOf({.certificate = control.certificate, .key = "/dev/null"}),
              HasSubstr("no regular file"));
  EXPECT_THAT(
      ErrorOf({.certificate = control.certificate, .key = control.key, .client_ca = nowhere}),
      HasSubstr(nowhere + ": needed the certificates of the clients' authorities"));
  for (const std::string& error : {ErrorOf(Files("control", "other")), ErrorOf({})}) {
    EXPECT_THAT(error, AllOf(Not(HasSubstr("\n")), HasSubstr("; ")));
  }
}

TEST_F(TlsContextTest, AKeyThatOthersMayReadIsNoSecret) {
  const auto control = Files("control", "control");
  for (const unsigned mode : {0440U, 0404U, 0644U, 0420U}) {
    ::chmod(control.key.c_str(), mode);
    EXPECT_THAT(ErrorOf(control), HasSubstr("that its owner alone may read, found mode 0"));
  }
  ::chmod(control.key.c_str(), 0600);
  EXPECT_EQ(ErrorOf(control), "no error");
}

TEST_F(TlsContextTest, AKeyBehindAPassphraseIsRefusedWithoutAsking) {
  const auto control = Files("control", "control");
  std::FILE* file = std::fopen(control.key.c_str(), "r");
  EVP_PKEY* const key = PEM_read_PrivateKey(file, nullptr, nullptr, nullptr);
  std::fclose(file);
  ASSERT_NE(key, nullptr);
  std::filesystem::remove(control.key);
  file = std::fopen(control.key.c_str(), "w");
  const std::string word = "secret";
  PEM_write_PKCS8PrivateKey(
      file, key, EVP_aes_256_cbc(), word.c_str(), static_cast<int>(word.size()), nullptr, nullptr);
  std::fclose(file);
  EVP_PKEY_free(key);
  ::chmod(control.key.c_str(), 0400);
  EXPECT_THAT(ErrorOf(control), HasSubstr("found: one behind a passphrase; take that away"));
}

TEST_F(TlsContextTest, ATruncatedFileIsNeverTakenForWhole) {
  const auto control = Files("control", "control");
  for (const std::string& path : {control.certificate, control.key}) {
    std::ifstream in(path, std::ios::binary);
    const std::string whole(std::istreambuf_iterator<char>(in), {});
    ASSERT_GT(whole.size(), 100U);
    for (std::size_t size = 0; size + 2 < whole.size(); size += 7) {
      std::filesystem::remove(path);
      std::ofstream(path, std::ios::binary) << whole.substr(0, size);
      ::chmod(path.c_str(), 0400);
      ASSERT_NE(ErrorOf(control), "no error") << path << " " << size;
    }
    std::filesystem::remove(path);
    std::ofstream(path, std::ios::binary) << whole;
    ::chmod(path.c_str(), 0400);
    ASSERT_EQ(ErrorOf(control), "no error");
  }
}

TEST_F(TlsContextTest, ACertificateIsValidNowOrRefused) {
  const Duration day{86'400'000'000'000};
  const auto control = Files("control", "control");
  EXPECT_THAT(ErrorOf(control, Now() + day), HasSubstr("found: one that has expired on 20"));
  EXPECT_THAT(ErrorOf(control, Now() - day), HasSubstr("found: one that begins on 20"));
}

TEST_F(TlsContextTest, WhatAClientGoesByIsChecked) {
  const auto control = Files("control", "control");
  EXPECT_EQ(ClientErrorOf({.ca = authority_.ca()}), "no error");
  EXPECT_EQ(ClientErrorOf({}), "no error");  // the system's
  EXPECT_THAT(ClientErrorOf({.ca = "/nonexistent/ca"}),
              HasSubstr("/nonexistent/ca: needed the certificates of the authorities to trust"));
  EXPECT_THAT(ClientErrorOf({.ca = control.key}), HasSubstr("authorities to trust"));
  EXPECT_THAT(ClientErrorOf({.ca = authority_.ca(), .certificate = control.certificate}),
              HasSubstr("found: one of the two"));
  EXPECT_THAT(ClientErrorOf({.ca = authority_.ca(), .key = control.key}),
              HasSubstr("found: one of the two"));
  const auto made = TlsContext::ForClient({.ca = authority_.ca()}, "no number");
  ASSERT_FALSE(made);
  EXPECT_THAT(made.error(), HasSubstr("no number: needed a name or an address"));
}

TEST_F(TlsContextTest, AReloadTakesTheNewOrKeepsTheOld) {
  const auto files = Files("control", "control");
  auto credentials = TlsCredentials::Load(files, Now());
  ASSERT_TRUE(credentials) << credentials.error();
  const auto first = (*credentials)->current();
  authority_.Issue("control", {.subject = "second.test"});
  const auto told = (*credentials)->Reload(Now());
  ASSERT_TRUE(told) << told.error();
  EXPECT_THAT(*told, HasSubstr("CN=second.test"));
  const auto second = (*credentials)->current();
  EXPECT_NE(first, second);
  std::filesystem::remove(files.key);
  const auto refused = (*credentials)->Reload(Now());
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error(), HasSubstr("; the certificate before stays in force"));
  EXPECT_EQ((*credentials)->current(), second);
}

}  // namespace
}  // namespace flatline
