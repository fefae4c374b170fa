// What keeps control alive when the disk behind a mapped file fails: a page that cannot be read or
// written raises SIGBUS, and the handler puts memory of this process in its place, with what the
// kernel still knows of it. Main installs it once; segments put themselves under it. Bounds: so
// many mappings; one more is not guarded. Cost: nothing, until a page fails.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace flatline::page_shield {

inline constexpr std::size_t kMostMappings = 4096;

// Takes SIGBUS; elsewhere than in a guarded mapping it ends the process as ever.
void Install();

// Of a mapping of the file `descriptor` from its beginning. `lost` counts its pages that have
// failed. Both outlive the matching Unguard. Returns a ticket for that.
[[nodiscard]] std::size_t Guard(const void* base,
                                std::size_t bytes,
                                int descriptor,
                                std::atomic<std::uint64_t>* lost);

void Unguard(std::size_t ticket);

// Pages that have failed, in all mappings, ever.
[[nodiscard]] std::uint64_t LostPages() noexcept;

}  // namespace flatline::page_shield
