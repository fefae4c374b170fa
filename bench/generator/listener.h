// The judge's thread: subscribes to control, hands what it hears to the judge with the instant of
// its arrival, and when the scenario is over waits until everything is due, and decides. Made and
// asked by main; the judge belongs to the thread. Reconnects as the client library does. Bounds:
// waits at most kLongestWait for the last deaths.
#pragma once

#include "bench/generator/judge.h"
#include "bench/generator/run_clock.h"

#include <atomic>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

namespace flatline::generator {

inline constexpr Duration kLongestWait = std::chrono::minutes(10);

class Listener {
 public:
  // `clock`, `fleet` and `truth` outlive it.
  Listener(const std::string& address,
           const RunClock& clock,
           const Fleet& fleet,
           Truth& truth,
           const JudgeOptions& options);
  ~Listener();

  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  // Whether the stream has begun: what happens before may be missed.
  [[nodiscard]] bool is_connected() const noexcept { return connected_.load(); }

  // The scenario is over: decide as soon as everything is due.
  void Close() noexcept { closed_.store(true); }

  // Nothing until it has decided.
  [[nodiscard]] std::optional<Findings> Decided();

  [[nodiscard]] Tally Live();

 private:
  void Listen(const std::string& address, JudgeOptions options);

  const RunClock* clock_;
  const Fleet* fleet_;
  Truth* truth_;
  std::atomic<bool> connected_{false};
  std::atomic<bool> closed_{false};
  std::atomic<bool> stopped_{false};
  std::mutex mutex_;  // of what follows
  Tally live_;
  std::optional<Findings> decided_;
  std::jthread thread_;  // last: it uses all of the above
};

}  // namespace flatline::generator
