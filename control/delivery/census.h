// How many endpoints of each group are in which liveness, kept from transitions: begun from the
// rows of a snapshot, then one look at each record of the journal. Used by a census taker. Pure.
// Cost: a look-up of the group for each record.
//
// A record tells the group, what was before and what is now; that is all that is needed, but for
// three things that nobody is told of. An endpoint enrolled by command is unknown in silence, or
// may be moved to another group, so a first heartbeat is of one that was counted or of one that
// was not; and one that restarts while alive may say another health than before. Where it matters
// the census becomes unsettled, and is to be taken anew. What is then in doubt is unknown, degraded
// and failing; the other counts only where a command moved endpoints between groups.
#pragma once

#include <flatline/delivery.h>
#include <flatline/summary.h>

#include <array>
#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

namespace flatline {

class Census {
 public:
  // A row of a snapshot, before anything that comes after its sequence.
  void Count(const DeliveryRecord& row);

  // The next record of the journal.
  void Take(const DeliveryRecord& record);

  // There are silent changes.
  void Unsettle() noexcept { is_settled_ = false; }

  [[nodiscard]] bool is_settled() const noexcept { return is_settled_; }

  // Of a group that nobody is in: zeroes.
  [[nodiscard]] SummaryCounts Of(Group group) const;

  // Those in which there is somebody, in order.
  [[nodiscard]] std::vector<Group> groups() const;

 private:
  struct Counts {
    std::array<std::uint32_t, kLivenessNames.size()> liveness{};
    std::array<std::uint32_t, kHealthNames.size()> health{};  // of those alive
  };

  void TakeLiveness(const DeliveryRecord& record);
  void LeaveState(const DeliveryRecord& record, Counts& counts);
  void Restart(const DeliveryRecord& record, Counts& counts);
  void Decrease(std::uint32_t& count) noexcept;

  std::unordered_map<Group, Counts> counts_;
  bool is_settled_ = true;
};

}  // namespace flatline
