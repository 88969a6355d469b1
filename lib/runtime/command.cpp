// Commands as tasks. One that runs on one node has that node's lease: a task runs it. For one over
// several nodes a task reserves a group, an actor in each bundle holds its share and tells where
// that is, and an actor more runs the launcher, which waits for it with all of its process.

#include "mobula/command.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <sstream>
#include <stdexcept>
#include <string>
#include <tuple>

#include "hardware/machine.hpp"
#include "launch/command.hpp"
#include "launch/launcher.hpp"
#include "launch/mpi_bootstrap.hpp"
#include "launch/mpi_command.hpp"
#include "launch/thread_counts.hpp"
#include "mobula/actor.hpp"
#include "mobula/cluster.hpp"
#include "mobula/errors.hpp"
#include "mobula/get.hpp"
#include "mobula/placement.hpp"
#include "mobula/remote.hpp"
#include "runtime/chosen_place.hpp"
#include "runtime/demands.hpp"
#include "runtime/host_name.hpp"
#include "runtime/node_cores.hpp"
#include "runtime/own_lease.hpp"
#include "runtime/start_texts.hpp"

namespace mobula {
namespace detail {

void codec<command_result>::encode(encoder& to, const command_result& value) {
  to.number<std::int32_t>(value.status);
  to.number<std::int32_t>(value.signal);
  codec<std::string>::encode(to, value.output);
  to.number(value.output_bytes);
  codec<std::string>::encode(to, value.last_error);
  to.number(value.error_bytes);
}

command_result codec<command_result>::decode(decoder& from) {
  command_result value;
  value.status = from.number<std::int32_t>();
  value.signal = from.number<std::int32_t>();
  value.output = codec<std::string>::decode(from);
  value.output_bytes = from.number<std::uint64_t>();
  value.last_error = codec<std::string>::decode(from);
  value.error_bytes = from.number<std::uint64_t>();
  return value;
}

namespace {

// What its launcher needs to end the ranks on other nodes.
constexpr std::uint32_t patience_of_launchers_ms = 5'000;

struct custom_amount {
  std::string name;
  double amount = 0;
  static void fields(auto& visit, auto& self) {
    visit(self.name);
    visit(self.amount);
  }
};

// A command as it travels. Amounts are those of each rank.
struct order {
  std::vector<std::string> arguments;
  std::uint32_t ranks = 1;
  launch::environment variables;
  std::string folder;
  std::string input;
  std::uint64_t output_bytes_max = 0;
  mpi_launcher launcher = mpi_launcher::automatic;
  bool wide = false;
  std::string name;
  double cpus = 1;
  double gpus = 0;
  double memory_bytes = 0;
  std::vector<custom_amount> resources;
  static void fields(auto& visit, auto& self) {
    visit(self.arguments);
    visit(self.ranks);
    visit(self.variables);
    visit(self.folder);
    visit(self.input);
    visit(self.output_bytes_max);
    visit(self.launcher);
    visit(self.wide);
    visit(self.name);
    visit(self.cpus);
    visit(self.gpus);
    visit(self.memory_bytes);
    visit(self.resources);
  }
};

// GPUs above one are whole.
double gpus_of(const order& told, std::uint32_t ranks) {
  const double gpus = told.gpus * ranks;
  return gpus > 1 ? std::ceil(gpus - 1e-9) : gpus;
}

resource_map resources_of(const order& told, std::uint32_t ranks) {
  resource_map all;
  for (const custom_amount& one : told.resources) all[one.name] = one.amount * ranks;
  return all;
}

bundle share_of(const order& told, std::uint32_t ranks) {
  return {told.cpus * ranks, gpus_of(told, ranks), told.memory_bytes * ranks,
          resources_of(told, ranks)};
}

task_options lease_for(const order& told, std::uint32_t ranks, scheduling_strategy where) {
  bundle share = share_of(told, ranks);
  return {share.cpus, share.gpus,      share.memory_bytes, std::move(share.resources),
          told.name,  std::move(where)};
}

// The job's, without what is about this process or about Mobula.
launch::environment variables_for_commands() {
  launch::environment variables;
  for (const std::string& one : launch::without_rank(launch::this_environment()))
    if (!one.starts_with("MOBULA_") || one.starts_with("MOBULA_UCX_")) variables.push_back(one);
  return variables;
}

std::string name_of_this_program() { return launch::this_command_line().front(); }

command_result run(const order& told, launch::launch_command what, std::uint32_t patience_ms) {
  launch::command_line line;
  line.arguments = std::move(what.arguments);
  line.variables = std::move(what.variables);
  line.folder = told.folder;
  line.input = told.input;
  line.output_bytes_max = told.output_bytes_max;
  line.error_bytes_max = command_result::error_bytes_max;
  line.patience_ms = patience_ms;
  try {
    launch::command_end end = launch::run_command(line, name_of_this_program());
    command_result result;
    const bool killed = end.status.end == launch::exit_status::how::killed;
    result.signal = killed ? end.status.number : 0;
    result.status = killed ? 128 + end.status.number : end.status.number;
    result.output = std::move(end.output);
    result.output_bytes = end.output_bytes;
    result.last_error = std::move(end.last_error);
    result.error_bytes = end.error_bytes;
    return result;
  } catch (const launch::start_error& refused) {
    throw error{refused.what()};
  }
}

// Where so many ranks run in the lease of the calling process.
std::vector<launch::rank_place> places_here(std::uint32_t ranks, double gpus_each) {
  std::string refusal;
  const auto machine = hardware::read_machine("", hardware::look_for::cores, refusal);
  const node_cores mine{machine, hardware::thread_set::of_this_thread()};
  std::vector<std::string> cores;
  for (std::uint32_t core = 0; core < mine.size(); ++core)
    cores.push_back(mine.threads_of({{core, 0}}).text());
  std::vector<std::string> gpus;
  std::istringstream visible{
      std::getenv("CUDA_VISIBLE_DEVICES") ? std::getenv("CUDA_VISIBLE_DEVICES") : ""};
  for (std::string one; std::getline(visible, one, ',');) gpus.push_back(one);
  if (!this_workers_lease().is_bound) cores.clear();
  const auto cores_of = launch::divide(cores, ranks, static_cast<double>(cores.size()) / ranks);
  const auto gpus_of_ranks = launch::divide(gpus, ranks, gpus_each);
  const char* const slurm_host = std::getenv("SLURMD_NODENAME");
  std::vector<launch::rank_place> places(ranks);
  const auto joined = [](const std::vector<std::string>& parts) {
    std::string text;
    for (const std::string& one : parts) text += (text.empty() ? "" : ",") + one;
    return text;
  };
  for (std::uint32_t rank = 0; rank < ranks; ++rank)
    places[rank] = {host_name(), slurm_host ? slurm_host : "", joined(cores_of[rank]),
                    joined(gpus_of_ranks[rank])};
  return places;
}

// What counts the threads of each rank: the calling process may have been told of all of them.
launch::environment counts_of_a_rank(const order& told, const launch::environment& variables) {
  launch::environment users = variables;
  std::erase_if(users, [](const std::string& one) {
    return std::ranges::count(this_workers_lease().counts, launch::name_in(one)) != 0;
  });
  launch::environment counts = launch::thread_counts(static_cast<std::uint32_t>(told.cpus), users);
  // Other hosts have the user's only if they are told.
  if (const auto mine = launch::find_variable(users, "OMP_NUM_THREADS"))
    launch::set_variable(counts, "OMP_NUM_THREADS", *mine);
  return counts;
}

command_result run_ranks(const order& told, std::vector<launch::rank_place> places) {
  launch::mpi_program program;
  program.arguments = told.arguments;
  program.variables = variables_for_commands();
  program.host = host_name();
  program.more_variables = counts_of_a_rank(told, program.variables);
  launch::set_variables(program.more_variables, told.variables);
  program.places = std::move(places);
  program.has_input = !told.input.empty();
  const bool is_mpich = launch::mpi_is_mpich();
  launch::mpi_launcher which = launch::default_launcher(program.variables, program.host, is_mpich);
  if (told.launcher == mpi_launcher::srun) which = launch::mpi_launcher::srun;
  if (told.launcher == mpi_launcher::open_mpi) which = launch::mpi_launcher::open_mpi;
  if (told.launcher == mpi_launcher::mpich) which = launch::mpi_launcher::mpich;
  // What a launcher says of that is long, and not the same of each.
  std::string refusal;
  launch::environment variables = program.variables;
  launch::set_variables(variables, told.variables);
  if (launch::find_program(told.arguments.front(), variables, told.folder, refusal).empty())
    throw error{refusal};
  return run(told, launch::command_for(which, program, is_mpich), patience_of_launchers_ms);
}

// In its lease.
command_result run_here(std::string bytes) {
  const auto told = part_of_bytes<order>(bytes);
  if (told.ranks > 1) return run_ranks(told, places_here(told.ranks, told.gpus));
  launch::launch_command what{told.arguments, variables_for_commands()};
  launch::set_variables(what.variables, told.variables);
  return run(told, std::move(what), 0);
}

struct places_text {
  std::vector<launch::rank_place> places;
  static void fields(auto& visit, auto& self) { visit(self.places); }
};

// Holds a share of a command's resources, or runs its launcher.
struct command_host {
  std::string places(std::uint32_t ranks, double gpus_each) {
    return bytes_of_part(places_text{places_here(ranks, gpus_each)});
  }
  command_result launch(std::string bytes, std::string places) {
    return run_ranks(part_of_bytes<order>(bytes), part_of_bytes<places_text>(places).places);
  }
};

// How many ranks' amounts are in what a node offers.
std::uint32_t room_on(const node_state& node, const order& told) {
  double room = told.ranks;
  const auto limit = [&](const std::string& name, double each) {
    if (each <= 0) return;
    const auto found = node.resources.find(name);
    room = std::min(room, found == node.resources.end() ? 0 : found->second / each + 1e-9);
  };
  limit("cpus", told.cpus);
  limit("gpus", told.gpus);
  limit("memory", told.memory_bytes);
  for (const custom_amount& one : told.resources) limit(one.name, one.amount);
  return static_cast<std::uint32_t>(room);
}

// However the command ends.
class removal {
 public:
  explicit removal(placement_group group) : group_{std::move(group)} {}
  ~removal() {
    try {
      remove(group_);
    } catch (const std::exception&) {
      // Its end is the job's, or was somebody else's doing.
    }
  }
  removal(const removal&) = delete;
  removal& operator=(const removal&) = delete;

