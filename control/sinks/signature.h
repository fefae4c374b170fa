// The signature of a webhook's batch: HMAC-SHA256 (libsodium) over "TIMESTAMP.KEY." and the body,
// so that neither can be put together with another body. Called for each attempt, with the time of
// the attempt. Pure. Who verifies it recomputes it, compares in constant time, and turns away what
// is older than a few minutes.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

namespace flatline::sinks {

inline constexpr std::size_t kLeastSecret = 16;  // bytes

// "hmac-sha256=" and 64 hexadecimal digits.
[[nodiscard]] std::string Sign(std::string_view secret,
                               std::int64_t unix_seconds,
                               std::string_view key,
                               std::string_view body);

// The bytes of a file that nobody but its owner and group may read, without a newline at the end.
[[nodiscard]] std::expected<std::string, std::string> ReadSecret(const std::string& path);

}  // namespace flatline::sinks
