#include "dataplane/bus_error.h"

#include <csignal>
#include <string_view>
#include <unistd.h>

namespace flatline {
namespace {

void Explain(int /*signal*/) {
  constexpr std::string_view kLine =
      "flatline-dataplane: needed a page of the region, found it gone: memory failed, or somebody "
      "who may write the file has cut it short; look who is in region_group. The next start "
      "begins cold where the file is short\n";
  [[maybe_unused]] const ssize_t told = ::write(STDERR_FILENO, kLine.data(), kLine.size());
}

}  // namespace

// Once: what faulted is tried again, and ends the process.
void ExplainBusErrors() noexcept {
  struct sigaction action{};
  action.sa_handler = Explain;
  action.sa_flags = SA_RESETHAND;
  ::sigaction(SIGBUS, &action, nullptr);
}

}  // namespace flatline
