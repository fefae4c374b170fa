// A record of the delivery stream for people and for programs. Used by watch. Pure.
#pragma once

#include <flatline/delivery.h>

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace flatline::cli {

[[nodiscard]] std::string_view NameOf(RecordKind kind) noexcept;

// "2026-11-21T03:05:01.123456789Z".
[[nodiscard]] std::string WallText(std::int64_t ns);

[[nodiscard]] std::string RecordText(const DeliveryRecord& record);  // one line
[[nodiscard]] nlohmann::ordered_json RecordJson(const DeliveryRecord& record);

}  // namespace flatline::cli
