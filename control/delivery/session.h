// One connection as it is seen from within: bytes that came in, bytes to send next, and when it is
// over. First nobody, then a subscriber or an administrator by its first request. Knows no sockets,
// so a test drives it with bytes and invented time. Used by the thread of its outlet only.
// Bounds: kMostInput bytes received and not yet dealt with.
#pragma once

#include "control/delivery/administration.h"
#include "control/delivery/cursors.h"
#include "control/delivery/dismissals.h"
#include "control/delivery/gatekeeper.h"
#include "control/delivery/outgoing.h"
#include "control/delivery/request.h"
#include "control/delivery/subscriber.h"

#include <flatline/time.h>

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace flatline {

class Outlet;
struct Lane;

// Who moves a session's bytes.
class Carrier {
 public:
  virtual ~Carrier() = default;

  // There is something to send, or the session is over.
  virtual void Attend() = 0;

 protected:
  Carrier() = default;
  Carrier(const Carrier&) = default;
  Carrier& operator=(const Carrier&) = default;
};

class Session {
 public:
  enum class Origin : std::uint8_t { kTcp, kLocal };

  // A request must be complete after this long; a snapshot must move within it.
  static constexpr Duration kMostPatience{10'000'000'000};
  // Who promised to acknowledge and has been silent for so long is gone.
  static constexpr Duration kMostSilence{3 * kKeepAliveNs};
  static constexpr std::size_t kMostInput = std::size_t{2} << 20;
  // What a subscriber may say between two looks at it: whoever says more is read later.
  static constexpr std::size_t kMostSaid = std::size_t{64} << 10;

  Session(Outlet& outlet, Origin origin, Instant now)
      : outlet_(&outlet), origin_(origin), progress_(now), heard_(now) {}

  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  void CarryBy(Carrier& carrier) noexcept { carrier_ = &carrier; }

  // Some of what is ready is on its way, though not yet to be told of by Sent.
  void Moves(Instant now) noexcept { progress_ = now; }

  // To be sent away, before it has said anything.
  void Dismiss(const Refusal& refusal) { Refuse(refusal); }

  [[nodiscard]] Dismissals& dismissals() noexcept;

  // Bytes from the other end; copied as far as they are wanted.
  void Receive(std::span<const std::byte> bytes, Instant now, WallInstant wall);

  // False while no more bytes are wanted: do not read.
  [[nodiscard]] bool wants_bytes() const noexcept {
    return role_ != Role::kRefused && !pending_refusal_ && input_.size() < kMostInput &&
           said_ < kMostSaid;
  }

  // It has been looked at: a subscriber may say something again.
  void Hearken() noexcept { said_ = 0; }

  // Makes ready what is to be sent next, if nothing is.
  void Prepare(Instant now, WallInstant wall);

  // What is ready: the same until Sent says how much of it has gone. Valid until all of it has.
  [[nodiscard]] std::span<const std::byte> ready() const noexcept { return outgoing_.bytes; }

  [[nodiscard]] bool ready_is_cold() const noexcept { return outgoing_.cold; }

  void Sent(std::size_t bytes, Instant now);

  // Nothing more will come of it: close.
  [[nodiscard]] bool finished() const noexcept {
    return role_ == Role::kRefused && outgoing_.bytes.empty();
  }

  // The other end has not read for ages: what is being sent has left the journal meanwhile, or what
  // would be next has. Or it has not taken a byte of its snapshot for so long that others should
  // have its place, or of the word that sends it away. Or it has not kept its promise to say
  // something now and then.
  [[nodiscard]] bool IsStuck(Instant now) const noexcept;

  // The subscriber that it is, or null: it is none, or is about to be sent away.
  [[nodiscard]] const Subscriber* subscriber() const noexcept {
    return role_ == Role::kSubscriber && !pending_refusal_ ? &subscriber_ : nullptr;
  }

  // Its cursor has been taken by another connection.
  [[nodiscard]] bool HasLostCursor() const;

  // False once: the tokens have been read anew, and it is to be sent away.
  [[nodiscard]] bool KeepsGrant();

  // There is nothing to be done for it until its stream moves on.
  [[nodiscard]] bool follows() const noexcept {
    return subscriber() != nullptr && subscriber_.stage == Subscriber::Stage::kFollows;
  }

 private:
  friend class Outlet;

  enum class Role : std::uint8_t { kNobody, kSubscriber, kAdministrator, kRefused };

  // In which of its outlet's lists it is.
  enum class List : std::uint8_t { kNone, kDue, kLate, kIdle, kPolled };

  void TakeRequests(Instant now, WallInstant wall);
  void TakeAcknowledgements(WallInstant wall);
  [[nodiscard]] std::expected<Request, Refusal> TakeCursor(const Request& request,
                                                           WallInstant wall);
  void Take(Request request, Instant now, WallInstant wall);
  void Administer(Request request);
  void Subscribe(const Request& asked, Instant now, WallInstant wall);
  void Refuse(const Refusal& refusal);
  void RefuseHeader();
  void LeavePlace();
  void PrepareAnswers();

  Outlet* outlet_;
  Carrier* carrier_ = nullptr;
  Origin origin_;
  Role role_ = Role::kNobody;
  List list_ = List::kNone;  // the outlet's, as the next two
  std::uint32_t place_ = 0;  // in it
  std::uint32_t home_ = 0;   // among all of its sessions
  Lane* lane_ = nullptr;     // once a subscriber
  Outgoing outgoing_;
  Subscriber subscriber_;
  Instant progress_;      // when a byte was last sent, or made ready
  Instant prepared_{};    // when what is being sent was made ready
  Instant heard_;         // when a byte last came in
  std::size_t said_ = 0;  // by a subscriber, since it was last looked at
  bool was_stuck_ = false;
  bool acknowledges_ = false;
  Grant grant_;
  std::optional<Cursors::Hold> cursor_;
  std::vector<std::byte> input_;
  std::shared_ptr<AdminBatch> batch_;
  std::vector<DeliveryRecord> answers_;
  std::optional<Refusal> pending_refusal_;  // behind what is being sent
};

}  // namespace flatline
