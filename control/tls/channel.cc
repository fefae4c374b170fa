#include "control/tls/channel.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <utility>

namespace flatline {
namespace {

constexpr std::byte kAlert{21};
constexpr std::byte kHandshake{22};
// The first byte of a request of ours in the clear.
constexpr std::byte kOurs{'F'};
// What an idle connection may keep of a buffer that has become empty.
constexpr std::size_t kMostKept = 4096;

int AsInt(std::size_t size) {
  return static_cast<int>(
      std::min(size, static_cast<std::size_t>(std::numeric_limits<int>::max())));
}

void Empty(std::vector<std::byte>& buffer) {
  buffer.clear();
  if (buffer.capacity() > kMostKept) {
    std::vector<std::byte>().swap(buffer);
  }
}

}  // namespace

// OpenSSL's way to the two buffers of a channel: no copy beyond the one into them.
struct TlsBio {
  static int Read(BIO* bio, char* into, int room) {
    auto& channel = *static_cast<TlsChannel*>(BIO_get_data(bio));
    BIO_clear_retry_flags(bio);
    const std::size_t left = channel.unread_.size() - channel.read_;
    if (left == 0) {
      BIO_set_retry_read(bio);
      return -1;
    }
    const std::size_t taken = std::min(left, static_cast<std::size_t>(std::max(room, 0)));
    std::memcpy(into, channel.unread_.data() + channel.read_, taken);
    channel.read_ += taken;
    if (channel.read_ == channel.unread_.size()) {
      Empty(channel.unread_);
      channel.read_ = 0;
    }
    return static_cast<int>(taken);
  }

  static int Write(BIO* bio, const char* from, int size) {
    auto& channel = *static_cast<TlsChannel*>(BIO_get_data(bio));
    BIO_clear_retry_flags(bio);
    const auto* const bytes = reinterpret_cast<const std::byte*>(from);
    channel.sealed_.insert(channel.sealed_.end(), bytes, bytes + size);
    return size;
  }

  // NOLINTNEXTLINE(google-runtime-int): OpenSSL's
  static long Control(BIO* /*bio*/, int command, long /*number*/, void* /*pointer*/) {
    return command == BIO_CTRL_FLUSH ? 1 : 0;
  }

  // Never freed: it lives as long as the program, and OpenSSL's exit handler may look at it.
  static const BIO_METHOD* Method() {
    static const BIO_METHOD* const method = [] {
      BIO_METHOD* const out = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "channel");
      BIO_meth_set_read(out, &Read);
      BIO_meth_set_write(out, &Write);
      BIO_meth_set_ctrl(out, &Control);
      return out;
    }();
    return method;
  }
};

void TlsChannel::Free::operator()(ssl_st* ssl) const noexcept {
  SSL_free(ssl);
}

TlsChannel::TlsChannel(const std::shared_ptr<const TlsContext>& context)
    : ssl_(SSL_new(context->get())), is_server_(context->is_server()) {
  BIO* const bio = BIO_new(TlsBio::Method());
  if (!ssl_ || bio == nullptr) {
    BIO_free(bio);
    ssl_.reset();
    Fail("no memory for a connection");
    return;
  }
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_.get(), bio, bio);
  if (is_server_) {
    SSL_set_accept_state(ssl_.get());
    return;
  }
  if (!context->server_name().empty()) {
    SSL_set_tlsext_host_name(ssl_.get(), context->server_name().c_str());
  }
  SSL_set_connect_state(ssl_.get());
  Advance();
}

TlsChannel::~TlsChannel() = default;

bool TlsChannel::IsHello(std::byte first) const noexcept {
  return first == kHandshake || (!is_server_ && first == kAlert);
}

