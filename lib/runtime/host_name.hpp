#pragma once

#include <unistd.h>

#include <array>
#include <string>

namespace mobula::detail {

inline const std::string& host_name() {
  static const std::string name = [] {
    std::array<char, 256> room{};
    return ::gethostname(room.data(), room.size() - 1) == 0 ? std::string{room.data()}
                                                            : std::string{"localhost"};
  }();
  return name;
}

}  // namespace mobula::detail
