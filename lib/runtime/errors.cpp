#include "runtime/errors.hpp"

#include <cxxabi.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <typeinfo>
#include <utility>

#include "mobula/errors.hpp"

namespace mobula {

namespace {

std::string sentence(const task_error::origin& from) {
  std::string text = from.function.empty() ? "a task" : from.function;
  text += " threw " + (from.exception_type.empty() ? "an exception" : from.exception_type);
  if (!from.message.empty()) text += ": " + from.message;
  text += " (process " + std::to_string(from.process) + " of node " + std::to_string(from.node);
  if (!from.host.empty()) text += " on " + from.host;
  return text + ")";
}

}  // namespace

task_error::task_error(origin from) : error(sentence(from)), from_(std::move(from)) {}

namespace detail {

namespace {

using wire::error_code;

std::string demangled(const char* name) {
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> text(
      abi::__cxa_demangle(name, nullptr, nullptr, &status), std::free);
  return status == 0 ? text.get() : name;
}

/// A default-made id has no node: it says 0 of 0.
wire::process_id process_of(std::uint32_t node, std::uint32_t process) {
  return {static_cast<wire::node_id>(node), process};
}

/// Which errors of Mobula keep their class when they leave a remote function: those that say why a
/// value can't be had. The others (a limit that passed in the function, wrong use) would be
/// mistaken for the caller's own.
error_code code_of(const error& thrown) {
  if (dynamic_cast<const worker_died*>(&thrown)) return error_code::worker_died;
  if (dynamic_cast<const actor_died*>(&thrown)) return error_code::actor_died;
  if (dynamic_cast<const object_lost*>(&thrown)) return error_code::object_lost;
  if (dynamic_cast<const owner_died*>(&thrown)) return error_code::owner_died;
  if (dynamic_cast<const cancelled*>(&thrown)) return error_code::cancelled;
  if (dynamic_cast<const store_full*>(&thrown)) return error_code::store_full;
  if (dynamic_cast<const infeasible*>(&thrown)) return error_code::infeasible;
  if (dynamic_cast<const nesting_limit*>(&thrown)) return error_code::nesting_limit;
  if (dynamic_cast<const deadlock*>(&thrown)) return error_code::deadlock;
  if (dynamic_cast<const checkpoint_error*>(&thrown)) return error_code::checkpoint;
  return error_code::task_error;
}

}  // namespace

void throw_error(const wire::error_value& what) {
  switch (what.code) {
    case error_code::task_error:
      throw task_error({.message = what.what,
                        .exception_type = what.exception,
                        .function = what.function,
                        .host = what.host,
                        .node = what.process ? what.process.node() : 0U,
                        .process = what.process ? what.process.incarnation() : 0U});
    case error_code::worker_died:
      throw worker_died(what.what);
    case error_code::actor_died:
      throw actor_died(what.what);
    case error_code::object_lost:
      throw object_lost(what.what);
    case error_code::owner_died:
      throw owner_died(what.what);
    case error_code::timed_out:
      throw timed_out(what.what);
    case error_code::cancelled:
      throw cancelled(what.what);
    case error_code::store_full:
      throw store_full(what.what);
    case error_code::infeasible:
      throw infeasible(what.what);
    case error_code::too_many_pending:
      throw too_many_pending(what.what);
    case error_code::nesting_limit:
      throw nesting_limit(what.what);
    case error_code::deadlock:
      throw deadlock(what.what);
    case error_code::checkpoint:
      throw checkpoint_error(what.what);
    case error_code::internal:
      break;
  }
  throw error(what.what);
}

wire::error_value describe_error(std::exception_ptr thrown, std::string_view function,
                                 wire::process_id process, std::string_view host) {
  wire::error_value value;
  value.code = error_code::task_error;
  value.process = process;
  value.function = function;
  value.host = host;
  try {
    std::rethrow_exception(thrown);
  } catch (const task_error& inner) {
    value.process = process_of(inner.node(), inner.process());
    value.what = inner.message();
    value.exception = inner.exception_type();
    value.function = inner.function();
    value.host = inner.host();
  } catch (const error& own) {
    value.code = code_of(own);
    value.what = own.what();
    value.exception = demangled(typeid(own).name());
  } catch (const std::exception& known) {
    value.what = known.what();
    value.exception = demangled(typeid(known).name());
  } catch (...) {
    const std::type_info* type = abi::__cxa_current_exception_type();
    value.exception = type ? demangled(type->name()) : "an exception";
  }
  return value;
}

}  // namespace detail
}  // namespace mobula
