#include "micro/table.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numeric>
#include <string_view>

namespace mobula::benchmarks {

namespace {

enum class compared { rate, median };

// What a row stands beside: a raw row, by rate or by median; Ray 2.60 on a machine with two cores
// like the one that the budgets are for, and Ray's own figures on a server with 64 virtual CPUs.
// Where one row below counts differently, `raw_each` says how many of its operations one of ours
// stands for; `twice` names a row of which two are allowed beyond the raw one.
struct neighbours {
  std::string_view name;
  std::string_view raw = {};
  compared by = compared::rate;
  std::string_view ray_here = {};
  std::string_view ray_published = {};
  double raw_each = 1;
  std::string_view twice = {};
};

constexpr neighbours known[] = {
    {"links round trip", "raw_ucx round trip", compared::median},
    {"links batched", "raw_ucx batched"},
    {"get calls", "", compared::rate, "5,665", "10,394"},
    {"put calls", "", compared::rate, "1,404", "5,238"},
    {"put gigabytes", "raw_memcpy gigabytes", compared::rate, "1.1", "20.9"},
    {"put by 1 thread gigabytes", "raw_memcpy gigabytes"},
    {"put by 2 threads gigabytes", "raw_memcpy by 2 threads gigabytes"},
    {"put cold gigabytes", "raw_populate and memcpy gigabytes"},
    {"get gigabytes", "raw_build vector gigabytes", compared::rate, "0.3", ""},
    {"put array of 1 GiB", "put array of 2 MiB", compared::median},
    {"put and free 1 KiB", "raw_memcpy 1 KiB", compared::median},
    {"put and free 64 KiB", "raw_memcpy 64 KiB", compared::median},
    {"multi put calls", "", compared::rate, "941", "12,280"},
    {"multi put gigabytes", "raw_memcpy gigabytes", compared::rate, "5.2", "41.0"},
    {"tasks and get batch", "raw_ring batched", compared::rate, "1.29", "8.0", 1000},
    {"get 10k refs", "", compared::rate, "8.7", "13.2"},
    {"wait 1k refs", "raw_ring batched", compared::rate, "1.2", "5.2", 1000},
    {"tasks sync", "raw_ring round trip", compared::median, "457", "952"},
    {"tasks sync, worker asleep", "raw_ring round trip", compared::median, "", ""},
    {"tasks async", "raw_ring batched", compared::rate, "1,427", "7,691"},
    {"multi tasks async", "raw_ring batched", compared::rate, "1,669", "22,009"},
    {"1:1 actor calls sync", "raw_ring round trip", compared::median, "1,214", "1,950"},
    {"1:1 actor calls sync, actor asleep", "raw_ring round trip", compared::median, "", ""},
    {"1:1 actor calls async", "raw_ring batched", compared::rate, "2,941", "7,956"},
    {"1:n actor calls async", "raw_ring batched", compared::rate, "3,014", "8,575"},
    {"n:n actor calls async", "raw_ring batched", compared::rate, "3,220", "27,276"},
    {"n:n actor calls with argument", "raw_ring batched", compared::rate, "1,330", "2,632"},
    {"n:n actor calls async/2", "raw_ring batched"},
    {"n:n actor calls async/4", "raw_ring batched"},
    {"multi tasks async/2", "raw_ring batched"},
    {"leases granted and returned", "raw_ring batched"},
    {"ten alternations of shape", "tasks sync", compared::median},
    {"placement group create/remove", "raw_ring round trip", compared::median, "", "791"},
    {"tasks outstanding/1000000", "tasks outstanding/10000"},
    {"as_completed/100000", "as_completed/10000"},
    {"as_completed/1000000", "as_completed/10000"},
    {"between nodes: calls_sync", "raw_ucx round trip", compared::median},
    {"between nodes: calls_async", "raw_ucx one by one"},
    {"between nodes: tasks_async", "raw_ucx one by one"},
    {"moved between nodes: 64_KiB gigabytes", "raw_get 64_KiB gigabytes"},
    {"moved between nodes: 1_MiB gigabytes", "raw_get 1_MiB gigabytes"},
    {"moved between nodes: 1_GiB gigabytes", "raw_get 1_GiB gigabytes"},
    {"moved between nodes: alone", "raw_get alone", compared::median, "", "", 1,
     "raw_ucx round trip"},
    {"its step beside idle Mobula", "raw_MPI solver step", compared::median},
    {"its step beside tasks", "raw_MPI solver step", compared::median},
    {"sort gigabytes", "raw_sort(1) gigabytes"},
    {"spill gigabytes", "raw_dd write gigabytes"},
    {"restore gigabytes", "raw_dd read gigabytes"},
    {"restore cached gigabytes", "raw_pread cached gigabytes"},
    {"compile ten remote functions", "raw_compile standard headers", compared::median},
};

neighbours neighbours_of(std::string_view name) {
  for (const auto& one : known)
    if (one.name == name) return one;
  return {name};
}

double mean(const std::vector<double>& all) {
  if (all.empty()) return 0;
  return std::accumulate(all.begin(), all.end(), 0.0) / static_cast<double>(all.size());
}

double deviation(const std::vector<double>& all) {
  if (all.size() < 2) return 0;
  const double middle = mean(all);
  double sum = 0;
  for (const double one : all) sum += (one - middle) * (one - middle);
  return std::sqrt(sum / static_cast<double>(all.size() - 1));
}

double middle_of(std::vector<double> all) {
  if (all.empty()) return 0;
  std::sort(all.begin(), all.end());
  return all[all.size() / 2];
}

std::string time_text(double ns) {
  if (ns == 0) return "";
  if (ns < 1e3) return fmt::format("{:.3g} ns", ns);
  if (ns < 1e6) return fmt::format("{:.3g} us", ns * 1e-3);
  if (ns < 1e9) return fmt::format("{:.3g} ms", ns * 1e-6);
  return fmt::format("{:.3g} s", ns * 1e-9);
}

std::string rate_text(double per_second, bool bytes) {
  if (bytes) return fmt::format("{:.2f} GB/s", per_second * 1e-9);
  if (per_second >= 1e6) return fmt::format("{:.3g} M/s", per_second * 1e-6);
  if (per_second >= 1e3) return fmt::format("{:.3g} k/s", per_second * 1e-3);
  return fmt::format("{:.3g} /s", per_second);
}

bool counts_bytes(std::string_view name) { return name.ends_with("gigabytes"); }

constexpr const char* line_format = "{:<36} {:>12} {:>5} {:>9} {:>9} {:>12} {:>7} {:>9} {:>9}\n";

}  // namespace

void table::ReportRuns(const std::vector<Run>& runs) {
  for (const Run& one : runs) {
    if (one.run_type != Run::RT_Iteration) continue;
    const std::string name = one.run_name.function_name;
    if (!seen_.contains(name)) {
      order_.push_back(name);
      std::fprintf(stderr, "%s\n", name.c_str());
    }
    figures& mine = seen_[name];
    if (one.error_occurred) {
      mine.error = one.error_message;
      continue;
    }
    for (const auto& [key, counter] : one.counters) {
      if (key == "items_per_second") {
        mine.per_second.push_back(counter.value);
      } else if (key == "median_ns") {
        mine.median_ns.push_back(counter.value);
      } else if (key == "p99_ns") {
        mine.p99_ns.push_back(counter.value);
      } else {
        mine.others[key] = counter.value;
      }
    }
  }
}

const table::figures* table::find(const std::string& name) const {
  const auto found = seen_.find(name);
  return found == seen_.end() || !found->second.error.empty() ? nullptr : &found->second;
}

void table::print(const std::string& name, const figures& seen) const {
  const neighbours beside = neighbours_of(name);
  std::string raw_text;
  std::string ratio_text;
  if (const figures* raw = find(std::string{beside.raw})) {
    const bool by_median = beside.by == compared::median;
    double raw_figure =
        by_median ? middle_of(raw->median_ns) : mean(raw->per_second) / beside.raw_each;
    if (const figures* more = find(std::string{beside.twice}))
      raw_figure += 2 * middle_of(more->median_ns);
    const double ours = by_median ? middle_of(seen.median_ns) : mean(seen.per_second);
    raw_text = by_median ? time_text(raw_figure) : rate_text(raw_figure, counts_bytes(name));
    ratio_text = fmt::format("{:.2f}", ours / raw_figure);
  }
  const double rate = mean(seen.per_second);
  const double spread = rate == 0 ? 0 : 100 * deviation(seen.per_second) / rate;
  const bool bytes = counts_bytes(name);
  if (rate != 0) {
    fmt::print(line_format, name, rate_text(rate, bytes), fmt::format("{:.0f}%", spread),
               bytes ? "" : time_text(middle_of(seen.median_ns)),
               bytes ? "" : time_text(middle_of(seen.p99_ns)), raw_text, ratio_text,
               beside.ray_here, beside.ray_published);
  }
  for (const auto& [key, value] : seen.others)
    fmt::print("{:<36} {:>12.{}f}\n", name + ": " + key, value, value < 10 ? 3 : 1);
}

void table::Finalize() {
  fmt::print(
      "Operations a second, mean of the repetitions and their deviation; median and 99th\n"
      "percentile of one. raw: by median for one at a time, else by rate; ratio: ours to raw.\n"
      "Ray: operations (or GB) a second, 2.60 on two cores, and as published for 64.\n\n");
  fmt::print(line_format, "row", "ours", "+-", "median", "p99", "raw", "ratio", "Ray here",
             "Ray publ.");
  for (const std::string& name : order_) {
    const figures& seen = seen_.at(name);
    if (seen.error.empty()) {
      print(name, seen);
    } else {
      fmt::print("{:<36} {}\n", name, seen.error);
    }
  }
  std::fflush(stdout);
}

}  // namespace mobula::benchmarks
