// A [[profile]] of the file as the Profile that detectors judge by, and back: which keys are of
// which detector, what holds where the file is silent, and which values contradict each other. Used
// by the reader, the printer and check-config.
#pragma once

#include "control/config/schema.h"

#include <flatline/config.h>
#include <flatline/profile.h>

#include <expected>
#include <string>

namespace flatline {

// The error is one sentence, and says what to write.
[[nodiscard]] std::expected<Profile, std::string> ProfileOf(const ProfileEntry& entry);

// What it promises; none without detect_within.
[[nodiscard]] Contract ContractOf(const ProfileEntry& entry);

// Every key of its contract is set, or of its detector where it has none.
[[nodiscard]] ProfileEntry EntryOf(ProfileId id, const Profile& profile, const Contract& contract);

// One line: after which silence an endpoint of this profile is suspect, and dead.
[[nodiscard]] std::string ExplainProfile(const Profile& profile);

}  // namespace flatline
