#include "control/cursors.h"

#include <flatline/crc32c.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <span>
#include <sys/mman.h>
#include <system_error>
#include <unistd.h>

namespace flatline {
namespace {

std::unexpected<std::string> Fail(const std::string& path) {
  return std::unexpected(
      fmt::format("{}: needed a file for cursors, found: {}; give the journal's directory to the "
                  "user that runs flatline-control, or make room",
                  path,
                  std::generic_category().message(errno)));
}

}  // namespace

std::expected<std::unique_ptr<Cursors>, std::string> Cursors::Open(const std::string& path,
                                                                   Duration expiry) {
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640);
  if (descriptor < 0) {
    return Fail(path);
  }
  constexpr std::size_t kBytes = kMost * sizeof(Slot);
  errno = ::posix_fallocate(descriptor, 0, static_cast<off_t>(kBytes));
  void* const at = errno != 0
                       ? MAP_FAILED
                       : ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
  if (at == MAP_FAILED) {
    auto out = Fail(path);
    ::close(descriptor);
    return out;
  }
  std::unique_ptr<Cursors> out(new Cursors(descriptor, static_cast<Slot*>(at), expiry));
  out->Load();
  return out;
}

Cursors::~Cursors() {
  ::munmap(slots_, kMost * sizeof(Slot));
  ::close(descriptor_);
}

std::string_view Cursors::NameOf(const Entry& entry) noexcept {
  return {entry.name.data(), ::strnlen(entry.name.data(), entry.name.size())};
}

namespace {

// Nothing of ours was written so often: the next one must be later.
constexpr std::uint64_t kMostVersion = std::uint64_t{1} << 63;

template <typename Entry>
std::uint32_t CrcOf(const Entry& entry) {
  return Crc32c(std::as_bytes(std::span{&entry, 1}).first(offsetof(Entry, crc)));
}

}  // namespace

void Cursors::Load() {
  for (std::size_t slot = 0; slot < kMost; ++slot) {
    for (const Entry& entry : slots_[slot]) {
      if (entry.version > entries_[slot].version && entry.version <= kMostVersion &&
          entry.crc == CrcOf(entry)) {
        entries_[slot] = entry;
      }
    }
    if (entries_[slot].has_moved == 0) {
      entries_[slot].sequence = 0;
    }
  }
}

// Over the older of the two entries: killed in the middle, the other one still counts.
void Cursors::Store(std::size_t slot) {
  Entry& entry = entries_[slot];
  ++entry.version;
  entry.crc = CrcOf(entry);
  slots_[slot][entry.version % 2] = entry;
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
  Store(out.slot);
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
  Store(hold.slot);
  return true;
}

bool Cursors::IsHeld(const Hold& hold) const {
  const std::lock_guard lock(mutex_);
  return holders_[hold.slot] == hold.holder;
}

}  // namespace flatline
