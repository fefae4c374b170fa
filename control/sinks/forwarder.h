// From records to batches that were taken, at least once, in order, one batch at a time. Used by
// the sink's main with a client of control; `now` is an argument. What position() calls taken may
// be acknowledged to control. Before a batch is offered, its end is saved, so that after a crash
// the same batch goes out under the same key, and who remembers keys hears everything exactly once.
// Bounds: what Take was given while wants_records(), and a batch. A sink that does not take keeps
// us from reading, which costs control nothing.
#pragma once

#include "control/client/back_off.h"
#include "control/sinks/position_file.h"
#include "control/sinks/sink.h"

#include <flatline/delivery.h>
#include <flatline/names.h>
#include <flatline/time.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <expected>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace flatline::sinks {

struct BatchLimits {
  std::size_t records = 1000;
  std::size_t bytes = std::size_t{512} << 10;
  Duration age{100'000'000};  // the first record of a batch waits no longer for others
};

class Forwarder {
 public:
  using Save = std::function<std::expected<void, std::string>(const Position&)>;
  using Line = std::function<std::string(const DeliveryRecord& record, std::string_view name)>;

  // How often a position is saved at which nothing was for us.
  static constexpr Duration kSettle{1'000'000'000};

  // All of them outlive it.
  Forwarder(Sink& sink,
            const Position& position,
            const BatchLimits& limits,
            Save save,
            Line line,
            std::uint64_t seed);

  // Control's cursor stands at `sequence`, nothing has been taken here yet: a batch that was
  // offered before that is settled, one that goes beyond it is offered again.
  void BeginBehind(std::uint64_t sequence) noexcept;

  // Records behind position().taken, in order, each with its name, where there is one, before it.
  void Take(std::span<const DeliveryRecord> records, Instant now);

  [[nodiscard]] bool wants_records() const noexcept {
    return !batch_ && queue_.size() < limits_.records && queued_bytes_ < limits_.bytes;
  }

  // Offers a batch, where one is due. `heard`: the stream has nothing for us up to there but what
  // was given to Take. The error says that the position cannot be saved: do not go on.
  [[nodiscard]] std::expected<void, std::string> Turn(Instant now, std::uint64_t heard);

  // Nothing is due before.
  [[nodiscard]] Instant due(Instant now) const noexcept;

  [[nodiscard]] const Position& position() const noexcept { return position_; }

  // Why the last offer was not taken; empty: it was.
  [[nodiscard]] const std::string& trouble() const noexcept { return trouble_; }

  [[nodiscard]] std::uint64_t refusals() const noexcept { return refusals_; }

 private:
  struct Entry {
    std::uint64_t sequence;
    std::uint32_t generation;
    Instant since;
    std::string line;
  };

  [[nodiscard]] std::size_t CountDue(Instant now, std::uint64_t heard) const;
  [[nodiscard]] std::size_t CountOffered(std::uint64_t heard) const;
  std::expected<void, std::string> Form(std::size_t count);
  std::expected<void, std::string> Settle(Instant now, std::uint64_t heard);
  std::expected<void, std::string> Offer(Instant now);

  Sink& sink_;
  Position position_;
  BatchLimits limits_;
  Save save_;
  Line line_;
  NameReader names_;
  BackOff back_off_;
  std::deque<Entry> queue_;
  std::size_t queued_bytes_ = 0;
  std::optional<Batch> batch_;  // being offered
  Instant offer_at_{};
  Instant settled_{};
  std::string trouble_;
  std::uint64_t refusals_ = 0;
};

}  // namespace flatline::sinks
