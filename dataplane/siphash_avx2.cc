// Compiled for AVX2: four heartbeats to a vector, two vectors side by side.
#include "dataplane/siphash_lanes.h"

namespace flatline::siphash {

using Vector [[gnu::vector_size(32)]] = std::uint64_t;

void Avx2With64Bits(SipLanes& lanes, const SipKey& root) noexcept {
  Reckon<Vector, 2, false>(lanes, root);
}

void Avx2With128Bits(SipLanes& lanes, const SipKey& root) noexcept {
  Reckon<Vector, 2, true>(lanes, root);
}

}  // namespace flatline::siphash
