#include "runtime/scheduler_process.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <limits>
#include <span>
#include <sstream>
#include <utility>

#include "launch/thread_counts.hpp"
#include "runtime/backoff.hpp"
#include "runtime/board.hpp"
#include "runtime/host_name.hpp"
#include "runtime/node_hardware.hpp"
#include "transport/ring/wake.hpp"
#include "transport/ucx/fabric.hpp"
#include "wire/debug_build.hpp"

namespace mobula::detail {

using wire::process_id;

namespace {

launch::child_recipe recipe_for_workers(const scheduler_start& told,
                                        std::vector<std::string> arguments) {
  launch::child_recipe recipe;
  recipe.as = launch::role::worker;
  recipe.arguments = std::move(arguments);
  recipe.variables = launch::this_environment();
  recipe.threads = threads_in(told.threads);
  return recipe;
}

// A file that would be larger than the limit is an error then. Children have their own.
void ignore_limit_of_files() { ::signal(SIGXFSZ, SIG_IGN); }

// A descriptor or two for each process of the node and each connection to another: more than the
// limit that shells give. @returns that limit, for those who start programs that use select()
std::uint64_t raise_limit_of_open_files() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  const rlim_t given = limit.rlim_cur;
  limit.rlim_cur = limit.rlim_max;
  return ::setrlimit(RLIMIT_NOFILE, &limit) == 0 ? given : 0;
}

}  // namespace

scheduler_process::scheduler_process(scheduler_start told, launch::record_channel parent,
                                     std::optional<launch::seat_door> door,
                                     std::vector<std::string> arguments)
    : open_files_given_{raise_limit_of_open_files()},
      told_{std::move(told)},
      parent_{std::move(parent)},
      self_{process_id::scheduler_of(told_.node)},
      hub_{told_.node},
      broker_{hub_, told_.job_token},
      port_{hub_, broker_},
      pins_{broker_, port_},
      epoll_{::epoll_create1(EPOLL_CLOEXEC)} {
  ignore_limit_of_files();
  node_hardware here = look_at_node(told_.hardware);
  description_ = std::move(here.description);
  cores_ = std::move(here.cores);
  description_.first_rank = told_.own_rank;
  description_.ranks = told_.other_seats + 1;
  seats_ = std::make_unique<launch::seats>(
      told_.own_rank, recipe_for_workers(told_, std::move(arguments)), std::move(door));
  if (told_.nodes > 1) {
    ucx::link_settings how;
    how.nodes_expected = told_.nodes;
    how.rma = told_.rma;
    links_ = std::make_unique<ucx::links>(told_.node, told_.job_token, how);
    description_.rma = told_.rma;
    description_.versions.push_back({"ucx", ucx::links::version()});
  }
  gateway_ = std::make_unique<transport::gateway>(port_, links_.get());
  open_store();
  for (const int one :
       {broker_.event(), seats_->descriptor(), gateway_->local_event(), gateway_->remote_event(),
        parent_.descriptor(), disk_ ? disk_->event() : -1})
    watch(one);
}

scheduler_process::~scheduler_process() = default;

void scheduler_process::open_store() {
  store::node_store_options memory;
  memory.node = told_.node;
  memory.host = host_name();
  memory.limits.capacity_bytes = told_.store_bytes;
  memory.before_release = [this](std::uint32_t extent) {
    if (window_) window_->forget_extent(extent);
  };
  memory.warm_ahead_bytes = store::default_warm_ahead_bytes(told_.store_bytes);
  memory.numa = store::numa_of_machine();
  store_ = std::make_unique<published_store>(memory, broker_);
  if (wire::is_debug_build) {
    arrays_ = std::make_unique<store::array_watch>(
        told_.node, [this](std::uint32_t extent) { return store_->extent_bytes(extent); });
  }
  if (links_ && told_.rma) {
    const std::uint64_t pinned =
        told_.rma_pinned_bytes != 0 ? told_.rma_pinned_bytes : store_window::all;
    window_ = std::make_unique<store_window>(*store_, *links_, pinned);
  }
  const std::string no_disk = open_disk();
  core::directory::limits limits;
  limits.line.patience_ns = told_.store_wait_ns;
  limits.line.patience_to_begin_ns = 60 * told_.store_wait_ns;
  directory_ = std::make_unique<core::directory>(
      told_.node, told_.nodes,
      core::directory::parts{*store_, *gateway_, window_.get(), &pins_, disk_.get()}, limits);
  directory_->no_disk = no_disk;
  directory_->on_long_wait = [](const std::string& text) {
    std::fprintf(stderr, "mobula: tasks wait for memory for their arguments: %s\n", text.c_str());
  };
}

