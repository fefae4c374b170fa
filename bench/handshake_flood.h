// Connections that come and go, hundreds a second, in threads of their own for as long as the
// object lives: one in three says nothing, one leaves in the middle of its handshake, one finishes
// it and leaves. For the benchmark of what good subscribers notice of them. Over TLS. Bounds:
// kASecond, and none stays longer than kStays.
#pragma once

#include "control/tls/context.h"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace flatline {

class HandshakeFlood {
 public:
  static constexpr std::size_t kASecond = 600;
  static constexpr auto kStays = std::chrono::milliseconds(200);

  // Trusts who is certified by the file, for 127.0.0.1.
  HandshakeFlood(std::uint16_t port, const std::string& ca);
  ~HandshakeFlood();
  HandshakeFlood(const HandshakeFlood&) = delete;
  HandshakeFlood& operator=(const HandshakeFlood&) = delete;

  // Handshakes that were brought to their end, ever.
  [[nodiscard]] std::uint64_t finished() const noexcept { return finished_.load(); }

  // Connections made, of whatever kind.
  [[nodiscard]] std::uint64_t made() const noexcept { return made_.load(); }

 private:
  void LeaveEarly(const std::atomic<bool>& stop);
  void Finish(const std::atomic<bool>& stop);
  void ShakeHands();

  std::uint16_t port_;
  std::shared_ptr<const TlsContext> context_;
  std::vector<std::byte> hello_;
  std::atomic<std::uint64_t> finished_{0};
  std::atomic<std::uint64_t> made_{0};
  std::atomic<bool> stop_{false};
  std::thread early_;
  std::thread late_;
};

}  // namespace flatline
