// What control itself has to say between the workers' transitions: mass failures, maintenance and
// flapping that begin and end; and the marks that they leave on transitions. One for a journal,
// asked by the scribe. It learns only from what is in the journal, the tail of which it reads at
// start: so whenever control is killed, what was journaled is known and is not told again, and what
// was not is found anew. Called by the control loop. Bounds: kReplayed records at start, a few ns
// each.
#pragma once

#include "control/commentary/damping.h"
#include "control/commentary/maintenance.h"
#include "control/commentary/mass_failures.h"
#include "control/contracts/contract_watch.h"
#include "control/journal/journal.h"
#include "control/region/membership.h"

#include <flatline/delivery.h>
#include <flatline/region.h>
#include <flatline/time.h>

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

namespace flatline {

class Commentary {
 public:
  static constexpr std::uint64_t kReplayed = std::uint64_t{1} << 20;

  // Of `worker` in records that no worker told.
  static constexpr std::uint8_t kNoWorker = 0xFF;

  explicit Commentary(const MassFailureSettings& settings) : mass_failures_(settings) {}

  // Before anything is replayed.
  void Keep(std::unique_ptr<Maintenance> maintenance) { maintenance_ = std::move(maintenance); }

  void Damp(std::unique_ptr<Damping> damping) { damping_ = std::move(damping); }

  void Watch(std::unique_ptr<ContractWatch> contracts) { contracts_ = std::move(contracts); }

  void Replay(const Journal& journal);

  // Null: none is kept here.
  [[nodiscard]] Maintenance* maintenance() noexcept { return maintenance_.get(); }

  // Null: none is kept here.
  [[nodiscard]] Damping* damping() noexcept { return damping_.get(); }

  // As KeptFile::Mend, of all files that are kept here; one errno of several.
  [[nodiscard]] int Mend();

  // As time passes. Null: there is no region.
  void Turn(const RegionView* region, Instant now, WallInstant wall);

  // Another region, whose members are others.
  void ForgetMembers();

  // Before it is journaled.
  void Mark(DeliveryRecord& record) const;

  // It is in the journal; `port` is where its endpoint is heard.
  void Take(const DeliveryRecord& record, std::uint8_t port);

  // What is to be journaled next, to be numbered in place; how much of it has been is said with
  // Told.
  [[nodiscard]] std::span<DeliveryRecord> News();
  void Told(std::size_t count);

 private:
  MassFailures mass_failures_;
  Membership members_;
  std::unique_ptr<Maintenance> maintenance_;
  std::unique_ptr<Damping> damping_;
  std::unique_ptr<ContractWatch> contracts_;
  std::vector<DeliveryRecord> news_;
};

}  // namespace flatline
