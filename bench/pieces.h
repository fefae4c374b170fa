// Records as they come to one subscriber, in whatever pieces. For the benchmarks of delivery.
// Bounds: one record that is not whole yet. Cost: a copy of each record.
#pragma once

#include <flatline/delivery.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <span>

namespace flatline {

class Pieces {
 public:
  template <typename F>
  void Take(std::span<const std::byte> bytes, const F& on_record) {
    while (!bytes.empty()) {
      const std::size_t part = std::min(bytes.size(), sizeof(record_) - filled_);
      std::memcpy(reinterpret_cast<std::byte*>(&record_) + filled_, bytes.data(), part);
      bytes = bytes.subspan(part);
      filled_ += part;
      if (filled_ == sizeof(record_)) {
        filled_ = 0;
        on_record(record_);
      }
    }
  }

 private:
  DeliveryRecord record_;
  std::size_t filled_ = 0;
};

}  // namespace flatline
