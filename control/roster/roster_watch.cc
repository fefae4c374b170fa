#include "control/roster/roster_watch.h"

#include <chrono>
#include <sys/stat.h>

namespace flatline {

RosterWatch::Mark RosterWatch::MarkNow() const {
  struct stat status{};
  if (path_.empty() || ::stat(path_.c_str(), &status) != 0) {
    return {};
  }
  return {status.st_ino, status.st_ctim.tv_sec * 1'000'000'000 + status.st_ctim.tv_nsec};
}

RosterWatch::Opened RosterWatch::Open() {
  mark_ = MarkNow();
  return path_.empty() ? Opened(nullptr) : Roster::Open(path_);
}

std::optional<RosterWatch::Opened> RosterWatch::Poll(Instant now) {
  if (opening_.valid()) {
    if (opening_.wait_for(std::chrono::seconds(0)) != std::future_status::ready) {
      return std::nullopt;
    }
    return opening_.get();
  }
  if (now < look_at_) {
    return std::nullopt;
  }
  look_at_ = now + kInterval;
  if (const Mark mark = MarkNow(); mark != mark_) {
    mark_ = mark;
    opening_ = std::async(std::launch::async, [path = path_] { return Roster::Open(path); });
  }
  return std::nullopt;
}

}  // namespace flatline
