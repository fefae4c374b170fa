#include "control/sinks/nats_sink.h"

#include <chrono>
#include <cstdint>
#include <fmt/format.h>
#include <nats/nats.h>
#include <utility>

namespace flatline::sinks {
namespace {

struct OptionsFreer {
  void operator()(natsOptions* options) const noexcept { ::natsOptions_Destroy(options); }
};

std::int64_t InMilliseconds(Duration duration) {
  return std::chrono::ceil<std::chrono::milliseconds>(duration).count();
}

const char* HintFor(natsStatus status, jsErrCode code) {
  if (status == NATS_NO_RESPONDERS || code == JSStreamNotFoundErr) {
    return "; is JetStream on, and does a stream store this subject?";
  }
  return status == NATS_TIMEOUT ? "; does a stream store this subject?" : "";
}

}  // namespace

struct NatsSink::Link {
  Link() = default;
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  ~Link() {
    ::jsCtx_Destroy(stream);
    ::natsConnection_Destroy(connection);
  }

  natsConnection* connection = nullptr;
  jsCtx* stream = nullptr;
};

NatsSink::NatsSink(NatsOptions options) : options_(std::move(options)) {}

NatsSink::~NatsSink() = default;

// What went wrong, or nothing.
std::string NatsSink::Connect() {
  natsOptions* made = nullptr;
  natsStatus status = ::natsOptions_Create(&made);
  const std::unique_ptr<natsOptions, OptionsFreer> wanted(made);
  auto link = std::make_unique<Link>();
  const auto step = [&status](auto&& call) {
    if (status == NATS_OK) {
      status = call();
    }
  };
  step([&] { return ::natsOptions_SetURL(made, options_.url.c_str()); });
  step([&] { return ::natsOptions_SetName(made, "flatline-sink"); });
  step([&] { return ::natsOptions_SetTimeout(made, InMilliseconds(options_.time_limit)); });
  if (!options_.credentials.empty()) {
    step([&] {
      return ::natsOptions_SetUserCredentialsFromFiles(made, options_.credentials.c_str(), nullptr);
    });
  }
  if (!options_.ca_file.empty()) {
    step([&] { return ::natsOptions_SetSecure(made, true); });
    step([&] { return ::natsOptions_LoadCATrustedCertificates(made, options_.ca_file.c_str()); });
  }
  step([&] { return ::natsConnection_Connect(&link->connection, made); });
  step([&] { return ::natsConnection_JetStream(&link->stream, link->connection, nullptr); });
  if (status != NATS_OK) {
    return fmt::format(
        "{}: needed to connect to NATS, found: {}", options_.url, ::natsStatus_GetText(status));
  }
  link_ = std::move(link);
  return {};
}

Answer NatsSink::Deliver(const Batch& batch) {
  if (link_ && ::natsConnection_IsClosed(link_->connection)) {
    link_.reset();
  }
  if (!link_) {
    if (std::string fault = Connect(); !fault.empty()) {
      return {.why = std::move(fault)};
    }
  }
  const std::string key = KeyOf(batch);
  jsPubOptions how{};
  ::jsPubOptions_Init(&how);
  how.MsgId = key.c_str();
  how.MaxWait = InMilliseconds(options_.time_limit);
  jsPubAck* acknowledgement = nullptr;
  jsErrCode code{};
  const natsStatus status = ::js_Publish(&acknowledgement,
                                         link_->stream,
                                         options_.subject.c_str(),
                                         batch.body.data(),
                                         static_cast<int>(batch.body.size()),
                                         &how,
                                         &code);
  ::jsPubAck_Destroy(acknowledgement);
  if (status == NATS_OK) {
    return {.taken = true};
  }
  return {.why = fmt::format("{} {}: needed JetStream's acknowledgement, found: {}{}",
                             options_.url,
                             options_.subject,
                             ::natsStatus_GetText(status),
                             HintFor(status, code))};
}

}  // namespace flatline::sinks
