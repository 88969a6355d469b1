#include "runtime/meeting.hpp"

#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <map>
#include <random>

#include "hardware/cgroup.hpp"
#include "hardware/machine.hpp"
#include "launch/identity.hpp"
#include "launch/launcher.hpp"
#include "launch/warnings.hpp"
#include "mobula/errors.hpp"
#include "runtime/demands.hpp"
#include "runtime/function_table.hpp"
#include "runtime/host_name.hpp"
#include "runtime/same_options.hpp"
#include "store/extent.hpp"
#include "store/spill_file.hpp"
#include "store/spill_folder.hpp"
#include "transport/ring/layout.hpp"

namespace mobula::detail {

using launch::start_error;

namespace {

std::optional<double> given_cpus(const runtime_options& options, const launch::settings& settings) {
  if (options.cpus.is_set()) return options.cpus.value_or(0);
  return settings.cpus;
}

std::optional<double> given_gpus(const runtime_options& options, const launch::settings& settings) {
  if (options.gpus.is_set()) return options.gpus.value_or(0);
  return settings.gpus;
}

std::optional<std::uint32_t> given_reserved_cores(const runtime_options& options,
                                                  const launch::settings& settings) {
  if (!options.reserved_cores.is_set()) return settings.reserved_cores;
  const double given = options.reserved_cores.value_or(0);
  if (!(given >= 0 && given <= 1e6) || given != std::floor(given))
    throw std::invalid_argument{"reserved_cores is " + std::to_string(given) +
                                ": give a whole number of cores, or 0 for none"};
  return static_cast<std::uint32_t>(given);
}

// What the processes of a node share is in files without names, which count: the system kills who
// makes a larger one than it may.
void check_limit_of_files() {
  constexpr std::uint64_t needed = ring::arena_bytes(ring::slots_of_scheduler);
  rlimit limit{};
  if (::getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur >= needed) return;
  throw start_error{"files may have " + store::bytes_in_words(limit.rlim_cur) +
                    " here, and the memory that the processes of a node share counts as files of " +
                    store::bytes_in_words(needed) +
                    " and more, most of it never used: raise that limit (ulimit -f unlimited)"};
}

std::uint64_t fresh_token() {
  std::random_device source;
  return std::uint64_t{source()} << 32 | source();
}

}  // namespace

meeting::meeting(start_request asked)
    : asked_{std::move(asked)}, variables_{launch::this_environment()} {}

meeting::~meeting() = default;

void meeting::hold() {
  try {
    find_ranks();
    share_settings();
    meet();
    ranks_.reset();
  } catch (const start_error& refused) {
    throw error{refused.what()};
  }
}

void meeting::find_ranks() {
  had_users_mpi_ = launch::mpi_is_running();
  ranks_ = std::make_unique<launch::counting_bootstrap>(asked_.communicator
                                                            ? launch::ranks_of(*asked_.communicator)
                                                            : launch::find_ranks(variables_));
  rank_ = ranks_->rank();
  // Whom this process starts has its variables, and would look for its ranks.
  if (launch::rank_mark(variables_, 0) != launch::rank_mark({}, 0))
    ::setenv(std::string{launch::rank_variable}.c_str(),
             launch::rank_mark(variables_, ::getpid()).c_str(), 1);
}

// Launchers do not take variables to all hosts, so rank 0's settings are told to all ranks. Each
// looks at its own first, for that is where a bad one is to be mended.
void meeting::share_settings() {
  together([&] { launch::read_settings(variables_); });
  const std::string first =
      ranks_->broadcast(bytes_of_part(settings_text{launch::users_settings(variables_)}), 0);
  together([&] {
    variables_ = launch::settings_of_job(variables_, part_of_bytes<settings_text>(first).variables);
    settings_ = launch::read_settings(variables_);
  });
  store::dump_extents(settings_.dump_store);
}

launch::rank_facts meeting::facts() const {
  launch::rank_facts mine;
  mine.host = ranks_->host();
  mine.threads = hardware::thread_set::of_this_thread();
  mine.cpu_quota = hardware::cpu_quota().value_or(0);
  mine.slurm = launch::find_slurm_share(variables_);
  mine.slurm.is_in_cores = mine.threads.count() < ::sysconf(_SC_NPROCESSORS_ONLN);
  if (const auto visible = launch::find_variable(variables_, "CUDA_VISIBLE_DEVICES"))
    mine.visible_gpus = *visible;
  // One rank looks for all of its host. Where that can't be read each thread counts as a core.
  if (mine.host != rank_ && settings_.topology.empty()) return mine;
  std::string refusal;
  const auto machine =
      hardware::read_machine(settings_.topology, hardware::look_for::cores, refusal);
  if (!settings_.topology.empty()) {
    if (!refusal.empty()) throw start_error{"MOBULA_TOPOLOGY: " + refusal};
    mine.threads = machine.threads();
    mine.cpu_quota = 0;  // this machine's
    mine.slurm = {};
  }
  for (const hardware::core& one : machine.cores)
    if (one.threads.count() > 1) mine.wide_cores.push_back(one.threads);
  return mine;
}

node_card meeting::card(const launch::node_layout& node) const {
  const runtime_options& options = asked_.options;
  node_card mine;
  mine.host = host_name();
  const double memory = options.memory_bytes.value_or(
      static_cast<double>(host_memory().usable_bytes / nodes_on_host(node)));
  const auto found = static_cast<double>(hello_.devices.size());
  const double gpus = given_gpus(options, settings_).value_or(found);
  mine.devices = hello_.devices;
  mine.total = amounts_of(node.cpus, gpus, memory, options.resources);
  mine.address = hello_.address;
  mine.labels = labels(node);
  mine.drivers = layout_->drivers_of(node);
  return mine;
}

std::vector<wire::label> meeting::labels(const launch::node_layout& node) const {
  std::map<std::string, std::string> all = settings_.labels;
  all.insert(asked_.options.labels.begin(), asked_.options.labels.end());
  for (const char* const known : {"host", "node", "gpu"}) {
    if (all.contains(known))
      throw std::invalid_argument{std::string{"a label is named '"} + known +
                                  "', as one that every node has: give it another name"};
  }
  all["host"] = host_name();
  all["node"] = std::to_string(node.node);
  if (!hello_.gpu.empty()) all["gpu"] = hello_.gpu;
  std::vector<wire::label> sorted;
  for (const auto& [key, value] : all) sorted.push_back({key, value});
  return sorted;
}

store::host_memory meeting::host_memory() const {
  return store::memory_of_host(
      [this](std::string_view name) { return launch::find_variable(variables_, name); });
}

// Logical nodes of one host share its memory.
unsigned meeting::nodes_on_host(const launch::node_layout& node) const {
  const auto host_of = [&](const launch::node_layout& one) { return hosts_[one.first_rank()]; };
  return static_cast<unsigned>(std::ranges::count_if(
      layout_->nodes(), [&](const auto& other) { return host_of(other) == host_of(node); }));
}

// What each rank knows of itself; who is what follows from it, the same in all.
void meeting::share_facts() {
  std::vector<launch::rank_facts> all_facts;
  std::string mine;
  together([&] { mine = facts().encode(); });
  for (const auto& bytes : ranks_->allgather(mine)) {
    const auto one = launch::rank_facts::decode(bytes);
    if (!one) throw start_error{"the ranks of this job run different versions of Mobula"};
    all_facts.push_back(*one);
    hosts_.push_back(one->host);
    visible_gpus_.push_back({one->visible_gpus.has_value(), one->visible_gpus.value_or("")});
  }
  launch::check_identity(*ranks_, function_table::modules());
  // Of a launcher's ranks each node's first says what its node has; here each call has a say.
  if (asked_.communicator) check_same_options(*ranks_, asked_.options);
  layout_.emplace(all_facts, settings_.ranks_per_node, given_cpus(asked_.options, settings_),
                  given_reserved_cores(asked_.options, settings_),
                  every_rank_drives() ? launch::drivers::all : launch::drivers::first);
}

// In the same order in all.
void meeting::meet() {
  share_facts();
  const std::string token = ranks_->broadcast(std::to_string(fresh_token()), 0);
  job_token_ = std::strtoull(token.c_str(), nullptr, 10);

  const launch::node_layout& node = layout_->node_of(rank_);
  // Where Slurm has not said which cores are the job's, they may be those that another job takes.
  chooses_cores_ = asked_.options.bind && settings_.bind && !node.is_unbound;
  const bool first = layout_->starts_scheduler(rank_);
  std::string my_word;
  std::string my_card;
  together([&] {
    if (!first) return;
    if (node.ranks.size() > 1) {
      door_.emplace(launch::seat_door::open());
      word_.door = door_->address().encode();
    }
    start_scheduler(node);
    hello_ = part_of_bytes<scheduler_hello>(hear_from_scheduler());
    word_.broker = hello_.broker;
    my_word = bytes_of_part(word_);
    my_card = bytes_of_part(card(node));
  });
  // Before the driver goes on, and may be warned, and all others with it.
  if (!is_driver() && !has_communicator()) launch::ignore_warnings();
  word_ = part_of_bytes<node_word>(ranks_->allgather(my_word)[node.first_rank()]);
  const auto cards = ranks_->allgather(my_card);
  together([&] {
    if (first) {
      job_cards job;
      for (const auto& one : layout_->nodes())
        job.nodes.push_back(part_of_bytes<node_card>(cards[one.first_rank()]));
      job.bytes_given = ranks_->bytes_given();
      job.bytes_heard = ranks_->bytes_heard();
      to_scheduler_->send({bytes_of_part(job), {}});
      hear_from_scheduler();
    }
    // Before any goes on: what is told to all drivers of a node finds them there.
    if (is_driver()) join();
  });
}

void meeting::join() {
  std::string refused;
  member_ = ring::member::join(word_.broker, job_token_, layout_->process_of(rank_), refused);
  if (!member_) throw start_error{"the driver can't join its node: " + refused};
}

// What one rank can't do ends the start of all: the others would wait for one that just left, and
// it for them, since MPI ends together.
void meeting::together(const std::function<void()>& work) {
  std::string failure;
  std::exception_ptr mine;
  try {
    work();
  } catch (const std::exception& failed) {
    failure = failed.what();
    mine = std::current_exception();
  }
  const auto failures = ranks_->allgather(failure);
  if (mine) std::rethrow_exception(mine);
  for (std::size_t rank = 0; rank < failures.size(); ++rank) {
    if (!failures[rank].empty())
      throw start_error{"rank " + std::to_string(rank) + ": " + failures[rank]};
  }
}

scheduler_start meeting::text_for_scheduler(const launch::node_layout& node) const {
  const runtime_options& options = asked_.options;
  scheduler_start text;
  text.node = node.node;
  text.nodes = static_cast<std::uint32_t>(layout_->nodes().size());
  text.own_rank = rank_;
  text.other_seats = static_cast<std::uint32_t>(node.ranks.size() - 1);
  if (every_rank_drives()) text.driving_ranks = node.ranks;
  text.job_token = job_token_;
  text.rma = settings_.rma;
  text.rma_pinned_bytes = settings_.rma_pinned_bytes;
  text.wait = settings_.wait;
  text.deadlock_after_ns = std::uint64_t{settings_.deadlock_after_ms} * 1'000'000;
  text.node_silence_ns = std::uint64_t{settings_.node_timeout_ms} * 1'000'000;
  text.threads = threads_of_children().text();
  text.chooses_cores = chooses_cores_;
  text.binds = binds();
  text.wait_infeasible = options.wait_infeasible || settings_.wait_infeasible;
  text.hardware = ask_of_hardware(node);
  if (door_) text.door = door_->address().encode();
  const double given = options.store_bytes.value_or(static_cast<double>(settings_.store_bytes));
  if (options.store_bytes.is_set() && !(given >= 1 && given <= 9e18))
    throw std::invalid_argument{"store_bytes is " + std::to_string(given) +
                                ": give a number of bytes of at least 1"};
  // Workers follow the cpus; the drivers and the scheduler come on top.
  const unsigned others = std::max(1U, layout_->drivers_of(node)) + 1;
  const store::store_share share{nodes_on_host(node), static_cast<unsigned>(node.cpus) + others};
  const store::store_size size =
      store::choose_store_size(static_cast<std::uint64_t>(given), host_memory(), share);
  if (!size.refusal.empty()) throw start_error{size.refusal};
  text.store_bytes = size.bytes;
  text.store_wait_ns = std::uint64_t{settings_.store_wait_ms} * 1'000'000;
  choose_disk(text, share.nodes_on_host);
  return text;
}

void meeting::start_scheduler(const launch::node_layout& node) {
  check_limit_of_files();
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0)
    throw start_error{"no socket for the scheduler: the limit of open files is reached"};
  launch::descriptor theirs{ends[1]};
  to_scheduler_.emplace(launch::descriptor{ends[0]});

