// What no single key can be blamed for: values that are each in range and cannot be meant together.
// Called by the reader after the keys have been read. `root` gives the places, `config` the values.
#pragma once

#include "control/config/complaints.h"

#include <flatline/config.h>

#include <toml++/toml.h>

namespace flatline {

void FindContradictions(const toml::table& root, const Config& config, Complaints& complaints);

}  // namespace flatline
