#pragma once

#include <filesystem>
#include <optional>

namespace mobula::hardware {

/// How many cpus' worth of time this process's control groups (v1 and v2, and all those above)
/// allow; nothing if they set no limit.
/// @param root  where /proc and /sys are looked for; tests make their own
std::optional<double> cpu_quota(const std::filesystem::path& root = "/");

}  // namespace mobula::hardware
