#include "job_processes.hpp"

#include <dirent.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>

namespace {

std::string content_of(const std::string& file) {
  std::ifstream in{file, std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, {}};
}

std::optional<std::string> variable(const std::string& environment, const std::string& name) {
  const std::string key = '\0' + name + '=';
  const auto at = environment.find(key);
  if (at == std::string::npos) return std::nullopt;
  const auto begin = at + key.size();
  return environment.substr(begin, environment.find('\0', begin) - begin);
}

std::vector<std::string> entries_of(const std::string& folder) {
  std::vector<std::string> names;
  if (DIR* open = ::opendir(folder.c_str())) {
    while (const dirent* one = ::readdir(open)) names.emplace_back(one->d_name);
    ::closedir(open);
  }
  return names;
}

/// A scheduler is its rank's child; a rank that has none is a seat, or is starting.
void find_nodes(std::vector<job_process>& all) {
  for (job_process& one : all) {
    if (one.is != part::scheduler) continue;
    const auto parent = std::ranges::find(all, one.parent, &job_process::pid);
    if (parent != all.end()) one.rank_of_node = parent->rank;
  }
}

std::optional<job_process> look_at(const std::string& number, const std::string& mark,
                                   const std::string& program) {
  const std::string folder = "/proc/" + number;
  const std::string environment = '\0' + content_of(folder + "/environ");
  if (environment.find(mark) == std::string::npos) return std::nullopt;
  const std::string stat = content_of(folder + "/stat");
  const auto name_end = stat.rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  job_process one;
  one.pid = std::atoi(number.c_str());
  std::istringstream fields{stat.substr(name_end + 1)};
  fields >> one.state >> one.parent;
  std::string skipped;
  for (int i = 0; i < 9; ++i) fields >> skipped;
  unsigned long in_kernel = 0;
  fields >> one.ticks >> in_kernel;
  one.ticks += in_kernel;
  if (one.state == "Z" || one.state == "X") return std::nullopt;
  const std::string rank = variable(environment, "OMPI_COMM_WORLD_RANK").value_or("0");
  one.rank = std::atoi(rank.c_str());
  const std::string command = content_of(folder + "/cmdline");
  const std::string called = command.substr(0, command.find('\0'));
  if (const auto role = variable(environment, "MOBULA_ROLE")) {
    one.is = *role == "scheduler" ? part::scheduler : part::worker;
  } else if (called.substr(called.rfind('/') + 1) == program) {
    one.is = one.rank == 0 ? part::driver : part::seat;
  }
  return one;
}

}  // namespace

const char* name_of(part one) {
  switch (one) {
    case part::launcher:
      return "launcher";
    case part::driver:
      return "driver";
    case part::seat:
      return "rank";
    case part::scheduler:
      return "scheduler";
    case part::worker:
      return "worker";
  }
  return "";
}

std::vector<job_process> processes_of_job(const std::string& mark, const std::string& program) {
  std::vector<job_process> all;
  for (const std::string& name : entries_of("/proc")) {
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    if (auto one = look_at(name, mark, program)) all.push_back(std::move(*one));
  }
  // A child that is being spawned looks like its parent until it has begun its program.
  std::erase_if(all, [&all](const job_process& one) {
    return std::ranges::any_of(all, [&](const job_process& other) {
      if (other.pid != one.parent) return false;
      return one.is == other.is || (one.is < part::scheduler && other.is != part::launcher);
    });
  });
  find_nodes(all);
  return all;
}

void print_state(const std::vector<job_process>& processes) {
  for (const job_process& one : processes) {
    std::fprintf(stderr, "%s %d (rank %d): %s, %lu ticks\n", name_of(one.is), one.pid, one.rank,
                 one.state.c_str(), one.ticks);
    const std::string tasks = "/proc/" + std::to_string(one.pid) + "/task/";
    for (const std::string& thread : entries_of(tasks)) {
      if (thread[0] == '.') continue;
      std::fprintf(stderr, "    thread %s in %s, system call %s", thread.c_str(),
                   content_of(tasks + thread + "/wchan").c_str(),
                   content_of(tasks + thread + "/syscall").c_str());
    }
  }
}