// @returns why there is no spilling, or nothing
std::string scheduler_process::open_disk() {
  if (told_.spill_folder.empty()) return told_.no_spilling;
  store::spill_options options;
  options.folder = told_.spill_folder;
  options.quota_bytes = told_.spill_bytes;
  std::string refusal;
  auto file = store::spill_file::open(options, refusal);
  if (file) {
    disk_ = std::make_unique<node_disk>(std::move(file));
  } else {
    std::fprintf(stderr,
                 "mobula: node %u: objects that find no room in memory will not go to disk: %s\n",
                 unsigned{told_.node}, refusal.c_str());
  }
  return refusal;
}

void scheduler_process::watch(int descriptor) {
  if (descriptor < 0) return;
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = descriptor;
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, descriptor, &event);
}

// Tells the first rank where we are, and hears from it of all nodes.
void scheduler_process::meet_the_others() {
  scheduler_hello hello;
  hello.broker = broker_.name();
  for (const gpu_description& one : description_.gpus)
    hello.devices.push_back({one.can_be_shared, !one.part_of.empty()});
  if (!description_.gpus.empty()) hello.gpu = description_.gpus.front().name;
  if (links_) {
    const auto address = links_->address();
    hello.address.assign(reinterpret_cast<const char*>(address.data()), address.size());
  }
  parent_.send({bytes_of_part(hello), {}});
  launch::record_channel::record answer;
  for (;;) {
    const auto what = parent_.receive(answer);
    if (what == launch::record_channel::outcome::got) break;
    if (what == launch::record_channel::outcome::closed)
      throw launch::start_error{"the rank that started this scheduler has gone"};
    pollfd readable{parent_.descriptor(), POLLIN, 0};
    ::poll(&readable, 1, -1);
  }
  make_books(part_of_bytes<job_cards>(answer.bytes));
  make_members();
  parent_.send({"ready", {}});
}

void scheduler_process::make_books(const job_cards& job) {
  description_.start_bytes_sent = job.bytes_given;
  description_.start_bytes_received = job.bytes_heard;
  std::vector<core::node_totals> totals;
  std::vector<std::vector<std::byte>> addresses;
  for (const node_card& card : job.nodes) {
    std::vector<core::device> devices;
    for (const device_card& one : card.devices) devices.push_back({one.can_be_shared, one.is_part});
    totals.push_back({card.host, {card.total}, {devices}, {}, card.labels, card.drivers});
    if (totals.size() == told_.node + std::size_t{1}) description_.labels = card.labels;
    const auto bytes = wire::as_blob(card.address);
    addresses.emplace_back(bytes.begin(), bytes.end());
  }
  if (told_.chooses_cores) totals[told_.node].cores = {core_places()};
  if (links_) links_->set_addresses(std::move(addresses));
  core::worker_starter& starter = *this;
  core::scheduler_limits limits;
  limits.wait_infeasible = told_.wait_infeasible;
  scheduler_ =
      std::make_unique<core::scheduler>(told_.node, std::move(totals), starter, *gateway_, limits);
  scheduler_->on_infeasible = [](const std::string& why) {
    std::fprintf(stderr, "mobula: %s It waits until the job ends (.wait_infeasible).\n",
                 why.c_str());
  };
  scheduler_->on_describe = [this] {
    if (links_ && links_->open_links() != links_described_) {
      links_described_ = links_->open_links();
      description_.transports = links_->transports();
    }
    if (links_) description_.link_bytes_sent = links_->counters().bytes_sent;
    return bytes_of_part(description_);
  };
  scheduler_->on_store_use = [this] {
    // What was read when its owner ended, and is no longer: nobody may have wanted its memory yet.
    directory_->let_go();
    return wire::store_use{store_->capacity_bytes(), directory_->bytes_used(),
                           directory_->copies(),     directory_->bytes_on_disk(),
                           directory_->reads(),      directory_->hops_max()};
  };
}

