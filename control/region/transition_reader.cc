#include "control/region/transition_reader.h"

#include <algorithm>
#include <fmt/format.h>
#include <limits>

namespace flatline {

RingPositions HeadsOf(const RegionView& region) noexcept {
  RingPositions out{};
  for (unsigned worker = 0; worker < region.shape().workers; ++worker) {
    out[worker] = region.dataplane().transition_heads[worker].value.load(std::memory_order_acquire);
  }
  return out;
}

bool HasReleased(const RegionView& region, const RingPositions& positions) noexcept {
  for (unsigned worker = 0; worker < region.shape().workers; ++worker) {
    if (region.control().transition_tails[worker].value.load(std::memory_order_acquire) <
        positions[worker]) {
      return false;
    }
  }
  return true;
}

TransitionReader::TransitionReader(const RegionView& region) : region_(region) {
  for (unsigned worker = 0; worker < region.shape().workers; ++worker) {
    rings_.push_back({TransitionConsumer(region.dataplane().transition_heads[worker],
                                         region.control().transition_tails[worker],
                                         region.transitions(worker)),
                      &region.dataplane().progress[worker].published_ns,
                      std::numeric_limits<std::int64_t>::min()});
  }
}

std::expected<void, std::string> TransitionReader::Refresh() noexcept {
  // All words of progress before any head: what was published by that instant is then in sight.
  for (Ring& ring : rings_) {
    ring.published = ring.published_ns->load(std::memory_order_acquire);
  }
  for (Ring& ring : rings_) {
    ring.head = ring.consumer.head();
    ring.next = ring.consumer.tail();
    ring.latest = ring.released;
    if (ring.head - ring.next > ring.consumer.capacity()) {
      return std::unexpected(
          fmt::format("worker {}: needed at most {} transitions in its ring, found {}; the region "
                      "is damaged: start the dataplane with --cold",
                      &ring - rings_.data(),
                      ring.consumer.capacity(),
                      ring.head - ring.next));
    }
    Peek(ring);
  }
  return {};
}

void TransitionReader::Peek(Ring& ring) noexcept {
  if (ring.next != ring.head) {
    ring.candidate =
        std::max(ring.latest, ring.consumer.At(ring.next).at.time_since_epoch().count());
  }
}

TransitionReader::Ring* TransitionReader::Oldest() noexcept {
  Ring* out = nullptr;
  for (Ring& ring : rings_) {
    if (ring.next != ring.head && (out == nullptr || ring.candidate < out->candidate)) {
      out = &ring;
    }
  }
  return out;
}

// Nobody whose ring has run out can still come with something older.
bool TransitionReader::IsSafe(std::int64_t candidate, Instant now) const noexcept {
  if (candidate <= (now - kPatience).time_since_epoch().count()) {
    return true;
  }
  return std::ranges::all_of(rings_, [&](const Ring& ring) {
    return ring.next != ring.head || ring.published >= candidate || rings_.size() == 1;
  });
}

std::expected<std::span<const Told>, std::string> TransitionReader::Read(Instant now,
                                                                         std::size_t limit) {
  told_.clear();
  if (const auto refreshed = Refresh(); !refreshed) {
    return std::unexpected(refreshed.error());
  }
  while (told_.size() < limit) {
    Ring* const ring = Oldest();
    if (ring == nullptr || !IsSafe(ring->candidate, now)) {
      break;
    }
    told_.push_back({ring->consumer.At(ring->next),
                     ring->next,
                     static_cast<std::uint8_t>(ring - rings_.data())});
    ++ring->next;
    ring->latest = ring->candidate;
    Peek(*ring);
  }
  return std::span<const Told>(told_);
}

void TransitionReader::Release(std::size_t count) noexcept {
  RingPositions upto{};
  for (const Told& told : std::span(told_).first(count)) {
    Ring& ring = rings_[told.worker];
    upto[told.worker] = told.position + 1;
    ring.released = std::max(ring.released, told.transition.at.time_since_epoch().count());
  }
  for (std::size_t worker = 0; worker < rings_.size(); ++worker) {
    if (upto[worker] != 0) {
      rings_[worker].consumer.Release(upto[worker]);
    }
  }
}

void TransitionReader::SkipTo(unsigned worker, std::uint64_t position) noexcept {
  rings_[worker].consumer.Release(position);
}

RingPositions TransitionReader::Heads() const noexcept {
  RingPositions out{};
  for (std::size_t worker = 0; worker < rings_.size(); ++worker) {
    out[worker] = rings_[worker].consumer.head();
  }
  return out;
}

std::optional<Transition> TransitionReader::LastReleased(unsigned worker) const noexcept {
  const TransitionConsumer& consumer = rings_[worker].consumer;
  const std::uint64_t tail = consumer.tail();
  if (tail == 0) {
    return std::nullopt;
  }
  const Transition out = consumer.At(tail - 1);
  std::atomic_thread_fence(std::memory_order_acquire);
  // A producer that has filled the ring since may be writing over it; then it has also applied it.
  if (consumer.head() - (tail - 1) >= consumer.capacity()) {
    return std::nullopt;
  }
  return out;
}

}  // namespace flatline
