// A subscriber of a test, without a connection: asks a publisher for all there is, and keeps
// account of each sequence as heard, told as lost, or neither. What is not in order, not sealed or
// told twice is an error at once.
#pragma once

#include "control/delivery/publisher.h"

#include <flatline/crc32c.h>

#include <cstdint>
#include <cstring>
#include <map>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace flatline {

class Listener {
 public:
  // From behind `sequence`; `groups` empty: everything.
  Listener(Publisher& publisher, std::uint64_t sequence, std::vector<Group> groups = {})
      : publisher_(&publisher), accounted_(sequence) {
    Request request;
    request.header.kind = RequestKind::kSubscribeFrom;
    request.header.sequence = sequence;
    request.groups = std::move(groups);
    EXPECT_TRUE(publisher.Begin(subscriber_, request, nullptr, kNow, kWall));
  }

  // At most so many sends, of what there is now.
  void Listen(int sends = 1'000'000) {
    publisher_->Follow(kWall);
    for (; sends != 0; --sends) {
      const auto next = publisher_->Next(subscriber_, kNow, kWall);
      ASSERT_TRUE(next);
      if (next->bytes.empty() && subscriber_.cursor >= publisher_->journal().newest()) {
        return;
      }
      for (std::size_t at = 0; at < next->bytes.size(); at += sizeof(DeliveryRecord)) {
        DeliveryRecord record;
        std::memcpy(static_cast<void*>(&record), next->bytes.data() + at, sizeof(record));
        Hear(record);
      }
    }
  }

  [[nodiscard]] const std::map<std::uint64_t, DeliveryRecord>& heard() const noexcept {
    return heard_;
  }

  // (after, last]
  [[nodiscard]] const std::vector<std::pair<std::uint64_t, std::uint64_t>>& gaps() const noexcept {
    return gaps_;
  }

  [[nodiscard]] bool WasToldOfLoss(std::uint64_t sequence) const {
    for (const auto& [after, last] : gaps_) {
      if (after < sequence && sequence <= last) {
        return true;
      }
    }
    return false;
  }

 private:
  static constexpr Instant kNow{Duration{5'000'000'000}};
  static constexpr WallInstant kWall{Duration{1'790'000'000'000'000'000}};

  void Hear(const DeliveryRecord& record) {
    ASSERT_EQ(record.crc, SealOf(record));
    ASSERT_GT(record.sequence, accounted_);
    accounted_ = record.sequence;
    if (record.kind == RecordKind::kGap) {
      gaps_.emplace_back(static_cast<std::uint64_t>(record.silence_ns), record.sequence);
    } else {
      ASSERT_EQ(record.kind, RecordKind::kLiveness);
      heard_.emplace(record.sequence, record);
    }
  }

  Publisher* publisher_;
  Subscriber subscriber_;
  std::uint64_t accounted_;
  std::map<std::uint64_t, DeliveryRecord> heard_;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> gaps_;
};

}  // namespace flatline