void scheduler_process::make_members() {
  const core::peer_nodes& nodes = scheduler_->peers();
  const core::membership_limits limits{told_.node_silence_ns};
  members_ = std::make_unique<core::membership>(told_.node, nodes.size(), *gateway_, limits);
  members_->on_death = [this, &nodes](wire::node_id node) {
    std::fprintf(stderr,
                 "mobula: node %u on %s has not been heard of for %.3g s and counts as dead "
                 "(MOBULA_NODE_TIMEOUT_MS)\n",
                 unsigned{node}, nodes[node].host.c_str(),
                 static_cast<double>(told_.node_silence_ns) / 1e9);
    links_->cut(node);
    on_closed(process_id::scheduler_of(node));
  };
  members_->on_driver_lost = [this, &nodes] {
    std::fprintf(stderr,
                 "mobula: node %u on %s has heard nothing of the driver's node for too long, and "
                 "ends (MOBULA_NODE_TIMEOUT_MS)\n",
                 unsigned{told_.node}, nodes[told_.node].host.c_str());
    on_closed(process_id::scheduler_of(0));
  };
}

std::vector<core::core_place> scheduler_process::core_places() const {
  std::vector<hardware::thread_set> near_gpus;
  for (const gpu_description& one : description_.gpus) near_gpus.push_back(threads_in(one.threads));
  return cores_.places(near_gpus);
}

int scheduler_process::serve() {
  meet_the_others();
  scheduler_->tick(ring::now_ns());
  prestart_once_drivers_are_here();
  // Each other's end, of which nobody may stay ignorant, is noticed by who has talked.
  scheduler_->greet();
  // A scheduler that polls takes a core from those who work: it sleeps soon. But what another node
  // answers comes within the time of a wake-up: for that it looks again, after letting others run.
  constexpr int idle_polls_max = 32;
  const bool waits_for_others = links_ && told_.wait != launch::wait_mode::block;
  backoff patience{launch::wait_mode::automatic, 4};
  // However busy it is, processes come and end, and wait for the broker's answers.
  constexpr int busy_polls_max = 256;
  int idle = 0;
  int busy = 0;
  while (!leave()) {
    if (act()) {
      idle = 0;
      patience.reset();
      if (++busy % busy_polls_max == 0) look_around();
    } else if (waits_for_others ? !patience.again() : ++idle >= idle_polls_max) {
      idle = 0;
      patience.reset();
      tell_of_unused_fabric();
      sleep();
    }
  }
  return exit_status_;
}

bool scheduler_process::act() {
  const std::uint64_t now = ring::now_ns();
  members_->tick(now);
  scheduler_->tick(now);
  directory_->tick(now);
  store_->tick(now);
  std::size_t came = gateway_->poll(*this);
  if (window_) came += window_->settle(*directory_);
  if (disk_) came += disk_->settle(*directory_);
  directory_->flush();
  gateway_->flush();
  // Who sends memory that others read is at work, although it hears nothing of it.
  return came != 0 || (links_ && links_->moved());
}

