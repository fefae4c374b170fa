#include "bench/generator/traffic.h"

#include <algorithm>

namespace flatline::generator {

namespace {

constexpr double kSecond = 1e9;

}  // namespace

Traffic::Traffic(const Fleet& fleet, const Scenario& scenario, const TrafficOptions& options)
    : fleet_(&fleet),
      options_(options),
      plan_(scenario.events, fleet),
      losses_(scenario.losses, fleet),
      delays_(scenario.delays, fleet) {
  for (std::size_t i = 0; i < fleet.cohorts().size(); ++i) {
    schedules_.emplace_back(fleet, i);
    templates_.emplace_back(options.addresses, fleet.cohorts()[i].profile_id);
    options_.patience = std::min(options_.patience, fleet.cohorts()[i].interval / 2);
  }
  if (options.wants_handles) {
    handles_.resize(fleet.size(), kNoSlot);
  }
  waiting_.reserve(kBatch);
  leaving_.reserve(kBatch);
}

bool Traffic::Step(Elapsed now, Sender& sender, Truth& truth) {
  Settle(now, truth);
  Obey(now, truth);
  if (options_.wants_handles) {
    Listen(sender);
  }
  const std::size_t allowed = Allowed(now);
  Collect(now, allowed, truth);
  const std::size_t wanted = std::min(waiting_.size(), allowed);
  if (wanted == 0) {
    return false;
  }
  const auto rooms = sender.Claim(wanted);
  for (std::size_t i = 0; i < rooms.size(); ++i) {
    Write(rooms[i], waiting_[i], now, truth);
  }
  const std::size_t accepted = sender.Send(rooms.size(), templates_.front().length(), now);
  Account(accepted, now);
  if (accepted == 0) {
    GiveUp(now, truth);
  }
  return accepted == wanted;
}

void Traffic::Settle(Elapsed now, Truth& truth) {
  for (const Due& due : leaving_) {
    truth.Left(due.beat.index, left_after_, now, due.is_leave);
  }
  leaving_.clear();
}

void Traffic::Obey(Elapsed now, Truth& truth) {
  for (const Order& order : plan_.Due(now)) {
    switch (order.action) {
      case Action::kMute:
        truth.Set(order.index, kMuted | kDied);
        break;
      case Action::kLeave:
        truth.Set(order.index, kLeaving);
        break;
      case Action::kReturn:
        truth.Clear(order.index, kMuted);
        truth.Set(order.index, kDied);  // also if a late one left after it fell silent
        break;
      case Action::kRestart:
        truth.Restart(order.index);
        break;
    }
  }
  losses_.Advance(now);
}

// Whether the heartbeat leaves now: not who is silent, what is lost, or what is held up.
std::optional<Traffic::Due> Traffic::Admit(const Beat& beat, Elapsed due, Truth& truth) {
  const Life life = truth.Of(beat.index);
  if (life.Is(kMuted | kGone)) {
    return std::nullopt;
  }
  const bool is_leave = life.Is(kLeaving);
  if (losses_.Eats(beat.index, beat.round)) {
    ++counts_.lost;
    // A leave that is lost is never said again: to flatline this is a death.
    truth.Set(beat.index, is_leave ? kLost | kMuted | kDied : kLost);
    return std::nullopt;
  }
  const Elapsed delay = delays_.Of(beat.index, due);
  const Due admitted{beat, due + delay, delay, is_leave, life.restarts};
  if (delay.count() == 0) {
    return admitted;
  }
  delayed_.push(admitted);
  truth.Set(beat.index, kLost);
  return std::nullopt;
}

// The oldest that was held up until now. What is of a life before a restart counts for nothing any
// more, to flatline and to the truth alike.
std::optional<Traffic::Due> Traffic::TakeDelayed(Elapsed now, const Truth& truth) {
  while (!delayed_.empty() && delayed_.top().due <= now) {
    const Due due = delayed_.top();
    delayed_.pop();
    if (due.restarts == truth.Of(due.beat.index).restarts) {
      return due;
    }
  }
  return std::nullopt;
}

Schedule* Traffic::Earliest(Elapsed now) {
  Schedule* earliest = nullptr;
  for (Schedule& schedule : schedules_) {
    if (!schedule.Due(now).empty() && (earliest == nullptr || schedule.due() < earliest->due())) {
      earliest = &schedule;
    }
  }
  return earliest;
}

void Traffic::Collect(Elapsed now, std::size_t most, Truth& truth) {
  while (waiting_.size() < most) {
    if (const auto due = TakeDelayed(now, truth)) {
      waiting_.push_back(*due);
      continue;
    }
    Schedule* schedule = Earliest(now);
    if (schedule == nullptr) {
      return;
    }
    std::size_t taken = 0;
    for (const Beat& beat : schedule->Due(now)) {
      if (waiting_.size() == most) {
        break;
      }
      ++taken;
      if (const auto due = Admit(beat, schedule->due(), truth)) {
        waiting_.push_back(*due);
      }
    }
    schedule->Take(taken);
  }
}

void Traffic::Write(std::byte* room,
                    const Due& due,
                    Elapsed now,
                    const Truth& truth) const noexcept {
  const Index index = due.beat.index;
  const Slot handle = handles_.empty() ? kNoSlot : handles_[index];
  const FrameFields fields{
      .id = fleet_->IdOf(index),
      .sent_ns = static_cast<std::uint64_t>(options_.epoch_ns + (now - due.delay).count()),
      .incarnation = options_.incarnation + truth.Of(index).restarts,
      .sequence = due.beat.round + 1,
      .handle = handle,
      .index = index,
      .rack = fleet_->RackOf(index),
      .kind = due.is_leave ? HeartbeatKind::kLeave : HeartbeatKind::kHeartbeat,
      .wants_acknowledgement = options_.wants_handles && handle == kNoSlot};
  templates_[fleet_->CohortOf(index)].Write(room, fields);
}

void Traffic::Account(std::size_t accepted, Elapsed now) {
  if (accepted == 0) {
    blocked_since_ = blocked_since_.value_or(now);
    return;
  }
  blocked_since_.reset();
  for (std::size_t i = 0; i < accepted; ++i) {
    counts_.leaves += waiting_[i].is_leave ? 1 : 0;
    latest_ = std::max(latest_, now - waiting_[i].due);
  }
  counts_.sent += accepted;
  counts_.latest = std::max(counts_.latest, latest_);
  left_after_ = now;
  const auto end = waiting_.begin() + static_cast<std::ptrdiff_t>(accepted);
  leaving_.assign(waiting_.begin(), end);
  waiting_.erase(waiting_.begin(), end);
  if (options_.rate_limit > 0) {
    const double nanoseconds = static_cast<double>(accepted) * kSecond / options_.rate_limit;
    next_allowed_ =
        std::max(next_allowed_, now - kTick) + Elapsed{static_cast<std::int64_t>(nanoseconds)};
  }
}

// A port that has taken nothing for a while will not be flooded with what is overdue when it wakes:
// a real fleet's heartbeats of that time would be gone.
void Traffic::GiveUp(Elapsed now, Truth& truth) {
  if (!blocked_since_ || now - *blocked_since_ < options_.patience) {
    return;
  }
  const Elapsed overdue = now - options_.patience;
  const auto refuse = [&](Index index) {
    truth.Set(index, kRefused);
    ++counts_.refused;
  };
  std::erase_if(waiting_, [&](const Due& due) {
    if (due.due > overdue) {
      return false;
    }
    refuse(due.beat.index);
    return true;
  });
  while (const auto due = TakeDelayed(overdue, truth)) {
    refuse(due->beat.index);
  }
  while (Schedule* schedule = Earliest(overdue)) {
    const auto beats = schedule->Due(overdue);
    for (const Beat& beat : beats) {
      if (Admit(beat, schedule->due(), truth)) {
        refuse(beat.index);
      }
    }
    schedule->Take(beats.size());
  }
}

void Traffic::Listen(Sender& sender) {
  const std::size_t offset = templates_.front().payload_offset();
  for (const std::span<const std::byte> received : sender.Receive()) {
    if (received.size() < offset + kHeartbeatSize) {
      continue;
    }
    // A frame may be padded behind the datagram.
    const auto heartbeat = DecodeHeartbeat(received.subspan(offset, kHeartbeatSize));
    if (!heartbeat || heartbeat->kind != HeartbeatKind::kAcknowledgement) {
      continue;
    }
    if (const auto index = fleet_->IndexOf(heartbeat->id)) {
      handles_[*index] = heartbeat->handle;
      ++counts_.acknowledged;
    }
  }
}

std::size_t Traffic::Allowed(Elapsed now) const noexcept {
  return options_.rate_limit > 0 && now < next_allowed_ ? 0 : kBatch;
}

Elapsed Traffic::TakeLatest() noexcept {
  const Elapsed out = latest_;
  latest_ = {};
  return out;
}

}  // namespace flatline::generator
