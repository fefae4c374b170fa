#include "bench/generator/plan.h"

#include <algorithm>
#include <cmath>

namespace flatline::generator {

namespace {

void ForEachDrawn(std::uint64_t count,
                  const Fleet& fleet,
                  std::uint64_t salt,
                  const Claims* claims,
                  const std::function<void(Index)>& visit) {
  const Permutation order(fleet.size(), Mix(fleet.seed()) ^ salt);
  for (std::uint64_t position = 0; position < fleet.size() && count > 0; ++position) {
    const auto index = static_cast<Index>(order.At(position));
    if (claims == nullptr || !claims->Has(index)) {
      visit(index);
      --count;
    }
  }
}

void ForEachInRacks(const Range& racks,
                    const Fleet& fleet,
                    const std::function<void(Index)>& visit) {
  for (std::uint64_t rack = racks.first; rack <= racks.last; ++rack) {
    for (std::uint64_t index = rack - 1; index < fleet.size(); index += fleet.racks()) {
      visit(static_cast<Index>(index));
    }
  }
}

std::uint64_t ShareOf(const Fleet& fleet, double share) {
  return static_cast<std::uint64_t>(std::llround(share * static_cast<double>(fleet.size())));
}

}  // namespace

void ForEachSelected(const Selector& who,
                     const Fleet& fleet,
                     std::uint64_t salt,
                     const Claims* claims,
                     const std::function<void(Index)>& visit) {
  switch (who.by) {
    case Selector::By::kAll:
      for (Index index = 0; index < fleet.size(); ++index) {
        visit(index);
      }
      break;
    case Selector::By::kCount:
      ForEachDrawn(who.count, fleet, salt, claims, visit);
      break;
    case Selector::By::kShare:
      ForEachDrawn(ShareOf(fleet, who.share), fleet, salt, claims, visit);
      break;
    case Selector::By::kRacks:
      for (const Range& range : who.ranges) {
        ForEachInRacks(range, fleet, visit);
      }
      break;
    case Selector::By::kRange:
      for (const Range& range : who.ranges) {
        for (std::uint64_t index = range.first; index <= range.last; ++index) {
          visit(static_cast<Index>(index));
        }
      }
      break;
  }
}

Plan::Plan(const std::vector<Event>& events, const Fleet& fleet) {
  Claims claims(fleet.size());
  // First those that are named, so that drawn ones can avoid them whatever the order of the file.
  for (const bool drawn : {false, true}) {
    for (std::size_t i = 0; i < events.size(); ++i) {
      const Event& event = events[i];
      const bool is_drawn =
          event.who.by == Selector::By::kCount || event.who.by == Selector::By::kShare;
      if (is_drawn != drawn) {
        continue;
      }
      std::vector<Index> chosen;
      ForEachSelected(
          event.who, fleet, i + 1, &claims, [&](Index index) { chosen.push_back(index); });
      for (std::size_t n = 0; n < chosen.size(); ++n) {
        claims.Add(chosen[n]);
        const double part = static_cast<double>(n) / static_cast<double>(chosen.size());
        const Elapsed turn{
            static_cast<std::int64_t>(part * static_cast<double>(event.over.count()))};
        Unfold(event, event.at + turn, chosen[n]);
      }
    }
  }
  std::ranges::stable_sort(orders_, {}, &Order::at);
}

void Plan::Unfold(const Event& event, Elapsed at, Index index) {
  const bool comes_back = event.lasting.count() > 0;
  switch (event.kind) {
    case EventKind::kDie:
      orders_.push_back({at, index, Action::kMute});
      break;
    case EventKind::kLeave:
      orders_.push_back({at, index, Action::kLeave});
      if (comes_back) {
        orders_.push_back({at + event.lasting, index, Action::kRestart});
      }
      break;
    case EventKind::kFlap:
      orders_.push_back({at, index, Action::kMute});
      orders_.push_back({at + event.lasting, index, Action::kReturn});
      break;
    case EventKind::kRestart:
      if (comes_back) {
        orders_.push_back({at, index, Action::kMute});
      }
      orders_.push_back({at + event.lasting, index, Action::kRestart});
      break;
  }
}

std::span<const Order> Plan::Due(Elapsed elapsed) noexcept {
  const std::size_t first = given_;
  while (given_ < orders_.size() && orders_[given_].at <= elapsed) {
    ++given_;
  }
  return std::span<const Order>(orders_).subspan(first, given_ - first);
}

}  // namespace flatline::generator