void scheduler_process::sleep() {
  const std::uint64_t now = ring::now_ns();
  const auto ticket = gateway_->prepare_sleep(now);
  if (!ticket) return;
  std::uint64_t until =
      std::min({*ticket, scheduler_->next_deadline_ns(), members_->next_deadline_ns(),
                directory_->next_deadline_ns(), store_->next_deadline_ns()});
  if (said_done_) until = std::min(until, leave_by_ns_);
  int timeout_ms = -1;
  if (until != std::numeric_limits<std::uint64_t>::max())
    timeout_ms =
        until <= now
            ? 0
            : static_cast<int>(std::min<std::uint64_t>((until - now) / 1'000'000 + 1, 60'000));
  std::array<epoll_event, events_max> events{};
  const int count = ::epoll_wait(epoll_.get(), events.data(), events_max, timeout_ms);
  gateway_->awake();
  serve_events({events.data(), events.data() + std::max(count, 0)});
}

// Without sleeping.
void scheduler_process::look_around() {
  std::array<epoll_event, events_max> events{};
  const int count = ::epoll_wait(epoll_.get(), events.data(), events_max, 0);
  serve_events({events.data(), events.data() + std::max(count, 0)});
}

void scheduler_process::serve_events(std::span<const epoll_event> events) {
  for (const epoll_event& event : events) {
    const int ready = event.data.fd;
    if (ready == broker_.event()) {
      broker_.serve(*this);
    } else if (ready == seats_->descriptor()) {
      seats_->poll(*this);
    } else if (ready == parent_.descriptor()) {
      launch::record_channel::record unexpected;
      if (parent_.receive(unexpected) == launch::record_channel::outcome::closed) failed_ = true;
    }
  }
}

// Whether all is over. The driver is told once nothing is left but ourselves.
bool scheduler_process::leave() {
  // Node 0's scheduler has declared it dead, or heard of it.
  if (!told_.driving_ranks.empty() && scheduler_->exit_status() != 0) lose_driver("another node");
  if (failed_ || abandoned_) {
    exit_status_ = failed_ ? 1 : status_if_abandoned;
    return true;
  }
  if (!scheduler_->finished()) return false;
  if (!said_done_) say_done();
  // A driver reads what it was told from memory that lives as long as it has it mapped.
  // A seat that comes late to a short job must find somebody who dismisses it.
  const bool nobody_missing =
      seats_joined_ >= told_.other_seats && (!links_ || links_->all_closed());
  return nobody_missing || ring::now_ns() >= leave_by_ns_;
}

void scheduler_process::say_done() {
  said_done_ = true;
  leave_by_ns_ = ring::now_ns() + goodbye_patience_ns;
  seats_->dismiss();
  const std::uint32_t drivers = scheduler_->peers()[told_.node].drivers;
  for (std::uint32_t i = 1; i <= drivers; ++i)
    wire::send(*gateway_, {told_.node, i}, wire::shutdown_done{});
  if (links_) links_->say_goodbye();
  gateway_->flush();
}

void scheduler_process::on_message(process_id from, wire::blob message) {
  if (arrays_) {
    if (const std::string altered = arrays_->look(message); !altered.empty())
      std::fprintf(stderr, "mobula: %s\n", altered.c_str());
  }
  if (directory_->on_message(from, message) || members_->on_message(from, message)) return;
  // It leaves in order: whoever else takes longer, nobody is to miss it.
  if (wire::type_of(message) == wire::message_type::shutdown_done && from.is_scheduler())
    members_->died(from.node());
  if (wire::type_of(message) == wire::message_type::process_ended) {
    if (const auto told = wire::decode<wire::process_ended>(message)) {
      for (const process_id ended : told->processes) {
        // What still comes from it must not follow the news of its end.
        const bool is_other = ended.is_scheduler() && ended.node() != told_.node;
        if (links_ && is_other && ended.node() < links_->nodes()) {
          links_->cut(ended.node());
          members_->died(ended.node());
        }
        directory_->on_process_ended(ended);
      }
    }
  }
  scheduler_->on_message(from, message);
}

void scheduler_process::on_closed(process_id peer) {
  directory_->on_process_ended(peer);
  if (peer.is_scheduler()) members_->died(peer.node());
  if (const auto found = dying_.extract(peer)) {
    const death& last = found.mapped();
    const launch::exit_status good{launch::exit_status::how::exited, 0};
    scheduler_->worker_ended(peer, last.cause, last.begun, last.cause == good.text());
    return;
  }
  scheduler_->process_ended(peer);
  if (said_done_ || !scheduler_->peers().is_end_of_a_driver(peer)) return;
  if (told_.driving_ranks.empty()) {
    // Without the driver's node there is no job. What to say of that, and which status it is, is
    // that node's business: ours ends in order.
    abandoned_ = true;
  } else if (scheduler_->exit_status() != 0) {
    // Otherwise it has yet to be declared dead.
    lose_driver("node " + std::to_string(peer.node()));
  }
}

// One of several: the ranks of this node go on with the user's code, and must end too.
void scheduler_process::lose_driver(const std::string& who) {
  if (std::exchange(failed_, true)) return;
  std::fprintf(stderr, "mobula: node %u: %s has ended before the job did, and so the job ends\n",
               unsigned{told_.node}, who.c_str());
}

// One that died before they have joined would be told of to nobody.
void scheduler_process::prestart_once_drivers_are_here() {
  if (drivers_joined_ == scheduler_->peers()[told_.node].drivers) scheduler_->prestart(1);
}

void scheduler_process::on_joined(process_id process) {
  if (scheduler_->peers().is_driver(process)) {
    ++drivers_joined_;
    scheduler_->driver_joined(process);
    return prestart_once_drivers_are_here();
  }
  seats_->entered(process.incarnation());
  scheduler_->worker_joined(process);
}

// Once a job, by the driver's node, as soon as it has a link.
void scheduler_process::tell_of_unused_fabric() {
  if (fabric_was_looked_at_ || told_.node != 0 || !links_ || links_->open_links() == 0) return;
  const std::string transports = links_->transports();
  if (transports.empty()) return;
  fabric_was_looked_at_ = true;
  const std::string said = ucx::unused_fabric(ucx::fabric_devices(), transports);
  if (!said.empty()) std::fprintf(stderr, "mobula: %s\n", said.c_str());
}

// Asks the question only: the seat that started it knows. But nobody has started a driver.
void scheduler_process::on_disconnected(process_id process) {
  const std::size_t place = process.incarnation() - std::size_t{1};
  if (scheduler_->shutting_down() || !scheduler_->peers().is_driver(process)) return;
  if (place < told_.driving_ranks.size())
    lose_driver("rank " + std::to_string(told_.driving_ranks[place]));
}

void scheduler_process::seat_joined(std::uint32_t) {
  ++seats_joined_;
  if (said_done_) seats_->dismiss();
}

void scheduler_process::seat_lost(std::uint32_t rank) {
  if (scheduler_->shutting_down()) return;
  if (!told_.driving_ranks.empty()) return lose_driver("rank " + std::to_string(rank));
  std::fprintf(stderr, "mobula: rank %u has ended, and its worker processes with it\n", rank);
}

void scheduler_process::child_ended(std::uint32_t incarnation, const std::string& how) {
  const process_id ended{told_.node, incarnation};
  death last{how, {}};
  std::vector<std::byte> page(ring::board_bytes);
  if (broker_.read_board(ended, std::span<std::byte, ring::board_bytes>{page}))
    last.begun = board::read(page);
  dying_[ended] = std::move(last);
  broker_.forget(ended);
  port_.peer_ended(ended);
}

void scheduler_process::children_fail(const std::string& how) {
  std::fprintf(stderr,
               "mobula: three worker processes in a row ended before they could serve, the last "
               "one %s; the job ends\n",
               how.c_str());
  failed_ = true;
}

// What CUDA shows a process that has these. Where somebody said how many there are, those that the
// launcher gave to this rank, or the first ones.
std::string scheduler_process::visible_devices(const core::device_set& devices) const {
  std::vector<std::string> names;
  for (const gpu_description& one : description_.gpus) names.push_back(one.uuid);
  if (names.empty() && told_.hardware.visible_gpus.front().is_set) {
    std::istringstream given{told_.hardware.visible_gpus.front().text};
    for (std::string one; std::getline(given, one, ',');) names.push_back(one);
  }
  std::string list;
  for (const core::device_share& one : devices) {
    list += list.empty() ? "" : ",";
    list += one.number < names.size() ? names[one.number] : std::to_string(one.number);
  }
  return list;
}

void scheduler_process::start_worker(process_id process, const core::process_set& set) {
  worker_start_text text;
  text.process = process.bits();
  text.job_token = told_.job_token;
  text.wait = told_.wait;
  text.deadlock_after_ns = told_.deadlock_after_ns;
  text.broker = broker_.name();
  text.open_files = open_files_given_;
  text.gpus = static_cast<std::uint32_t>(set.devices.size());
  text.cpus = set.cpus;
  hardware::thread_set threads;
  if (scheduler_->books().cores_of(0).size() != 0) threads = cores_.threads_of(set.cores);
  if (!told_.binds) text.threads = std::exchange(threads, {}).text();
  text.is_bound = !threads.empty() && !set.cores.empty();
  // Before anything in it can look for devices or count cores; none are shown to who has asked for
  // none.
  launch::environment variables = launch::thread_counts(
      static_cast<std::uint32_t>(set.cpus / wire::resource_amounts::unit), variables_);
  for (const std::string& one : variables) text.counts.emplace_back(launch::name_in(one));
  variables.push_back("CUDA_VISIBLE_DEVICES=" + visible_devices(set.devices));
  seats_->start(process.incarnation(), to_hex(bytes_of_part(text)), std::move(variables), threads);
}

void scheduler_process::end_worker(process_id process) {
  seats_->signal(process.incarnation(), SIGKILL);
}

}  // namespace mobula::detail
