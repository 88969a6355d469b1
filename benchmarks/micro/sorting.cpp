#include <fmt/core.h>
#include <stdlib.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "common/timings.hpp"
#include "micro/rows.hpp"

// apps/sort beside sort(1): the same records, from files to files, on all cores, neither waiting
// for the disk at the end.

namespace mobula::benchmarks {

namespace {

constexpr std::uint64_t records = 10'000'000;
constexpr std::uint64_t record_bytes = 100;

/// The records as files, in a folder that goes with this object.
class input {
 public:
  explicit input(const std::filesystem::path& sort) : sort_{sort} {
    std::string name = (sort.parent_path() / "sort-XXXXXX").string();
    if (!::mkdtemp(name.data())) std::abort();
    folder_ = name;
    made_ = run(fmt::format("'{}' --make {} --unsorted --no-sync --out '{}/in'", sort_.native(),
                            records, folder_.native()));
  }
  ~input() { std::filesystem::remove_all(folder_); }
  input(const input&) = delete;
  input& operator=(const input&) = delete;

  void ours(benchmark::State& state) const {
    measure(state, fmt::format("'{}' in/* --no-sync --out out", sort_.native()));
  }
  void coreutils(benchmark::State& state) const {
    measure(state, "mkdir out && LC_ALL=C sort -s -k1.1,1.10 -T . -o out/sorted in/*");
  }

 private:
  static bool run(const std::string& command) {
    return std::system(fmt::format("({}) > /dev/null 2>&1", command).c_str()) == 0;
  }

  void measure(benchmark::State& state, const std::string& command) const {
    for ([[maybe_unused]] auto turn : state) {
      const std::uint64_t before = now_ns();
      const bool done = made_ && run(fmt::format("cd '{}' && {}", folder_.native(), command));
      state.SetIterationTime(static_cast<double>(now_ns() - before) * 1e-9);
      std::filesystem::remove_all(folder_ / "out");
      if (!done) return state.SkipWithError(fmt::format("failed: {}", command).c_str());
    }
    state.SetItemsProcessed(static_cast<std::int64_t>(
        static_cast<std::uint64_t>(state.iterations()) * records * record_bytes));
  }

  std::filesystem::path sort_;
  std::filesystem::path folder_;
  bool made_ = false;
};

}  // namespace

void register_sorting(const std::string& program) {
  const std::filesystem::path sort = std::filesystem::path{program}.parent_path() / "sort";
  // Made by the first row that runs, for both.
  const auto shared = std::make_shared<std::optional<input>>();
  const auto made = [=]() -> const input& { return *shared ? **shared : shared->emplace(sort); };
  row("raw_sort(1) gigabytes", [=](benchmark::State& state) { made().coreutils(state); })
      ->Iterations(1)
      ->Repetitions(3);
  row("sort gigabytes", [=](benchmark::State& state) { made().ours(state); })
      ->Iterations(1)
      ->Repetitions(3);
}

}  // namespace mobula::benchmarks
