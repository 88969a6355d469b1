// sort [--make N [--seed S] | FILE...] --out DIR [--parts P] [--memory BYTES]
//
// Sorts records of 100 bytes by the 10 that each begins with: sample tasks see some records of each
// slice of the input, from which splitters are chosen; partition tasks part the slices by them; a
// merge task for each part sorts what all slices have of it and writes it to a file.
//
// One after another these files are what, were each record a line,
//   LC_ALL=C sort -s -k1.1,1.10 FILE...
// prints, whatever the number of parts and processes. Between the two passes all the input is in
// the nodes' object stores, which must have room for it, in memory or on disk. Beside them memory
// is bounded: so many tasks at once, each with so much.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <limits>
#include <mobula/mobula.hpp>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "common/progress.hpp"
#include "common/shown_progress.hpp"
#include "sort/crew.hpp"
#include "sort/output_folder.hpp"
#include "sort/plan.hpp"
#include "sort/slice.hpp"
#include "sort/splitters.hpp"
#include "sort/summary.hpp"
#include "sort/tasks.hpp"

namespace sorting {
namespace {

enum exit_status { all_sorted = 0, failed = 1, usage = 64 };

struct options {
  std::vector<std::string> files;
  std::uint64_t make = 0;
  std::uint64_t seed = 0;
  bool unsorted = false;
  std::string out;
  std::uint32_t parts = 0;
  std::uint64_t memory_bytes = std::uint64_t{128} << 20;
  bool to_disk = true;
};

std::vector<place> sample(const crew& crew, const std::vector<slice>& slices, std::uint64_t samples,
                          std::uint64_t records) {
  std::vector<place> all;
  crew.run(
      slices.size(),
      [&](std::size_t i) {
        const double share = static_cast<double>(slices[i].count) / static_cast<double>(records);
        const auto count = static_cast<std::uint64_t>(share * static_cast<double>(samples)) + 1;
        return mobula::remote<sample_slice>(slices[i], count);
      },
      [&](std::size_t, std::vector<place> some) {
        all.insert(all.end(), some.begin(), some.end());
      });
  return all;
}

using refs_by_part = std::vector<std::vector<mobula::object_ref<run>>>;

/// @param read  gets what was read
refs_by_part partition_all(const crew& crew, const std::vector<slice>& slices,
                           std::vector<place> splitters, std::uint64_t records, summary& read) {
  apps::shown_progress progress{"partitioning", records * record_bytes};
  const std::size_t parts = splitters.size() + 1;
  const auto shared_splitters = mobula::put(std::move(splitters));
  refs_by_part made(parts);
  for (auto& part : made) part.resize(slices.size());
  progress.update(0);
  crew.run(
      slices.size(),
      [&](std::size_t i) {
        auto refs = mobula::remote<partition_slice>.split(mobula::parts{parts + 1}, slices[i],
                                                          shared_splitters);
        for (std::size_t part = 0; part < parts; ++part) made[part][i] = std::move(refs[part + 1]);
        return std::move(refs.front());
      },
      [&](std::size_t, const run& first) {
        read += summary_in(first);
        progress.update(read.count * record_bytes);
      });
  return made;
}

std::vector<sorted_file> merge_all(const crew& crew, refs_by_part partitions,
                                   const output_folder& folder, std::uint64_t records,
                                   bool to_disk) {
  apps::shown_progress progress{"merging", records * record_bytes};
  std::vector<sorted_file> written(partitions.size());
  std::uint64_t done_records = 0;
  progress.update(done_records);
  crew.run(
      partitions.size(),
      [&](std::size_t i) {
        // Moved: what a part was made of goes when the part is written.
        return mobula::remote<merge_part>(std::exchange(partitions[i], {}),
                                          folder.unpublished(static_cast<std::uint32_t>(i)),
                                          to_disk);
      },
      [&](std::size_t i, const sorted_file& file) {
        written[i] = file;
        done_records += file.all.count;
        progress.update(done_records * record_bytes);
      });
  return written;
}

/// @throws std::runtime_error unless the files are what was read, in order
void verify(const summary& read, const std::vector<sorted_file>& written) {
  summary all;
  const sorted_file* last = nullptr;
  for (const sorted_file& file : written) {
    all += file.all;
    if (file.all.count == 0) continue;
    if (last && !last->is_before(file)) {
      throw std::runtime_error{"the sorted files are not in order; nothing is kept"};
    }
    last = &file;
  }
  if (all == read) return;
  throw std::runtime_error{fmt::format(
      "{} records with checksum {:016x} were read, but {} with {:016x} written; nothing "
      "is kept",
      read.count, read.checksum, all.count, all.checksum)};
}

/// Writes the records that are made as they are, a file for each slice.
summary make_all(const crew& crew, const std::vector<slice>& slices, const output_folder& folder,
                 const options& options) {
  apps::shown_progress progress{"making", options.make * record_bytes};
  summary all;
  crew.run(
      slices.size(),
      [&](std::size_t i) {
        return mobula::remote<copy_slice>(
            slices[i], folder.unpublished(static_cast<std::uint32_t>(i)), options.to_disk);
      },
      [&](std::size_t, const summary& slice) {
        all += slice;
        progress.update(all.count * record_bytes);
      });
  return all;
}

summary sort_all(const crew& crew, const std::vector<slice>& slices, const plan& plan,
                 std::uint64_t records, const output_folder& folder, const options& options) {
  auto splitters = choose_splitters(sample(crew, slices, plan.samples, records), plan.parts);
  summary read;
  auto partitions = partition_all(crew, slices, std::move(splitters), records, read);
  verify(read, merge_all(crew, std::move(partitions), folder, records, options.to_disk));
  return read;
}

int sort(const options& options) {
  const auto start = std::chrono::steady_clock::now();
  std::vector<apps::found_file> files;
  std::uint64_t records = options.make;
  for (const auto& path : options.files) {
    files.push_back(input_of(path));
    records += files.back().size_bytes / record_bytes;
  }
  double cpus = 0;
  std::uint64_t store_bytes_a_cpu = std::numeric_limits<std::uint64_t>::max();
  for (const auto& node : mobula::nodes()) {
    const double here = node.resources.at("cpus");
    cpus += here;
    store_bytes_a_cpu = std::min(
        store_bytes_a_cpu, node.store_bytes / static_cast<std::uint64_t>(std::max(here, 1.0)));
  }
  const plan plan = plan_for({.records = records,
                              .cpus = static_cast<std::uint32_t>(std::max(cpus, 1.0)),
                              .memory_bytes = options.memory_bytes,
                              .parts = options.parts,
                              .store_bytes_a_cpu = store_bytes_a_cpu});
  const auto slices = files.empty() ? slices_to_make(records, options.seed, plan.slice_records)
                                    : slices_of(files, plan.slice_records);

  const std::size_t outputs = options.unsorted ? slices.size() : plan.parts;
  output_folder folder{options.out, options.unsorted ? "made-" : "sorted-",
                       static_cast<std::uint32_t>(outputs)};
  const crew crew{cpus};
  summary all;
  try {
    all = options.unsorted ? make_all(crew, slices, folder, options)
                           : sort_all(crew, slices, plan, records, folder, options);
    folder.publish(options.to_disk);
  } catch (...) {
    // Tasks that still write would write on behind the folder's back.
    mobula::shutdown();
    throw;
  }

  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
  const auto bytes = static_cast<double>(records * record_bytes);
  fmt::print("{} records with checksum {:016x} in {} files of {}\n", all.count, all.checksum,
             outputs, options.out);
  if (std::fflush(stdout) != 0) throw std::system_error{errno, std::generic_category(), "stdout"};
  fmt::print(stderr, "{} {}: {:.2f} s, {}/s, with {} slices on {:g} cpus\n",
             apps::bytes_text(bytes), options.unsorted ? "made" : "sorted", taken.count(),
             apps::bytes_text(bytes / taken.count()), slices.size(), cpus);
  return all_sorted;
}

void describe(CLI::App& app, options& options) {
  app.footer(
      "Exit status: 0, 1 for an error, 64 for wrong usage. After an error nothing is left in DIR.\n"
      "On several nodes FILEs and DIR must be the same for all.");
  auto* files = app.add_option("FILE", options.files, "Files of records to sort, as if one");
  auto* make =
      app.add_option("--make", options.make, "Sort so many records that are made, instead of files")
          ->check(CLI::Range(std::uint64_t{0}, std::uint64_t{1} << (position_bits - 1)))
          ->excludes(files);
  app.add_option("--seed", options.seed, "Which records to make")
      ->needs(make)
      ->capture_default_str();
  app.add_flag("--unsorted", options.unsorted,
               "Write the records that are made as they are, to DIR/made-00000 and so on")
      ->needs(make);
  app.add_option("--out", options.out, "The folder for sorted-00000 and so on, made if need be")
      ->required();
  app.add_option("--parts", options.parts,
                 "How many files to write; as few as fit --memory and use all cpus unless given")
      ->check(CLI::Range(1, 1'000'000));
  app.add_option(
         "--memory", options.memory_bytes,
         "Memory that one task may use, of its own and of the object store; as many run at once as "
         "there are cpus. 100MB, 2GiB")
      ->transform(CLI::AsSizeValue(true))
      ->capture_default_str();
  app.add_flag("!--no-sync", options.to_disk,
               "Don't wait until the files would outlast a loss of power");
}

int parse_and_sort(int argc, char** argv) {
  options options;
  CLI::App app{"Sorts records of 100 bytes by the 10 that each begins with.", "sort"};
  describe(app, options);
  try {
    app.parse(argc, argv);
    if (options.files.empty() && app.count("--make") == 0) {
      throw CLI::RequiredError("FILE or --make");
    }
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? all_sorted : usage;
  }
  try {
    return sort(options);
  } catch (const std::exception& error) {
    fmt::print(stderr, "sort: {}\n", error.what());
    return failed;
  }
}

}  // namespace
}  // namespace sorting

int main(int argc, char** argv) {
  // Before the arguments are looked at: of all ranks only the driver goes on from here.
  mobula::runtime runtime{argc, argv};
  return sorting::parse_and_sort(argc, argv);
}
