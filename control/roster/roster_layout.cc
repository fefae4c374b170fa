#include "control/roster/roster_layout.h"

#include <algorithm>
#include <vector>
#include <xxhash.h>

#include <tbb/parallel_for.h>

namespace flatline::roster {

std::uint64_t HashOfName(const char* name, std::size_t size) noexcept {
  return XXH3_64bits(name, size);
}

EndpointId IdOfName(const char* name, std::size_t size) noexcept {
  return std::max<EndpointId>(HashOfName(name, size), 1);
}

Group NumberOfGroup(const char* name, std::size_t size) noexcept {
  constexpr Group kNamed = Group{1} << 31U;
  return kNamed | (static_cast<Group>(HashOfName(name, size)) & (kNamed - 1));
}

std::uint64_t ChecksumOf(const std::byte* contents, std::size_t size) noexcept {
  std::vector<std::uint64_t> blocks((size + kRosterBlock - 1) / kRosterBlock);
  tbb::parallel_for(std::size_t{0}, blocks.size(), [&](std::size_t block) {
    const std::size_t from = block * kRosterBlock;
    blocks[block] = XXH3_64bits(contents + from, std::min(kRosterBlock, size - from));
  });
  return XXH3_64bits(blocks.data(), blocks.size() * sizeof(std::uint64_t));
}

std::uint64_t ChecksumOf(const RosterHeader& header) noexcept {
  return XXH3_64bits(&header, offsetof(RosterHeader, header));
}

}  // namespace flatline::roster
