#include "control/client/connection.h"

#include <flatline/client.h>
#include <flatline/names.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace flatline {

Client::Client(Subscription subscription)
    : connection_(std::make_unique<Connection>(std::move(subscription))) {}

Client::~Client() = default;
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;

std::expected<std::size_t, std::string> Client::Poll(Duration timeout,
                                                     const OnRecords& on_records) {
  const Instant deadline = ClientNow() + std::clamp(timeout, Duration{}, kLongestPoll);
  for (;;) {
    if (!connection_->hopeless.empty()) {
      return std::unexpected(connection_->hopeless);
    }
    const Duration left = std::max(deadline - ClientNow(), Duration{});
    const std::size_t handed = connection_->Step(left, on_records);
    if (handed > 0 || (connection_->hopeless.empty() && ClientNow() >= deadline)) {
      return handed;
    }
  }
}

std::expected<std::size_t, std::string> Client::PollEach(Duration timeout,
                                                         const OnRecord& on_record) {
  NameReader names;
  std::size_t told = 0;
  const auto polled = Poll(timeout, [&](std::span<const DeliveryRecord> records) {
    for (const DeliveryRecord& record : records) {
      if (names.Take(record)) {
        on_record(record, names.name());
        ++told;
      }
    }
  });
  return polled ? std::expected<std::size_t, std::string>(told) : polled;
}

void Client::Acknowledge(std::uint64_t sequence) {
  connection_->Acknowledge(sequence);
}

std::uint64_t Client::sequence() const noexcept {
  return connection_->Accountable(connection_->position.sequence());
}

bool Client::connected() const noexcept {
  return connection_->state == Connection::State::kOpen && connection_->position.greeted();
}

const std::string& Client::refusal() const noexcept {
  return connection_->refusal;
}

std::uint64_t Client::reconnections() const noexcept {
  return connection_->connections > 0 ? connection_->connections - 1 : 0;
}

int Client::descriptor() const noexcept {
  return connection_->line.descriptor();
}

Duration Client::pause() const noexcept {
  const std::optional<Instant> next = connection_->due();
  return next ? std::clamp(*next - ClientNow(), Duration{}, kLongestPoll) : kLongestPoll;
}

}  // namespace flatline
