// Some endpoints of one profile, followed heartbeat by heartbeat: how many of those that they sent
// were not heard, whether losses come together, how far heartbeats stray from their beat, and how
// often they leave. Looked at by `flatline contract` and by control's loop, kLooks times in an
// interval; reads the region and no clock. Assumes that no two heartbeats of an endpoint come
// between two looks: of two that do, one counts as lost, so that loss is no less than the truth. A
// silence of four times what is called a death is no loss but an absence. When flatline did not
// hear nothing counts, and what was found before does. Cost: a line of the table for each endpoint
// and look.
#pragma once

#include <flatline/config.h>
#include <flatline/record.h>
#include <flatline/region.h>
#include <flatline/time.h>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace flatline {

// Heartbeats, as shares of a window that fades too.
struct LossCounts {
  double sent = 0;
  double lost = 0;
  double behind_a_lost_one = 0;
  double lost_behind_a_lost_one = 0;

  [[nodiscard]] double loss() const noexcept { return sent > 0 ? lost / sent : 0; }

  // Where losses are independent of each other, the same.
  [[nodiscard]] double loss_behind_loss() const noexcept {
    return behind_a_lost_one > 0 ? lost_behind_a_lost_one / behind_a_lost_one : 0;
  }

  // No more than the truth, but for one time in a thousand; no less, but for one in forty.
  [[nodiscard]] double least_loss() const noexcept;
  [[nodiscard]] double most_loss() const noexcept;

  // So that what is older counts for less.
  void Fade(double share) noexcept;

  LossCounts& operator+=(const LossCounts& more) noexcept;
};

// How heartbeats came, beside being lost.
struct BeatFindings {
  std::uint32_t endpoints = 0;  // of whom enough was heard to speak of
  std::uint32_t keep = 0;       // their contract, each on its own path
  Duration interval{};          // half of them beat at least as often
  Duration jitter{};            // half of them have no more,
  Duration worst_jitter{};      // 99 of 100
};

class PathSample {
 public:
  static constexpr int kLooks = 8;
  // Heartbeats, until an endpoint is spoken of; after a blindness the first is not among them.
  static constexpr std::uint32_t kLeastHeard = 8;

  PathSample(ProfileId profile, Duration interval, Duration detection)
      : profile_(profile), interval_(interval), detection_(detection) {}

  // Whom to follow from the next look on; nobody else.
  void Follow(const std::vector<Slot>& slots);

  void Look(const RegionView& region, Instant now);

  // What was lost since it was last asked.
  [[nodiscard]] LossCounts TakeLosses() noexcept;

  // What few heartbeats cannot tell: taken as it was measured, or for the endpoint, by three
  // deviations of the estimate.
  enum class Doubt : std::uint8_t { kNone, kForThem };

  // Since the beats were last forgotten; judged by this loss.
  [[nodiscard]] BeatFindings Findings(const Contract& contract, double loss, Doubt doubt) const;

  void ForgetBeats();

  [[nodiscard]] bool is_empty() const noexcept { return followed_.empty(); }

  [[nodiscard]] Duration look_interval() const noexcept { return interval_ / kLooks; }

 private:
  // Sums of a line through (sequence, instant), the beat taken off: both from its first point on,
  // in stamp units. Without a blindness in it.
  struct Line {
    double count = 0;
    double x = 0;
    double y = 0;
    double xx = 0;
    double xy = 0;
    double yy = 0;
    double last_x = 0;
    double last_y = 0;

    void Add(double steps, double late) noexcept;
  };

  // Lines of one slope, each through its own middle.
  struct Lines {
    double steps = 0;  // from point to point
    double xx = 0;
    double xy = 0;
    double yy = 0;

    void Add(const Line& line) noexcept;
  };

  struct Followed {
    Slot slot = kNoSlot;
    EndpointId id = kNoEndpoint;  // none: not looked at yet
    std::uint32_t incarnation = 0;
    Heard heard;
    bool is_stamp_late = false;  // flatline was deaf as it came
    Lines before;                // what came before the last blindness
    Line line;
  };

  void LookAt(Followed& one, const EndpointRecord& record, bool was_deaf, bool counts);
  void Count(std::uint32_t steps) noexcept;

  ProfileId profile_;
  Duration interval_;
  Duration detection_;
  std::vector<Followed> followed_;
  LossCounts losses_;
  Instant looked_{};
  std::int64_t blind_ns_ = 0;
};

}  // namespace flatline
