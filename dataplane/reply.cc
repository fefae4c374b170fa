#include "dataplane/reply.h"

#include "dataplane/responder.h"

#include <flatline/heartbeat.h>

namespace flatline {

bool SendReply(const ReplyRoute& route,
               std::span<std::byte> message,
               const Authenticator* authenticator,
               Tally& tally) noexcept {
  std::byte* const room = route.port.sink->Claim();
  if (room == nullptr) {
    tally.Add(Counter::kReplyDropped);
    return false;
  }
  std::size_t size = message.size() - kMostTag;
  if (route.master != Authenticator::kNoMaster) {
    MarkTagged(message.first<kHeartbeatSize>());
    authenticator->Sign(route.master, message.first(size), message.subspan(size));
    size += static_cast<std::size_t>(authenticator->tag_size());
  }
  const std::uint32_t length =
      BuildDatagramReply(route.frame,
                         route.packet,
                         *route.port.identity,
                         message.first(size),
                         std::span<std::byte, kReplyRoom>(room, kReplyRoom));
  if (length != 0) {
    route.port.sink->Commit(length);
  }
  return length != 0;
}

}  // namespace flatline
