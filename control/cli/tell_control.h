// Has the control that runs on this machine read anew what it reads on SIGHUP: the tokens, the
// certificate. Found by its Unix socket, whose listener the kernel names, so that no file with an
// old number misleads. Used by verbs that change such a file. Needs to be that user, or root.
#pragma once

#include <expected>
#include <string>

namespace flatline::cli {

// The error says why nobody was told.
[[nodiscard]] std::expected<void, std::string> TellControl(const std::string& socket);

}  // namespace flatline::cli
