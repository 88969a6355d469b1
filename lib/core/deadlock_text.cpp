#include "core/deadlock_text.hpp"

#include <utility>

#include "core/resources.hpp"

namespace mobula::core {
namespace {

using wire::wait_kind;

std::string place_of(wire::process_id process) {
  return "process " + std::to_string(process.incarnation()) + " of node " +
         std::to_string(process.node());
}

class storyteller {
 public:
  storyteller(const wait_graph& graph, const std::function<std::string(wire::function_id)>& name_of)
      : graph_{graph}, name_of_{name_of} {}

  std::string tell(std::span<const wait_graph::index> cycle) {
    std::string text = "deadlock: " + attempt(graph_[cycle.front()]);
    for (std::size_t i = 0; i < cycle.size(); ++i) {
      const std::size_t left = cycle.size() - i;
      if (i == steps_max && left > 1) {
        text += ", and so on through " + std::to_string(left) + " more steps back to the first";
        break;
      }
      text += step(graph_[cycle[i]], graph_[cycle[(i + 1) % cycle.size()]]);
    }
    text += '.';
    if (at_an_actor_)
      text +=
          " Don't wait in a call for another call of the same actor, also not by way of others; or "
          "give the actor a larger max_concurrency.";
    if (at_resources_)
      text +=
          " Don't hold a resource while waiting for what needs it: ask for less, let it go before, "
          "or let the nodes offer more.";
    return text;
  }

 private:
  using node = wait_graph::node;
  // Nobody reads further, and a cycle can be as long as there are tasks that wait.
  static constexpr std::size_t steps_max = 64;

  std::string name(const node& of) const {
    if (!of.said->name.empty()) return of.said->name;
    const std::string known = name_of_(of.said->function);
    return known.empty() ? "a task" : known;
  }
  std::string attempt(const node& of) const {
    const bool calls = static_cast<bool>(of.said->actor);
    return name(of) + (calls ? " (a call of the actor in " : " (in ") + place_of(of.point.asked) +
           ")";
  }
  std::string waits_for() { return std::exchange(which_, ", which"); }

  std::string step(const node& from, const node& to) {
    switch (from.point.kind) {
      case wait_kind::object:
        return from_object(from, to);
      case wait_kind::attempt:
        if (from.said->concurrency == 0) return waits_for() + " waits for " + name(to);
        at_an_actor_ = true;
        return " (a call of the actor in " + place_of(from.point.asked) +
               "), which can't begin before " + attempt(to) +
               " ends: " + std::to_string(from.said->concurrency) +
               " of that actor's calls may run at once";
      case wait_kind::request:
      case wait_kind::room:
        if (to.point.kind == wait_kind::room)
          return " or, on node " + std::to_string(to.point.asked.node()) + ", the same";
        if (to.point.kind == wait_kind::request)
          return ", asked for after somebody's " + to_text(to.point.demand);
        return {};
      case wait_kind::lease:
        return ", held by " + attempt(to);
    }
    return {};
  }
  std::string from_object(const node& from, const node& to) {
    switch (to.point.kind) {
      case wait_kind::object:
        return ", which needs the result of " + name(to);
      case wait_kind::request:
        at_resources_ = true;
        return ", which needs " + to_text(to.point.demand);
      default:
        if (to.said->concurrency != 0) return {};  // what it waits for says where it is
        return (from.said->actor ? " (a call of the actor in " : " (in ") +
               place_of(to.point.asked) + ")";
    }
  }

  const wait_graph& graph_;
  const std::function<std::string(wire::function_id)>& name_of_;
  std::string which_;
  bool at_an_actor_ = false;
  bool at_resources_ = false;
};

}  // namespace

std::string deadlock_text(const wait_graph& graph, std::span<const wait_graph::index> cycle,
                          const std::function<std::string(wire::function_id)>& name_of) {
  return storyteller{graph, name_of}.tell(cycle);
}

}  // namespace mobula::core
