#include "launch/seat.hpp"

#include <fcntl.h>
#include <poll.h>

#include <array>

#include "launch/nursery.hpp"
#include "launch/seat_records.hpp"

namespace mobula::launch {

namespace {

class seat {
 public:
  seat(record_channel to_scheduler, child_recipe common)
      : channel_{std::move(to_scheduler)}, children_{std::move(common)} {}

  seat_end serve() {
    for (;;) {
      const short room = channel_.keeps_some() ? POLLOUT : 0;
      std::array<pollfd, 2> watched{{{channel_.descriptor(), static_cast<short>(POLLIN | room), 0},
                                     {children_.descriptor(), POLLIN, 0}}};
      ::poll(watched.data(), watched.size(), -1);
      tell_ends();
      channel_.flush();
      record_channel::record record;
      for (;;) {
        const auto outcome = channel_.receive(record);
        if (outcome == record_channel::outcome::closed) return seat_end::scheduler_ended;
        if (outcome == record_channel::outcome::nothing) break;
        if (decode_record<seat_leave>(record.bytes)) return seat_end::dismissed;
        obey(record.bytes);
      }
    }
  }

  template <class Record>
  void tell(const Record& record, descriptor with = {}) {
    channel_.send({encode_record(record), std::move(with)});
  }

 private:
  void obey(const std::string& bytes) {
    if (const auto wanted = decode_record<seat_start>(bytes)) {
      start(*wanted);
    } else if (const auto signal = decode_record<seat_signal>(bytes)) {
      children_.signal(signal->incarnation, signal->number);
    }
  }

  void start(const seat_start& wanted) {
    try {
      const auto threads = hardware::thread_set::parse(wanted.threads);
      const child& started = children_.start(wanted.incarnation, wanted.text, wanted.variables,
                                             threads.value_or(hardware::thread_set{}));
      tell(seat_started{wanted.incarnation, started.pid()},
           descriptor{::fcntl(started.descriptor(), F_DUPFD_CLOEXEC, 0)});
    } catch (const start_error& error) {
      tell(seat_refused{wanted.incarnation, error.what()});
    }
  }

  void tell_ends() {
    for (const nursery::end& one : children_.collect()) {
      tell(seat_ended{one.incarnation, one.status.end, one.status.number});
    }
  }

  record_channel channel_;
  nursery children_;
};

}  // namespace

seat_end serve_seat(const seat_address& at, std::uint32_t rank, child_recipe common) {
  seat self{knock(at), std::move(common)};
  self.tell(seat_join{rank, at.token});
  return self.serve();
}

}  // namespace mobula::launch
