// Suppresses the changes of endpoints that die and come back too often (flatline/flapping.h): keeps
// their penalties, says which changes are suppressed, and tells when that begins and is over. Fed
// with every record that is journaled, in order, now or, at start, by a predecessor; its file knows
// up to which, so that each counts once wherever control is killed. Suppressed are exactly the
// changes of an endpoint between the record of the one and that of the other, its retirement apart.
// Called by the control loop. Bounds: kMostDamped endpoints; where there is no room another whose
// penalty is less than half of the newcomer's makes some, or the newcomer is not watched, which is
// counted; who is suppressed makes none. Cost: a look-up for each change, 128 bytes for each flap.
#pragma once

#include "control/commentary/damping_file.h"
#include "control/files/kept_file.h"

#include <flatline/delivery.h>
#include <flatline/flapping.h>
#include <flatline/time.h>

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

namespace flatline {

using FlappingSet = std::unordered_set<EndpointId>;

class Damping {
 public:
  // `path` is made if need be, and then knows nothing of what is in the journal up to `newest`. The
  // error is one line.
  [[nodiscard]] static std::expected<std::unique_ptr<Damping>, std::string> Open(
      const std::string& path, const FlapSettings& settings, std::uint64_t newest);

  Damping(const Damping&) = delete;
  Damping& operator=(const Damping&) = delete;

  // Before it is journaled.
  [[nodiscard]] bool Suppresses(const DeliveryRecord& record) const;

  // It is in the journal.
  void Take(const DeliveryRecord& record);

  // As time passes.
  void Turn(WallInstant wall);

  // What is to be journaled now, each once.
  [[nodiscard]] std::vector<DeliveryRecord> TakeNews();

  // Whose changes are suppressed, as of the last record taken.
  [[nodiscard]] std::shared_ptr<const FlappingSet> flapping();

  [[nodiscard]] std::size_t flapping_count() const noexcept { return ends_.size(); }

  // Ever, by this process.
  [[nodiscard]] std::uint64_t suppressed() const noexcept { return suppressed_; }

  [[nodiscard]] std::uint64_t unwatched() const noexcept { return unwatched_; }

  // Endpoints with a penalty.
  [[nodiscard]] std::size_t size() const noexcept { return slots_of_.size(); }

  // As KeptFile::Mend.
  [[nodiscard]] int Mend() { return kept_.Mend(); }

 private:
  using Slot = std::size_t;

  // What of a slot is on its way into the journal.
  enum class Pending : std::uint8_t { kNothing, kBegin, kEnd };

  Damping(KeptFile kept, const FlapSettings& settings, std::uint64_t newest);

  void Load(std::uint64_t newest);
  void TakeChange(const DeliveryRecord& record);
  void TakeOwn(const DeliveryRecord& record);
  void Raise(Slot slot, std::uint32_t by, std::int64_t at_ns);
  void Announce(Slot slot, Pending what);
  [[nodiscard]] DeliveryRecord Telling(const DampingEntry& entry, Pending what) const;
  [[nodiscard]] std::uint32_t PenaltyOf(const DeliveryRecord& record) const noexcept;
  [[nodiscard]] double PenaltyAt(const DampingEntry& entry, std::int64_t at_ns) const noexcept;
  [[nodiscard]] std::int64_t EndOf(const DampingEntry& entry) const noexcept;
  [[nodiscard]] std::optional<Slot> SlotFor(EndpointId id, std::uint32_t by, std::int64_t at_ns);
  void Suppress(Slot slot);
  void Unsuppress(Slot slot);
  void Free(Slot slot);
  void Forget(Slot slot);
  void Put(Slot slot);
  void Clear();

  KeptFile kept_;
  DampingFile* file_;  // in it
  FlapSettings settings_;
  std::uint64_t upto_ = 0;
  std::vector<DampingEntry> entries_ = std::vector<DampingEntry>(kMostDamped);
  std::vector<Pending> pending_ = std::vector<Pending>(kMostDamped);
  std::unordered_map<EndpointId, Slot> slots_of_;
  std::vector<Slot> free_;
  Slot hand_ = 0;                                 // where room is looked for next
  std::set<std::pair<std::int64_t, Slot>> ends_;  // of those suppressed: when that is over
  std::vector<Slot> news_;
  std::int64_t wall_ns_ = 0;
  std::uint64_t suppressed_ = 0;
  std::uint64_t unwatched_ = 0;
  std::shared_ptr<const FlappingSet> flapping_ = std::make_shared<const FlappingSet>();
  bool flapping_is_old_ = true;
};

}  // namespace flatline
