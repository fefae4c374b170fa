// Tells when many of a group, or of the fleet, fall silent together: one transition with numbers
// and the likely cause, when it begins and when it is over; and which transitions of members
// belong to it. Fed by the scribe with every record that is journaled, in order; at start with the
// last ones of the journal, so that a restart neither forgets nor repeats. How many are watched
// comes from a membership that control counts. Pure, by the records' own times. Bounds:
// kMostGroups groups in which somebody has fallen silent lately; of more, those who come later are
// told by the fleet alone. Cost: a look-up of the group for each change of liveness.
#pragma once

#include "control/region/membership.h"

#include <flatline/delivery.h>
#include <flatline/guard.h>
#include <flatline/time.h>

#include <array>
#include <cstdint>
#include <unordered_map>
#include <vector>

namespace flatline {

struct MassFailureSettings {
  std::uint32_t group_share_ppm = 500'000;  // of its members; 0: never
  std::uint32_t fleet_share_ppm = 100'000;
  std::uint32_t least_endpoints = 10;  // watched
  Duration window{10'000'000'000};     // in which they have to fall silent
};

class MassFailures {
 public:
  static constexpr std::size_t kMostGroups = 65'536;

  explicit MassFailures(const MassFailureSettings& settings) : settings_(settings) {}

  // Whether the transition of a member belongs to what is going on: before it is journaled.
  [[nodiscard]] bool IsPartOf(const DeliveryRecord& record) const;

  // A record that has been journaled; on which port of ours its endpoint was heard, kNoPort where
  // nobody knows.
  void Take(const DeliveryRecord& record, std::uint8_t port, const Membership& members);

  // By the numbers as they are now: after a restart nobody may fall silent any more.
  void JudgeAll(std::int64_t at_ns, const Membership& members);

  // What is to be journaled now, in order; the scribe will number it and say whose generation it
  // is.
  [[nodiscard]] std::vector<DeliveryRecord> TakeNews();

 private:
  static constexpr std::int64_t kParts = 8;

  struct Tally {
    // Falls less recoveries, in parts of the window: [part mod kParts].
    std::array<std::int32_t, kParts> parts{};
    std::int64_t part = 0;
    std::array<std::uint32_t, kMaxPorts> falls_on{};  // since nobody was silent
    bool fails = false;
    std::int64_t since_ns = 0;  // where it fails
    std::uint32_t silent = 0;
    std::uint32_t members = 0;
  };

  [[nodiscard]] Tally* TallyOf(Group group, std::int64_t at_ns);
  void Sweep(std::int64_t at_ns);
  void Count(Tally& tally, const DeliveryRecord& record, int step, std::uint8_t port);
  void Judge(Tally& tally, Group group, std::int64_t at_ns, const Membership& members);
  [[nodiscard]] std::int64_t Net(const Tally& tally) const noexcept;
  void MoveTo(Tally& tally, std::int64_t at_ns) const noexcept;
  [[nodiscard]] GroupCause CauseOf(const Tally& tally,
                                   Group group,
                                   const Membership& members) const;
  void Tell(const Tally& tally, Group group, bool begins, GroupCause cause, std::int64_t at_ns);
  void Restore(const DeliveryRecord& told);

  MassFailureSettings settings_;
  Tally fleet_;
  std::unordered_map<Group, Tally> groups_;
  std::int64_t swept_ns_ = 0;
  std::vector<DeliveryRecord> news_;
};

}  // namespace flatline
