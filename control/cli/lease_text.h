// What a lease is called in text, and what is said of one in a record. Used by `flatline watch`,
// `lease` and `agent`. Pure.
#pragma once

#include <flatline/delivery.h>
#include <flatline/lease.h>

#include <expected>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace flatline::cli {

// "name:42", "own:4711", "leader:7".
[[nodiscard]] std::string LeaseNameText(const LeaseName& name);

// The same back; a number alone is a name.
[[nodiscard]] std::expected<LeaseName, std::string> ParseLeaseName(std::string_view text);

// Of a record of kind kLease.
[[nodiscard]] LeaseName LeaseNameOf(const DeliveryRecord& record) noexcept;
[[nodiscard]] FencingToken TokenIn(const DeliveryRecord& record) noexcept;

// `holder`: how the endpoint is called.
[[nodiscard]] std::string LeaseText(const DeliveryRecord& record, const std::string& holder);
// `name`: of the holder, or empty.
void AddLease(const DeliveryRecord& record, std::string_view name, nlohmann::ordered_json& out);

}  // namespace flatline::cli
