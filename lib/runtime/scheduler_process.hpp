#pragma once

#include <sys/epoll.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/directory.hpp"
#include "core/membership.hpp"
#include "core/scheduler.hpp"
#include "launch/record_channel.hpp"
#include "launch/seats.hpp"
#include "runtime/node_cores.hpp"
#include "runtime/node_description.hpp"
#include "runtime/node_disk.hpp"
#include "runtime/node_pins.hpp"
#include "runtime/published_store.hpp"
#include "runtime/start_texts.hpp"
#include "runtime/store_window.hpp"
#include "store/array_watch.hpp"
#include "transport/gateway.hpp"
#include "transport/ring/broker.hpp"
#include "transport/ring/hub.hpp"
#include "transport/ring/port.hpp"
#include "transport/ucx/links.hpp"
#include "wire/receiver.hpp"

namespace mobula::detail {

/// A node's scheduler process: its resources, its store, its gateway to other nodes, and the seats
/// that start its workers. One thread, one loop; never runs user code.
class scheduler_process final : wire::receiver,
                                ring::broker_observer,
                                launch::seats_listener,
                                core::worker_starter {
 public:
  /// `serve` returns it where the driver's node has gone.
  static constexpr int status_if_abandoned = 3;

  /// @param parent     the rank that started it
  /// @param arguments  the program's, for the workers
  scheduler_process(scheduler_start told, launch::record_channel parent,
                    std::optional<launch::seat_door> door, std::vector<std::string> arguments);
  ~scheduler_process();

  /// Serves until the job ends. @returns the exit status
  int serve();

 private:
  static constexpr int events_max = 16;
  struct death {
    std::string cause;
    std::vector<core::begun_entry> begun;
  };

  void open_store();
  std::string open_disk();
  void meet_the_others();
  void make_books(const job_cards& job);
  std::vector<core::core_place> core_places() const;
  bool act();
  void sleep();
  void look_around();
  void serve_events(std::span<const epoll_event> events);
  void watch(int descriptor);
  std::string visible_devices(const core::device_set& devices) const;
  bool leave();
  void say_done();
  void prestart_once_drivers_are_here();
  void lose_driver(const std::string& who);
  void make_members();
  void tell_of_unused_fabric();

  void on_message(wire::process_id from, wire::blob message) override;
  void on_closed(wire::process_id peer) override;
  void on_joined(wire::process_id process) override;
  void on_disconnected(wire::process_id process) override;
  void seat_joined(std::uint32_t rank) override;
  void seat_lost(std::uint32_t rank) override;
  void child_ended(std::uint32_t incarnation, const std::string& how) override;
  void children_fail(const std::string& how) override;
  void start_worker(wire::process_id process, const core::process_set& set) override;
  void end_worker(wire::process_id process) override;

  /// At the end a peer may be frozen, or gone without a word.
  static constexpr std::uint64_t goodbye_patience_ns = 3'000'000'000;

  std::uint64_t open_files_given_;  // the limit that the job was started with
  scheduler_start told_;
  launch::environment variables_ = launch::this_environment();  // which the workers get too
  node_description description_;
  node_cores cores_;
  bool fabric_was_looked_at_ = false;
  std::size_t links_described_ = 0;  // so many were open when their transports were looked at
  launch::record_channel parent_;
  wire::process_id self_;
  ring::hub hub_;
  ring::broker broker_;
  ring::port port_;
  node_pins pins_;
  std::unique_ptr<ucx::links> links_;
  std::unique_ptr<transport::gateway> gateway_;
  std::unique_ptr<launch::seats> seats_;
  std::unique_ptr<published_store> store_;
  std::unique_ptr<store::array_watch> arrays_;  // null: no debug build
  std::unique_ptr<store_window> window_;        // null: no RMA
  std::unique_ptr<node_disk> disk_;             // null: no spilling
  std::unique_ptr<core::directory> directory_;
  std::unique_ptr<core::scheduler> scheduler_;
  std::unique_ptr<core::membership> members_;
  std::map<wire::process_id, death> dying_;  // ended; what they sent is not all acted on
  launch::descriptor epoll_;
  int exit_status_ = 0;
  bool failed_ = false;
  bool abandoned_ = false;  // by the driver's node
  bool said_done_ = false;
  std::uint32_t seats_joined_ = 0;
  std::uint32_t drivers_joined_ = 0;
  std::uint64_t leave_by_ns_ = 0;  // once done was said
};

}  // namespace mobula::detail
