#pragma once

#include <cerrno>
#include <cstddef>
#include <span>
#include <string>

#include "launch/descriptor.hpp"

namespace mobula::detail {

/// "node 1 (its host)": where this code runs.
std::string this_node();

/// @throws checkpoint_error: `doing` ("write") it went wrong, with errno's text
[[noreturn]] void throw_io_error(const char* doing, const std::string& path, int error = errno);

/// All of it, however little the system takes at a time. @throws checkpoint_error
void write_all(int file, std::span<const std::byte> bytes, const std::string& path);
/// As many bytes as are left, at most the room. @throws checkpoint_error
std::size_t read_some(int file, std::span<std::byte> into, const std::string& path);
/// What was written is safe. @throws checkpoint_error
void make_safe(int file, const std::string& path);
/// So are the names in that folder. @throws checkpoint_error
void make_names_safe(const std::string& folder);

}  // namespace mobula::detail
