#include "launch/parent_of.hpp"

#include <cstdlib>
#include <fstream>
#include <string>

namespace mobula::launch {

pid_t parent_of(pid_t process) {
  std::ifstream file{"/proc/" + std::to_string(process) + "/stat"};
  std::string text;
  if (!std::getline(file, text)) return 0;
  // After the name, which may have any sign in it: ") S 123".
  const std::size_t end = text.rfind(')');
  return end == std::string::npos || end + 4 > text.size() ? 0 : std::atoi(text.c_str() + end + 4);
}

}  // namespace mobula::launch
