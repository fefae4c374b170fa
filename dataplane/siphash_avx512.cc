// Compiled for AVX-512: eight heartbeats to a vector, two vectors side by side.
#include "dataplane/siphash_lanes.h"

namespace flatline::siphash {

using Vector [[gnu::vector_size(64)]] = std::uint64_t;

void Avx512With64Bits(SipLanes& lanes, const SipKey& root) noexcept {
  Reckon<Vector, 2, false>(lanes, root);
}

void Avx512With128Bits(SipLanes& lanes, const SipKey& root) noexcept {
  Reckon<Vector, 2, true>(lanes, root);
}

}  // namespace flatline::siphash
