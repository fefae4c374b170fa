#include "control/cli/lease_keeper.h"

#include "control/cli/lease_text.h"
#include "control/cli/status_text.h"

#include <flatline/lease_message.h>
#include <flatline/liveness.h>

#include <algorithm>
#include <fmt/format.h>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

namespace flatline::cli {
namespace {

// Whom it concerns who holds it: those who were told so.
bool NamesHolder(std::uint8_t answer) {
  return answer == kFlatlineLeaseHeld;
}

}  // namespace

LeaseKeeper::LeaseKeeper(const LeaseName& name, std::uint32_t term_ms, const AgentFleet& fleet)
    : fleet_(&fleet), kept_(fleet.size()) {
  for (std::size_t agent = 0; agent < kept_.size(); ++agent) {
    FlatlineLease& lease = kept_[agent].lease;
    lease.space = static_cast<std::uint8_t>(name.space);
    lease.number = name.space == LeaseSpace::kOwn ? fleet.agent(agent).id : name.number;
    lease.term_ms = term_ms;
    lease.answer = kFlatlineLeaseNothing;
  }
}

std::span<const std::uint8_t> LeaseKeeper::TakeDue(std::uint64_t now_ns) {
  for (std::size_t agent = 0; agent < kept_.size(); ++agent) {
    FlatlineLease& lease = kept_[agent].lease;
    if (fleet_->agent(agent).sequence != 0 && FlatlineLeaseAskAt(&lease) <= now_ns) {
      return std::span(datagram_).first(
          FlatlineEncodeLeaseRequest(&fleet_->agent(agent), &lease, now_ns, datagram_.data()));
    }
  }
  return {};
}

std::uint64_t LeaseKeeper::next() const {
  std::uint64_t out = std::numeric_limits<std::uint64_t>::max();
  for (std::size_t agent = 0; agent < kept_.size(); ++agent) {
    const Kept& kept = kept_[agent];
    if (fleet_->agent(agent).sequence != 0) {
      out = std::min(out, FlatlineLeaseAskAt(&kept.lease));
    }
    if (kept.may_act) {
      out = std::min(out, kept.lease.until_ns);
    }
  }
  return out;
}

bool LeaseKeeper::Receive(std::span<const std::uint8_t> datagram, std::uint64_t now_ns) {
  for (std::size_t agent = 0; agent < kept_.size(); ++agent) {
    if (FlatlineAcceptLease(
            &fleet_->agent(agent), &kept_[agent].lease, datagram.data(), datagram.size(), now_ns)) {
      return true;
    }
  }
  return false;
}

std::vector<LeaseChange> LeaseKeeper::Look(std::uint64_t now_ns) {
  std::vector<LeaseChange> out;
  for (std::size_t agent = 0; agent < kept_.size(); ++agent) {
    Kept& kept = kept_[agent];
    const FlatlineLease& lease = kept.lease;
    const bool may_act = FlatlineMayAct(&lease, now_ns);
    const bool is_news = may_act != std::exchange(kept.may_act, may_act);
    const bool is_other = lease.answer != std::exchange(kept.answer, lease.answer);
    const bool is_others =
        lease.holder != std::exchange(kept.holder, lease.holder) && NamesHolder(lease.answer);
    const bool is_released = std::exchange(kept.is_released, false);
    if (is_news || (!may_act && (is_other || is_others))) {
      out.push_back(
          {.agent = fleet_->agent(agent).id,
           .name = {.space = static_cast<LeaseSpace>(lease.space), .number = lease.number},
           .may_act = may_act,
           .answer = lease.answer,
           .token = lease.token,
           .holder = lease.holder,
           .left_ns = may_act ? lease.until_ns - now_ns : 0,
           .is_released = is_released && !may_act});
    }
  }
  return out;
}

std::span<const std::uint8_t> LeaseKeeper::GiveUp(std::size_t agent, std::uint64_t now_ns) {
  FlatlineLease& lease = kept_[agent].lease;
  if (!FlatlineMayAct(&lease, now_ns)) {
    return {};
  }
  kept_[agent].is_released = true;
  return std::span(datagram_).first(
      FlatlineEncodeLeaseRelease(&fleet_->agent(agent), &lease, now_ns, datagram_.data()));
}

std::string LeaseChangeText(const LeaseChange& change) {
  const std::string name = LeaseNameText(change.name);
  if (change.may_act) {
    return fmt::format("agent {}: may act by {} for {}, token {}",
                       change.agent,
                       name,
                       ShortDuration(Duration{static_cast<std::int64_t>(change.left_ns)}),
                       change.token);
  }
  if (change.is_released) {
    return fmt::format("agent {}: may not act by {} (it was released)", change.agent, name);
  }
  const std::string why = change.answer == kFlatlineLeaseNothing
                              ? "not answered"
                              : std::string(kLeaseAnswerNames[std::min<std::size_t>(
                                    change.answer, kLeaseAnswerNames.size() - 1)]);
  return fmt::format("agent {}: may not act by {} ({}{})",
                     change.agent,
                     name,
                     change.answer == kFlatlineLeaseGranted ? "its term ran out" : why,
                     NamesHolder(change.answer)
                         ? fmt::format(" by {}, token {}", change.holder, change.token)
                         : "");
}

std::string LeaseChangeJson(const LeaseChange& change) {
  nlohmann::ordered_json out{{"event", "lease"},
                             {"agent", change.agent},
                             {"lease", LeaseNameText(change.name)},
                             {"may_act", change.may_act}};
  if (change.answer == kFlatlineLeaseNothing) {
    out["answer"] = nullptr;
  } else {
    out["answer"] =
        kLeaseAnswerNames[std::min<std::size_t>(change.answer, kLeaseAnswerNames.size() - 1)];
  }
  out["token"] = change.token;
  out["holder"] = change.holder;
  out["left_ns"] = change.left_ns;
  out["released"] = change.is_released;
  return out.dump();
}

}  // namespace flatline::cli
