#include "tests/appliance/memif/peer.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

namespace flatline::dpdk {
namespace {

constexpr std::uint32_t kBuffer = 2048;
constexpr std::uint16_t kMostRegions = 255;
constexpr std::uint8_t kMostLog2Slots = 14;
constexpr std::uint32_t kCookie = 0x3E31F20;

// The messages' bodies, as they lie behind the kind.
#pragma pack(push, 1)

struct Hello {
  std::array<char, 32> name;
  std::uint16_t least;
  std::uint16_t most;
  std::uint16_t last_region;
  std::uint16_t last_to_client;
  std::uint16_t last_to_server;
  std::uint8_t log2_slots;
};

struct Init {
  std::uint16_t version;
  std::uint32_t id;
  std::uint8_t mode;
};

struct AddRegion {
  std::uint16_t index;
  std::uint64_t bytes;
};

struct AddRing {
  std::uint16_t flags;
  std::uint16_t index;
  std::uint16_t region;
  std::uint32_t offset;
  std::uint8_t log2_slots;
  std::uint16_t header;
};

#pragma pack(pop)

template <typename Body>
std::span<const std::byte> BytesOf(const Body& body) {
  return std::as_bytes(std::span(&body, 1));
}

}  // namespace

struct MemifPeer::Slot {
  std::uint16_t flags;
  std::uint16_t region;
  std::uint32_t length;
  std::uint32_t offset;
  std::uint32_t metadata;
};

// Its slots follow.
struct alignas(64) MemifPeer::Ring {
  std::uint32_t cookie;
  std::uint16_t flags;
  std::atomic<std::uint16_t> head;
  alignas(64) std::atomic<std::uint16_t> tail;
};

MemifPeer::~MemifPeer() {
  Forget();
}

void MemifPeer::Forget() noexcept {
  for (const std::span<std::byte> region : regions_) {
    munmap(region.data(), region.size());
  }
  regions_.clear();
  in_ = out_ = nullptr;
}

bool MemifPeer::Say(MemifKind kind, std::span<const std::byte> body, int fd) {
  if (left_ == 0) {
    return false;
  }
  --left_;
  MemifMessage message;
  std::memcpy(message.bytes.data(), &kind, sizeof kind);
  std::memcpy(&message.bytes[2], body.data(), body.size());
  message.descriptor = Descriptor(fd < 0 ? -1 : dup(fd));
  return message.Send(socket_);
}

std::optional<MemifMessage> MemifPeer::Next() {
  pollfd wait{.fd = socket_.get(), .events = POLLIN, .revents = 0};
  if (poll(&wait, 1, 1000) <= 0) {
    return std::nullopt;
  }
  return MemifMessage::Receive(socket_);
}

bool MemifPeer::Hear(MemifKind kind) {
  const auto message = Next();
  return message && message->kind() == kind;
}

bool MemifPeer::Map(int fd, std::size_t bytes) {
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (memory == MAP_FAILED) {
    return false;
  }
  regions_.emplace_back(static_cast<std::byte*>(memory), bytes);
  return true;
}

MemifPeer::Slot& MemifPeer::SlotAt(Ring& ring, unsigned index) const noexcept {
  return reinterpret_cast<Slot*>(&ring + 1)[index & ((1U << log2_slots_) - 1)];
}

// The ring to the server, the one to the client, then the buffers.
bool MemifPeer::MakeRegion() {
  const unsigned slots = 1U << log2_slots_;
  const std::size_t ring_bytes = sizeof(Ring) + slots * sizeof(Slot);
  const std::size_t bytes = 2 * (ring_bytes + std::size_t{slots} * kBuffer);
  memory_ = Descriptor(memfd_create("flatline-peer", MFD_ALLOW_SEALING | MFD_CLOEXEC));
  if (ftruncate(memory_.get(), static_cast<off_t>(bytes)) != 0 || !Map(memory_.get(), bytes)) {
    return false;
  }
  out_ = reinterpret_cast<Ring*>(regions_[0].data());
  in_ = reinterpret_cast<Ring*>(&regions_[0][ring_bytes]);
  std::size_t offset = 2 * ring_bytes;
  for (Ring* ring : {out_, in_}) {
    ring->cookie = kCookie;
    ring->flags = 1;
    for (unsigned s = 0; s < slots; ++s, offset += kBuffer) {
      SlotAt(*ring, s).length = kBuffer;
      SlotAt(*ring, s).offset = static_cast<std::uint32_t>(offset);
    }
  }
  return true;
}

// A ring that the client has made, in a region that it has told of.
bool MemifPeer::TakeRing(const MemifMessage& message) {
  AddRing ring{};
  std::memcpy(&ring, &message.bytes[2], sizeof ring);
  if (ring.region >= regions_.size() || ring.offset >= regions_[ring.region].size()) {
    return false;
  }
  log2_slots_ = ring.log2_slots;
  (message.ring_is_to_server() ? in_ : out_) =
      reinterpret_cast<Ring*>(&regions_[ring.region][ring.offset]);
  return true;
}

bool MemifPeer::ConnectTo(const MemifAddress& server) {
  Forget();
  socket_ = server.Connect();
  const Descriptor event(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!socket_.valid() || !MakeRegion() || !Hear(MemifKind::kHello)) {
    return false;
  }
  const auto log2_slots = static_cast<std::uint8_t>(log2_slots_);
  const auto second =
      static_cast<std::uint32_t>(reinterpret_cast<std::byte*>(in_) - regions_[0].data());
  const AddRing to_server{1, 0, 0, 0, log2_slots, 0};
  const AddRing to_client{0, 0, 0, second, log2_slots, 0};
  return Say(MemifKind::kInit, BytesOf(Init{0x200, 0, 0}), -1) && Hear(MemifKind::kAck) &&
         Say(MemifKind::kAddRegion, BytesOf(AddRegion{0, regions_[0].size()}), memory_.get()) &&
         Hear(MemifKind::kAck) && Say(MemifKind::kAddRing, BytesOf(to_server), event.get()) &&
         Hear(MemifKind::kAck) && Say(MemifKind::kAddRing, BytesOf(to_client), event.get()) &&
         Hear(MemifKind::kAck) && Say(MemifKind::kConnect, {}, -1) && Hear(MemifKind::kConnected);
}

bool MemifPeer::ServeOne(const Descriptor& listener) {
  Forget();
  is_server_ = true;
  pollfd wait{.fd = listener.get(), .events = POLLIN, .revents = 0};
  if (poll(&wait, 1, 1000) <= 0) {
    return false;
  }
  socket_ = Descriptor(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  const Hello hello{{}, 0x200, 0x200, kMostRegions, 0, 0, kMostLog2Slots};
  if (!Say(MemifKind::kHello, BytesOf(hello), -1)) {
    return false;
  }
  for (;;) {
    const auto heard = Next();
    if (!heard) {
      return false;
    }
    if (heard->kind() == MemifKind::kConnect) {
      return in_ != nullptr && out_ != nullptr && Say(MemifKind::kConnected, {}, -1);
    }
    if (heard->kind() == MemifKind::kAddRegion) {
      AddRegion region{};
      std::memcpy(&region, &heard->bytes[2], sizeof region);
      if (!Map(heard->descriptor.get(), region.bytes)) {
        return false;
      }
    } else if (heard->kind() == MemifKind::kAddRing && !TakeRing(*heard)) {
      return false;
    }
    if (!Say(MemifKind::kAck, {}, -1)) {
      return false;
    }
  }
}

// To the server the sender moves the head, to the client the tail.
std::size_t MemifPeer::Claim(std::span<std::byte*> rooms) noexcept {
  std::uint16_t at = 0;
  std::uint16_t free = 0;
  if (is_server_) {
    at = out_->tail.load(std::memory_order_relaxed);
    free = static_cast<std::uint16_t>(out_->head.load(std::memory_order_acquire) - at);
  } else {
    at = out_->head.load(std::memory_order_relaxed);
    const auto used = static_cast<std::uint16_t>(at - out_->tail.load(std::memory_order_acquire));
    free = static_cast<std::uint16_t>((1U << log2_slots_) - used);
  }
  const std::size_t count = std::min<std::size_t>(rooms.size(), free);
  for (std::size_t i = 0; i < count; i += 64 / sizeof(Slot)) {
    __builtin_prefetch(&SlotAt(*out_, static_cast<unsigned>(at + i)), 0);
  }
  for (std::size_t i = 0; i < count; ++i) {
    const Slot& slot = SlotAt(*out_, static_cast<unsigned>(at + i));
    rooms[i] = &regions_[slot.region][slot.offset];
  }
  return count;
}

void MemifPeer::Publish(std::size_t count, std::uint32_t length) noexcept {
  std::atomic<std::uint16_t>& end = is_server_ ? out_->tail : out_->head;
  const std::uint16_t at = end.load(std::memory_order_relaxed);
  for (std::size_t i = 0; i < count; ++i) {
    Slot& slot = SlotAt(*out_, static_cast<unsigned>(at + i));
    if (slot.length != length) {
      slot.length = length;
    }
    if (slot.flags != 0) {
      slot.flags = 0;
    }
  }
  end.store(static_cast<std::uint16_t>(at + count), std::memory_order_release);
}

unsigned MemifPeer::Send(std::span<const std::byte> frame) {
  std::array<std::byte*, 64> rooms{};
  unsigned sent = 0;
  for (std::size_t count = 0; (count = Claim(rooms)) > 0;) {
    for (std::size_t i = 0; i < count; ++i) {
      std::memcpy(rooms[i], frame.data(), frame.size());
    }
    Publish(count, static_cast<std::uint32_t>(frame.size()));
    sent += static_cast<unsigned>(count);
  }
  return sent;
}

unsigned MemifPeer::Receive() {
  if (is_server_) {
    const std::uint16_t head = in_->head.load(std::memory_order_acquire);
    return static_cast<std::uint16_t>(head - in_->tail.exchange(head, std::memory_order_acq_rel));
  }
  // the other side fills up to the tail; every buffer is given back by moving the head on
  const std::uint16_t filled = in_->tail.load(std::memory_order_acquire);
  in_->head.store(static_cast<std::uint16_t>(filled + (1U << log2_slots_)),
                  std::memory_order_release);
  return static_cast<std::uint16_t>(filled - std::exchange(taken_, filled));
}

void MemifPeer::SayGoodbye() {
  left_ = 1;
  (void)Say(MemifKind::kDisconnect, {}, -1);
}

}  // namespace flatline::dpdk
