#pragma once

#include <stdexcept>
#include <string>

namespace apps {

// What a call says when it throws; nothing if it doesn't.
template <class Call>
std::string error_of(Call call) {
  try {
    call();
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "";
}

}  // namespace apps
