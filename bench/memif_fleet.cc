#include "bench/memif_fleet.h"

#include <bit>
#include <cerrno>
#include <new>
#include <random>
#include <sys/mman.h>
#include <system_error>
#include <utility>

namespace flatline {
namespace {

std::uint32_t WordsOf(std::uint64_t value) noexcept {
  return static_cast<std::uint32_t>((value & 0xFFFF) + ((value >> 16) & 0xFFFF) +
                                    ((value >> 32) & 0xFFFF) + (value >> 48));
}

void Tell(MemifFleet::Member& member, EndpointId id, Slot slot) noexcept {
  member.id = std::byteswap(id);
  member.handle = std::byteswap(slot);
  member.sum = WordsOf(member.id) + WordsOf(member.handle);
}

}  // namespace

std::expected<MemifFleet, std::string> MemifFleet::Create(std::size_t endpoints) {
  const std::size_t bytes = sizeof(Page) + endpoints * sizeof(Member);
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    return std::unexpected("needed " + std::to_string(bytes >> 20) +
                           " MiB to share, found: " + std::generic_category().message(errno));
  }
  auto* page = new (memory) Page;
  auto* first = reinterpret_cast<Member*>(static_cast<std::byte*>(memory) + sizeof(Page));
  MemifFleet fleet(page, {first, endpoints}, bytes);
  std::mt19937_64 random(1);
  for (std::size_t i = 0; i < endpoints; ++i) {
    Tell(fleet.members_[i], i + 1, 0);
    std::swap(fleet.members_[i], fleet.members_[random() % (i + 1)]);
  }
  return fleet;
}

MemifFleet::MemifFleet(MemifFleet&& other) noexcept
    : page_(std::exchange(other.page_, nullptr)), members_(other.members_), bytes_(other.bytes_) {}

MemifFleet::~MemifFleet() {
  if (page_ != nullptr) {
    munmap(page_, bytes_);
  }
}

void MemifFleet::SetHandles(std::span<const Slot> slot_of) noexcept {
  for (Member& member : members_) {
    const EndpointId id = std::byteswap(member.id);
    Tell(member, id, slot_of[id]);
  }
}

}  // namespace flatline
