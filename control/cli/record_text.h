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

// With the name of the endpoint, unless that is empty. One line.
[[nodiscard]] std::string RecordText(const DeliveryRecord& record, std::string_view name = {});
[[nodiscard]] nlohmann::ordered_json RecordJson(const DeliveryRecord& record,
                                                std::string_view name = {});

// As one line. A name of the roster may be any bytes: what is not UTF-8 of it is replaced.
[[nodiscard]] std::string JsonLine(const nlohmann::ordered_json& json);

}  // namespace flatline::cli
