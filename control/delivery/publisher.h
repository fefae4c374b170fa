// Decides what a subscriber is sent next: a stretch of its stream; a gap where the journal no
// longer reaches back or is damaged; the rows of a snapshot; a bookmark when there has been nothing
// for a while. One for each publisher thread, with the streams of that thread; called by sessions
// whose last send is done. Cost: nothing per record for who wants everything; for others one look
// at each record and filter.
#pragma once

#include "control/delivery/outgoing.h"
#include "control/delivery/request.h"
#include "control/delivery/subscriber.h"
#include "control/journal/readable_journal.h"

#include <flatline/time.h>

#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <vector>

namespace flatline {

struct PublisherOptions {
  Duration bookmark{1'000'000'000};
  bool damps = false;  // changes of those who flap are suppressed
  SnapshotJob::Run run = [](const std::function<void()>& task) { task(); };
  std::function<void()> wake = [] {};  // a step of a snapshot is done
  // As of now, from any thread; null: there is none.
  Stream::RosterNow roster = [] { return std::shared_ptr<const Roster>{}; };
  std::function<std::shared_ptr<const RegionAtHand>()> region = [] {
    return std::shared_ptr<const RegionAtHand>{};
  };
  // For summaries; see CensusSources.
  std::function<std::expected<std::shared_ptr<SnapshotTicket>, Refusal>()> ask_for_snapshot = [] {
    return Refuse(DeliveryError::kNoDataplane, "there is no region");
  };
  std::function<std::uint64_t()> silent_changes = [] { return std::uint64_t{0}; };
};

class Publisher {
 public:
  // Filters of summaries, each with a census of its own.
  static constexpr std::size_t kMostCensuses = 64;

  Publisher(const ReadableJournal& journal, const Trail& trail, PublisherOptions options);

  // Sees how far the journal has come, and takes it into the streams. Once a turn.
  void Follow(WallInstant wall);

  // Takes a subscription: greets, and sets the subscriber where it asked to be. `ticket` where it
  // asked for a snapshot.
  [[nodiscard]] std::expected<Outgoing, Refusal> Begin(Subscriber& subscriber,
                                                       const Request& request,
                                                       std::shared_ptr<SnapshotTicket> ticket,
                                                       Instant now,
                                                       WallInstant wall);

  // What is next; no bytes: nothing now.
  [[nodiscard]] std::expected<Outgoing, Refusal> Next(Subscriber& subscriber,
                                                      Instant now,
                                                      WallInstant wall);

  // True when Follow would show more.
  [[nodiscard]] bool is_behind() const noexcept { return is_behind_ || journal_.is_behind(); }

  [[nodiscard]] const JournalReader& journal() const noexcept { return journal_; }

 private:
  [[nodiscard]] std::expected<Outgoing, Refusal> NextOfSnapshot(Subscriber& subscriber,
                                                                WallInstant wall);
  [[nodiscard]] static Outgoing NextOfSummary(Subscriber& subscriber,
                                              Instant now,
                                              WallInstant wall);
  [[nodiscard]] std::shared_ptr<CensusTaker> CensusFor(
      const std::shared_ptr<const CompiledFilter>& filter);
  // `options` of a request: kWantNames, kWantSuspicion.
  [[nodiscard]] std::shared_ptr<Stream> StreamFor(const Filter& filter, std::uint32_t options);
  [[nodiscard]] DeliveryRecord Bookmark(const Subscriber& subscriber,
                                        Instant now,
                                        WallInstant wall) const;

  const ReadableJournal* readable_;
  const Trail* trail_;
  PublisherOptions options_;
  JournalReader journal_;
  bool is_behind_ = false;  // a stream has not caught up with the journal
  std::vector<std::weak_ptr<Stream>> streams_;
  std::vector<std::weak_ptr<CensusTaker>> censuses_;  // one for each filter
};

}  // namespace flatline
