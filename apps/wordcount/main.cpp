// wordcount DIR... [--top N] [--parts P]
//
// Counts the words of all files below the given folders: map tasks count splits of the input and
// part their words by hash; a reduce task for each part brings together what all maps found of it.
//
// The counts are those of
//   find DIR... -type f -exec cat {} + | LC_ALL=C tr -cs 'A-Za-z0-9_\200-\377' '\n' | sort | uniq
//   -c
// but that no word goes on from one file into the next.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <mobula/mobula.hpp>
#include <set>
#include <string>
#include <system_error>
#include <unordered_map>
#include <utility>
#include <vector>

#include "common/progress.hpp"
#include "common/shown_progress.hpp"
#include "common/splits.hpp"
#include "wordcount/counts.hpp"
#include "wordcount/listing.hpp"
#include "wordcount/scan.hpp"

namespace wordcount {
namespace {

enum exit_status { all_counted = 0, failed = 1, some_unreadable = 2, usage = 64 };

struct options {
  std::vector<std::string> roots;
  std::uint64_t top = 10;
  std::uint32_t parts = 0;
};

using clock = std::chrono::steady_clock;

double seconds_since(clock::time_point start) {
  return std::chrono::duration<double>(clock::now() - start).count();
}

// A map task.
std::vector<packed_counts> count_split(const apps::split& split, std::uint32_t parts) {
  word_table table;
  std::vector<std::string> unreadable;
  for (const apps::piece& piece : split.pieces) {
    try {
      count_words(piece, table);
    } catch (const std::system_error& error) {
      unreadable.push_back(piece.path + ": " + error.code().message());
    }
  }
  auto partitions = partition(table, parts);
  partitions.front().unreadable = std::move(unreadable);
  return partitions;
}

// A reduce task: of what each map found, the same part.
ranking rank_part(std::vector<mobula::object_ref<packed_counts>> of_each_map, std::uint64_t top) {
  word_table table;
  std::vector<std::string> unreadable;
  for (auto& ref : of_each_map) {
    // One at a time: all at once need not fit.
    const packed_counts counts = mobula::get(std::exchange(ref, {}));
    add(counts, table);
    unreadable.insert(unreadable.end(), counts.unreadable.begin(), counts.unreadable.end());
  }
  ranking ranking = rank(table, top);
  ranking.unreadable = std::move(unreadable);
  return ranking;
}

using refs_by_part = std::vector<std::vector<mobula::object_ref<packed_counts>>>;

// Submits a map for each split and waits for all, showing how far they are.
refs_by_part map(const std::vector<apps::split>& splits, std::uint32_t parts,
                 std::uint64_t total_bytes) {
  apps::shown_progress progress{"counting", total_bytes};
  refs_by_part found(parts);
  std::vector<mobula::object_ref<packed_counts>> first_of_each;
  std::unordered_map<mobula::object_ref<packed_counts>, std::uint64_t> size_of;
  for (const apps::split& split : splits) {
    auto refs = mobula::remote<count_split>.split(mobula::parts{parts}, split, parts);
    first_of_each.push_back(refs.front());
    size_of.emplace(refs.front(), split.size_bytes);
    for (std::uint32_t part = 0; part < parts; ++part) found[part].push_back(std::move(refs[part]));
  }
  std::uint64_t done_bytes = 0;
  progress.update(done_bytes);
  for (const auto& ref : mobula::as_completed(std::move(first_of_each))) {
    done_bytes += size_of.at(ref);
    progress.update(done_bytes);
  }
  return found;
}

ranking reduce(refs_by_part found, std::uint64_t top) {
  std::vector<mobula::object_ref<ranking>> ranked;
  for (auto& part : found) ranked.push_back(mobula::remote<rank_part>(std::move(part), top));
  ranking all;
  for (const auto& ref : ranked) all = merge(std::move(all), mobula::get(ref), top);
  return all;
}

int count(options options) {
  const auto start = clock::now();
  const listing input = list_files(options.roots);
  auto resources = mobula::cluster_resources();
  const double cpus = resources["cpus"];
  // A reduce for each cpu, so that all of them have one.
  if (options.parts == 0) options.parts = static_cast<std::uint32_t>(std::clamp(cpus, 1.0, 256.0));

  const auto splits = apps::cut(input.files, split_size_for(input.size_bytes));
  ranking result = reduce(map(splits, options.parts, input.size_bytes), options.top);

  for (const auto& [word, times] : result.top) fmt::print("{:7} {}\n", times, word);
  if (std::fflush(stdout) != 0) throw std::system_error{errno, std::generic_category(), "stdout"};
  fmt::print(stderr,
             "{} words, {} different, in {} files of {}: {:.2f} s with {} splits and {} parts on "
             "{:g} cpus\n",
             result.words, result.distinct_words, input.files.size(),
             apps::bytes_text(static_cast<double>(input.size_bytes)), seconds_since(start),
             splits.size(), options.parts, cpus);

  // A file that was cut is named by each of its pieces.
  std::set<std::string> unreadable{input.unreadable.begin(), input.unreadable.end()};
  unreadable.insert(result.unreadable.begin(), result.unreadable.end());
  for (const auto& each : unreadable) fmt::print(stderr, "wordcount: skipped {}\n", each);
  return unreadable.empty() ? all_counted : some_unreadable;
}

int parse_and_count(int argc, char** argv) {
  options options;
  CLI::App app{"Counts the words of all files below folders (or of files).", "wordcount"};
  app.footer(
      "Exit status: 0, 1 for an error, 2 if something could not be read, 64 for wrong usage.");
  app.add_option("DIR", options.roots, "Folders and files to read")->required();
  app.add_option("--top", options.top, "How many words to print; 0 for all")
      ->check(CLI::Range(std::uint64_t{0}, std::uint64_t{1} << 40))
      ->capture_default_str();
  app.add_option("--parts", options.parts, "How many reduce tasks; a cpu each unless given")
      ->check(CLI::Range(1, 100'000));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? all_counted : usage;
  }
  try {
    return count(std::move(options));
  } catch (const std::exception& error) {
    fmt::print(stderr, "wordcount: {}\n", error.what());
    return failed;
  }
}

}  // namespace
}  // namespace wordcount

int main(int argc, char** argv) {
  // Before the arguments are looked at: of all ranks only the driver goes on from here.
  mobula::runtime runtime{argc, argv};
  return wordcount::parse_and_count(argc, argv);
}
