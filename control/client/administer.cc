#include "control/client/line.h"
#include "control/client/stream_position.h"
#include "control/delivery/subscription_text.h"

#include <flatline/client.h>
#include <flatline/crc32c.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <expected>
#include <functional>
#include <limits>
#include <optional>
#include <poll.h>
#include <span>
#include <string>
#include <system_error>
#include <vector>

namespace flatline {
namespace {

using OnResult = std::function<void(const AdminResult&)>;
using Outcome = std::expected<void, std::string>;

constexpr std::size_t kBufferRecords = 1024;

// One request on a connection of its own: sends entries and reads answers at the same time, so that
// neither side waits for the other with full buffers.
class Batch {
 public:
  Batch(const std::string& address,
        std::span<const AdminEntry> entries,
        const OnResult& on_result,
        const AdminAccess& access)
      : address_(address),
        trust_(access.trust),
        entries_(entries),
        on_result_(on_result),
        buffer_(kBufferRecords) {
    const std::string text = PrintSubscriptionText(
        {.token = access.token, .maintain_s = access.maintain_s, .reason = access.reason});
    DeliveryRequest header;
    header.kind = RequestKind::kAdminister;
    header.count = static_cast<std::uint32_t>(entries.size());
    header.text_bytes = static_cast<std::uint32_t>(text.size());
    for (const auto part : {std::as_bytes(std::span{&header, 1}),
                            std::as_bytes(std::span{text}),
                            std::as_bytes(entries)}) {
      request_.insert(request_.end(), part.begin(), part.end());
    }
  }

  Outcome Run(int timeout_ms);

  [[nodiscard]] std::size_t answered() const noexcept { return answered_; }

 private:
  Outcome Connect();
  Outcome Turn(int timeout_ms);
  Outcome Send();
  Outcome Receive();
  Outcome Take(const DeliveryRecord& record);

  [[nodiscard]] std::unexpected<std::string> Fail(const std::string& text) const {
    return std::unexpected(address_ + ": " + text);
  }

  const std::string& address_;
  const TlsTrust& trust_;
  std::span<const AdminEntry> entries_;
  const OnResult& on_result_;
  Line line_;
  std::vector<std::byte> request_;
  std::size_t sent_ = 0;
  std::vector<DeliveryRecord> buffer_;
  std::size_t received_ = 0;  // bytes in `buffer_`
  std::size_t answered_ = 0;
};

Outcome Batch::Connect() {
  const auto address = ParseSocketAddress(address_);
  if (!address) {
    return std::unexpected(address.error());
  }
  auto connected = Line::Begin(*address, trust_);
  if (!connected && connected.error().is_ours) {
    return std::unexpected(connected.error().text);
  }
  if (!connected) {
    return Fail("needed flatline-control's socket, found " +
                std::generic_category().message(connected.error().error) +
                "; start flatline-control, or run as a member of its group");
  }
  line_ = std::move(*connected);
  return {};
}

Outcome Batch::Run(int timeout_ms) {
  Outcome so_far = Connect();
  while (so_far && answered_ < entries_.size()) {
    so_far = Turn(timeout_ms);
  }
  return so_far;
}

Outcome Batch::Turn(int timeout_ms) {
  const bool sends = sent_ < request_.size();
  pollfd entry{.fd = line_.descriptor(), .events = line_.events(sends), .revents = 0};
  if (::poll(&entry, 1, timeout_ms) <= 0) {
    return Fail(
        "no answer from flatline-control in time; see whether the dataplane runs "
        "(flatline status)");
  }
  Outcome sent = (entry.revents & POLLOUT) != 0 ? Send() : Outcome{};
  return sent && (entry.revents & ~POLLOUT) != 0 ? Receive() : sent;
}

Outcome Batch::Send() {
  const auto sent = line_.Send(std::span(request_).subspan(sent_));
  if (sent) {
    sent_ += *sent;
    return {};
  }
  const int error = sent.error().error;
  if (error == EPIPE || error == ECONNRESET) {
    sent_ = request_.size();  // why it closed may be waiting to be read
    return {};
  }
  return Fail("could not send: " + std::generic_category().message(error));
}

Outcome Batch::Receive() {
  auto* bytes = reinterpret_cast<std::byte*>(buffer_.data());
  const std::size_t room = buffer_.size() * sizeof(DeliveryRecord) - received_;
  const auto got = line_.Receive(std::span(bytes + received_, room));
  if (!got) {
    return Fail(!got.error().text.empty()
                    ? "needed flatline-control over TLS 1.3, " + got.error().text +
                          "; check the address, the authority's certificates and the server's name"
                : got.error().was_cut ? "the connection was cut off; try again"
                                      : "flatline-control closed the connection; try again");
  }
  received_ += *got;
  const std::size_t records = received_ / sizeof(DeliveryRecord);
  for (std::size_t i = 0; i < records; ++i) {
    if (auto taken = Take(buffer_[i]); !taken) {
      return taken;
    }
  }
  const std::size_t whole = records * sizeof(DeliveryRecord);
  std::memmove(bytes, bytes + whole, received_ - whole);
  received_ -= whole;
  return {};
}

Outcome Batch::Take(const DeliveryRecord& record) {
  if (SealOf(record) != record.crc) {
    return Fail("an answer whose checksum is wrong; check that both sides are of one release");
  }
  if (record.kind == RecordKind::kError) {
    return Fail("refused: " + DescribeError(record));
  }
  if (record.kind == RecordKind::kHello || record.kind == RecordKind::kBookmark) {
    return {};
  }
  if (record.kind != RecordKind::kCommandResult || answered_ == entries_.size() ||
      record.endpoint != entries_[answered_].id) {
    return Fail("an answer to something else; check that both sides are of one release");
  }
  ++answered_;
  on_result_({.id = record.endpoint, .status = static_cast<CommandStatus>(record.reason)});
  return {};
}

}  // namespace

std::expected<void, std::string> Administer(
    const std::string& address,
    std::span<const AdminEntry> entries,
    Duration timeout,
    const std::function<void(const AdminResult&)>& on_result,
    const AdminAccess& access) {
  const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(timeout).count();
  const int timeout_ms =
      static_cast<int>(std::clamp<std::int64_t>(milliseconds, 0, std::numeric_limits<int>::max()));
  std::size_t done = 0;
  while (done < entries.size()) {
    const std::size_t count = std::min<std::size_t>(entries.size() - done, kMaxAdminEntries);
    Batch batch(address, entries.subspan(done, count), on_result, access);
    const auto ran = batch.Run(timeout_ms);
    done += batch.answered();
    if (!ran) {
      return done == 0 ? ran
                       : std::unexpected(ran.error() + " (" + std::to_string(done) + " of " +
                                         std::to_string(entries.size()) + " were done)");
    }
  }
  return {};
}

}  // namespace flatline
