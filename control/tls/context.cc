#include "control/tls/context.h"

#include "control/keys/guarded_file.h"

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <string_view>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace flatline {
namespace {

using Outcome = std::expected<void, std::string>;

constexpr Secret kSecret{.what = "the key of a certificate",
                         .remedy = "give the path of a file in PEM"};

struct Freer {
  void operator()(std::FILE* file) const noexcept { std::fclose(file); }

  void operator()(EVP_PKEY* key) const noexcept { EVP_PKEY_free(key); }

  void operator()(BIO* bio) const noexcept { BIO_free(bio); }
};

// What OpenSSL has to say of what went wrong first, since it was last asked.
std::string TakeFault() {
  const auto code = ERR_peek_error();
  const char* const reason = ERR_reason_error_string(code);
  std::string out = ERR_SYSTEM_ERROR(code) ? std::generic_category().message(ERR_GET_REASON(code))
                    : reason != nullptr    ? reason
                                           : "nothing that could be used";
  ERR_clear_error();
  return out;
}

std::unexpected<std::string> Fail(const std::string& path,
                                  std::string_view needed,
                                  std::string_view found,
                                  std::string_view remedy) {
  return std::unexpected(fmt::format("{}: needed {}, found: {}; {}", path, needed, found, remedy));
}

// Nobody is there to be asked for one.
int NoPassphrase(char* /*into*/, int /*size*/, int /*writes*/, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

std::expected<std::unique_ptr<EVP_PKEY, Freer>, std::string> LoadKey(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  const std::unique_ptr<std::FILE, Freer> file(descriptor < 0 ? nullptr
                                                              : ::fdopen(descriptor, "r"));
  if (!file) {
    return Fail(path, kSecret.what, std::generic_category().message(errno), kSecret.remedy);
  }
  if (auto guarded = CheckGuarded(path, descriptor, kSecret); !guarded) {
    return std::unexpected(std::move(guarded.error()));
  }
  bool is_locked = false;
  std::unique_ptr<EVP_PKEY, Freer> out(
      PEM_read_PrivateKey(file.get(), nullptr, NoPassphrase, &is_locked));
  if (!out) {
    const std::string fault = TakeFault();
    return is_locked ? Fail(path,
                            kSecret.what,
                            "one behind a passphrase",
                            "take that away with `openssl pkey -in FILE -out FILE`")
                     : Fail(path, kSecret.what, fault, kSecret.remedy);
  }
  return out;
}

std::string InWords(const ASN1_TIME* time) {
  std::tm parts{};
  std::array<char, 32> out{};
  if (ASN1_TIME_to_tm(time, &parts) != 1 ||
      std::strftime(out.data(), out.size(), "%Y-%m-%d %H:%M UTC", &parts) == 0) {
    return "a date that cannot be read";
  }
  return out.data();
}

std::string NameOf(const X509* certificate) {
  const std::unique_ptr<BIO, Freer> text(BIO_new(BIO_s_mem()));
  X509_NAME_print_ex(text.get(), X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253);
  char* bytes = nullptr;
  const auto size = BIO_get_mem_data(text.get(), &bytes);
  return size > 0 ? std::string(bytes, static_cast<std::size_t>(size)) : "without a name";
}

}  // namespace

TlsContext::~TlsContext() {
  SSL_CTX_free(context_);
}

std::expected<std::shared_ptr<TlsContext>, std::string> TlsContext::Make(bool is_server) {
  ERR_clear_error();
  SSL_CTX* const context = SSL_CTX_new(is_server ? TLS_server_method() : TLS_client_method());
  if (context == nullptr) {
    return std::unexpected("needed OpenSSL, found: " + TakeFault() + "; look at its openssl.cnf");
  }
  std::shared_ptr<TlsContext> out(new TlsContext(context, is_server));
  SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);  // an idle subscriber keeps none
  if (SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) != 1 ||
      SSL_CTX_set_max_proto_version(context, 0) != 1 || SSL_CTX_set_num_tickets(context, 0) != 1) {
    return std::unexpected("needed an OpenSSL with TLS 1.3, found: " + TakeFault() +
                           "; look at its openssl.cnf");
  }
  return out;
}

