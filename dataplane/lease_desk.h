// Where requests for leases come in and answers go out, at one worker. A request is looked at by
// the worker that received it (is the endpoint known, alive, of this life, entitled?) and decided
// by the owner of the lease's name; the answer leaves by the port that the request came by, from
// the worker that received it. Between workers both travel as errands, in a bounded ring for each
// pair: one that finds no room is lost, as the network might lose it, and the endpoint asks again.
//
//   receiver: Take ----- errand: request -----> owner: LeaseTable::Ask
//   receiver: frame <--- errand: answer ------- owner
//
// Called from the worker's turn only: Take while it deals with frames, Turn after the horizon was
// read and before the next. Nothing of a heartbeat comes here. No allocation after construction.
#pragma once

#include "dataplane/attachment.h"
#include "dataplane/authenticator.h"
#include "dataplane/frame.h"
#include "dataplane/lease_table.h"
#include "dataplane/packet.h"
#include "dataplane/spsc_ring.h"
#include "dataplane/tally.h"

#include <flatline/heartbeat.h>
#include <flatline/lease_message.h>
#include <flatline/region.h>
#include <flatline/transition_ring.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace flatline {

// Ethernet with two tags, IP with options or some extensions, UDP.
inline constexpr std::size_t kMostHeaders = 128;
inline constexpr std::size_t kLeaseErrands = 256;
// Tenures that may end in one turn.
inline constexpr std::size_t kLeasesPerTurn = 256;

// The way back to who asked, in the headers by which it came.
struct LeaseRoute {
  std::array<std::byte, kMostHeaders> headers{};
  std::uint16_t header_bytes = 0;
  std::uint16_t l3_offset = 0;
  std::uint16_t l4_offset = 0;
  std::uint16_t l4_length = 0;
  bool is_ipv6 = false;
  std::uint8_t port = 0;
  Authenticator::Master master = Authenticator::kNoMaster;
};

struct LeaseErrand {
  bool is_answer = false;
  LeaseRequest request;  // its message becomes the answer's
  LeaseRoute route;
  std::uint32_t sequence = 0;
};

using LeaseRing = SpscRing<LeaseErrand>;

struct LeaseDeskWiring {
  RegionView region;
  unsigned worker = 0;
  LeaseTable* own = nullptr;
  std::vector<LeaseRing*> outgoing;  // to each worker; null at its own place
  std::vector<LeaseRing*> incoming;  // from each worker; null at its own place
  TransitionProducer* ring = nullptr;
  Tally* tally = nullptr;
  const Authenticator* authenticator = nullptr;  // null: no tag is looked at
};

// A request as ingest has it: its tag, where one is wanted, was right.
struct LeaseCall {
  const Heartbeat& heartbeat;
  const Packet& packet;
  const Frame& frame;
  Slot slot;  // of its endpoint; kNoSlot: nobody knows it
  Authenticator::Master master;
  std::uint8_t port;
};

class LeaseDesk {
 public:
  explicit LeaseDesk(LeaseDeskWiring wiring);

  // Before the first turn.
  void Attach(const Attachment& attachment) { ports_.push_back(attachment); }

  void Take(const LeaseCall& call, const Moment& moment) noexcept;

  // Errands of other workers, then what has run out by the horizon. True: some of that was left.
  bool Turn(const Moment& moment) noexcept;

 private:
  [[nodiscard]] bool Admit(const LeaseCall& call, LeaseErrand& errand) noexcept;
  [[nodiscard]] bool IsEntitled(const LeaseRequest& request) const noexcept;
  void Decide(LeaseErrand& errand, const Moment& moment, bool& answers) noexcept;
  void Answer(const LeaseErrand& errand) noexcept;
  [[nodiscard]] const Attachment* PortOf(const LeaseErrand& errand) const noexcept;

  [[nodiscard]] unsigned OwnerOf(const LeaseName& name) const noexcept {
    return ShardOf(HashLease(name, wiring_.region.header().hash_key),
                   wiring_.region.shape().workers);
  }

  LeaseDeskWiring wiring_;
  std::vector<Attachment> ports_;
  bool has_sent_ = false;  // since the sinks were flushed
};

}  // namespace flatline