 private:
  placement_group group_;
};

command_result run_over_nodes(std::string bytes) {
  const auto told = part_of_bytes<order>(bytes);
  std::vector<std::uint32_t> room;
  std::vector<std::uint32_t> shares;
  for (const node_state& node : nodes()) room.push_back(node.alive ? room_on(node, told) : 0);
  if (!told.wide && std::ranges::max(room) >= told.ranks) {
    return get(remote<run_here>.with(lease_for(told, told.ranks, automatic{}))(bytes));
  }
  shares = launch::share_ranks(room, told.ranks, told.wide);
  std::erase(shares, 0U);
  if (shares.empty())
    throw infeasible{"the command " + told.arguments.front() + " asks for " +
                     std::to_string(told.ranks) +
                     " ranks at a time, and the nodes of the job together have not room for so "
                     "many: ask for less (.ranks, .cpus and the like of each), or take more nodes"};
  std::vector<bundle> bundles;
  for (const std::uint32_t ranks : shares) bundles.push_back(share_of(told, ranks));
  const placement_group group{bundles, strict_spread{}};
  const removal at_the_end{group};
  get(group.ready());
  std::vector<actor_handle<command_host>> hosts;
  std::vector<object_ref<std::string>> answers;
  for (std::size_t i = 0; i < shares.size(); ++i) {
    const bundle& mine = bundles[i];
    actor_options options;
    options.cpus = mine.cpus;
    options.gpus = mine.gpus;
    options.memory_bytes = mine.memory_bytes;
    options.resources = mine.resources;
    options.strategy = group.bundle(i);
    hosts.push_back(actor<command_host>.with(options)());
    answers.push_back(hosts.back().call<&command_host::places>(shares[i], told.gpus));
  }
  places_text all;
  for (const std::string& answer : get(answers)) {
    const auto some = part_of_bytes<places_text>(answer).places;
    all.places.insert(all.places.end(), some.begin(), some.end());
  }
  // Logical nodes of one host are one to its launcher.
  std::ranges::stable_sort(all.places, {}, &launch::rank_place::host);
  actor_options here;
  here.cpus = 0;
  here.strategy = on_node{context().node};
  const auto launcher = actor<command_host>.with(here)();
  return get(launcher.call<&command_host::launch>(bytes, bytes_of_part(all)));
}

std::uint64_t whole_number(const amount& given, double least, double most, const char* what) {
  const double number = given.value_or(0);
  if (!(number >= least && number <= most) || number != std::floor(number)) {
    std::ostringstream text;
    text << what << " of a command is " << number << ": give a whole number from " << least
         << " to " << most;
    throw std::invalid_argument{text.str()};
  }
  return static_cast<std::uint64_t>(number);
}

order order_of(const command& what, const task_options& options) {
  if (what.argv.empty() || what.argv.front().empty())
    throw std::invalid_argument{"a command has no program: the first of its argv is its name"};
  order told;
  told.arguments = what.argv;
  told.ranks = static_cast<std::uint32_t>(whole_number(what.ranks, 1, 1e6, "ranks"));
  for (const auto& [name, value] : what.environment) {
    if (name.empty() || name.find('=') != std::string::npos)
      throw std::invalid_argument{"a variable of a command is named '" + name +
                                  "': a name is not empty and has no '='"};
    told.variables.push_back(name + "=" + value);
  }
  for (const auto* const texts : {&told.arguments, &told.variables})
    for (const std::string& one : *texts)
      if (one.find('\0') != std::string::npos)
        throw std::invalid_argument{
            "an argument or a variable of a command has a byte 0 in it, "
            "which no program can be given"};
  constexpr std::size_t input_bytes_max = std::size_t{1} << 30;
  if (what.input.size() > input_bytes_max)
    throw std::invalid_argument{"the input of a command is larger than 1 GiB: write it to a file"};
  told.folder = what.folder;
  told.input = what.input;
  told.output_bytes_max = whole_number(what.output_bytes_max, 0, 1e15, "output_bytes_max");
  told.launcher = what.launcher;
  told.wide = is_chosen<spread>(options.strategy);
  told.name = options.name.empty() ? what.argv.front() : options.name;
  told.cpus = options.cpus.value_or(1);
  told.gpus = options.gpus.value_or(0);
  told.memory_bytes = options.memory_bytes.value_or(0);
  for (const auto& [name, given] : options.resources)
    told.resources.push_back({name, given.value_or(0)});
  return told;
}

}  // namespace
}  // namespace detail

object_ref<command_result> command_with::operator()() const {
  detail::demand_of(options_);  // what is refused there, is here
  const detail::order told = detail::order_of(what_, options_);
  const std::string bytes = detail::bytes_of_part(told);
  const bool anywhere = detail::is_chosen<automatic>(options_.strategy) || told.wide;
  if (told.ranks == 1 || !anywhere) {
    return remote<detail::run_here>.with(detail::lease_for(told, told.ranks, options_.strategy))(
        bytes);
  }
  task_options here;
  here.cpus = 0;
  here.name = told.name;
  here.strategy = on_node{context().node};
  return remote<detail::run_over_nodes>.with(here)(bytes);
}

}  // namespace mobula
