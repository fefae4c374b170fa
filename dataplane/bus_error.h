// A mapped file that is cut short ends its reader by SIGBUS. From the call on the process says so
// before it ends as it would. For main, at start.
#pragma once

namespace flatline {

void ExplainBusErrors() noexcept;

}  // namespace flatline
