// The suspicions that a subscriber with a threshold of its own has not been told of yet: each is
// kept until its level would reach that threshold, and forgotten, with the return to alive, where
// the endpoint was heard before. Used by Client, behind StreamPosition; single-threaded, pure, time
// is an argument. Assumes what was asked for with kWantSuspicion, in order, each run accounted for
// (Commit) or undone. Bounds: kMost held; who comes when it is full is told at once. Cost: for a
// record that nobody holds anything of, a look-up; for one that is held some 300 bytes.
//
//   suspect --level is there already--> told, where it stands
//      `--> held --its time has come, by control's clock--------> told, late
//                --dead------------------------------------------> told, just before it
//                --heard, after its time had come----------------> told, just before that
//                --heard, before---------------------------------> neither is told
//
// So what is told depends on the journal and the threshold, not on when it is read. What is held
// is not accounted for: who resumes behind Accountable hears it again.
#pragma once

#include <flatline/delivery.h>
#include <flatline/suspicion.h>
#include <flatline/time.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

namespace flatline {

class HeldSuspicions {
 public:
  static constexpr std::size_t kMost = std::size_t{1} << 20;
  // Deaf for longer than this, flatline does not vouch for a silence.
  static constexpr Duration kMostDeaf{1'000'000'000};

  static constexpr double kMostThreshold = 1000;

  // Above 0 and up to kMostThreshold.
  explicit HeldSuspicions(double threshold) : deviations_(PhiQuantile(threshold)) {}

  // What a hello or a bookmark says of control's clock, and of its dataplane: for how long it has
  // not heard, in `silence_ns` of a bookmark.
  void Greet(const DeliveryRecord& hello, Instant now);
  void Hear(const DeliveryRecord& bookmark, Instant now);

  // What is to be told of the records that came, and nothing else; valid until the next call of
  // Sift or Due. `before` is what was accounted for before the first of them.
  [[nodiscard]] std::span<const DeliveryRecord> Sift(std::span<const DeliveryRecord> run,
                                                     std::uint64_t before,
                                                     Instant now);

  // Those whose time has come, the earliest first. To be asked only where everything up to now has
  // been heard of.
  [[nodiscard]] std::span<const DeliveryRecord> Due(Instant now);

  // What came of the last Sift or Due: told, or not.
  void Commit();
  void Undo();

  // The connection broke amid a snapshot: what is known of it is void.
  void Forget();

  // When Due has something, if nothing comes; nothing while it must not be told.
  [[nodiscard]] std::optional<Instant> due() const;

  // How much of what came up to `sequence` is accounted for.
  [[nodiscard]] std::uint64_t Accountable(std::uint64_t sequence) const noexcept;

  [[nodiscard]] std::size_t size() const noexcept { return held_.size(); }

 private:
  using Number = std::uint64_t;  // in the order in which they came

  struct Held {
    std::vector<DeliveryRecord> frames;  // parts of its name, then the suspicion itself
    std::int64_t due_ns = 0;             // by control's wall clock
    std::uint64_t before = 0;            // accounted for when it came
    std::uint64_t blind_upto = 0;        // sequence of the last blind interval that it waited for
    Health health = Health::kUnknown;    // of the endpoint, as was told last
  };

  using Place = std::map<Number, Held>::iterator;

  // One record of the journal or of a snapshot with all that stands before it.
  struct Piece {
    const DeliveryRecord* scale = nullptr;   // null: there is none
    std::span<const DeliveryRecord> frames;  // parts of its name, then the record

    [[nodiscard]] const DeliveryRecord& record() const { return frames.back(); }
  };

  void Take(const Piece& piece, std::uint64_t before);
  void TakeLiveness(const Piece& piece);
  void TakeRow(const Piece& piece, std::uint64_t before);
  void TakeBlind(const DeliveryRecord& record);
  [[nodiscard]] std::optional<std::int64_t> DueOf(const Piece& piece) const;
  void Hold(Held held);
  void Tell(std::span<const DeliveryRecord> frames);
  void TellHeld(Place place);
  void TellAll();
  void Drop(Place place);
  void DropAll();
  [[nodiscard]] Place Find(EndpointId id);
  void Enter(Number number, Held held);
  Held Remove(Place place);
  [[nodiscard]] std::int64_t WallAt(Instant now) const noexcept;
  void SetClock(std::int64_t wall_ns, Instant now) noexcept;

  double deviations_;
  std::map<Number, Held> held_;
  std::unordered_map<EndpointId, Number> by_endpoint_;
  std::set<std::pair<std::int64_t, Number>> by_due_;
  Number next_ = 0;
  std::vector<DeliveryRecord> told_;
  // Since the last Commit:
  Number first_new_ = 0;
  std::vector<std::pair<Number, Held>> removed_;
  // Control's clock: it was `wall_ns_` at `wall_at_`.
  std::optional<std::int64_t> wall_ns_;
  Instant wall_at_{};
  std::int64_t deaf_since_ns_ = 0;  // by control's clock, as told; 0: it hears
  std::int64_t link_down_ns_ = 0;   // likewise, by the stream, until the interval is over
};

}  // namespace flatline
