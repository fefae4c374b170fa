// What a process gives up once it has started: capabilities, new privileges, and every system call
// that its work does not need. Called by the dataplane and by control, when all that needs more is
// done; implemented in control/confinement/ with libseccomp. Holds for all threads, those to come
// too, and cannot be undone. Needs no privilege. Errors are one line; then nothing may go on.
//
// A call that is not allowed does not happen: the process says which one it was on standard error
// and ends by SIGSYS. That is told here rather than by SECCOMP_RET_KILL_PROCESS, whose line is in
// the kernel's log only, where a container's operator does not look. Whoever has taken over the
// process may suppress the line, but the call is refused all the same. io_uring has operations
// that no filter sees: only control has rings, with restrictions of their own
// (control/uring/ring.h).
#pragma once

#include <cstdint>
#include <expected>
#include <string>

namespace flatline {

enum class ConfinedProgram : std::uint8_t { kDataplane, kControl };

struct Confinement {
  ConfinedProgram program = ConfinedProgram::kDataplane;
  // To take a filter off a device, or a device away, at the end: net_af_xdp, net_tap. Keeps
  // CAP_NET_ADMIN and bpf().
  bool keeps_net_admin = false;
};

[[nodiscard]] std::expected<void, std::string> Confine(const Confinement& wanted);

// Only the capabilities, of this thread and those it makes: before anything else, where none is
// ever needed.
[[nodiscard]] std::expected<void, std::string> DropCapabilities();

}  // namespace flatline
