// Names out of a stream that was asked for with kWantNames: puts the parts of each together and
// gives it to the record behind. Used by subscribers that read records themselves; Client's
// PollEach does it for them. Assumes the records of one connection, in order. No allocation; bounds
// whatever is said to kMostNameParts.
#pragma once

#include <flatline/delivery.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <string_view>

namespace flatline {

class NameReader {
 public:
  // False for a part of a name. Else name() is that of the record, until the next one is taken.
  bool Take(const DeliveryRecord& record) noexcept {
    const bool is_part = record.kind == RecordKind::kName;
    if (is_whole_) {
      size_ = 0;
    }
    is_whole_ = !is_part;
    if (is_part) {
      const std::size_t bytes =
          std::min({std::size_t{record.reason}, kNamePartSize, text_.size() - 1 - size_});
      std::memcpy(
          text_.data() + size_, reinterpret_cast<const char*>(&record) + kErrorTextOffset, bytes);
      size_ += bytes;
    }
    text_[size_] = '\0';
    return !is_part;
  }

  // Empty: it has none. A zero stands behind it.
  [[nodiscard]] std::string_view name() const noexcept { return {text_.data(), size_}; }

 private:
  std::array<char, kMostNameParts * kNamePartSize + 1> text_{};
  std::size_t size_ = 0;
  bool is_whole_ = false;  // what is there belongs to the record taken last
};

}  // namespace flatline
