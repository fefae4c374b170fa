// Holds the leases of a simulated region against the requests for them: none is kept by a request
// that has counted before, and none is kept or granted by one that was old when it came, which is
// whenever a later heartbeat of its endpoint had been heard by then. Told of each request as it
// comes into a queue, and looks after each turn of a worker. Collects faults as sentences. One
// thread; a request costs a look over the records, a turn one over the worker's leases.
#pragma once

#include <flatline/lease.h>
#include <flatline/region.h>

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace flatline {

class LeaseWitness {
 public:
  // Into a queue of any worker's.
  void Came(const RegionView& region, std::span<const std::byte> request);

  // After a turn of this worker.
  void Read(const RegionView& region, unsigned worker);

  // A kill came before the grant that was told of this lease was made.
  void Unmake(const LeaseName& name) { known_.erase(KeyOf(name)); }

  // All that was known is void.
  void BeginRegion();

  [[nodiscard]] const std::vector<std::string>& faults() const { return faults_; }

 private:
  using Key = std::pair<LeaseSpace, std::uint64_t>;
  using Turns = std::array<std::uint64_t, kMaxWorkers>;

  struct Request {
    EndpointId id = kNoEndpoint;
    std::uint32_t incarnation = 0;
    std::uint64_t sent_ns = 0;

    constexpr auto operator<=>(const Request&) const = default;
  };

  [[nodiscard]] static Key KeyOf(const LeaseName& name) { return {name.space, name.number}; }

  void Compare(const Lease& before, const Lease& now, unsigned worker);

  std::map<Key, Lease> known_;
  std::map<Request, Turns> old_;  // and how many turns each worker had made when it was found old
  Turns turns_{};
  std::vector<std::string> faults_;
};

}  // namespace flatline
