#include "tests/appliance/memif/peer.h"

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

constexpr unsigned kLog2Slots = 10;
constexpr unsigned kSlots = 1U << kLog2Slots;
constexpr std::uint32_t kBuffer = 2048;
constexpr std::uint32_t kCookie = 0x3E31F20;

struct Slot {
  std::uint16_t flags;
  std::uint16_t region;
  std::uint32_t length;
  std::uint32_t offset;
  std::uint32_t metadata;
};

// The messages' bodies, as they lie behind the kind.
#pragma pack(push, 1)

struct Hello {
  std::array<char, 32> name;
  std::uint16_t least;
  std::uint16_t most;
  std::uint16_t regions;
  std::uint16_t to_client;
  std::uint16_t to_server;
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

struct alignas(64) MemifPeer::Ring {
  std::uint32_t cookie;
  std::uint16_t flags;
  std::atomic<std::uint16_t> head;
  alignas(64) std::atomic<std::uint16_t> tail;
  alignas(64) std::array<Slot, kSlots> slots;
};

MemifPeer::~MemifPeer() {
  if (region_ != nullptr) {
    munmap(region_, bytes_);
  }
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

bool MemifPeer::Hear(MemifKind kind, MemifMessage& out) {
  pollfd wait{.fd = socket_.get(), .events = POLLIN, .revents = 0};
  if (poll(&wait, 1, 1000) <= 0) {
    return false;
  }
  auto message = MemifMessage::Receive(socket_);
  if (!message || message->kind() != kind) {
    return false;
  }
  out = std::move(*message);
  return true;
}

bool MemifPeer::MapRegion(int fd, std::size_t bytes) {
  bytes_ = bytes;
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  region_ = memory == MAP_FAILED ? nullptr : static_cast<std::byte*>(memory);
  return region_ != nullptr;
}

// Ring 0 to the server, ring 1 to the client, then the buffers.
bool MemifPeer::MakeRegion() {
  const std::size_t bytes = 2 * sizeof(Ring) + std::size_t{2} * kSlots * kBuffer;
  memory_ = Descriptor(memfd_create("flatline-peer", MFD_ALLOW_SEALING | MFD_CLOEXEC));
  if (ftruncate(memory_.get(), static_cast<off_t>(bytes)) != 0 ||
      !MapRegion(memory_.get(), bytes)) {
    return false;
  }
  for (unsigned r = 0; r < 2; ++r) {
    Ring& ring = *RingAt(r);
    ring.cookie = kCookie;
    ring.flags = 1;
    for (unsigned s = 0; s < kSlots; ++s) {
      ring.slots[s].length = kBuffer;
      ring.slots[s].offset =
          static_cast<std::uint32_t>(2 * sizeof(Ring)) + (r * kSlots + s) * kBuffer;
    }
  }
  return true;
}

MemifPeer::Ring* MemifPeer::RingAt(unsigned index) {
  return reinterpret_cast<Ring*>(region_ + std::size_t{index} * sizeof(Ring));
}

bool MemifPeer::ConnectTo(const MemifAddress& server) {
  MemifMessage heard;
  socket_ = server.Connect();
  const Descriptor event(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!socket_.valid() || !MakeRegion() || !Hear(MemifKind::kHello, heard)) {
    return false;
  }
  const AddRing to_server{1, 0, 0, 0, kLog2Slots, 0};
  const AddRing to_client{0, 0, 0, sizeof(Ring), kLog2Slots, 0};
  return Say(MemifKind::kInit, BytesOf(Init{0x200, 0, 0}), -1) && Hear(MemifKind::kAck, heard) &&
         Say(MemifKind::kAddRegion, BytesOf(AddRegion{0, bytes_}), memory_.get()) &&
         Hear(MemifKind::kAck, heard) &&
         Say(MemifKind::kAddRing, BytesOf(to_server), event.get()) &&
         Hear(MemifKind::kAck, heard) &&
         Say(MemifKind::kAddRing, BytesOf(to_client), event.get()) &&
         Hear(MemifKind::kAck, heard) && Say(MemifKind::kConnect, {}, -1) &&
         Hear(MemifKind::kConnected, heard);
}

bool MemifPeer::ServeOne(const Descriptor& listener) {
  is_server_ = true;
  pollfd wait{.fd = listener.get(), .events = POLLIN, .revents = 0};
  if (poll(&wait, 1, 1000) <= 0) {
    return false;
  }
  socket_ = Descriptor(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  MemifMessage heard;
  if (!Say(MemifKind::kHello, BytesOf(Hello{{}, 0x200, 0x200, 0, 0, 0, kLog2Slots}), -1) ||
      !Hear(MemifKind::kInit, heard) || !Say(MemifKind::kAck, {}, -1) ||
      !Hear(MemifKind::kAddRegion, heard) || !Say(MemifKind::kAck, {}, -1)) {
    return false;
  }
  AddRegion region{};
  std::memcpy(&region, &heard.bytes[2], sizeof region);
  return MapRegion(heard.descriptor.get(), region.bytes) && Hear(MemifKind::kAddRing, heard) &&
         Say(MemifKind::kAck, {}, -1) && Hear(MemifKind::kAddRing, heard) &&
         Say(MemifKind::kAck, {}, -1) && Hear(MemifKind::kConnect, heard) &&
         Say(MemifKind::kConnected, {}, -1);
}

unsigned MemifPeer::Send(std::span<const std::byte> frame) {
  // to the server the sender moves the head, to the client the tail
  Ring& ring = *RingAt(is_server_ ? 1 : 0);
  std::atomic<std::uint16_t>& mine = is_server_ ? ring.tail : ring.head;
  const std::uint16_t theirs = is_server_ ? ring.head.load(std::memory_order_acquire)
                                          : ring.tail.load(std::memory_order_acquire);
  std::uint16_t at = mine.load(std::memory_order_relaxed);
  const auto room = static_cast<std::uint16_t>(is_server_ ? theirs - at : kSlots - (at - theirs));
  for (unsigned i = 0; i < room; ++i, ++at) {
    Slot& slot = ring.slots[at % kSlots];
    std::memcpy(region_ + slot.offset, frame.data(), frame.size());
    slot.length = static_cast<std::uint32_t>(frame.size());
  }
  mine.store(at, std::memory_order_release);
  return room;
}

unsigned MemifPeer::Receive() {
  Ring& ring = *RingAt(is_server_ ? 0 : 1);
  if (is_server_) {
    const std::uint16_t head = ring.head.load(std::memory_order_acquire);
    return static_cast<std::uint16_t>(head - ring.tail.exchange(head, std::memory_order_acq_rel));
  }
  // the other side fills up to the tail; every buffer is given back by moving the head on
  const std::uint16_t filled = ring.tail.load(std::memory_order_acquire);
  ring.head.store(static_cast<std::uint16_t>(filled + kSlots), std::memory_order_release);
  return static_cast<std::uint16_t>(filled - std::exchange(taken_, filled));
}

void MemifPeer::SayGoodbye() {
  left_ = 1;
  (void)Say(MemifKind::kDisconnect, {}, -1);
}

}  // namespace flatline::dpdk
