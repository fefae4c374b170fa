#include "control/files/page_shield.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <sys/mman.h>
#include <unistd.h>

namespace flatline::page_shield {
namespace {

constexpr std::uintptr_t kPage = 4096;

struct Mapping {
  std::atomic<bool> is_taken{false};
  std::atomic<std::uintptr_t> base{0};  // written last; 0: not guarded
  std::size_t bytes = 0;
  int descriptor = -1;
  std::atomic<std::uint64_t>* lost = nullptr;
};

// NOLINTNEXTLINE(cppcoreguidelines-avoid-non-const-global-variables): all that a handler can reach
std::array<Mapping, kMostMappings> mappings;
// NOLINTNEXTLINE(cppcoreguidelines-avoid-non-const-global-variables): likewise
std::atomic<std::uint64_t> lost_pages{0};

// True when the page is memory of ours now. System calls only: it runs in a signal handler.
bool PutMemoryInPlaceOf(std::uintptr_t page, const Mapping& mapping, std::uintptr_t base) {
  void* const fresh =
      ::mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (fresh == MAP_FAILED) {
    return false;
  }
  // What is in the kernel's cache comes from there; the rest is zero, and no seal vouches for it.
  static_cast<void>(::pread(mapping.descriptor, fresh, kPage, static_cast<off_t>(page - base)) >=
                    0);
  void* const place = reinterpret_cast<void*>(page);  // NOLINT(performance-no-int-to-ptr)
  return ::mremap(fresh, kPage, kPage, MREMAP_MAYMOVE | MREMAP_FIXED, place) == place;
}

void Handle(int /*signal*/, siginfo_t* info, void* /*context*/) {
  const int number = errno;
  const auto address = reinterpret_cast<std::uintptr_t>(info->si_addr);
  for (const Mapping& mapping : mappings) {
    const std::uintptr_t base = mapping.base.load(std::memory_order_acquire);
    if (base != 0 && address >= base && address - base < mapping.bytes) {
      if (PutMemoryInPlaceOf(address / kPage * kPage, mapping, base)) {
        mapping.lost->fetch_add(1, std::memory_order_relaxed);
        lost_pages.fetch_add(1, std::memory_order_relaxed);
        errno = number;
        return;
      }
    }
  }
  ::signal(SIGBUS, SIG_DFL);  // and once more
}

}  // namespace

void Install() {
  struct sigaction action{};
  action.sa_sigaction = &Handle;
  action.sa_flags = SA_SIGINFO;
  ::sigaction(SIGBUS, &action, nullptr);
}

std::size_t Guard(const void* base,
                  std::size_t bytes,
                  int descriptor,
                  std::atomic<std::uint64_t>* lost) {
  for (std::size_t ticket = 0; ticket < mappings.size(); ++ticket) {
    Mapping& mapping = mappings[ticket];
    if (!mapping.is_taken.exchange(true, std::memory_order_acquire)) {
      mapping.bytes = bytes;
      mapping.descriptor = descriptor;
      mapping.lost = lost;
      mapping.base.store(reinterpret_cast<std::uintptr_t>(base), std::memory_order_release);
      return ticket;
    }
  }
  return kMostMappings;
}

void Unguard(std::size_t ticket) {
  if (ticket < mappings.size()) {
    mappings[ticket].base.store(0, std::memory_order_release);
    mappings[ticket].is_taken.store(false, std::memory_order_release);
  }
}

std::uint64_t LostPages() noexcept {
  return lost_pages.load(std::memory_order_relaxed);
}

}  // namespace flatline::page_shield
