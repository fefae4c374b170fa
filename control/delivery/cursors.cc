#include "control/delivery/cursors.h"

#include <algorithm>
#include <cstring>
#include <unordered_map>
#include <utility>

namespace flatline {
std::expected<std::unique_ptr<Cursors>, std::string> Cursors::Open(const std::string& path,
                                                                   Duration expiry) {
  auto file = KeptFile::Open(path, kMost * sizeof(Slot), "cursors");
  if (!file) {
    return std::unexpected(file.error());
  }
  return std::unique_ptr<Cursors>(new Cursors(std::move(*file), expiry));
}

Cursors::Cursors(KeptFile file, Duration expiry)
    : file_(std::move(file)), slots_(file_.As<Slot>()), expiry_(expiry) {
  std::unordered_map<std::string, std::size_t> slots_of;
  std::size_t torn = 0;
  for (std::size_t slot = 0; slot < kMost; ++slot) {
    entries_[slot] = Latest(slots_[slot]);
    torn += IsTorn(slots_[slot]) ? 1 : 0;
    if (NameOf(entries_[slot]).empty()) {
      continue;
    }
    // A loss of power can keep the page that says where it went, and not the one that it left: the
    // one that was moved last is true, by a clock that may have been stepped in between.
    const auto [known, is_only] = slots_of.emplace(NameOf(entries_[slot]), slot);
    if (!is_only) {
      const bool is_later = entries_[slot].touched_ns > entries_[known->second].touched_ns;
      const std::size_t gone = is_later ? std::exchange(known->second, slot) : slot;
      Erase(entries_[gone], slots_[gone]);
      file_.Save(slots_[gone]);
    }
  }
  file_.SayTorn(torn);
}

void Cursors::Put(std::size_t slot) {
  Keep(entries_[slot], slots_[slot]);
  file_.Save(slots_[slot]);
}

int Cursors::Mend() {
  const std::lock_guard lock(mutex_);
  return file_.Mend();
}

std::string_view Cursors::NameOf(const Entry& entry) noexcept {
  return {entry.name.data(), ::strnlen(entry.name.data(), entry.name.size())};
}

std::optional<std::size_t> Cursors::RoomFor(WallInstant wall) const {
  const std::int64_t expired_ns = (wall - expiry_).time_since_epoch().count();
  const auto at = std::ranges::find_if(entries_, [&](const Entry& entry) {
    return NameOf(entry).empty() || entry.touched_ns < expired_ns;
  });
  if (at == entries_.end()) {
    return std::nullopt;
  }
  return static_cast<std::size_t>(at - entries_.begin());
}

std::expected<Cursors::Hold, Refusal> Cursors::Take(std::string_view name, WallInstant wall) {
  const std::lock_guard lock(mutex_);
  const auto known =
      std::ranges::find_if(entries_, [&](const Entry& entry) { return NameOf(entry) == name; });
  Hold out;
  if (known != entries_.end()) {
    out.slot = static_cast<std::size_t>(known - entries_.begin());
    if (known->has_moved != 0) {
      out.sequence = known->sequence;
    }
  } else {
    const auto room = RoomFor(wall);
    if (!room) {
      return Refuse(DeliveryError::kTooManyCursors, "4096 are in use; none has expired");
    }
    out.slot = *room;
    Entry fresh;
    fresh.version = entries_[out.slot].version;
    std::ranges::copy(name.substr(0, kMostName), fresh.name.begin());
    entries_[out.slot] = fresh;
  }
  entries_[out.slot].touched_ns = wall.time_since_epoch().count();
  Put(out.slot);
  out.holder = holders_[out.slot] = ++last_holder_;
  return out;
}

bool Cursors::Move(const Hold& hold, std::uint64_t sequence, WallInstant wall) {
  const std::lock_guard lock(mutex_);
  if (holders_[hold.slot] != hold.holder) {
    return false;
  }
  Entry& entry = entries_[hold.slot];
  entry.sequence = std::max(entry.sequence, sequence);
  entry.has_moved = 1;
  entry.touched_ns = wall.time_since_epoch().count();
  Put(hold.slot);
  return true;
}

bool Cursors::IsHeld(const Hold& hold) const {
  const std::lock_guard lock(mutex_);
  return holders_[hold.slot] == hold.holder;
}

}  // namespace flatline