  launch::child_recipe recipe;
  recipe.as = launch::role::scheduler;
  recipe.arguments = asked_.arguments;
  recipe.variables = variables_;
  recipe.start = to_hex(bytes_of_part(text_for_scheduler(node)));
  recipe.descriptors.push_back(theirs.get());
  if (door_) recipe.descriptors.push_back(door_->descriptor());
  if (settings_.topology.empty()) recipe.threads = node.threads;
  if (binds() && !node.reserved.empty()) recipe.threads = node.reserved;
  scheduler_.emplace(recipe);
}

launch::seat_address meeting::door() const {
  const auto door = launch::seat_address::decode(word_.door);
  if (!door) throw error{"this rank was not told where its scheduler is"};
  return *door;
}

launch::child_recipe meeting::recipe_of_workers() const {
  launch::child_recipe common;
  common.as = launch::role::worker;
  common.arguments = asked_.arguments;
  common.variables = variables_;
  common.threads = threads_of_children();
  return common;
}

// Where its workers may run that were not given cores of their own; none: anywhere.
hardware::thread_set meeting::threads_of_children() const {
  if (!settings_.topology.empty()) return {};
  hardware::thread_set threads = layout_->threads_of_children(rank_);
  if (!binds()) return threads;
  const launch::node_layout& node = layout_->node_of(rank_);
  threads -= node.reserved;
  if (!threads.empty()) return threads;
  threads = node.threads;
  threads -= node.reserved;
  return threads;
}