void TlsChannel::Feed(std::span<const std::byte> ciphertext) {
  if (ciphertext.empty() || state_ == State::kFailed || state_ == State::kEnded) {
    return;
  }
  if (!std::exchange(has_heard_, true) && !IsHello(ciphertext.front())) {
    in_the_clear_ = is_server_ && ciphertext.front() == kOurs;
    Fail(is_server_ ? "found somebody who speaks in the clear"
                    : "found somebody who answers in the clear");
    return;
  }
  empty_ += ciphertext.size();
  if (unread_.size() - read_ + ciphertext.size() > kMostUnread) {
    Fail("found more than a handshake, and no end of it");
    return;
  }
  unread_.insert(unread_.end(), ciphertext.begin(), ciphertext.end());
}

void TlsChannel::Advance() {
  if (state_ != State::kShaking) {
    return;
  }
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl_.get());
  if (result == 1) {
    state_ = State::kOpen;
  } else {
    Judge(result);
  }
}

std::size_t TlsChannel::Read(std::span<std::byte> room) {
  if (state_ == State::kShaking) {
    Advance();
  }
  if (state_ != State::kOpen || room.empty()) {
    return 0;
  }
  ERR_clear_error();
  const int result = SSL_read(ssl_.get(), room.data(), AsInt(room.size()));
  if (result > 0) {
    empty_ = 0;
    return static_cast<std::size_t>(result);
  }
  Judge(result);
  if (state_ == State::kOpen && empty_ > kMostEmpty) {
    Fail("found ciphertext that carries nothing");
  }
  return 0;
}

void TlsChannel::Seal(std::span<const std::byte> plaintext) {
  if (state_ != State::kOpen || plaintext.empty()) {
    return;
  }
  ERR_clear_error();
  const int result = SSL_write(ssl_.get(), plaintext.data(), AsInt(plaintext.size()));
  if (result <= 0) {
    Judge(result);
  }
}

void TlsChannel::End() {
  if (!std::exchange(has_ended_, true) && state_ == State::kOpen) {
    ERR_clear_error();
    SSL_shutdown(ssl_.get());
    ERR_clear_error();
  }
}

std::span<const std::byte> TlsChannel::outgoing() {
  if (sent_ == outgoing_.size()) {
    Empty(outgoing_);
    sent_ = 0;
    outgoing_.swap(sealed_);
  }
  return std::span<const std::byte>(outgoing_).subspan(sent_);
}

void TlsChannel::Sent(std::size_t bytes) {
  sent_ += std::min(bytes, outgoing_.size() - sent_);
  if (sent_ == outgoing_.size()) {
    Empty(outgoing_);
    sent_ = 0;
  }
}

// What a call that did not succeed means.
void TlsChannel::Judge(int result) {
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
      return;
    case SSL_ERROR_ZERO_RETURN:
      if (state_ == State::kShaking) {  // nobody has proved who said so
        Fail("found an end amid the handshake");
      } else {
        state_ = State::kEnded;
      }
      return;
    default:
      Fail(DescribeFault());
  }
}

void TlsChannel::Fail(std::string found) {
  if (state_ == State::kFailed) {
    return;
  }
  state_ = State::kFailed;
  fault_ = std::move(found);
  std::vector<std::byte>().swap(unread_);
  read_ = 0;
  ERR_clear_error();
}

std::string TlsChannel::DescribeFault() const {
  const auto code = ERR_peek_error();
  const int reason = ERR_GET_REASON(code);
  if (ERR_GET_LIB(code) == ERR_LIB_SSL && reason == SSL_R_CERTIFICATE_VERIFY_FAILED) {
    return std::string("found a certificate that is not to be trusted: ") +
           X509_verify_cert_error_string(SSL_get_verify_result(ssl_.get()));
  }
  if (ERR_GET_LIB(code) == ERR_LIB_SSL &&
      (reason == SSL_R_UNSUPPORTED_PROTOCOL || reason == SSL_R_TLSV1_ALERT_PROTOCOL_VERSION)) {
    return "found somebody who speaks only what is older";
  }
  const char* const text = ERR_reason_error_string(code);
  return text != nullptr ? std::string("found: ") + text : "found bytes that are not TLS";
}

}  // namespace flatline
