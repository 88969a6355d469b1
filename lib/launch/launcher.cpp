#include "launch/launcher.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <optional>

#include "launch/number_in.hpp"
#include "launch/settings.hpp"

namespace mobula::launch {

namespace {

constexpr std::array<std::string_view, 10> per_rank_prefixes{
    "OMPI_", "PMIX_",  "PMI_",  "PMI2_",     "PALS_",
    "HYDI_", "HYDRA_", "PRTE_", "SLURM_PMI", "MPI_LOCAL"};

constexpr std::array<std::string_view, 6> per_rank_names{"SLURM_PROCID", "SLURM_LOCALID",
                                                         "SLURM_NODEID", "SLURM_TASK_PID",
                                                         "SLURM_GTIDS",  "SLURM_SRUN_COMM_PORT"};

// Of Open MPI's variables those that users set for every mpirun, and mpirun hands on as they are:
// by them a command of the job finds its hosts and networks. Nothing in them leads to a rank.
constexpr std::array<std::string_view, 9> users_prefixes{
    "OMPI_ALLOW_RUN_AS_ROOT", "OMPI_MCA_plm_rsh_", "OMPI_MCA_oob_tcp_",
    "OMPI_MCA_btl",           "OMPI_MCA_pml",      "OMPI_MCA_mtl",
    "OMPI_MCA_osc",           "OMPI_MCA_coll",     "OMPI_MCA_io"};

template <std::size_t Count>
bool begins_with_one(std::string_view name, const std::array<std::string_view, Count>& prefixes) {
  return std::any_of(prefixes.begin(), prefixes.end(),
                     [&](std::string_view prefix) { return name.starts_with(prefix); });
}

bool has(const environment& variables, std::string_view name) {
  return find_variable(variables, name).has_value();
}

[[noreturn]] void refuse(const std::string& what) {
  throw start_error{"the environment is that of a launcher's rank, but not whole: " + what +
                    ". Start the ranks with the launcher itself, or unset its variables (" +
                    "OMPI_*, PMIX_*, PMI_*, SLURM_PROCID) to run one by itself"};
}

/// @throws start_error if it is set and no number
std::optional<std::uint32_t> find_number(const environment& variables, std::string_view name) {
  const auto text = find_variable(variables, name);
  if (!text) return std::nullopt;
  const auto number = number_in<std::uint32_t>(*text);
  if (!number) refuse(std::string{name} + " is \"" + std::string{*text} + "\", which is no number");
  return number;
}

std::uint32_t require_number(const environment& variables, std::string_view name,
                             std::string_view beside) {
  const auto number = find_number(variables, name);
  if (!number) refuse(std::string{beside} + " is set, and " + std::string{name} + " is not");
  return *number;
}

/// A rank's number and how many there are. @returns the latter
std::uint32_t require_rank(const environment& variables, std::string_view rank,
                           std::string_view size) {
  const std::uint32_t number = require_number(variables, rank, size);
  const std::uint32_t count = require_number(variables, size, rank);
  if (number >= count)
    refuse(std::string{rank} + " is " + std::to_string(number) + ", and " + std::string{size} +
           " is " + std::to_string(count));
  return count;
}

void require_pmix(const environment& variables) {
  require_number(variables, "PMIX_RANK", "PMIX_NAMESPACE");
  if (!has(variables, "PMIX_NAMESPACE")) refuse("PMIX_RANK is set, and PMIX_NAMESPACE is not");
  const bool has_server = std::any_of(variables.begin(), variables.end(), [](const auto& one) {
    return std::string_view{one}.starts_with("PMIX_SERVER_URI");
  });
  if (!has_server) refuse("no PMIX_SERVER_URI tells where the ranks meet");
}

// mpirun makes that folder before its first rank, and removes it after the last.
void require_mpirun(const environment& variables, const surroundings& around) {
  const auto folder = find_variable(variables, "PMIX_SERVER_TMPDIR");
  if (!folder) return;
  const std::string path{*folder};
  std::error_code refused;
  const bool is_there =
      around.is_folder ? around.is_folder(path) : std::filesystem::is_directory(path, refused);
  if (!is_there)
    refuse("mpirun has ended that it comes from, or its folder " + path + " is not seen here");
}

void require_pmi(const environment& variables, const surroundings& around) {
  const auto descriptor = find_number(variables, "PMI_FD");
  if (!descriptor) return;
  const int number = static_cast<int>(*descriptor);
  const bool is_open = around.is_open ? around.is_open(number) : ::fcntl(number, F_GETFD) >= 0;
  if (!is_open)
    refuse("PMI_FD is " + std::to_string(number) +
           ", a descriptor that is not open here: a rank has started this process, not its "
           "launcher");
}

// By what one rank's variables differ from all others', of whatever launcher.
std::string name_of_rank(const environment& variables) {
  std::string text;
  for (const std::string_view name :
       {"PMIX_NAMESPACE", "PMIX_RANK", "PMI_RANK", "PMI_FD", "PMI_PORT", "PALS_RANKID",
        "OMPI_COMM_WORLD_RANK", "SLURM_JOB_ID", "SLURM_STEP_ID", "SLURM_PROCID"})
    text.append(find_variable(variables, name).value_or("")).append("/");
  return text;
}

// A rank of Mobula's has started this process, with its own variables: it is nobody's rank.
bool is_of_another_process(const environment& variables, const surroundings& around) {
  const auto mark = find_variable(variables, rank_variable);
  const std::int64_t here = around.process != 0 ? around.process : ::getpid();
  if (!mark || mark == rank_mark(variables, here)) return false;
  const std::size_t colon = mark->find(':');
  return colon != mark->npos && mark->substr(colon + 1) == name_of_rank(variables);
}

}  // namespace

namespace {

// A batch script has SLURM_PROCID=0 without being a task of srun, and salloc's shell on a node has
// a step, one of those that Slurm counts from the other end; the step's number tells.
bool is_task_of_srun(const environment& variables) {
  constexpr std::uint32_t first_of_slurms_own = 0xfffffff0;
  const auto step =
      number_in<std::uint32_t>(find_variable(variables, "SLURM_STEP_ID").value_or(""));
  const bool is_slurms_own = step && *step >= first_of_slurms_own;
  return has(variables, "SLURM_STEP_ID") && has(variables, "SLURM_PROCID") && !is_slurms_own;
}

}  // namespace

std::string rank_mark(const environment& variables, std::int64_t process) {
  return std::to_string(process) + ":" + name_of_rank(variables);
}

slurm_share find_slurm_share(const environment& variables) {
  const auto number = [&](std::string_view name) {
    return number_in<std::uint32_t>(find_variable(variables, name).value_or("")).value_or(0);
  };
  slurm_share share;
  share.of_host = number("SLURM_CPUS_ON_NODE");
  // Of a batch script, and of what mpirun starts from it, all that the job has is theirs.
  if (is_task_of_srun(variables) && !has(variables, "OMPI_COMM_WORLD_RANK"))
    share.of_rank = number("SLURM_CPUS_PER_TASK");
  return share;
}

launcher find_launcher(const environment& variables, const surroundings& around) {
  if (is_of_another_process(variables, around)) return {};
  const bool is_open_mpis =
      has(variables, "OMPI_COMM_WORLD_RANK") || has(variables, "OMPI_COMM_WORLD_SIZE");
  if (is_open_mpis) {
    const std::uint32_t ranks =
        require_rank(variables, "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE");
    if (ranks == 1) return {launcher_kind::open_mpi, 1};  // MPI is not asked
    require_pmix(variables);
    require_mpirun(variables, around);
    return {launcher_kind::open_mpi, ranks};
  }
  const bool srun_task = is_task_of_srun(variables);
  const std::uint32_t tasks =
      srun_task ? require_rank(variables, "SLURM_PROCID", "SLURM_STEP_NUM_TASKS") : 0;
  if (has(variables, "PMIX_RANK") || has(variables, "PMIX_NAMESPACE")) {
    require_pmix(variables);
    return {launcher_kind::pmix, tasks};
  }
  if (has(variables, "PMI_RANK")) {
    require_pmi(variables, around);
    if (has(variables, "PMI_SIZE"))
      return {launcher_kind::pmi, require_rank(variables, "PMI_RANK", "PMI_SIZE")};
    require_number(variables, "PMI_RANK", "PMI_FD");
    return {launcher_kind::pmi, tasks};
  }
  if (has(variables, "PMI_SIZE")) refuse("PMI_SIZE is set, and PMI_RANK is not");
  if (has(variables, "PALS_RANKID")) {
    require_number(variables, "PALS_RANKID", "PALS_RANKID");
    return {launcher_kind::pmi, 0};
  }
  if (srun_task && tasks > 1) {
    throw start_error{
        "srun started " + std::to_string(tasks) +
        " tasks without a way to find each other; start it with srun --mpi=pmix (or pmi2)"};
  }
  return {};
}

std::uint32_t restart_count(const environment& variables) {
  return number_in<std::uint32_t>(find_variable(variables, "SLURM_RESTART_COUNT").value_or(""))
      .value_or(0);
}

bool is_per_rank(std::string_view name) {
  if (begins_with_one(name, users_prefixes)) return false;
  return begins_with_one(name, per_rank_prefixes) ||
         std::find(per_rank_names.begin(), per_rank_names.end(), name) != per_rank_names.end();
}

environment without_rank(const environment& variables) {
  environment kept;
  for (const std::string& entry : variables) {
    if (!is_per_rank(name_in(entry))) kept.push_back(entry);
  }
  return kept;
}

}  // namespace mobula::launch
