#include "transport/ring/broker_client.hpp"

#include <cerrno>
#include <cstring>
#include <utility>

namespace mobula::ring {

namespace {

std::string explain(std::uint32_t refusal) {
  switch (static_cast<join_refusal>(refusal)) {
    case join_refusal::none:
      return {};
    case join_refusal::not_of_this_node:
      return "the node's scheduler refused this process: its id is of another node";
    case join_refusal::joined_already:
      return "the node's scheduler refused this process: one with its id has joined already";
    case join_refusal::too_many:
      return "the node's scheduler refused this process: the node has as many as it can";
    case join_refusal::no_arena:
      return "the node's scheduler refused this process: it brought no memory for its rings";
  }
  return "the node's scheduler refused this process for a reason unknown to it";
}

}  // namespace

broker_client::welcome broker_client::join(std::string_view broker_name, wire::process_id self,
                                           int own_memory) {
  const std::lock_guard lock{one_question_};
  welcome got;
  socket_ = connect_to(broker_name);
  if (!socket_) {
    got.refused = std::string{"can't reach the node's scheduler: "} + std::strerror(errno);
    return got;
  }
  const question asked{.job_token = job_token_, .kind = question_kind::join, .number = self.bits()};
  reply said;
  packet answer;
  if (send_packet(socket_.number(), &asked, sizeof asked, own_memory)) {
    answer = receive_packet(socket_.number(), &said, sizeof said);
  }
  if (answer.size != static_cast<long>(sizeof said)) {
    got.refused = "the node's scheduler hung up: it is ending, or this process is of another job";
    return got;
  }
  got.refused = explain(said.kind);
  got.scheduler_memory = std::move(answer.first);
  got.scheduler_event = std::move(answer.second);
  return got;
}

descriptor_answer broker_client::named(std::uint64_t number) {
  const std::lock_guard lock{one_question_};
  const question asked{.job_token = job_token_, .kind = question_kind::named, .number = number};
  if (!socket_ || !send_packet(socket_.number(), &asked, sizeof asked)) return {};
  return receive_answer(socket_.number()).value_or(descriptor_answer{});
}

}  // namespace mobula::ring
