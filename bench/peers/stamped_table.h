// A table of endpoints that can be asked for one thing: find these ids and stamp them. Ours and
// those of the peers, each built as its authors would build it for speed: reserved, on 2 MiB pages,
// looked up in bursts where it has a call for that. Made and called by peer_tables_bench, in one
// thread. Holds what it is made with and nothing more; throws if it cannot be made.
#pragma once

#include <flatline/endpoint.h>
#include <flatline/time.h>

#include <cstddef>
#include <memory>
#include <span>

namespace flatline::peers {

inline constexpr std::size_t kBurst = 64;

class StampedTable {
 public:
  StampedTable() = default;
  virtual ~StampedTable() = default;
  StampedTable(const StampedTable&) = delete;
  StampedTable& operator=(const StampedTable&) = delete;

  // Stamps those of at most kBurst ids that are there, and tells how many they were.
  virtual std::size_t StampBurst(std::span<const EndpointId> ids, Stamp stamp) noexcept = 0;
};

// The index and the records of the dataplane: any thread may look up while the owner inserts.
std::unique_ptr<StampedTable> MakeFlatline(std::span<const EndpointId> ids);

// DPDK's cuckoo hash, no lock and no concurrency asked for, with the stamps in an array by the
// position that it tells. One for a process, since it starts EAL: on `huge` pages or without.
std::unique_ptr<StampedTable> MakeRteHash(std::span<const EndpointId> ids, bool huge);

// What MakeRteHash takes of the machine's huge pages.
std::size_t RteHashBytes(std::size_t endpoints);

// oneTBB's concurrent_hash_map, found one by one as its interface has it; and the same map behind a
// prefetch of buckets and nodes across the burst, which it does not offer: done from a derived
// class, with what it lets that one see.
struct TbbTables {
  std::unique_ptr<StampedTable> plain;
  std::unique_ptr<StampedTable> prefetched;
};

TbbTables MakeTbb(std::span<const EndpointId> ids);

// std::unordered_map: for information.
std::unique_ptr<StampedTable> MakeUnordered(std::span<const EndpointId> ids);

}  // namespace flatline::peers
