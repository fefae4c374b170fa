// Sends a message of ours back the way a request came, with a tag where the request had one: so an
// answer is never longer than what asked for it. Called by a worker's ingest (acknowledgements) and
// lease desk (grants). No allocation; where the port has no room the message is dropped and
// counted, as the network might drop it.
#pragma once

#include "dataplane/attachment.h"
#include "dataplane/authenticator.h"
#include "dataplane/frame.h"
#include "dataplane/packet.h"
#include "dataplane/tally.h"

#include <cstddef>
#include <span>

namespace flatline {

inline constexpr std::size_t kMostTag = static_cast<std::size_t>(TagSize::k128Bits);

// By what, and through which port, it came.
struct ReplyRoute {
  const Frame& frame;
  const Packet& packet;
  const Attachment& port;
  Authenticator::Master master;  // kNoMaster: it had no tag
};

// `message`: encoded, with kMostTag bytes of room behind it. `authenticator` may be null where no
// request has a tag. False: it was not sent.
[[nodiscard]] bool SendReply(const ReplyRoute& route,
                             std::span<std::byte> message,
                             const Authenticator* authenticator,
                             Tally& tally) noexcept;

}  // namespace flatline
