// NATS JetStream: each batch is one message, whose Nats-Msg-Id is the batch's key, so that the
// stream drops what it has already. Taken when the stream has acknowledged it. The stream that
// stores the subject is made by the operator, who knows its retention and replicas. The library
// reconnects by itself; a call ends after the time limit.
#pragma once

#include "control/sinks/sink.h"

#include <flatline/time.h>

#include <memory>
#include <string>

namespace flatline::sinks {

struct NatsOptions {
  std::string url = "nats://127.0.0.1:4222";
  std::string subject = "flatline.transitions";
  std::string credentials;  // a .creds file; empty: none
  std::string ca_file;      // not empty: TLS, verified by it
  Duration time_limit{10'000'000'000};
};

class NatsSink final : public Sink {
 public:
  explicit NatsSink(NatsOptions options);
  ~NatsSink() override;
  NatsSink(const NatsSink&) = delete;
  NatsSink& operator=(const NatsSink&) = delete;

  [[nodiscard]] Answer Deliver(const Batch& batch) override;

 private:
  struct Link;

  [[nodiscard]] std::string Connect();

  NatsOptions options_;
  std::unique_ptr<Link> link_;  // null: not connected
};

}  // namespace flatline::sinks
