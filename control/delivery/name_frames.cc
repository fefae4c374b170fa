#include "control/delivery/name_frames.h"

#include "control/delivery/frames.h"
#include "control/roster/roster_layout.h"

#include <array>
#include <cstdint>

namespace flatline {

static_assert(kMostNameBytes <= kMostNameParts * kNamePartSize);

DeliveryRecord* WriteName(std::string_view name, std::uint64_t sequence, DeliveryRecord* out) {
  const auto parts = static_cast<std::uint8_t>(NameFramesOf(name));
  for (std::uint8_t part = 1; part <= parts; ++part) {
    const std::string_view text = name.substr((part - 1U) * kNamePartSize, kNamePartSize);
    *out++ = frames::NamePart(text, part, parts, sequence);
  }
  return out;
}

void NameFrames::Append(const DeliveryRecord& record, std::vector<DeliveryRecord>& to) const {
  std::array<DeliveryRecord, kMostNameParts> parts;
  const DeliveryRecord* const end =
      WriteName(NameOf(record.endpoint), record.sequence, parts.data());
  to.insert(to.end(), static_cast<const DeliveryRecord*>(parts.data()), end);
  to.push_back(record);
}

}  // namespace flatline