hardware_question meeting::ask_of_hardware(const launch::node_layout& node) const {
  hardware_question what;
  what.node = node.node;
  what.topology = settings_.topology;
  what.threads = node.threads.text();
  if (chooses_cores_) what.reserved_threads = node.reserved.text();
  what.cores = node.cores;
  what.looks_for_gpus = !given_gpus(asked_.options, settings_).has_value();
  for (const std::uint32_t rank : node.ranks) what.visible_gpus.push_back(visible_gpus_[rank]);
  what.mps_folder = launch::find_variable(variables_, "CUDA_MPS_PIPE_DIRECTORY").value_or("");
  what.gpu_share = node.gpu_share;
  what.gpu_shares = node.gpu_shares;
  return what;
}

void meeting::choose_disk(scheduler_start& text, unsigned nodes_on_host) const {
  if (settings_.spill_bytes == 0) {
    text.no_spilling = "MOBULA_SPILL_BYTES is 0";
    return;
  }
  const store::spill_folder found =
      store::find_spill_folder({settings_.spill_folder, [this](std::string_view name) {
                                  return launch::find_variable(variables_, name);
                                }});
  text.spill_folder = found.path;
  text.no_spilling = found.refusal;
  text.spill_bytes =
      settings_.spill_bytes.value_or(store::default_spill_bytes(found.free_bytes) / nodes_on_host);
  if (found.refusal.empty()) return;
  if (!settings_.spill_folder.empty()) throw start_error{found.refusal};
  std::fprintf(stderr, "mobula: node %u: %s\n", unsigned{text.node}, found.refusal.c_str());
}

std::string meeting::hear_from_scheduler() {
  launch::record_channel::record heard;
  for (;;) {
    switch (to_scheduler_->receive(heard)) {
      case launch::record_channel::outcome::got:
        return heard.bytes;
      case launch::record_channel::outcome::closed:
        throw start_error{"the node's scheduler ended before the job began: " +
                          scheduler_->wait().text()};
      case launch::record_channel::outcome::nothing:
        break;
    }
    pollfd readable{to_scheduler_->descriptor(), POLLIN, 0};
    ::poll(&readable, 1, -1);
  }
}

}  // namespace mobula::detail
