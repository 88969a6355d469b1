#pragma once

#include <exception>
#include <string_view>

#include "wire/messages.hpp"

namespace mobula::detail {

/// Throws what stands in a value's place, as the class of mobula/errors.hpp that its code names.
[[noreturn]] void throw_error(const wire::error_value& error);

/// Describes what a remote function threw, where it stands for the function's value. If a `get` in
/// the function threw why a value can't be had, that is kept: its class and text, or a task_error's
/// origin.
/// @param function  the function's name
/// @param process   where it ran
/// @param host      its host's name
wire::error_value describe_error(std::exception_ptr thrown, std::string_view function,
                                 wire::process_id process, std::string_view host);

}  // namespace mobula::detail
