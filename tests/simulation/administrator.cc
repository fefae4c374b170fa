#include "tests/simulation/administrator.h"

#include <algorithm>
#include <cstring>
#include <span>

namespace flatline {

void Administrator::HangUp() {
  if (line_) {
    line_->is_hung_up = true;
    line_.reset();
  }
  asked_ = 0;
}

void Administrator::Forget() {
  HangUp();
  open_.clear();
}

void Administrator::Step(SimulatedControl& control, Instant now) {
  if (open_.empty()) {
    return;
  }
  if (!line_) {
    line_ = control.Connect(now);
    return;
  }
  if (asked_ == 0 && line_->session != nullptr) {
    Send();
  }
  std::vector<std::byte>& bytes = line_->to_client;
  while (bytes.size() >= sizeof(DeliveryRecord)) {
    DeliveryRecord answer;
    std::memcpy(static_cast<void*>(&answer), bytes.data(), sizeof(answer));
    bytes.erase(bytes.begin(), bytes.begin() + sizeof(answer));
    if (!TakeAnswer(answer)) {
      HangUp();
      return;
    }
  }
  if (line_->session == nullptr) {
    HangUp();
  }
}

void Administrator::Send() {
  asked_ = std::min<std::size_t>(open_.size(), 1 + chance_.Below(16));
  DeliveryRequest request;
  request.kind = RequestKind::kAdminister;
  request.count = static_cast<std::uint32_t>(asked_);
  const auto append = [this](std::span<const std::byte> bytes) {
    line_->to_server.insert(line_->to_server.end(), bytes.begin(), bytes.end());
  };
  append(std::as_bytes(std::span(&request, 1)));
  for (std::size_t i = 0; i < asked_; ++i) {
    append(std::as_bytes(std::span(&open_[i], 1)));
  }
}

bool Administrator::TakeAnswer(const DeliveryRecord& answer) {
  if (answer.kind == RecordKind::kError) {
    return false;
  }
  const auto status = static_cast<CommandStatus>(answer.reason);
  const bool is_ours = answer.kind == RecordKind::kCommandResult && asked_ != 0 &&
                       answer.endpoint == open_.front().id;
  const bool is_done = status == CommandStatus::kDone ||
                       status == CommandStatus::kAlreadyEnrolled ||
                       status == CommandStatus::kUnknownEndpoint;
  if (!is_ours || !is_done) {
    faults_.push_back("administrator: an answer of endpoint " + std::to_string(answer.endpoint) +
                      " that cannot be: " + std::to_string(answer.reason));
    return false;
  }
  open_.pop_front();
  --asked_;
  return true;
}

}  // namespace flatline
