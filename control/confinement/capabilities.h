// Capabilities are each thread's own: the kernel lets nobody take another thread's away. So every
// thread is asked by a signal to give up its own. Used by Confine, once, when a process has
// started. Assumes that SIGRTMAX - 3 is nobody else's and that no thread blocks it. A thread that
// waits is woken, and waits again.
#pragma once

#include <cstdint>
#include <expected>
#include <string>

namespace flatline::confinement {

// By bit, as in linux/capability.h; those kept that a thread does not have are not given.
using CapabilityMask = std::uint64_t;

[[nodiscard]] std::expected<void, std::string> DropInThisThread(CapabilityMask kept);
[[nodiscard]] std::expected<void, std::string> DropInAllThreads(CapabilityMask kept);

}  // namespace flatline::confinement
