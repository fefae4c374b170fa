// Next hops that are known: by which MAC, with which VLAN tags and from which address of ours an IP
// address is reached through a port. Learnt from the frames of endpoints that enrol or come back,
// or asked for by ARP and neighbour discovery. One for all workers, who all read and write it; each
// entry is behind a version of its own, so that nobody waits: who meets a writer finds nothing, or
// writes nothing, this time. Bounds: 8,192 entries in sets of four, the oldest of a set gives way.
// Cost: four cache lines at most, never on the path of a heartbeat that is only stamped.
//
//   nobody --Consult--> asked --Answer (within kAnswerTime)--> resolved --kFresh later--> asked
//   anew anybody --Learn--> learnt (kept as it is; asked anew where it is doubted)
#pragma once

#include "dataplane/next_hop.h"
#include "dataplane/siphash.h"

#include <flatline/time.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace flatline {

class Neighbours {
 public:
  static constexpr std::size_t kWays = 4;
  static constexpr std::size_t kSets = 2048;
  static constexpr Duration kAskAgain{500'000'000};
  static constexpr Duration kAnswerTime{2'000'000'000};
  static constexpr Duration kFresh{30'000'000'000};

  struct Place {
    std::uint8_t port = 0;
    IpAddress ip{};
  };

  struct Way {
    std::optional<NextHop> hop;
    bool ask = false;  // it is time to ask; noted as done
  };

  // The key decides who shares a set, so that nobody outside can.
  explicit Neighbours(const SipKey& key) : key_(key), entries_(kSets * kWays) {}

  // The way there, and whether to ask for it. `doubted`: what was learnt may be over.
  [[nodiscard]] Way Consult(const Place& place, Instant now, bool doubted) noexcept;

  // The way there, if it is known.
  [[nodiscard]] std::optional<NextHop> Find(const Place& place) const noexcept;

  void Learn(const Place& place, const NextHop& hop, Instant now) noexcept;

  // False where nobody asked, or too long ago. `ours` is kept from what was learnt, else given with
  // the probe.
  bool Answer(const Place& place, const MacAddress& mac, Instant now) noexcept;

 private:
  enum class State : std::uint8_t { kNone, kAsked, kLearnt, kResolved, kRenewing };

  // What an entry says.
  struct Word {
    IpAddress ip{};
    NextHop hop;
    Instant since{};
    std::uint8_t port = 0;
    State state = State::kNone;
  };

  struct alignas(64) Entry {
    std::atomic<std::uint32_t> version{0};  // odd while it is written
    std::array<std::atomic<std::uint64_t>, 7> words{};
  };

  static_assert(sizeof(Entry) == 64);

  [[nodiscard]] std::size_t SetOf(const Place& place) const noexcept;
  [[nodiscard]] static std::optional<Word> Read(const Entry& entry) noexcept;
  static bool Write(Entry& entry, const Word& word) noexcept;
  [[nodiscard]] static bool IsFor(const Word& word, const Place& place) noexcept;
  [[nodiscard]] Entry& EntryFor(const Place& place) noexcept;

  SipKey key_;
  std::vector<Entry> entries_;
};

}  // namespace flatline
