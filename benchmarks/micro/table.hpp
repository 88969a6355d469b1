#pragma once

#include <benchmark/benchmark.h>

#include <map>
#include <string>
#include <vector>

namespace mobula::benchmarks {

/// Gathers the runs and prints one table at the end: our figure, its median and 99th percentile,
/// the raw figure of the same run, their ratio, and Ray's.
class table final : public benchmark::BenchmarkReporter {
 public:
  bool ReportContext(const Context&) override { return true; }
  void ReportRuns(const std::vector<Run>& runs) override;
  void Finalize() override;

 private:
  struct figures {
    std::vector<double> per_second;  // one a repetition
    std::vector<double> median_ns;
    std::vector<double> p99_ns;
    std::map<std::string, double> others;
    std::string error;
  };

  void print(const std::string& name, const figures& seen) const;
  const figures* find(const std::string& name) const;

  std::vector<std::string> order_;
  std::map<std::string, figures> seen_;
};

}  // namespace mobula::benchmarks
