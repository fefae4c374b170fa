#include "bench/mob.h"

#include "bench/crowd.h"

#include <flatline/delivery.h>

#include <chrono>
#include <linux/filter.h>
#include <span>
#include <string_view>

namespace flatline {
namespace {

constexpr auto kTick = std::chrono::milliseconds(1);
constexpr std::size_t kTicksOfALie = 5;
constexpr std::size_t kSlowOnesATick = 2;

std::span<const std::byte> BytesOf(const DeliveryRequest& request) {
  return std::as_bytes(std::span{&request, 1});
}

DeliveryRequest FromTheBeginning() {
  DeliveryRequest out;
  out.kind = RequestKind::kSubscribeFrom;
  return out;
}

// With little room for what it does not read.
int ConnectNarrowly(std::uint16_t port) {
  const int out = Crowd::Connect(port);
  const int room = 4096;
  FLATLINE_CHECK(::setsockopt(out, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room)) == 0);
  return out;
}

// From now on whatever comes for it is thrown away unseen, acknowledgements too: as if the machine
// had lost its power.
void CutOff(int descriptor) {
  sock_filter drop{BPF_RET | BPF_K, 0, 0, 0};
  const sock_fprog program{1, &drop};
  FLATLINE_CHECK(
      ::setsockopt(descriptor, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) == 0);
}

void Greet(int descriptor) {
  std::array<std::byte, sizeof(DeliveryRecord)> greeting;
  FLATLINE_CHECK(::recv(descriptor, greeting.data(), greeting.size(), MSG_WAITALL) ==
                 static_cast<ssize_t>(greeting.size()));
}

void SayWhatFits(int descriptor, std::span<const std::byte> bytes) {
  // Whether it is still heard does not matter to it.
  static_cast<void>(::send(descriptor, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT));
}

}  // namespace

Mob::Mob(std::uint16_t port) : port_(port) {
  for (std::size_t i = 0; i < kOfEach; ++i) {
    slow_.push_back(ConnectNarrowly(port));
    Crowd::SendAll(slow_.back(), BytesOf(FromTheBeginning()));
    Greet(slow_.back());
    stuck_.push_back(ConnectNarrowly(port));
    DeliveryRequest request = FromTheBeginning();
    request.liveness_mask = i % 2 == 0 ? 0xFF : 1U << static_cast<unsigned>(Liveness::kDead);
    Crowd::SendAll(stuck_.back(), BytesOf(request));
    Greet(stuck_.back());
    vanished_.push_back(Crowd::Connect(port));
    if (i % 4 != 0) {
      Crowd::SendAll(vanished_.back(), BytesOf({}));
      Greet(vanished_.back());
    }
    CutOff(vanished_.back());
  }
  thread_ = std::thread([this] { Live(stop_); });
}

Mob::~Mob() {
  stop_.store(true);
  thread_.join();
  for (const auto* group : {&slow_, &stuck_, &vanished_}) {
    for (const int descriptor : *group) {
      ::close(descriptor);
    }
  }
  for (const Liar& liar : liars_) {
    if (liar.descriptor >= 0) {
      ::close(liar.descriptor);
    }
  }
}

void Mob::Live(const std::atomic<bool>& stop) {
  auto at = std::chrono::steady_clock::now();
  for (std::size_t tick = 0; !stop.load(); ++tick) {
    for (std::size_t i = 0; i < kSlowOnesATick; ++i) {
      ReadALittle(slow_[(tick * kSlowOnesATick + i) % slow_.size()]);
    }
    if (tick % kTicksOfALie == 0) {
      const std::size_t number = tick / kTicksOfALie;
      Lie(liars_[number % liars_.size()], number);
    } else {
      GoOn(liars_[tick % liars_.size()]);
    }
    at += kTick;
    std::this_thread::sleep_until(at);
  }
}

void Mob::ReadALittle(int descriptor) {
  std::array<std::byte, 1024> bytes;
  static_cast<void>(::recv(descriptor, bytes.data(), bytes.size(), MSG_DONTWAIT));
}

// Comes back, with the next lie of six.
void Mob::Lie(Liar& liar, std::size_t number) const {
  if (liar.descriptor >= 0) {
    ::close(liar.descriptor);
  }
  liar = {Crowd::Connect(port_), number % 6, 0};
  DeliveryRequest request;
  const DeliveryAcknowledgement future{.sequence = 1ULL << 40};
  constexpr std::string_view kNonsense = "GET / HTTP/1.1\r\nHost: flatline\r\n\r\n";
  switch (liar.lie) {
    case 0:
      SayWhatFits(liar.descriptor, std::as_bytes(std::span(kNonsense)));
      break;
    case 1:
      request.text_bytes = 0xFFFF'FFFF;
      SayWhatFits(liar.descriptor, BytesOf(request));
      break;
    case 2:
      request.kind = RequestKind::kAdminister;
      request.count = kMaxAdminEntries;
      SayWhatFits(liar.descriptor, BytesOf(request));
      break;
    case 3:
      SayWhatFits(liar.descriptor, BytesOf(request));
      SayWhatFits(liar.descriptor, std::as_bytes(std::span{&future, 1}));
      break;
    default:
      break;  // goes on and on
  }
}

// By the byte, without end; and by the megabyte, likewise.
void Mob::GoOn(Liar& liar) {
  if (liar.lie == 4 && liar.descriptor >= 0) {
    const DeliveryRequest request;
    SayWhatFits(liar.descriptor, BytesOf(request).subspan(liar.said++ % 32, 1));
  } else if (liar.lie == 5 && liar.descriptor >= 0) {
    static const std::array<std::byte, 65536> endless{};
    SayWhatFits(liar.descriptor, endless);
  }
}

}  // namespace flatline
