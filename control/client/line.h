// A client's line to control: a socket, and over it TLS where the address asks for that. Used by
// Client and Administer, on their thread. Never blocks. What has been decrypted is handed out at
// once, so that whoever waits for the descriptor misses nothing. Bounds: room of at least
// kLeastRoom to receive into. Cost: in the clear none but a look at whether it is.
#pragma once

#include "control/client/socket.h"
#include "control/tls/channel.h"

#include <flatline/tls_trust.h>

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace flatline {

class Line {
 public:
  // Two records of TLS: one that arrives whole, and the rest of one before it.
  static constexpr std::size_t kLeastRoom = std::size_t{34} << 10;

  // Why there is no line, or no longer.
  struct Fault {
    int error = 0;         // of the system; 0: the other end closed, or `text`
    std::string text{};    // of TLS, in one phrase: "found …"; empty: nothing worth a word
    bool is_ours = false;  // our own files are not what they should be: `text` says it all
    bool was_cut = false;  // without the word that ends TLS
  };

  Line() = default;
  Line(Line&&) noexcept = default;
  Line& operator=(Line&&) noexcept = default;
  Line(const Line&) = delete;
  Line& operator=(const Line&) = delete;

  ~Line() { Close(); }

  // On its way: writable when it has arrived.
  [[nodiscard]] static std::expected<Line, Fault> Begin(const SocketAddress& address,
                                                        const TlsTrust& trust);

  [[nodiscard]] int ConnectError() const noexcept { return socket_.ConnectError(); }

  // What to wait for, where there is something to send or not.
  [[nodiscard]] std::int16_t events(bool sends);

  // How much of it has been taken; 0 while a handshake is under way, and while there is no room.
  [[nodiscard]] std::expected<std::size_t, Fault> Send(std::span<const std::byte> bytes);

  // How much has come; 0: nothing yet.
  [[nodiscard]] std::expected<std::size_t, Fault> Receive(std::span<std::byte> room);

  // Says so, over TLS, as far as that can be said at once.
  void Close();

  [[nodiscard]] int descriptor() const noexcept { return socket_.get(); }

 private:
  [[nodiscard]] std::expected<std::size_t, Fault> SendRaw(std::span<const std::byte> bytes);
  [[nodiscard]] std::expected<std::size_t, Fault> ReceiveRaw(std::span<std::byte> room);
  [[nodiscard]] std::expected<void, Fault> Flush();
  [[nodiscard]] Fault FaultOfChannel() const;

  Socket socket_;
  std::unique_ptr<TlsChannel> channel_;  // null: in the clear
  std::vector<std::byte> ciphertext_;    // room to receive it
};

}  // namespace flatline
