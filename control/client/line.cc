#include "control/client/line.h"

#include <algorithm>
#include <cerrno>
#include <poll.h>
#include <sys/socket.h>
#include <utility>

namespace flatline {
namespace {

constexpr std::size_t kPiece = std::size_t{64} << 10;
// A record of TLS that has come in part before; what comes of a piece is longer by so much at most.
constexpr std::size_t kPartBefore = std::size_t{17} << 10;

static_assert(kPiece <= TlsChannel::kMostUnread);
static_assert(Line::kLeastRoom >= 2 * kPartBefore);

}  // namespace

std::expected<Line, Line::Fault> Line::Begin(const SocketAddress& address, const TlsTrust& trust) {
  Line out;
  if (address.is_encrypted) {
    const auto context = TlsContext::ForClient(trust, address.host);
    if (!context) {
      return std::unexpected(Fault{.text = context.error(), .is_ours = true});
    }
    out.channel_ = std::make_unique<TlsChannel>(*context);
    out.ciphertext_.resize(kPiece);
  }
  auto attempt = Socket::Connect(address);
  if (!attempt) {
    return std::unexpected(Fault{.error = attempt.error()});
  }
  out.socket_ = std::move(*attempt);
  return out;
}

std::int16_t Line::events(bool sends) {
  const bool has_to_send = channel_ ? !channel_->outgoing().empty() ||
                                          (sends && channel_->state() == TlsChannel::State::kOpen)
                                    : sends;
  return static_cast<std::int16_t>(has_to_send ? POLLIN | POLLOUT : POLLIN);
}

std::expected<std::size_t, Line::Fault> Line::SendRaw(std::span<const std::byte> bytes) {
  const ssize_t sent =
      ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent >= 0) {
    return static_cast<std::size_t>(sent);
  }
  if (errno == EAGAIN || errno == EINTR) {
    return 0;
  }
  return std::unexpected(Fault{.error = errno});
}

std::expected<void, Line::Fault> Line::Flush() {
  for (auto bytes = channel_->outgoing(); !bytes.empty(); bytes = channel_->outgoing()) {
    const auto sent = SendRaw(bytes);
    if (!sent) {
      return std::unexpected(sent.error());
    }
    if (*sent == 0) {
      break;
    }
    channel_->Sent(*sent);
  }
  return {};
}

std::expected<std::size_t, Line::Fault> Line::Send(std::span<const std::byte> bytes) {
  if (!channel_) {
    return SendRaw(bytes);
  }
  std::size_t taken = 0;
  auto flushed = Flush();
  while (flushed && taken < bytes.size() && channel_->outgoing().empty() &&
         channel_->state() == TlsChannel::State::kOpen) {
    const auto piece = bytes.subspan(taken, std::min(kPiece, bytes.size() - taken));
    channel_->Seal(piece);
    taken += piece.size();
    flushed = Flush();
  }
  return flushed ? std::expected<std::size_t, Fault>(taken) : std::unexpected(flushed.error());
}

std::expected<std::size_t, Line::Fault> Line::ReceiveRaw(std::span<std::byte> room) {
  const ssize_t got = ::recv(socket_.get(), room.data(), room.size(), MSG_DONTWAIT);
  if (got > 0) {
    return static_cast<std::size_t>(got);
  }
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
    return 0;
  }
  return std::unexpected(Fault{.error = got < 0 ? errno : 0, .was_cut = got < 0});
}

Line::Fault Line::FaultOfChannel() const {
  const bool is_fault = channel_->state() == TlsChannel::State::kFailed;
  return is_fault ? Fault{.text = channel_->fault()} : Fault{};
}

std::expected<std::size_t, Line::Fault> Line::Receive(std::span<std::byte> room) {
  if (!channel_) {
    return ReceiveRaw(room);
  }
  using State = TlsChannel::State;
  if (channel_->state() == State::kEnded || channel_->state() == State::kFailed) {
    return std::unexpected(FaultOfChannel());
  }
  const auto got =
      ReceiveRaw(std::span(ciphertext_).first(std::min(kPiece, room.size() - kPartBefore)));
  if (!got) {
    // Who closes amid a handshake may be full, or about to start anew: nothing worth a word.
    return std::unexpected(Fault{.error = got.error().error, .was_cut = true});
  }
  channel_->Feed(std::span(ciphertext_).first(*got));
  std::size_t out = 0;
  while (const std::size_t read = channel_->Read(room.subspan(out))) {
    out += read;
  }
  // Its answer to a flight of the handshake, or an alert that says what we did not like.
  const auto flushed = Flush();
  if (out == 0 && (channel_->state() == State::kEnded || channel_->state() == State::kFailed)) {
    return std::unexpected(FaultOfChannel());
  }
  if (out == 0 && !flushed) {
    return std::unexpected(flushed.error());
  }
  return out;
}

void Line::Close() {
  if (channel_ && socket_.get() >= 0) {
    channel_->End();
    [[maybe_unused]] const auto last_word = Flush();
  }
  channel_.reset();
  socket_.Close();
}

}  // namespace flatline
