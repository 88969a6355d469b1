// Tests of whole jobs: the driver runs them, its workers run their tasks.
//
//   job_test [--cpus=N] [--gpus=N] [--unbound] [gtest's flags]      alone or under a launcher
//
// --cpus=found: as many as the machine's cores.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <string_view>

#include "job/job.hpp"

namespace mobula::job {

namespace {

std::string first_line(const std::filesystem::path& of) {
  std::string line;
  std::ifstream file{of};
  std::getline(file, line);
  return line;
}

std::atomic<int>* map_numbers(const std::string& path, int flags, std::size_t size_bytes) {
  const int file = ::open(path.c_str(), flags | O_RDWR | O_CLOEXEC, 0600);
  void* place = MAP_FAILED;
  if (file >= 0 && ::ftruncate(file, static_cast<off_t>(size_bytes)) == 0)
    place = ::mmap(nullptr, size_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  ::close(file);
  if (place == MAP_FAILED) {
    std::perror(path.c_str());
    std::abort();
  }
  return static_cast<std::atomic<int>*>(place);
}

std::string fresh_path() {
  static std::atomic<int> made{0};
  const auto name = "mobula_job." + std::to_string(::getpid()) + "." + std::to_string(++made);
  return std::filesystem::temp_directory_path() / name;
}

}  // namespace

std::vector<int> job_processes() {
  std::vector<int> found;
  std::error_code refused;
  const auto mine = std::filesystem::read_symlink("/proc/self/exe", refused);
  for (const auto& entry : std::filesystem::directory_iterator{"/proc"}) {
    const int process = std::atoi(entry.path().filename().c_str());
    if (process <= 0 || process == ::getpid()) continue;
    if (std::filesystem::read_symlink(entry.path() / "exe", refused) != mine || refused) continue;
    if (::getpgid(process) == ::getpgrp()) found.push_back(process);
  }
  return found;
}

void print_processes() {
  auto all = job_processes();
  all.insert(all.begin(), ::getpid());
  for (const int process : all) {
    const std::filesystem::path place{"/proc/" + std::to_string(process)};
    std::fprintf(stderr, "process %d\n", process);
    std::error_code refused;
    for (const auto& thread : std::filesystem::directory_iterator{place / "task", refused}) {
      std::fprintf(stderr, "  %s\n    in %s\n", first_line(thread.path() / "stat").c_str(),
                   first_line(thread.path() / "wchan").c_str());
    }
  }
}

shared_numbers::shared_numbers()
    : path_{fresh_path()},
      is_maker_{true},
      numbers_{map_numbers(path_, O_CREAT | O_EXCL, size_bytes)} {}

shared_numbers::shared_numbers(const std::string& path)
    : path_{path}, is_maker_{false}, numbers_{map_numbers(path_, 0, size_bytes)} {}

shared_numbers::~shared_numbers() {
  ::munmap(numbers_, size_bytes);
  if (is_maker_) ::unlink(path_.c_str());
}

bool meet(std::string numbers, int count) {
  shared_numbers shared{numbers};
  ++shared[0];
  return eventually([&] { return shared[0] >= count; });
}

int await_signal(std::string numbers, int value) {
  shared_numbers shared{numbers};
  shared[begun] = 1;
  return eventually([&] { return shared[signal] != 0; }) ? value : -1;
}

object_ref<int> late(const shared_numbers& numbers, int value) {
  return remote<await_signal>.with({.cpus = 0})(numbers.path(), value);
}

std::size_t node_count() { return nodes().size(); }

int cpus_of_a_node() { return static_cast<int>(nodes().at(0).resources.at("cpus")); }

bool all_is_free() {
  return eventually([] { return available_resources() == cluster_resources(); });
}

namespace {

// Ends the program when a test takes too long, whatever it waits in.
class watchdog : public testing::EmptyTestEventListener {
 public:
  watchdog() : thread_{[this] { watch(); }} {}
  ~watchdog() override {
    {
      const std::lock_guard held{lock_};
      ended_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

  void OnTestStart(const testing::TestInfo& test) override {
    const std::lock_guard held{lock_};
    name_ = test.name();
    deadline_ = std::chrono::steady_clock::now() + 2 * patience;
  }

 private:
  void watch() {
    std::unique_lock held{lock_};
    while (!ended_) {
      changed_.wait_until(held, deadline_);
      if (ended_ || std::chrono::steady_clock::now() < deadline_) continue;
      std::fprintf(stderr, "%s takes too long:\n", name_.c_str());
      print_processes();
      ::_exit(124);
    }
  }

  std::mutex lock_;
  std::condition_variable changed_;
  std::string name_ = "the start";
  std::chrono::steady_clock::time_point deadline_ = std::chrono::steady_clock::now() + 2 * patience;
  bool ended_ = false;
  std::thread thread_;
};

}  // namespace
}  // namespace mobula::job

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  mobula::amount cpus = 8;
  int gpus = 2;
  bool bind = true;
  for (int i = 1; i < argc; ++i) {
    const std::string_view flag{argv[i]};
    if (flag == "--cpus=found") {
      cpus = {};
    } else if (flag.starts_with("--cpus=")) {
      cpus = std::atoi(argv[i] + 7);
    }
    if (flag.starts_with("--gpus=")) gpus = std::atoi(argv[i] + 7);
    if (flag == "--unbound") bind = false;
  }
  // Some tests want a smaller one.
  const bool given = std::getenv("MOBULA_STORE_BYTES") != nullptr;
  mobula::runtime runtime{argc,
                          argv,
                          {.cpus = cpus,
                           .gpus = gpus,
                           .memory_bytes = 1e9,
                           .resources = {{"slot", 2}, {"Custom", 2}},
                           .store_bytes = given ? mobula::amount{} : 256 << 20,
                           .bind = bind,
                           .labels = {{"flavour", "sweet"}}}};
  testing::UnitTest::GetInstance()->listeners().Append(new mobula::job::watchdog);
  return RUN_ALL_TESTS();
}
