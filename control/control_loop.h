// The life of flatline-control: find the region, turn by turn move what is there, wait a little,
// until told to stop. Run by main, on its thread. Waits kBusy while there is work and up to kIdle
// when there has been none for a while. Cost when idle: a thousand short turns a second.
#pragma once

#include "control/region/joined_region.h"
#include "control/service.h"
#include "control/uring/server.h"
#include "control/vigil.h"

#include <flatline/config.h>
#include <flatline/time.h>

#include <atomic>
#include <expected>
#include <string>

namespace flatline {

// How often the journal is put on the disk: every turn, at an interval, or never.
[[nodiscard]] Duration SyncIntervalOf(const ControlConfig& config);

// What is wanted of the loop from outside, by signals.
struct Wishes {
  std::atomic<bool> stop{false};
  std::atomic<bool> reload{false};  // of what is read anew while it runs; back to false when seen
};

class ControlLoop {
 public:
  static constexpr Duration kBusy{50'000};
  static constexpr Duration kIdle{1'000'000};
  static constexpr unsigned kTurnsBeforeIdle = 40;  // 2 ms

  ControlLoop(const Config& config, Service& service, uring::Server& server, Vigil& vigil)
      : watch_(config),
        service_(&service),
        server_(&server),
        vigil_(&vigil),
        sync_interval_(SyncIntervalOf(config.control)) {}

  // Until it is to stop. The error says what made it impossible to go on.
  [[nodiscard]] std::expected<void, std::string> Run(Wishes& wishes);

 private:
  [[nodiscard]] std::expected<bool, std::string> Turn(Instant now, WallInstant wall);
  [[nodiscard]] std::expected<void, std::string> FollowRegion(Instant now);
  void LeaveWhenDrained(Instant now);

  RegionWatch watch_;
  Service* service_;
  uring::Server* server_;
  Vigil* vigil_;
  Duration sync_interval_;
  bool is_replaced_ = false;
  Instant replaced_at_{};
  Instant sync_at_{};
};

}  // namespace flatline
