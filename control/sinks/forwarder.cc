#include "control/sinks/forwarder.h"

#include <algorithm>
#include <fmt/format.h>
#include <utility>

namespace flatline::sinks {

std::string KeyOf(const Batch& batch) {
  return fmt::format("{:08x}-{}-{}", batch.generation, batch.first, batch.last);
}

Forwarder::Forwarder(Sink& sink,
                     const Position& position,
                     const BatchLimits& limits,
                     Save save,
                     Line line,
                     std::uint64_t seed)
    : sink_(sink),
      position_(position),
      limits_(limits),
      save_(std::move(save)),
      line_(std::move(line)),
      back_off_(seed) {}

void Forwarder::BeginBehind(std::uint64_t sequence) noexcept {
  position_.taken = std::max(position_.taken, sequence);
  if (position_.offered <= position_.taken) {
    position_.offered = 0;
  }
}

void Forwarder::Take(std::span<const DeliveryRecord> records, Instant now) {
  for (const DeliveryRecord& record : records) {
    if (names_.Take(record)) {
      queue_.push_back(
          {record.sequence, record.generation, now, line_(record, names_.name()) + "\n"});
      queued_bytes_ += queue_.back().line.size();
    }
  }
}

// How many of the queue are the batch that was offered before a crash; none: not all are here yet.
std::size_t Forwarder::CountOffered(std::uint64_t heard) const {
  const auto end = std::ranges::find_if(
      queue_, [&](const Entry& entry) { return entry.sequence > position_.offered; });
  const bool is_whole = end != queue_.end() || heard >= position_.offered ||
                        (!queue_.empty() && queue_.back().sequence == position_.offered);
  return is_whole ? static_cast<std::size_t>(end - queue_.begin()) : 0;
}

std::size_t Forwarder::CountDue(Instant now, std::uint64_t heard) const {
  if (queue_.empty()) {
    return 0;
  }
  if (position_.offered > position_.taken) {
    return CountOffered(heard);
  }
  std::size_t count = 0;
  std::size_t bytes = 0;
  for (const Entry& entry : queue_) {
    bytes += entry.line.size();
    if (count == limits_.records || (count > 0 && bytes > limits_.bytes) ||
        entry.generation != queue_.front().generation) {
      return count;
    }
    ++count;
  }
  const bool is_full = count == limits_.records || bytes >= limits_.bytes;
  return is_full || now - queue_.front().since >= limits_.age ? count : 0;
}

std::expected<void, std::string> Forwarder::Form(std::size_t count) {
  Batch batch;
  batch.generation = queue_.front().generation;
  batch.first = queue_.front().sequence;
  batch.last = queue_[count - 1].sequence;
  batch.records = count;
  for (std::size_t i = 0; i < count; ++i) {
    batch.body += queue_.front().line;
    queued_bytes_ -= queue_.front().line.size();
    queue_.pop_front();
  }
  position_.offered = batch.last;
  batch_ = std::move(batch);
  return save_(position_);
}

// Where nothing waits, what was passed over counts as taken: else a quiet sink would be thought to
// have missed what its filter left out.
std::expected<void, std::string> Forwarder::Settle(Instant now, std::uint64_t heard) {
  if (!queue_.empty() || heard <= position_.taken || heard < position_.offered ||
      now - settled_ < kSettle) {
    return {};
  }
  settled_ = now;
  position_ = {.taken = heard, .offered = 0};
  return save_(position_);
}

std::expected<void, std::string> Forwarder::Offer(Instant now) {
  // NOLINTNEXTLINE(bugprone-unchecked-optional-access): called only where there is one
  const Batch& batch = *batch_;
  const Answer answer = sink_.Deliver(batch);
  if (!answer.taken) {
    ++refusals_;
    trouble_ = KeyOf(batch) + ": " + answer.why;
    back_off_.Failed(now);
    offer_at_ = std::max(back_off_.until(), now + answer.wait);
    return {};
  }
  trouble_.clear();
  back_off_.Succeeded();
  position_ = {.taken = batch.last, .offered = 0};
  batch_.reset();
  return save_(position_);
}

std::expected<void, std::string> Forwarder::Turn(Instant now, std::uint64_t heard) {
  if (!batch_) {
    const std::size_t count = CountDue(now, heard);
    if (count == 0) {
      return Settle(now, heard);
    }
    if (auto formed = Form(count); !formed) {
      return formed;
    }
    offer_at_ = now;
  }
  return now >= offer_at_ ? Offer(now) : std::expected<void, std::string>{};
}

Instant Forwarder::due(Instant now) const noexcept {
  if (batch_) {
    return offer_at_;
  }
  return queue_.empty() ? now + kSettle : queue_.front().since + limits_.age;
}

}  // namespace flatline::sinks
