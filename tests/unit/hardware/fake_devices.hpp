#pragma once

#include <cstdlib>
#include <sstream>
#include <string>
#include <vector>

namespace mobula::hardware::fake {

/// What FAKE_GPUS lists, a device a line: uuid,name,bytes,pci address,compute mode,max parts. A
/// line that begins with a space is a part of the device above.
struct device {
  std::string uuid, name, pci;
  unsigned long long bytes = 0;
  unsigned mode = 0;
  unsigned parts_max = 0;
  std::vector<device> parts;
};

inline device read(const std::string& line) {
  std::istringstream fields{line};
  std::string bytes, mode, parts;
  device one;
  std::getline(fields, one.uuid, ',');
  std::getline(fields, one.name, ',');
  std::getline(fields, bytes, ',');
  std::getline(fields, one.pci, ',');
  std::getline(fields, mode, ',');
  std::getline(fields, parts, ',');
  one.bytes = std::strtoull(bytes.c_str(), nullptr, 10);
  one.mode = static_cast<unsigned>(std::strtoul(mode.c_str(), nullptr, 10));
  one.parts_max = static_cast<unsigned>(std::strtoul(parts.c_str(), nullptr, 10));
  return one;
}

/// @returns whether there is a driver at all
inline bool read_all(std::vector<device>& into) {
  const char* const text = std::getenv("FAKE_GPUS");
  if (text == nullptr) return false;
  into.clear();
  std::istringstream lines{text};
  for (std::string line; std::getline(lines, line);)
    line.starts_with(' ') ? into.back().parts.push_back(read(line.substr(1)))
                          : into.push_back(read(line));
  return true;
}

}  // namespace mobula::hardware::fake
