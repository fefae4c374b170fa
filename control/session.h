// One connection as it is seen from within: bytes that came in, bytes to send next, and when it is
// over. First nobody, then a subscriber or an administrator by its first request. Knows no sockets,
// so a test drives it with bytes and invented time. Used by the control loop only, except that
// Prepare may run for several at once. Bounds: kMostInput bytes received and not yet dealt with.
#pragma once

#include "control/administration.h"
#include "control/publisher.h"
#include "control/request.h"
#include "control/subscriber.h"

#include <flatline/time.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace flatline {

class Service;

class Session {
 public:
  enum class Origin : std::uint8_t { kTcp, kLocal };

  // A request must be complete after this long; a snapshot must move within it.
  static constexpr Duration kMostPatience{10'000'000'000};
  static constexpr std::size_t kMostInput = std::size_t{2} << 20;

  Session(Service& service, Origin origin, Instant now)
      : service_(&service), origin_(origin), opened_(now) {}

  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Bytes from the other end; copied as far as they are wanted.
  void Receive(std::span<const std::byte> bytes, Instant now, WallInstant wall);

  // False while no more bytes are wanted: do not read.
  [[nodiscard]] bool wants_bytes() const noexcept {
    return role_ != Role::kRefused && input_.size() < kMostInput;
  }

  // Makes ready what is to be sent next, if nothing is.
  void Prepare(Instant now, WallInstant wall);

  // What is ready: the same until Sent says how much of it has gone. Valid until all of it has.
  [[nodiscard]] std::span<const std::byte> ready() const noexcept { return outgoing_.bytes; }

  [[nodiscard]] bool ready_is_cold() const noexcept { return outgoing_.cold; }

  void Sent(std::size_t bytes, Instant now) noexcept;

  // Nothing more will come of it: close.
  [[nodiscard]] bool finished() const noexcept {
    return role_ == Role::kRefused && outgoing_.bytes.empty();
  }

  // The other end has not read for ages: what is being sent has left the journal meanwhile. Or it
  // has not taken a byte of its snapshot for so long that others should have its place.
  [[nodiscard]] bool IsStuck(Instant now) const noexcept {
    return (outgoing_.keep && outgoing_.keep->removed()) ||
           (subscriber_.snapshot && !outgoing_.bytes.empty() && now - progress_ > kMostPatience);
  }

  // The subscriber that it is, or null: it is none, or is about to be sent away.
  [[nodiscard]] const Subscriber* subscriber() const noexcept {
    return role_ == Role::kSubscriber && !pending_refusal_ ? &subscriber_ : nullptr;
  }

  [[nodiscard]] Subscriber* subscriber() noexcept {
    return role_ == Role::kSubscriber && !pending_refusal_ ? &subscriber_ : nullptr;
  }

  // The region goes away: a snapshot of it ends here.
  void AbandonSnapshot();

 private:
  enum class Role : std::uint8_t { kNobody, kSubscriber, kAdministrator, kRefused };

  void TakeRequests(Instant now, WallInstant wall);
  void Take(Request request, Instant now, WallInstant wall);
  void Refuse(const Refusal& refusal);
  void PrepareAnswers();

  Service* service_;
  Origin origin_;
  Role role_ = Role::kNobody;
  Instant opened_;
  Instant progress_{};  // when a byte was last sent, or made ready
  std::vector<std::byte> input_;
  Subscriber subscriber_;
  std::shared_ptr<AdminBatch> batch_;
  std::vector<DeliveryRecord> answers_;
  DeliveryRecord refusal_;
  std::optional<Refusal> pending_refusal_;  // behind what is being sent
  Outgoing outgoing_;
};

}  // namespace flatline
