// Any bytes where TLS is spoken, in any pieces, at a server's end and at a client's: nobody gets
// in, nothing is handed out as plaintext, what is being sent stays where it is, and there is an end
// of what is kept. The first byte says which end, the second how long the pieces are.
#include "control/tls/channel.h"
#include "tests/control/tls/authority.h"

#include <flatline/check.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace flatline {
namespace {

struct Ends {
  Authority authority;
  std::shared_ptr<const TlsContext> server;
  std::shared_ptr<const TlsContext> client;

  Ends() {
    authority.Issue("control");
    const WallInstant now{
        std::chrono::duration_cast<Duration>(std::chrono::system_clock::now().time_since_epoch())};
    server = TlsContext::ForServer({.certificate = authority.CertificatePath("control"),
                                    .key = authority.KeyPath("control")},
                                   now)
                 .value();
    client = TlsContext::ForClient({.ca = authority.ca()}, "127.0.0.1").value();
  }
};

void Take(TlsChannel& channel, std::span<const std::byte> piece) {
  const auto sending = channel.outgoing();
  channel.Feed(piece);
  std::array<std::byte, 512> room;
  FLATLINE_CHECK(channel.Read(room) == 0);
  FLATLINE_CHECK(channel.state() == TlsChannel::State::kShaking ||
                 channel.state() == TlsChannel::State::kFailed);
  FLATLINE_CHECK(channel.fault().empty() == (channel.state() == TlsChannel::State::kShaking));
  FLATLINE_CHECK(sending.empty() || channel.outgoing().data() == sending.data());
}

}  // namespace
}  // namespace flatline

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const flatline::Ends ends;
  if (size < 2) {
    return 0;
  }
  flatline::TlsChannel channel(data[0] % 2 == 0 ? ends.server : ends.client);
  const std::size_t most = 1 + std::size_t{data[1]} * 8;
  auto left = std::as_bytes(std::span(data, size)).subspan(2);
  while (!left.empty()) {
    const std::size_t piece = std::min(most, left.size());
    flatline::Take(channel, left.first(piece));
    left = left.subspan(piece);
  }
  return 0;
}
