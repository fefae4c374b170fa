// What a text in the configuration has to look like: each rule gives the fault and the remedy, or
// nothing. Used by the schema. Pure.
#pragma once

#include <string>
#include <string_view>

namespace flatline {

[[nodiscard]] std::string FaultInInstance(std::string_view text);
[[nodiscard]] std::string FaultInDirectory(std::string_view text);     // absolute
[[nodiscard]] std::string FaultInOptionalPath(std::string_view text);  // absolute, or empty
[[nodiscard]] std::string FaultInPlaintext(std::string_view text);     // kPlaintextWords, or empty
[[nodiscard]] std::string FaultInRegionDirectory(std::string_view text);
[[nodiscard]] std::string FaultInSocketPath(std::string_view text);
[[nodiscard]] std::string FaultInGroup(std::string_view text);
[[nodiscard]] std::string FaultInAddress(std::string_view text);   // "10.0.0.1", "fd00::1"
[[nodiscard]] std::string FaultInListener(std::string_view text);  // "10.0.0.1:17997", "[::1]:1"
[[nodiscard]] std::string FaultInDevice(std::string_view text);
[[nodiscard]] std::string FaultInProfileName(std::string_view text);

// Of a text that is a listener.
[[nodiscard]] bool IsLoopback(std::string_view listener);

}  // namespace flatline
