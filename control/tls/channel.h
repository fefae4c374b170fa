// One TLS 1.3 connection without its socket: ciphertext that came in, plaintext to read, plaintext
// to seal, ciphertext to send. Used by a connection of the server's and by a client, each on its
// own thread. Never blocks, reads no socket; bytes may come in any pieces. Bounds: kMostUnread
// bytes of ciphertext that are not yet plaintext; what is sealed is bounded by who seals. Idle it
// keeps no buffer of its own.
//
//   kShaking --Advance--> kOpen --close_notify--> kEnded
//       `--------------------`------anything else that is wrong--> kFailed
#pragma once

#include "control/tls/context.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

struct ssl_st;

namespace flatline {

class TlsChannel {
 public:
  enum class State : std::uint8_t {
    kShaking,
    kOpen,
    kEnded,   // the other end has said that it is done: nothing was cut off
    kFailed,  // see fault(); there may be an alert to send
  };

  // A handshake is some kilobytes, a record at most 16 KiB and a little.
  static constexpr std::size_t kMostUnread = std::size_t{64} << 10;
  // Ciphertext in a row that carried nothing: messages of TLS itself, endlessly.
  static constexpr std::size_t kMostEmpty = std::size_t{64} << 10;

  // A client's has its hello to send at once.
  explicit TlsChannel(const std::shared_ptr<const TlsContext>& context);

  TlsChannel(const TlsChannel&) = delete;
  TlsChannel& operator=(const TlsChannel&) = delete;
  ~TlsChannel();

  // Ciphertext as it came, copied. Nothing is done with it yet.
  void Feed(std::span<const std::byte> ciphertext);

  // Goes on with the handshake as far as what was fed reaches. The dear part: signing.
  void Advance();

  // Plaintext of what was fed; 0: no more for now, unless state() says that there never will be.
  [[nodiscard]] std::size_t Read(std::span<std::byte> room);

  // While kOpen only.
  void Seal(std::span<const std::byte> plaintext);

  // Says that nothing more will come from here.
  void End();

  // To be sent: stays where it is until Sent has told of all of it, whatever else is called.
  [[nodiscard]] std::span<const std::byte> outgoing();
  void Sent(std::size_t bytes);

  [[nodiscard]] State state() const noexcept { return state_; }

  // What was found that is not TLS 1.3 with the right peer: "found …"; empty: nothing.
  [[nodiscard]] const std::string& fault() const noexcept { return fault_; }

  // A server's: the first byte was one of flatline's own, so the other end is to be told in the
  // clear that this is not.
  [[nodiscard]] bool was_addressed_in_the_clear() const noexcept { return in_the_clear_; }

 private:
  friend struct TlsBio;

  struct Free {
    void operator()(ssl_st* ssl) const noexcept;
  };

  [[nodiscard]] bool IsHello(std::byte first) const noexcept;
  void Judge(int result);
  void Fail(std::string found);
  [[nodiscard]] std::string DescribeFault() const;

  std::unique_ptr<ssl_st, Free> ssl_;
  bool is_server_;
  State state_ = State::kShaking;
  bool in_the_clear_ = false;
  bool has_heard_ = false;
  bool has_ended_ = false;
  std::size_t empty_ = 0;          // fed since there last was plaintext
  std::vector<std::byte> unread_;  // fed, and from `read_` on not yet taken by OpenSSL
  std::size_t read_ = 0;
  std::vector<std::byte> sealed_;    // by OpenSSL, behind what is being sent
  std::vector<std::byte> outgoing_;  // being sent, from `sent_` on
  std::size_t sent_ = 0;
  std::string fault_;
};

}  // namespace flatline
