// What all subscribers with the same filter are sent: the mapped journal itself where nothing is
// left out or added, else records encoded once for all of them, with the names of the roster of
// that moment where they want names, and with what suspicions rise by. One per filter, additions
// and publisher thread, and used by that thread alone. Who is further behind than the encoded
// window is encoded for by himself, with those who are exactly as far, until he has caught up.
// Bounds: kMostChunks of kChunkRecords encoded; kMostScanned records looked at in one call. Cost:
// nothing for each record where all is wanted; else one look at each, whatever the number of
// subscribers.
//
//   journal:  … | … … … … … | … … … … … |  newest
//   encoded:      chunk        chunk      upto()         each chunk: (after, upto], what is wanted
#pragma once

#include "control/delivery/name_frames.h"
#include "control/delivery/outgoing.h"
#include "control/delivery/suspicion_frames.h"
#include "control/filter/filter.h"
#include "control/journal/readable_journal.h"

#include <flatline/delivery.h>
#include <flatline/time.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <vector>

namespace flatline {

class Stream {
 public:
  static constexpr std::size_t kMostSent = (std::size_t{256} << 10) / sizeof(DeliveryRecord);
  static constexpr std::size_t kChunkRecords = (std::size_t{64} << 10) / sizeof(DeliveryRecord);
  static constexpr std::size_t kMostChunks = 16;
  static constexpr std::size_t kMostScanned = 65536;
  static constexpr std::size_t kStrays = 8;

  // As of now; null: there is none.
  using RosterNow = std::function<std::shared_ptr<const Roster>()>;
  using SuspicionNow = std::function<std::unique_ptr<const SuspicionFrames>()>;

  // What is added to the records of the journal; without any of it they are sent as they are.
  struct Additions {
    RosterNow names = nullptr;
    SuspicionNow suspicion = nullptr;
  };

  // Begins at the newest record.
  Stream(const JournalReader& journal, std::shared_ptr<const Filter> filter, Additions additions);

  // Takes what has been journaled since, as far as it goes in one call.
  void Follow(WallInstant wall);

  // The journal is accounted for up to here.
  [[nodiscard]] std::uint64_t upto() const noexcept { return upto_; }

  // Records that were wanted, ever: what has been added since is a batch.
  [[nodiscard]] std::uint64_t produced() const noexcept { return produced_; }

  // What comes behind `cursor`, which moves on accordingly; no bytes: nothing is there for him up
  // to the cursor, which then may be less than upto() where much had to be looked at.
  [[nodiscard]] Outgoing From(std::uint64_t& cursor, WallInstant wall);

  [[nodiscard]] const std::shared_ptr<const Filter>& filter() const noexcept { return filter_; }

  // What its subscribers are sent of names; null: they want none.
  [[nodiscard]] std::unique_ptr<const NameFrames> Names() const;

  [[nodiscard]] bool has_names() const noexcept { return additions_.names != nullptr; }

  [[nodiscard]] bool has_suspicion() const noexcept { return additions_.suspicion != nullptr; }

 private:
  // Appended to while earlier records of it are being sent: never moves.
  struct Chunk {
    explicit Chunk(std::uint64_t after_sequence) : after(after_sequence), upto(after_sequence) {
      // The last one may have a name, and be suspect.
      records.reserve(kChunkRecords + kMostNameParts + 1);
    }

    std::uint64_t after;
    std::uint64_t upto;

    [[nodiscard]] bool is_full() const noexcept { return records.size() >= kChunkRecords; }

    std::vector<DeliveryRecord> records;
  };

  [[nodiscard]] Outgoing FromJournal(std::uint64_t& cursor, WallInstant wall) const;
  [[nodiscard]] static Outgoing FromChunk(const std::shared_ptr<Chunk>& chunk,
                                          std::uint64_t& cursor);
  [[nodiscard]] std::shared_ptr<Chunk> StrayBehind(std::uint64_t cursor, WallInstant wall);
  void Encode(Chunk& into, std::uint64_t limit, WallInstant wall) const;

  // What is looked up once for many records.
  struct Encoding {
    Filter::Look look;
    std::unique_ptr<const NameFrames> names;
    std::unique_ptr<const SuspicionFrames> suspicion;
  };

  static void Encode(Chunk& into,
                     std::span<const DeliveryRecord> records,
                     const Encoding& encoding);
  static void EncodeOne(Chunk& into, const DeliveryRecord& record, const Encoding& encoding);

  const JournalReader* journal_;
  std::shared_ptr<const Filter> filter_;
  Additions additions_;
  bool is_everything_;
  std::uint64_t upto_;
  std::uint64_t produced_ = 0;
  std::deque<std::shared_ptr<Chunk>> chunks_;
  std::array<std::weak_ptr<Chunk>, kStrays> strays_;  // older ones, while they are being sent
  std::size_t next_stray_ = 0;
};

}  // namespace flatline
