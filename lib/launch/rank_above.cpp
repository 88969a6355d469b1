#include "launch/rank_above.hpp"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>

#include "launch/parent_of.hpp"

namespace mobula::launch {

namespace {

/// "502857728.0;tcp4://127.0.0.1:36777": the port; 0: another way.
unsigned port_in(std::string_view uri) {
  const std::size_t scheme = uri.find("tcp4://");
  const std::size_t colon = scheme == uri.npos ? uri.npos : uri.find(':', scheme + 7);
  unsigned port = 0;
  if (colon != uri.npos) std::from_chars(uri.data() + colon + 1, uri.data() + uri.size(), port);
  return port;
}

/// As /proc/PID/fd calls the sockets of this host that are connected with that port.
std::set<std::string> sockets_to(unsigned port) {
  std::set<std::string> names;
  std::ifstream table{"/proc/self/net/tcp"};
  for (std::string line; std::getline(table, line);) {
    unsigned remote = 0;
    unsigned long inode = 0;
    // Its number, both addresses, the state, six fields more, the inode.
    const int fields = std::sscanf(
        line.c_str(), " %*u: %*x:%*x %*x:%x %*x %*x:%*x %*x:%*x %*x %*u %*u %lu", &remote, &inode);
    if (fields == 2 && remote == port) names.insert("socket:[" + std::to_string(inode) + "]");
  }
  return names;
}

bool has_one_of(int process, const std::set<std::string>& sockets) {
  std::error_code refused;
  const std::filesystem::path folder{"/proc/" + std::to_string(process) + "/fd"};
  for (const auto& entry : std::filesystem::directory_iterator{folder, refused})
    if (sockets.contains(std::filesystem::read_symlink(entry.path(), refused).string()))
      return true;
  return false;
}

}  // namespace

bool has_rank_above(const environment& variables) {
  unsigned port = 0;
  for (const std::string& one : variables)
    if (one.starts_with("PMIX_SERVER_URI") && port == 0) port = port_in(one);
  if (port == 0) return false;
  const std::set<std::string> sockets = sockets_to(port);
  if (sockets.empty()) return false;
  for (pid_t above = ::getppid(); above > 1; above = parent_of(above))
    if (has_one_of(above, sockets)) return true;
  return false;
}

}  // namespace mobula::launch
