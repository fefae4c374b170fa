// The subscriber's side of the delivery stream: connect, hear every record once and in order,
// resume by itself after a break. Used by subscribers, the command line and the generator's judge;
// single-threaded, one per thread. Assumes a record handed to the callback has been dealt with when
// the callback returns: the position moves then, and a reconnection resumes behind it. Blocking is
// bounded by the timeout given to Poll. Costs one buffer of 256 KiB; records are handed out where
// they were received.
#pragma once

#include <flatline/command_ring.h>
#include <flatline/delivery.h>
#include <flatline/time.h>
#include <flatline/tls_trust.h>

#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace flatline {

struct Subscription {
  // "unix:/run/flatline/control.sock", "127.0.0.1:17997", "[::1]:17997". Elsewhere than on loopback
  // it is TLS that is spoken, "10.0.0.1:17997", unless "plain:10.0.0.1:17997" says otherwise;
  // "tls:127.0.0.1:17997" is TLS on loopback too.
  std::string address;
  RequestKind start = RequestKind::kSubscribeNow;
  std::uint64_t sequence = 0;  // for kSubscribeFrom
  std::uint8_t liveness_mask = 0xFF;
  bool want_health = true;
  std::vector<Group> groups;  // empty: all
  // When what was missed can no longer be resumed from, ask for a snapshot instead.
  bool resnapshot = false;
  // Hold records back on the other side until there are so many bytes of them, or the oldest has
  // waited so long: fewer, larger deliveries. Zero: each is sent at once.
  std::uint32_t batch_bytes = 0;
  Duration batch_age{};
  bool want_names = false;         // a kName record before each record of an endpoint that has one
  bool want_flapping = false;      // changes that are suppressed for flapping as well, marked
  std::string filter{};            // an expression, control/README.md; beside mask and groups
  std::string cursor{};            // where to go on from, kept by control under this name
  bool acknowledge_later = false;  // the cursor moves by Client::Acknowledge alone
  std::string token{};             // who asks
  std::uint32_t summary_ms = 0;    // counts of each group so often, in place of transitions; 0: no
  TlsTrust trust{};                // over TLS: whom to believe, and who we are
  // The level of suspicion, phi, at which an endpoint is suspect to this subscriber, where that is
  // more than its profile's; up to 1000. 0: as the profile has it.
  double suspicion = 0;
};

class Client {
 public:
  // Records in order: transitions, blind intervals, resets, snapshot rows and their brackets, gaps.
  // Hello and bookmarks are dealt with inside (they move `sequence()`). A kSnapshotBegin that was
  // not asked for follows a gap that could not be resumed from when `resnapshot` is set. Where the
  // connection broke amid a snapshot, it comes anew: a kSnapshotBegin voids the rows before it.
  // With `want_names` there are kName records too, never without the record that they are for.
  // With `suspicion` one that an endpoint is suspect comes when its level is reached, if it is not
  // heard before, and so behind others of a higher sequence; include/README.md has the rules.
  using OnRecords = std::function<void(std::span<const DeliveryRecord>)>;

  // One of these records, and its name; no kName records. Empty: it has none, or no names were
  // wanted. The name is valid during the call.
  using OnRecord = std::function<void(const DeliveryRecord& record, std::string_view name)>;

  explicit Client(Subscription subscription);
  ~Client();
  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Waits up to `timeout` for records and hands them out. Connects and reconnects as needed, with
  // jittered back-off. Returns how many were handed out; an error only for what trying again cannot
  // mend (refused request, bad address, another version).
  [[nodiscard]] std::expected<std::size_t, std::string> Poll(Duration timeout,
                                                             const OnRecords& on_records);

  // Likewise, one by one, and so counted. The position moves when all that arrived together have
  // been handed out: after a callback that threw, those before it come again.
  [[nodiscard]] std::expected<std::size_t, std::string> PollEach(Duration timeout,
                                                                 const OnRecord& on_record);

  // Where there is a cursor and `acknowledge_later`: all up to here is where it should be. Never
  // more than was handed out is said, and ten times a second at most. To be called now and then
  // also where nothing is new: it is the sign of life of who does not poll. Not from the callback.
  void Acknowledge(std::uint64_t sequence);

  // The last sequence accounted for: what to subscribe from after a restart of the subscriber.
  // Where a suspicion is held back, the last before it: what came behind that comes again.
  [[nodiscard]] std::uint64_t sequence() const noexcept;
  // Flatline has greeted us on this connection.
  [[nodiscard]] bool connected() const noexcept;
  // Why flatline sent us away, where trying again may mend it, as of too many subscribers; empty:
  // it did not, or has taken us in since.
  [[nodiscard]] const std::string& refusal() const noexcept;
  // How often the connection was made anew.
  [[nodiscard]] std::uint64_t reconnections() const noexcept;
  // For callers with an event loop of their own: the socket, or -1; and how long they may wait for
  // it until Poll has something without it, a suspicion that is held back. A day where it has not.
  [[nodiscard]] int descriptor() const noexcept;
  [[nodiscard]] Duration pause() const noexcept;

 private:
  struct Connection;
  std::unique_ptr<Connection> connection_;
};

struct AdminResult {
  EndpointId id = kNoEndpoint;
  CommandStatus status = CommandStatus::kDone;
};

// What an administrator over TCP shows, and whom he believes.
struct AdminAccess {
  std::string token{};
  TlsTrust trust{};
  // Of maintenance: how long, and why.
  std::uint32_t maintain_s = 0;
  std::string reason{};
};

// Carries out the entries over control's Unix socket ("unix:PATH"), or over TCP, with TLS where a
// subscription would have it, with a token that may; in order, in batches; calls `on_result` for
// each. Gives up when nothing has happened for `timeout`. Doing an entry twice is harmless, so
// after an error the rest, or all of it, may be tried again.
[[nodiscard]] std::expected<void, std::string> Administer(
    const std::string& address,
    std::span<const AdminEntry> entries,
    Duration timeout,
    const std::function<void(const AdminResult&)>& on_result,
    const AdminAccess& access = {});

}  // namespace flatline
