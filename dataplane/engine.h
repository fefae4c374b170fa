// The whole detector behind the ports: the workers, what they share (index, clock of hearing, rings
// between them), and the watch over the ports, built over a region. Made once at start by dpdk/'s
// main or by a test, in the same way; all memory is taken here. Construction adopts what the region
// holds (nothing, after a Format): records keep their verdicts, index and wheel are rebuilt, the
// time since the predecessor's last word counts as blind. Linear in slots, up to 35 ns each, on a
// core for each shard as far as there are.
#pragma once

#include "dataplane/attachment.h"
#include "dataplane/authenticator.h"
#include "dataplane/blindness.h"
#include "dataplane/endpoint_index.h"
#include "dataplane/enrolment_limit.h"
#include "dataplane/group_silence.h"
#include "dataplane/handoff.h"
#include "dataplane/lease_desk.h"
#include "dataplane/lease_table.h"
#include "dataplane/neighbours.h"
#include "dataplane/port_watch.h"
#include "dataplane/shard.h"
#include "dataplane/worker.h"

#include <flatline/endpoint.h>
#include <flatline/region.h>
#include <flatline/time.h>

#include <atomic>
#include <cstddef>
#include <expected>
#include <memory>
#include <string>
#include <vector>

namespace flatline {

struct EngineOptions {
  Duration stall{10'000'000};                    // a turn longer than this is a blind interval
  const Authenticator* authenticator = nullptr;  // outlives the engine; null: no tag is looked at
  SipKey probe_key{};                            // secret, of this process: makes probes ours
  std::uint64_t probe_rate = 100'000;            // probes a second, by all workers
  LeaseTerms leases{};                           // where the region has room for any
  EnrolmentLimits enrolment{};                   // of each shard
};

class Engine {
 public:
  // `region` outlives the engine; nobody else writes the dataplane's sections. Enrolment mode,
  // default profile and profiles are read from its header. `now` is the first instant from which
  // this process can hear: the workers' first turns follow without delay. An error where the memory
  // for index and wheel cannot be had.
  [[nodiscard]] static std::expected<std::unique_ptr<Engine>, std::string> Create(
      const RegionView& region, const EngineOptions& options, Instant now);

  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Before the worker's first turn only.
  void Attach(unsigned worker, const Attachment& attachment) {
    workers_[worker]->Attach(attachment);
  }

  [[nodiscard]] unsigned workers() const noexcept { return static_cast<unsigned>(workers_.size()); }

  [[nodiscard]] Worker& worker(unsigned index) noexcept { return *workers_[index]; }

  [[nodiscard]] PortWatch& port_watch() noexcept { return port_watch_; }

  // Private memory taken by index, slots and wheel of all shards, the region's apart.
  [[nodiscard]] std::size_t bytes() const noexcept;

 private:
  // What has been heard before this process, and since when nobody hears.
  struct Inheritance {
    Instant since{};  // the predecessor had heard up to here
    Duration blind_total{};
    bool exists = false;
  };

  Engine(const RegionView& region, const EngineOptions& options) noexcept
      : region_(region), options_(options) {}

  [[nodiscard]] Inheritance Inherit(Instant now) const noexcept;
  void MendGuards(Instant now) noexcept;
  [[nodiscard]] std::expected<void, std::string> CountGroups();
  [[nodiscard]] std::expected<void, std::string> MakeShards(const Moment& stopped);
  void ReapplyLastTransitions(const Moment& stopped) noexcept;
  void MakeLeases(HearingInstant now);
  void MakeWorkers(Instant now, HearingInstant hearing);
  [[nodiscard]] std::size_t PairOf(unsigned from, unsigned to) const noexcept;

  RegionView region_;
  EngineOptions options_;
  PortWatch port_watch_;
  std::atomic<std::int64_t> blind_until_ns_{0};  // leader.h
  std::unique_ptr<Neighbours> neighbours_;       // where a profile asks
  std::unique_ptr<GroupGuards> group_guards_;
  std::unique_ptr<GroupSilence> groups_;  // where somebody asks for groups
  std::vector<std::unique_ptr<Shard>> shards_;
  std::vector<const EndpointIndex*> indices_;
  std::vector<std::unique_ptr<BlindReports>> reports_;  // by worker
  std::vector<std::unique_ptr<HandoffRing>> handoffs_;  // [from × workers + to]
  std::vector<std::unique_ptr<PayloadRing>> payloads_;  // the same; null where none are kept
  std::vector<std::unique_ptr<LeaseTable>> leases_;     // by worker; none where none is granted
  std::vector<std::unique_ptr<LeaseRing>> errands_;     // as handoffs_; likewise
  std::vector<std::unique_ptr<Worker>> workers_;
};

}  // namespace flatline
