// The system calls that each program needs once it has started: found by running the appliance's
// tests until none was refused, and what the C library may use in their place. Used by Confine.
// Data only.
#pragma once

#include <span>

namespace flatline::confinement {

[[nodiscard]] std::span<const char* const> CallsOfBoth() noexcept;
[[nodiscard]] std::span<const char* const> CallsOfDataplane() noexcept;
[[nodiscard]] std::span<const char* const> CallsOfControl() noexcept;

}  // namespace flatline::confinement
