// A file that holds a secret, before it is read: a regular one, of this user or of root, that
// nobody but its owner may do anything with. Asked by whoever reads a key. The error is one line:
// what was needed, what was found, what to do. Cost: one system call.
#pragma once

#include <expected>
#include <string>

namespace flatline {

// What the file is to hold, "a master key", and what to do where there is none.
struct Secret {
  const char* what;
  const char* remedy;
};

[[nodiscard]] std::expected<void, std::string> CheckGuarded(const std::string& path,
                                                            int file,
                                                            const Secret& secret);

}  // namespace flatline
