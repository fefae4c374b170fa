// What the TLS connections of one side have in common: certificate, key, and whom it trusts. Made
// at start, at each reload (the server's) and at each connection (a client's); then not changed,
// and used by any thread. TLS 1.3 and nothing older; no tickets, no early data, no renegotiation.
// Errors are one line. Cost: files are read and parsed, about a millisecond.
#pragma once

#include <flatline/time.h>
#include <flatline/tls_trust.h>

#include <expected>
#include <memory>
#include <string>

struct ssl_ctx_st;

namespace flatline {

class TlsContext {
 public:
  // Files in PEM. Of `key` the mode is looked at: its owner alone may read it.
  struct Identity {
    std::string certificate{};  // the server's first, then those between it and the authority
    std::string key{};
    std::string client_ca{};  // whose clients come in; empty: nobody is asked for a certificate
  };

  // Refused where a file is missing or not what it should be, where the key is not of this
  // certificate, and where that is not valid at `wall`.
  [[nodiscard]] static std::expected<std::shared_ptr<const TlsContext>, std::string> ForServer(
      const Identity& identity, WallInstant wall);

  // `host`: the number in the address, for where there is no name to look for.
  [[nodiscard]] static std::expected<std::shared_ptr<const TlsContext>, std::string> ForClient(
      const TlsTrust& trust, const std::string& host);

  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  [[nodiscard]] ssl_ctx_st* get() const noexcept { return context_; }

  [[nodiscard]] bool is_server() const noexcept { return is_server_; }

  // What a client asks for by name; empty: it goes by number.
  [[nodiscard]] const std::string& server_name() const noexcept { return server_name_; }

  // Its own certificate, for the log: whose, and until when. Empty: it has none.
  [[nodiscard]] const std::string& description() const noexcept { return description_; }

 private:
  TlsContext(ssl_ctx_st* context, bool is_server) noexcept
      : context_(context), is_server_(is_server) {}

  [[nodiscard]] static std::expected<std::shared_ptr<TlsContext>, std::string> Make(bool is_server);
  [[nodiscard]] std::expected<void, std::string> Show(const std::string& certificate,
                                                      const std::string& key);
  [[nodiscard]] std::expected<void, std::string> CheckValidity(const std::string& path,
                                                               WallInstant wall);
  [[nodiscard]] std::expected<void, std::string> AskForCertificates(const std::string& ca);
  [[nodiscard]] std::expected<void, std::string> Trust(const TlsTrust& trust,
                                                       const std::string& host);

  ssl_ctx_st* context_;
  bool is_server_;
  std::string server_name_;
  std::string description_;
};

}  // namespace flatline
