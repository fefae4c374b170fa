// An authority of a test's own: signs certificates for whom a test likes, valid when it likes, and
// leaves them in a directory as files in PEM. For tests and benchmarks; keys are made each time,
// of P-256. Expects room for files; what fails fails the test.
#pragma once

#include "tests/temporary_directory.h"

#include <cstdint>
#include <cstdio>
#include <ctime>
#include <memory>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdexcept>
#include <string>
#include <sys/stat.h>

namespace flatline {

class Authority {
 public:
  // Whom a certificate is for: "DNS:control.test", "IP:127.0.0.1", several with commas.
  struct Wish {
    std::string names = "DNS:control.test,IP:127.0.0.1";
    std::string subject = "control.test";
    std::int64_t begins_s = -3600;  // from now
    std::int64_t ends_s = 3600;
  };

  explicit Authority(const std::string& name = "authority") : key_(NewKey()) {
    certificate_ = NewCertificate({.names = "", .subject = name}, *key_, 1);
    X509_set_issuer_name(certificate_.get(), X509_get_subject_name(certificate_.get()));
    Extend(*certificate_, NID_basic_constraints, "critical,CA:TRUE");
    Sign(*certificate_);
    WriteCertificate(ca());
  }

  // NAME.pem and NAME.key.
  void Issue(const std::string& name, const Wish& wish) {
    const auto key = NewKey();
    const auto certificate = NewCertificate(wish, *key, ++serial_);
    X509_set_issuer_name(certificate.get(), X509_get_subject_name(certificate_.get()));
    Extend(*certificate, NID_subject_alt_name, wish.names.c_str());
    Sign(*certificate);
    Write(CertificatePath(name),
          [&](std::FILE* file) { return PEM_write_X509(file, certificate.get()); });
    Write(KeyPath(name), [&](std::FILE* file) {
      return PEM_write_PrivateKey(file, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    });
    ::chmod(KeyPath(name).c_str(), 0400);
  }

  void Issue(const std::string& name) { Issue(name, Wish()); }

  [[nodiscard]] std::string ca() const { return directory_.Path("ca.pem"); }

  [[nodiscard]] std::string CertificatePath(const std::string& name) const {
    return directory_.Path(name + ".pem");
  }

  [[nodiscard]] std::string KeyPath(const std::string& name) const {
    return directory_.Path(name + ".key");
  }

 private:
  struct Free {
    void operator()(EVP_PKEY* key) const noexcept { EVP_PKEY_free(key); }

    void operator()(X509* certificate) const noexcept { X509_free(certificate); }

    void operator()(X509_EXTENSION* extension) const noexcept { X509_EXTENSION_free(extension); }
  };

  using Key = std::unique_ptr<EVP_PKEY, Free>;
  using Certificate = std::unique_ptr<X509, Free>;

  static void Need(bool done) {
    if (!done) {
      throw std::runtime_error("needed a certificate, found none to be made");
    }
  }

  static Key NewKey() {
    Key out(EVP_EC_gen("P-256"));
    Need(out != nullptr);
    return out;
  }

  static Certificate NewCertificate(const Wish& wish, EVP_PKEY& key, std::int64_t serial) {
    Certificate out(X509_new());
    X509_set_version(out.get(), 2);
    ASN1_INTEGER_set(X509_get_serialNumber(out.get()), serial);
    X509_gmtime_adj(X509_getm_notBefore(out.get()), wish.begins_s);
    X509_gmtime_adj(X509_getm_notAfter(out.get()), wish.ends_s);
    X509_set_pubkey(out.get(), &key);
    Need(X509_NAME_add_entry_by_txt(X509_get_subject_name(out.get()),
                                    "CN",
                                    MBSTRING_ASC,
                                    reinterpret_cast<const unsigned char*>(wish.subject.c_str()),
                                    -1,
                                    -1,
                                    0) == 1);
    return out;
  }

  static void Extend(X509& certificate, int kind, const char* value) {
    const std::unique_ptr<X509_EXTENSION, Free> extension(
        X509V3_EXT_conf_nid(nullptr, nullptr, kind, value));
    Need(extension != nullptr && X509_add_ext(&certificate, extension.get(), -1) == 1);
  }

  void Sign(X509& certificate) const {
    Need(X509_sign(&certificate, key_.get(), EVP_sha256()) > 0);
  }

  void WriteCertificate(const std::string& path) const {
    Write(path, [&](std::FILE* file) { return PEM_write_X509(file, certificate_.get()); });
  }

  // Under another name first: whoever reads it sees the old one or the new one.
  template <typename Writer>
  static void Write(const std::string& path, const Writer& writer) {
    const std::string fresh = path + ".new";
    std::FILE* const file = std::fopen(fresh.c_str(), "w");
    Need(file != nullptr);
    const bool is_written = writer(file) == 1;
    std::fclose(file);
    Need(is_written && std::rename(fresh.c_str(), path.c_str()) == 0);
  }

  TemporaryDirectory directory_;
  Key key_;
  Certificate certificate_;
  std::int64_t serial_ = 1;
};

}  // namespace flatline
