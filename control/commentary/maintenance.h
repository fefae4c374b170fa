// Endpoints and groups whose silence an operator expects until a time: their transitions go on, and
// are marked. Kept in a mapped file beside the journal, so that it outlives control; each begin and
// end is a transition of its own, journaled once. Called by the control loop alone; the tools read
// the file (maintenance_file.h). Bounds: kMost at a time. Cost: two look-ups for each transition,
// where there is any maintenance at all.
#pragma once

#include "control/commentary/maintenance_file.h"
#include "control/files/kept_file.h"

#include <flatline/delivery.h>
#include <flatline/endpoint.h>
#include <flatline/time.h>

#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace flatline {

class Maintenance {
 public:
  static constexpr std::size_t kMost = kMostMaintained;

  // `path` is made if need be. The error is one line.
  [[nodiscard]] static std::expected<std::unique_ptr<Maintenance>, std::string> Open(
      const std::string& path);

  Maintenance(const Maintenance&) = delete;
  Maintenance& operator=(const Maintenance&) = delete;

  // From now until then; of one that is silenced already the time and the reason change, and
  // nothing is told. False: there is no room.
  [[nodiscard]] bool Begin(const MaintenanceTarget& target,
                           Duration length,
                           std::string_view reason,
                           WallInstant now);

  // False: there is no such.
  [[nodiscard]] bool End(const MaintenanceTarget& target, WallInstant now);

  // Ends what is over.
  void Expire(WallInstant now);

  [[nodiscard]] bool Covers(const DeliveryRecord& record) const {
    return !slots_of_.empty() &&
           (slots_of_.contains(Key(record.endpoint, kNoGroup)) ||
            (record.group != kNoGroup && slots_of_.contains(Key(kNoEndpoint, record.group))));
  }

  // A record that has been journaled, now or, at start, by a predecessor.
  void Take(const DeliveryRecord& record);

  // What is to be journaled, each once.
  [[nodiscard]] std::vector<DeliveryRecord> TakeNews();

  [[nodiscard]] std::size_t size() const noexcept { return slots_of_.size(); }

  // As KeptFile::Mend.
  [[nodiscard]] int Mend() { return file_.Mend(); }

 private:
  using Slot = MaintenanceSlot;

  // A group has no hash of its own: ids are 64 bits wide.
  struct KeyHash {
    std::size_t operator()(const MaintenanceTarget& target) const noexcept {
      return HashEndpoint(target.endpoint, 0x9E3779B97F4A7C15ULL + target.group);
    }
  };

  explicit Maintenance(KeptFile file);

  static MaintenanceTarget Key(EndpointId endpoint, Group group) noexcept {
    return {endpoint, group};
  }

  void Tell(const MaintenanceEntry& entry, bool begins, bool by_order, WallInstant now);
  void Free(std::size_t slot);
  void Put(std::size_t slot);

  KeptFile file_;
  Slot* slots_;  // in it, kMost of them
  std::vector<MaintenanceEntry> entries_ = std::vector<MaintenanceEntry>(kMost);
  std::unordered_map<MaintenanceTarget, std::size_t, KeyHash> slots_of_;
  std::vector<bool> ends_ = std::vector<bool>(kMost);  // its end is news, or on its way
  std::vector<DeliveryRecord> news_;
  WallInstant expire_at_{};
};

}  // namespace flatline
