#include "bench/generator/listener.h"

#include <flatline/client.h>

namespace flatline::generator {

namespace {

constexpr Duration kPoll = std::chrono::milliseconds(50);

}  // namespace

Listener::Listener(const std::string& address,
                   const RunClock& clock,
                   const Fleet& fleet,
                   Truth& truth,
                   const JudgeOptions& options)
    : clock_(&clock),
      fleet_(&fleet),
      truth_(&truth),
      thread_([this, address, options] { Listen(address, options); }) {}

Listener::~Listener() {
  stopped_.store(true);
}

std::optional<Findings> Listener::Decided() {
  const std::scoped_lock lock(mutex_);
  return decided_;
}

Tally Listener::Live() {
  const std::scoped_lock lock(mutex_);
  return live_;
}

void Listener::Listen(const std::string& address, JudgeOptions options) {
  Judge judge(*fleet_, *truth_, options);
  Client client(
      Subscription{.address = address, .start = RequestKind::kSubscribeSnapshot, .groups = {}});
  std::string error;
  std::optional<Elapsed> closed;
  while (!stopped_.load() && error.empty()) {
    const auto heard = client.Poll(kPoll, [&](std::span<const DeliveryRecord> records) {
      judge.Hear(records, clock_->Now());
    });
    if (!heard) {
      error = heard.error();
    }
    connected_.store(client.connected());
    const Elapsed now = clock_->Now();
    if (closed_.load() && !closed) {
      closed = now;
    }
    if (closed && (now - *closed > kLongestWait || !judge.Waits(now, *closed))) {
      break;
    }
    const std::scoped_lock lock(mutex_);
    live_ = judge.Live();
  }
  Findings findings = judge.Decide(clock_->Now());
  findings.error = error;
  findings.reconnections = client.reconnections();
  findings.clock_drift = clock_->Drift();
  const std::scoped_lock lock(mutex_);
  live_ = judge.Live();
  decided_ = std::move(findings);
}

}  // namespace flatline::generator
