// Decides what a subscriber is sent next: a stretch of the journal as it stands, or, through a
// bounded buffer, what its filter leaves of one; a gap where the journal no longer reaches back or
// is damaged; the rows of a snapshot; a bookmark when there has been nothing for a while. Called by
// a session whose last send is done; subscribers that are not being served at the moment may be
// prepared in parallel, for it changes nothing but the subscriber. Cost: nothing per record for who
// wants everything; for others a scan of at most kMostScanned records a call.
#pragma once

#include "control/journal.h"
#include "control/request.h"
#include "control/subscriber.h"

#include <flatline/time.h>

#include <cstddef>
#include <expected>
#include <memory>
#include <optional>
#include <span>

namespace flatline {

// Bytes to send, and what keeps them where they are until they are sent.
struct Outgoing {
  std::span<const std::byte> bytes;
  std::shared_ptr<const Segment> keep;
  bool cold = false;  // perhaps not in memory
};

class Publisher {
 public:
  static constexpr std::size_t kMostSent = (std::size_t{256} << 10) / sizeof(DeliveryRecord);
  static constexpr std::size_t kMostScanned = 65536;
  static constexpr std::size_t kChunksATurn = 4;

  Publisher(const Journal& journal, Duration bookmark) : journal_(&journal), bookmark_(bookmark) {}

  // Takes a subscription: greets, and sets the subscriber where it asked to be.
  [[nodiscard]] std::expected<Outgoing, Refusal> Begin(Subscriber& subscriber,
                                                       const Request& request,
                                                       Instant now,
                                                       WallInstant wall) const;

  // The snapshot that it waits for can be made now.
  void BeginSnapshot(Subscriber& subscriber, const TransitionReader& reader) const;

  // What is next; no bytes: nothing now. `reader` is needed during a snapshot.
  [[nodiscard]] std::expected<Outgoing, Refusal> Next(Subscriber& subscriber,
                                                      const TransitionReader* reader,
                                                      Instant now,
                                                      WallInstant wall) const;

  // How far it is behind, and must be filtered for.
  [[nodiscard]] std::uint64_t ToFilter(const Subscriber& subscriber) const noexcept {
    const bool filters =
        subscriber.stage == Subscriber::Stage::kFollows && !subscriber.filter.everything();
    return filters ? journal_->newest() - subscriber.cursor : 0;
  }

 private:
  [[nodiscard]] std::expected<Outgoing, Refusal> NextOfSnapshot(Subscriber& subscriber,
                                                                const TransitionReader& reader,
                                                                WallInstant wall) const;
  [[nodiscard]] Outgoing NextOfJournal(Subscriber& subscriber, WallInstant wall) const;
  [[nodiscard]] Outgoing NextFiltered(Subscriber& subscriber, WallInstant wall) const;
  static std::size_t Select(Subscriber& subscriber, std::span<const DeliveryRecord> records);

  const Journal* journal_;
  Duration bookmark_;
};

}  // namespace flatline
