// All the sessions of one publisher thread, and which of them there is something to do for. Used by
// that thread: Turn, then wait. Knows no sockets and no clocks. Sessions that are served alike wait
// in one lane, and are touched when there is something to send; a sweep looks at each a few times
// in every bookmark's time. Who is far behind comes after all the others, in turns, and in each
// turn of the outlet there is so much for them and no more: a thousand that come back cost those
// who stayed a fraction of a millisecond. Bounds: the memory of a session, and what its send holds;
// of what is late, kMostLate records a turn. Cost of a turn: one look at each lane, and at those
// sessions who can be sent something.
//
//   Unoccupied --> due, or late --Prepare--> being sent --Sent--> Unoccupied
//                   | nothing for it                              ^
//                   '--> idle in its lane --(the stream moved on, the batch is closed)
#pragma once

#include "control/delivery/bell.h"
#include "control/delivery/publisher.h"
#include "control/delivery/session.h"

#include <flatline/time.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

namespace flatline {

class Service;

// Subscribers of one stream at one pace, that wait for it to move on.
struct Lane {
  std::shared_ptr<Stream> stream;
  Pace pace;
  std::size_t members = 0;  // idle or not
  std::vector<Session*> idle;
  std::uint64_t seen = 0;           // upto() of the stream when the idle were last served,
  std::uint64_t seen_produced = 0;  // and produced()
  bool is_open = false;             // a batch is being held back,
  Instant opened{};                 // since then
};

class Outlet {
 public:
  // Records that those far behind are sent in one turn, all together: 2 MiB, or the end of one
  // send.
  static constexpr std::uint64_t kMostLate = 8 * Stream::kMostSent;

  Outlet(Service& service, SnapshotJob::Run run, std::shared_ptr<Bell> bell);
  ~Outlet();
  Outlet(const Outlet&) = delete;
  Outlet& operator=(const Outlet&) = delete;

  // A new connection.
  [[nodiscard]] Session& Open(Session::Origin origin, Instant now);
  void Close(Session& session);

  // Prepares what there is to send and tells the carriers.
  void Turn(Instant now, WallInstant wall);

  // Whether the next turn has work already, and when it has at the latest.
  [[nodiscard]] bool has_work() const noexcept {
    return !due_.empty() || !late_.empty() || publisher_.is_behind();
  }

  [[nodiscard]] Instant next_turn() const noexcept { return next_turn_; }

  [[nodiscard]] const std::shared_ptr<Bell>& bell() const noexcept { return bell_; }

  [[nodiscard]] std::size_t sessions() const noexcept { return sessions_.size(); }

  // For sessions.
  [[nodiscard]] Service& service() noexcept { return *service_; }

  [[nodiscard]] Publisher& publisher() noexcept { return publisher_; }

  // Of the running turn.
  [[nodiscard]] Instant now() const noexcept { return now_; }

  // Nothing is being sent to it.
  void Unoccupied(Session& session);
  void Unlist(Session& session);
  void LeaveLane(Session& session);

 private:
  void Serve(Session& session);
  void ServeLane(Lane& lane);
  void Defer(Session& session);
  void ServeLate();
  void Poll();
  void Sweep();
  void Look(Session& session);
  void Park(Session& session);
  void Enlist(Session& session, Session::List list, std::vector<Session*>& into);
  [[nodiscard]] Lane& LaneOf(Session& session);
  static void Attend(Session& session);

  Service* service_;
  std::shared_ptr<Bell> bell_;
  Publisher publisher_;
  Duration look_interval_;  // a session is looked at this often
  Instant now_{};
  WallInstant wall_{};
  Instant next_turn_{};
  Instant swept_{};
  std::size_t sweep_at_ = 0;
  std::vector<std::unique_ptr<Session>> sessions_;
  std::vector<std::unique_ptr<Lane>> lanes_;
  bool has_empty_lane_ = false;
  std::vector<Session*> due_;    // null: has left
  std::deque<Session*> late_;    // likewise
  std::uint32_t late_from_ = 0;  // the place of the first of them
  std::vector<Session*> polled_;
  std::vector<Session*> going_;  // being served by the running turn
};

}  // namespace flatline
