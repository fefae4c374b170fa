#include "control/sinks/webhook_sink.h"

#include "control/sinks/signature.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <curl/curl.h>
#include <fmt/format.h>
#include <utility>

namespace flatline::sinks {
namespace {

constexpr std::int64_t kMostWaitSeconds = 3600;

// What the other end says is not ours to keep.
std::size_t Discard(const char* /*bytes*/, std::size_t size, std::size_t count, void* /*to*/) {
  return size * count;
}

struct ListFreer {
  void operator()(curl_slist* list) const noexcept { ::curl_slist_free_all(list); }
};

using Headers = std::unique_ptr<curl_slist, ListFreer>;

void Add(Headers& headers, const std::string& line) {
  headers.reset(::curl_slist_append(headers.release(), line.c_str()));
}

// NOLINTNEXTLINE(google-runtime-int): what curl takes
long InMilliseconds(Duration duration) {
  // NOLINTNEXTLINE(google-runtime-int): what curl takes
  return static_cast<long>(std::chrono::ceil<std::chrono::milliseconds>(duration).count());
}

}  // namespace

struct WebhookSink::Transfer {
  Transfer() : handle(::curl_easy_init()) {}

  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  ~Transfer() { ::curl_easy_cleanup(handle); }

  template <typename Value>
  void Set(CURLoption option, Value value) {
    ::curl_easy_setopt(handle, option, value);
  }

  CURL* handle;
};

WebhookSink::WebhookSink(WebhookOptions options, std::function<std::int64_t()> unix_seconds)
    : options_(std::move(options)),
      unix_seconds_(std::move(unix_seconds)),
      transfer_(std::make_unique<Transfer>()) {
  transfer_->Set(CURLOPT_URL, options_.url.c_str());
  transfer_->Set(CURLOPT_PROTOCOLS_STR, "http,https");
  transfer_->Set(CURLOPT_FOLLOWLOCATION, 0L);
  transfer_->Set(CURLOPT_NOSIGNAL, 1L);
  transfer_->Set(CURLOPT_POST, 1L);
  transfer_->Set(CURLOPT_TIMEOUT_MS, InMilliseconds(options_.time_limit));
  // NOLINTNEXTLINE(google-runtime-int): what curl takes
  transfer_->Set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  transfer_->Set(CURLOPT_WRITEFUNCTION, &Discard);
  if (!options_.ca_file.empty()) {
    transfer_->Set(CURLOPT_CAINFO, options_.ca_file.c_str());
  }
}

WebhookSink::~WebhookSink() = default;

Answer WebhookSink::Deliver(const Batch& batch) {
  const std::string key = KeyOf(batch);
  const std::int64_t at = unix_seconds_();
  Headers headers;
  Add(headers, "Content-Type: application/x-ndjson");
  Add(headers, "Expect:");  // no waiting for permission to send
  Add(headers, "Idempotency-Key: " + key);
  Add(headers, fmt::format("Flatline-Timestamp: {}", at));
  if (!options_.secret.empty()) {
    Add(headers, "Flatline-Signature: " + Sign(options_.secret, at, key, batch.body));
  }
  transfer_->Set(CURLOPT_HTTPHEADER, headers.get());
  transfer_->Set(CURLOPT_POSTFIELDS, batch.body.data());
  transfer_->Set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(batch.body.size()));
  const CURLcode result = ::curl_easy_perform(transfer_->handle);
  if (result != CURLE_OK) {
    return {.why = options_.url + ": " + ::curl_easy_strerror(result)};
  }
  // NOLINTNEXTLINE(google-runtime-int): what curl takes
  long status = 0;
  curl_off_t wait_s = 0;
  ::curl_easy_getinfo(transfer_->handle, CURLINFO_RESPONSE_CODE, &status);
  ::curl_easy_getinfo(transfer_->handle, CURLINFO_RETRY_AFTER, &wait_s);
  if (status >= 200 && status < 300) {
    return {.taken = true};
  }
  return {.why = fmt::format("{}: needed an answer of 200 to 299, found {}", options_.url, status),
          .wait = std::chrono::seconds(std::clamp<std::int64_t>(wait_s, 0, kMostWaitSeconds))};
}

}  // namespace flatline::sinks
