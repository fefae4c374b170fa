// The system calls that each program needs once it has started: measured with strace over the
// appliance's tests, and what the C library may use in their place. Used by Confine. Data only.
#pragma once

#include <span>

namespace flatline::confinement {

[[nodiscard]] std::span<const char* const> CallsOfBoth() noexcept;
[[nodiscard]] std::span<const char* const> CallsOfDataplane() noexcept;
[[nodiscard]] std::span<const char* const> CallsOfControl() noexcept;

}  // namespace flatline::confinement