Outcome TlsContext::Show(const std::string& certificate, const std::string& key) {
  if (SSL_CTX_use_certificate_chain_file(context_, certificate.c_str()) != 1) {
    return Fail(certificate,
                "a certificate",
                TakeFault(),
                "give the path of a file in PEM, the certificate first and its chain behind");
  }
  const X509* const own = SSL_CTX_get0_certificate(context_);
  description_ =
      fmt::format("{}: {}, until {}", certificate, NameOf(own), InWords(X509_get0_notAfter(own)));
  const auto secret = LoadKey(key);
  if (!secret) {
    return std::unexpected(secret.error());
  }
  if (SSL_CTX_use_PrivateKey(context_, secret->get()) != 1 ||
      SSL_CTX_check_private_key(context_) != 1) {
    TakeFault();
    return Fail(key,
                "the key of " + certificate,
                "the key of another certificate",
                "name the two that were made together");
  }
  return {};
}

Outcome TlsContext::CheckValidity(const std::string& path, WallInstant wall) {
  const X509* const own = SSL_CTX_get0_certificate(context_);
  std::time_t now =
      std::chrono::duration_cast<std::chrono::seconds>(wall.time_since_epoch()).count();
  const std::string needed = "a certificate that is valid now";
  if (X509_cmp_time(X509_get0_notAfter(own), &now) <= 0) {
    return Fail(path,
                needed,
                "one that has expired on " + InWords(X509_get0_notAfter(own)),
                "renew it, or mend the clock");
  }
  if (X509_cmp_time(X509_get0_notBefore(own), &now) > 0) {
    return Fail(path,
                needed,
                "one that begins on " + InWords(X509_get0_notBefore(own)),
                "wait for it, or mend the clock");
  }
  return {};
}

Outcome TlsContext::AskForCertificates(const std::string& ca) {
  STACK_OF(X509_NAME)* const names = SSL_load_client_CA_file(ca.c_str());
  if (names == nullptr || SSL_CTX_load_verify_file(context_, ca.c_str()) != 1) {
    return Fail(ca,
                "the certificates of the clients' authorities",
                TakeFault(),
                "give the path of a file in PEM");
  }
  SSL_CTX_set_client_CA_list(context_, names);
  SSL_CTX_set_verify(context_, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  return {};
}

std::expected<std::shared_ptr<const TlsContext>, std::string> TlsContext::ForServer(
    const Identity& identity, WallInstant wall) {
  auto out = Make(true);
  if (!out) {
    return std::unexpected(std::move(out.error()));
  }
  TlsContext& made = **out;
  Outcome so_far = made.Show(identity.certificate, identity.key);
  if (so_far) {
    so_far = made.CheckValidity(identity.certificate, wall);
  }
  if (so_far && !identity.client_ca.empty()) {
    so_far = made.AskForCertificates(identity.client_ca);
  }
  if (!so_far) {
    return std::unexpected(std::move(so_far.error()));
  }
  return std::move(*out);
}

Outcome TlsContext::Trust(const TlsTrust& trust, const std::string& host) {
  const bool has_ca = !trust.ca.empty();
  const bool trusts = has_ca ? SSL_CTX_load_verify_file(context_, trust.ca.c_str()) == 1
                             : SSL_CTX_set_default_verify_paths(context_) == 1;
  if (!trusts) {
    return Fail(has_ca ? trust.ca : "/etc/ssl/certs",
                "the certificates of the authorities to trust",
                TakeFault(),
                "give the path of a file in PEM");
  }
  SSL_CTX_set_verify(context_, SSL_VERIFY_PEER, nullptr);
  X509_VERIFY_PARAM* const rules = SSL_CTX_get0_param(context_);
  X509_VERIFY_PARAM_set_hostflags(rules, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  server_name_ = trust.server_name;
  const bool is_known =
      server_name_.empty()
          ? X509_VERIFY_PARAM_set1_ip_asc(rules, host.c_str()) == 1
          : X509_VERIFY_PARAM_set1_host(rules, server_name_.c_str(), server_name_.size()) == 1;
  if (!is_known) {
    TakeFault();
    return Fail(server_name_.empty() ? host : server_name_,
                "a name or an address that a certificate can be for",
                "neither",
                "give the name of the server");
  }
  return {};
}

std::expected<std::shared_ptr<const TlsContext>, std::string> TlsContext::ForClient(
    const TlsTrust& trust, const std::string& host) {
  auto out = Make(false);
  if (!out) {
    return std::unexpected(std::move(out.error()));
  }
  Outcome so_far = (*out)->Trust(trust, host);
  if (so_far && trust.certificate.empty() != trust.key.empty()) {
    so_far = Fail(trust.certificate.empty() ? trust.key : trust.certificate,
                  "a certificate and its key",
                  "one of the two",
                  "name both files, or neither");
  }
  if (so_far && !trust.certificate.empty()) {
    so_far = (*out)->Show(trust.certificate, trust.key);
  }
  if (!so_far) {
    return std::unexpected(std::move(so_far.error()));
  }
  return std::move(*out);
}

}  // namespace flatline
