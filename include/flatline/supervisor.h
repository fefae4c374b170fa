// What a process says to its service manager: that it is ready, that it still moves, that it ends.
// sd_notify's protocol (sd_notify(3)), for both processes; implemented in control/supervision/. Not
// libsystemd's function: that opens a socket each time, and a process that has run out of
// descriptors would be ended by the watchdog for it. This one keeps a socket from its start on.
// Single-threaded, never blocks, silent where there is no manager. Cost: one datagram a call.
#pragma once

#include <flatline/time.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace flatline {

class Supervisor {
 public:
  // As NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID say: at start, before there is confinement.
  [[nodiscard]] static Supervisor FromEnvironment();

  Supervisor(Supervisor&& other) noexcept;
  Supervisor& operator=(Supervisor&&) = delete;
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;
  ~Supervisor();

  void SayReady();
  void SayStopping();

  // One line that `systemctl status` shows.
  void SayStatus(std::string_view line);

  // To be called often, and only while all moves that has to: the watchdog is fed, three times in
  // what it waits.
  void SayAlive(Instant now);

 private:
  Supervisor() = default;

  void Send(std::string_view text) const noexcept;

  std::string address_;  // as bind() takes it, with a zero first where it is abstract
  int socket_ = -1;
  Duration interval_{};  // zero: there is no watchdog
  Instant next_{};
};

// Whether the kernel has such a process. One in another namespace of pids seems absent.
[[nodiscard]] bool ProcessIsThere(std::uint32_t pid) noexcept;

}  // namespace flatline
