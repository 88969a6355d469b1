#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "micro/rows.hpp"
#include "store/spill_file.hpp"
#include "store/spill_folder.hpp"

// Spilling and restoring, beside dd on the same disk with the same block size. Writes count until
// the disk has them (fdatasync); reads come from the disk, or where it says so from the page cache,
// as those of objects do that were spilled a short while ago on a machine with memory to spare. dd
// reads into one block that stays in the processor's cache; a restore fills the store. Where no
// disk is waited for that makes the difference, so beside that stands pread into as much memory.

extern char** environ;

namespace mobula::benchmarks {

namespace {

using store::spill_file;

constexpr std::size_t object_bytes = std::size_t{8} << 20;
constexpr std::size_t objects = 100;
constexpr std::size_t all_bytes = objects * object_bytes;

std::optional<std::string_view> variable(std::string_view name) {
  const char* value = std::getenv(std::string{name}.c_str());
  if (!value) return std::nullopt;
  return value;
}

std::string disk() {
  return store::find_spill_folder(
             {std::string{variable("MOBULA_SPILL_DIR").value_or("")}, variable, false})
      .path;
}

void forget_cached(int file) { ::posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED); }

/// A spill file and as many objects as the rows move.
struct spilling {
  explicit spilling(const std::vector<std::byte>& from) : memory{from} {
    std::string refusal;
    store::spill_options how;
    how.folder = disk();
    how.quota_bytes = 2 * all_bytes;
    file = spill_file::open(how, refusal);
    if (!file) return;
    for (std::size_t i = 0; i < objects; ++i) places.push_back(*file->take(object_bytes));
  }
  bool finish() {
    bool good = true;
    while (file->under_way() != 0) {
      pollfd readable{file->event(), POLLIN, 0};
      ::poll(&readable, 1, -1);
      for (const auto& one : file->take_completions()) good = good && !one.failure;
    }
    return good;
  }
  bool write() {
    for (std::size_t i = 0; i < objects; ++i)
      file->write(i, places[i], std::span{memory}.subspan(i * object_bytes, object_bytes));
    return finish() && ::fdatasync(file->file()) == 0;
  }
  bool read(std::vector<std::byte>& into) {
    for (std::size_t i = 0; i < objects; ++i)
      file->read(i, places[i], std::span{into}.subspan(i * object_bytes, object_bytes));
    return finish();
  }

  const std::vector<std::byte>& memory;
  std::unique_ptr<spill_file> file;
  std::vector<store::spill_range> places;
};

void spill(benchmark::State& state) {
  const std::vector<std::byte> memory(all_bytes, std::byte{7});
  timings taken{state};
  for ([[maybe_unused]] auto turn : state) {
    spilling one{memory};
    const std::uint64_t before = now_ns();
    if (!one.file || !one.write()) return state.SkipWithError("no disk to spill to");
    taken.add(now_ns() - before, all_bytes);
  }
  taken.report();
}

void restore(benchmark::State& state, bool cached) {
  const std::vector<std::byte> memory(all_bytes, std::byte{7});
  std::vector<std::byte> into(all_bytes, std::byte{1});
  spilling one{memory};
  if (!one.file || !one.write()) return state.SkipWithError("no disk to spill to");
  timings taken{state};
  for ([[maybe_unused]] auto turn : state) {
    if (!cached) forget_cached(one.file->file());
    const std::uint64_t before = now_ns();
    const bool good = one.read(into);
    taken.add(now_ns() - before, all_bytes);
    if (!good || into != memory) return state.SkipWithError("other bytes came back");
  }
  taken.report();
}

bool run_dd(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "dd");
  arguments.emplace_back("bs=" + std::to_string(store::spill_options{}.block_bytes));
  arguments.emplace_back("status=none");
  std::vector<char*> words;
  for (std::string& one : arguments) words.push_back(one.data());
  words.push_back(nullptr);
  pid_t child = 0;
  int status = 0;
  return ::posix_spawnp(&child, "dd", nullptr, nullptr, words.data(), environ) == 0 &&
         ::waitpid(child, &status, 0) == child && status == 0;
}

// dd opens our file by its number: it has no name that could be left behind either.
struct dd_file {
  store::descriptor file = store::open_unnamed_file(disk());
  std::string path = "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(file.get());
  bool write() const {
    return run_dd({"if=/dev/zero", "of=" + path, "conv=fdatasync",
                   "count=" + std::to_string(all_bytes / store::spill_options{}.block_bytes)});
  }
};

void dd_write(benchmark::State& state) {
  timings taken{state};
  for ([[maybe_unused]] auto turn : state) {
    const dd_file one;
    const std::uint64_t before = now_ns();
    if (!one.write()) return state.SkipWithError("dd failed");
    taken.add(now_ns() - before, all_bytes);
  }
  taken.report();
}

void dd_read(benchmark::State& state, bool cached) {
  const dd_file one;
  if (!one.write()) return state.SkipWithError("dd failed");
  timings taken{state};
  for ([[maybe_unused]] auto turn : state) {
    if (!cached) forget_cached(one.file.get());
    const std::uint64_t before = now_ns();
    if (!run_dd({"if=" + one.path, "of=/dev/null"})) return state.SkipWithError("dd failed");
    taken.add(now_ns() - before, all_bytes);
  }
  taken.report();
}

void pread_cached(benchmark::State& state) {
  const std::size_t block_bytes = store::spill_options{}.block_bytes;
  const dd_file one;
  if (!one.write()) return state.SkipWithError("dd failed");
  std::vector<std::byte> into(all_bytes, std::byte{1});
  timings taken{state};
  for ([[maybe_unused]] auto turn : state) {
    const std::uint64_t before = now_ns();
    for (std::size_t at = 0; at < all_bytes; at += block_bytes) {
      const ssize_t got =
          ::pread(one.file.get(), into.data() + at, block_bytes, static_cast<off_t>(at));
      if (got != static_cast<ssize_t>(block_bytes)) return state.SkipWithError("pread failed");
    }
    taken.add(now_ns() - before, all_bytes);
  }
  taken.report();
}

}  // namespace

void register_spill() {
  constexpr int turns = 3;
  row("raw_dd write gigabytes", dd_write)->Iterations(turns);
  row("spill gigabytes", spill)->Iterations(turns);
  row("raw_dd read gigabytes", [](benchmark::State& state) {
    dd_read(state, false);
  })->Iterations(turns);
  row("restore gigabytes", [](benchmark::State& state) {
    restore(state, false);
  })->Iterations(turns);
  row("raw_dd cached read gigabytes", [](benchmark::State& state) {
    dd_read(state, true);
  })->Iterations(turns);
  row("raw_pread cached gigabytes", pread_cached)->Iterations(turns);
  row("restore cached gigabytes", [](benchmark::State& state) {
    restore(state, true);
  })->Iterations(turns);
}

}  // namespace mobula::benchmarks
