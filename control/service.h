// Control without its sockets: transitions from the region into the journal, sessions served from
// it, commands carried out. One turn at a time, as of the `now` given; uring/ moves the bytes and
// main the time. Single-threaded; filters are matched by all cores when there is much to match.
// Assumes a region stays mapped from Join to Leave. Cost of an idle turn: a look at every ring and
// every session.
#pragma once

#include "control/administration.h"
#include "control/journal.h"
#include "control/publisher.h"
#include "control/scribe.h"
#include "control/session.h"

#include <flatline/region.h>
#include <flatline/time.h>

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace flatline {

struct ServiceOptions {
  Duration bookmark{1'000'000'000};
  std::uint32_t subscribers = 1024;
  std::uint64_t first_serial = 0;  // of administration: a clock
};

class Service {
 public:
  // Connections beyond the subscribers: administrators, and those about to be told to go.
  static constexpr std::size_t kSpareSessions = 64;
  // Snapshots made at the same time; others wait.
  static constexpr std::size_t kMostSnapshots = 4;

  Service(const ServiceOptions& options, std::unique_ptr<Journal> journal);
  ~Service();
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  void Join(const RegionView& region);
  void Leave();

  // True when there is nothing in the rings that the journal has not.
  [[nodiscard]] bool drained() const noexcept;

  // True when there was work: come again soon. The error says that the region is not sound.
  [[nodiscard]] std::expected<bool, std::string> Turn(Instant now, WallInstant wall);

  // A new connection, or null where there are too many.
  [[nodiscard]] Session* Open(Session::Origin origin, Instant now);
  void Close(Session* session);

  [[nodiscard]] Journal& journal() noexcept { return *journal_; }

  // For sessions.
  [[nodiscard]] Administration& administration() noexcept { return administration_; }

  [[nodiscard]] const Publisher& publisher() const noexcept { return publisher_; }

  [[nodiscard]] const TransitionReader* reader() const noexcept {
    return scribe_ ? &scribe_->reader() : nullptr;
  }

  [[nodiscard]] std::expected<void, Refusal> Permits(const Request& request) const;

  void Remember() noexcept { ++subscribers_; }

  void Forget() noexcept { --subscribers_; }

 private:
  void BeginSnapshots(const TransitionReader& reader);
  void TellSnapshots(std::span<const Told> told);
  void PrepareAll(Instant now, WallInstant wall);
  void ReportTrouble(Instant now);

  ServiceOptions options_;
  std::unique_ptr<Journal> journal_;
  Publisher publisher_;
  Administration administration_;
  std::optional<Scribe> scribe_;
  std::uint32_t subscribers_ = 0;
  std::vector<std::unique_ptr<Session>> sessions_;
  std::vector<Session*> to_filter_;
  Instant complain_at_{};
};

}  // namespace flatline
