#include "transport/ring/member.hpp"

#include <cerrno>
#include <cstring>
#include <string>
#include <system_error>
#include <utility>

namespace mobula::ring {

std::unique_ptr<member> member::join(std::string_view broker_name, std::uint64_t job_token,
                                     wire::process_id self, std::string& refused) {
  try {
    std::unique_ptr<member> made{new member{job_token, self}};
    broker_client::welcome got = made->broker_.join(broker_name, self, made->arena_.memory());
    if (!got.refused.empty()) {
      refused = std::move(got.refused);
      return nullptr;
    }
    mapping node{got.scheduler_memory.number(), 0, header_bytes};
    peer_arena scheduler{std::move(got.scheduler_memory), std::move(got.scheduler_event),
                         wire::process_id::scheduler_of(self.node())};
    if (!node || !scheduler) {
      refused = "the node's scheduler gave no usable memory for rings";
      return nullptr;
    }
    if (!made->arenas_.connect(broker_name)) {
      refused = std::string{"can't reach the node's scheduler again: "} + std::strerror(errno);
      return nullptr;
    }
    made->port_ = std::make_unique<ring::port>(self, made->arena_, made->arenas_, std::move(node),
                                               std::move(scheduler));
    return made;
  } catch (const std::system_error& error) {
    refused = error.what();
    return nullptr;
  }
}

}  // namespace mobula::ring
