// A webhook: each batch is POSTed as lines of JSON (application/x-ndjson), signed, with its key.
// Taken when the answer is 2xx; everything else is offered again, not before Retry-After. libcurl,
// not Boost.Beast: verification of certificates, proxies, IPv6 and HTTP/2 are there and kept by
// Debian in a shared library, and blocking hurts nobody in a process of its own. Redirections are
// not followed: a signed batch goes where the configuration says or nowhere.
#pragma once

#include "control/sinks/sink.h"

#include <flatline/time.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace flatline::sinks {

struct WebhookOptions {
  std::string url;
  std::string secret;   // empty: not signed
  std::string ca_file;  // empty: the system's
  Duration time_limit{10'000'000'000};
};

class WebhookSink final : public Sink {
 public:
  // `unix_seconds`: the wall clock.
  WebhookSink(WebhookOptions options, std::function<std::int64_t()> unix_seconds);
  ~WebhookSink() override;
  WebhookSink(const WebhookSink&) = delete;
  WebhookSink& operator=(const WebhookSink&) = delete;

  [[nodiscard]] Answer Deliver(const Batch& batch) override;

 private:
  struct Transfer;

  WebhookOptions options_;
  std::function<std::int64_t()> unix_seconds_;
  std::unique_ptr<Transfer> transfer_;  // its connection is kept from batch to batch
};

}  // namespace flatline::sinks
