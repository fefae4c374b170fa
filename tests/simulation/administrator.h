// Who enrols and retires in a simulated world: entries in small batches over a connection, those
// that were not answered again on the next one, until each is answered. One thread.
#pragma once

#include "tests/simulation/chance.h"
#include "tests/simulation/simulated_control.h"

#include <flatline/command_ring.h>
#include <flatline/delivery.h>
#include <flatline/time.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

namespace flatline {

class Administrator {
 public:
  explicit Administrator(std::uint64_t seed) : chance_(seed) {}

  void Ask(const AdminEntry& entry) { open_.push_back(entry); }

  // All that was asked is void: the table is another.
  void Forget();

  void Step(SimulatedControl& control, Instant now);

  [[nodiscard]] bool has_all() const { return open_.empty(); }

  [[nodiscard]] const std::vector<std::string>& faults() const { return faults_; }

 private:
  void HangUp();
  void Send();
  [[nodiscard]] bool TakeAnswer(const DeliveryRecord& answer);

  Chance chance_;
  std::shared_ptr<Line> line_;
  std::deque<AdminEntry> open_;  // not answered; the first `asked_` of them were sent
  std::size_t asked_ = 0;
  std::vector<std::string> faults_;
};

}  // namespace flatline
