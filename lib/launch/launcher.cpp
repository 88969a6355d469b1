#include "launch/launcher.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace mobula::launch {

namespace {

constexpr std::array<std::string_view, 10> per_rank_prefixes{
    "OMPI_", "PMIX_",  "PMI_",  "PMI2_",     "PALS_",
    "HYDI_", "HYDRA_", "PRTE_", "SLURM_PMI", "MPI_LOCAL"};

constexpr std::array<std::string_view, 6> per_rank_names{"SLURM_PROCID", "SLURM_LOCALID",
                                                         "SLURM_NODEID", "SLURM_TASK_PID",
                                                         "SLURM_GTIDS",  "SLURM_SRUN_COMM_PORT"};

std::uint32_t count_in(const environment& variables, std::string_view name) {
  const auto text = find_variable(variables, name);
  std::uint32_t count = 0;
  if (text) std::from_chars(text->data(), text->data() + text->size(), count);
  return count;
}

bool has(const environment& variables, std::string_view name) {
  return find_variable(variables, name).has_value();
}

}  // namespace

launcher find_launcher(const environment& variables) {
  if (has(variables, "OMPI_COMM_WORLD_RANK")) {
    return {launcher_kind::open_mpi, count_in(variables, "OMPI_COMM_WORLD_SIZE")};
  }
  // A batch script has SLURM_PROCID=0 without being a task of srun; the step's number tells.
  const bool srun_task = has(variables, "SLURM_STEP_ID") && has(variables, "SLURM_PROCID");
  const std::uint32_t tasks = srun_task ? count_in(variables, "SLURM_STEP_NUM_TASKS") : 0;
  if (has(variables, "PMIX_RANK") && has(variables, "PMIX_NAMESPACE")) {
    return {launcher_kind::pmix, tasks};
  }
  if (has(variables, "PMI_RANK")) {
    const std::uint32_t size = count_in(variables, "PMI_SIZE");
    return {launcher_kind::pmi, size != 0 ? size : tasks};
  }
  if (has(variables, "PALS_RANKID")) return {launcher_kind::pmi, 0};
  if (srun_task && tasks > 1) {
    throw start_error{
        "srun started " + std::to_string(tasks) +
        " tasks without a way to find each other; start it with srun --mpi=pmix (or pmi2)"};
  }
  return {};
}

std::uint32_t restart_count(const environment& variables) {
  return count_in(variables, "SLURM_RESTART_COUNT");
}

bool is_per_rank(std::string_view name) {
  return std::any_of(per_rank_prefixes.begin(), per_rank_prefixes.end(),
                     [&](std::string_view prefix) { return name.starts_with(prefix); }) ||
         std::find(per_rank_names.begin(), per_rank_names.end(), name) != per_rank_names.end();
}

environment without_rank(const environment& variables) {
  environment kept;
  for (const std::string& entry : variables) {
    if (!is_per_rank(std::string_view{entry}.substr(0, entry.find('=')))) kept.push_back(entry);
  }
  return kept;
}

}  // namespace mobula::launch
