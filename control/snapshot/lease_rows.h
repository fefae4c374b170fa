// The leases that are held, as of one sequence of the journal, made out of a table that goes on
// changing. Part of a snapshot (snapshot.h), with its promises: a worker tells of a change before
// it makes it, and of the next one when it has. Who holds a name changes by transitions alone, of
// which each says all that there is to know; so the first one behind the sequence says what was
// before it, and who changed since is read from no table at all. Bounds: the leases that are held,
// 40 bytes each, and the caller's of changes. Cost: the table of leases is read once, by all cores.
//
//   changed behind the sequence:  first by `held`      --> nobody had it
//                                 first by `no more`   --> its holder had it
//   told by it, perhaps not made: held, or no more     --> counts as made
//   all others:                                            as the table has it, whenever it is read
#pragma once

#include <flatline/delivery.h>
#include <flatline/lease.h>
#include <flatline/region.h>
#include <flatline/transition.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

namespace flatline {

class LeaseRows {
 public:
  LeaseRows(const RegionView& region, std::span<const Transition> unapplied);

  // A record that was journaled behind the sequence, in order; those of other kinds pass by.
  void Observe(const DeliveryRecord& record);

  // Names that are known to have changed.
  [[nodiscard]] std::size_t changes() const noexcept { return as_of_.size(); }

  // Reads the table, or what of it was being written at the last attempt. False: some of it still
  // is. To be asked again, but not for ever: who stopped amid writing a lease may be dead, and then
  // nobody has that lease.
  [[nodiscard]] bool Read();

  // All that the table can have shown has been observed: what was held, then. Nothing is observed
  // any more.
  void Settle();

  // Takes at most `most` rows into `to`, as far as `wants` wants them, numbered and dated as
  // `like`; false: there are no more.
  template <typename Wants>
  [[nodiscard]] bool Take(std::size_t most,
                          const DeliveryRecord& like,
                          const Wants& wants,
                          std::vector<DeliveryRecord>& to) {
    const std::size_t end = std::min(held_.size(), taken_ + most);
    for (; taken_ < end; ++taken_) {
      const DeliveryRecord row = RecordOf(held_[taken_], like);
      if (wants(row)) {
        to.push_back(row);
      }
    }
    return taken_ < held_.size();
  }

 private:
  struct Tenure {
    std::uint64_t number = 0;
    FencingToken token = 0;
    EndpointId holder = kNoEndpoint;  // kNoEndpoint: nobody's
    Group group = kNoGroup;
    LeaseSpace space = LeaseSpace::kName;
  };

  struct Place {
    unsigned worker = 0;
    std::size_t entry = 0;
  };

  struct Hash {
    std::uint64_t key;  // of the region: numbers are chosen by strangers

    std::size_t operator()(const LeaseName& name) const noexcept { return HashLease(name, key); }
  };

  [[nodiscard]] static DeliveryRecord RecordOf(const Tenure& tenure, const DeliveryRecord& like);
  static void Take(const Lease& lease, std::vector<Tenure>& to);

  RegionView region_;
  std::unordered_map<LeaseName, Tenure, Hash> as_of_;  // known from transitions alone
  std::vector<Tenure> held_;
  std::vector<Place> torn_;
  bool was_read_ = false;
  bool is_settled_ = false;
  std::size_t taken_ = 0;
};

}  // namespace flatline
