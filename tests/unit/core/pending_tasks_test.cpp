// What a task costs its owner before it has run.

#include <gtest/gtest.h>
#include <malloc.h>

#include <algorithm>
#include <cstddef>
#include <iostream>
#include <vector>

#include "core/owner.hpp"
#include "core/sent_messages.hpp"

namespace mobula::core {
namespace {

constexpr std::size_t a_task_may_take = 300;

/// As the C library rounds it, with its own header.
constexpr std::size_t allocated(std::size_t bytes) { return (bytes + 8 + 15) / 16 * 16; }

// A result's record comes from a slab and has no header.
static_assert(allocated(sizeof(task)) + sizeof(object) <= a_task_may_take);

/// Bytes that the C library has given out. Another allocator than its own says 0.
std::size_t bytes_in_use() {
  const struct mallinfo2 all = mallinfo2();
  return all.uordblks + all.hblkhd;
}

class PendingTasks : public testing::Test {
 protected:
  static constexpr std::size_t count = 1'000'000;

  PendingTasks() { results_.reserve(count); }
  ~PendingTasks() override {
    for (object* one : results_) one_.objects().drop(*one);
  }
  /// @returns bytes for each
  std::size_t submit_all(const task_spec& spec) {
    const std::size_t before = bytes_in_use();
    shape& demand = one_.shape_for({});
    for (std::size_t i = 0; i < count; ++i) results_.push_back(&one_.submit(spec, demand));
    one_.flush();
    const std::size_t each = (bytes_in_use() - before) / count;
    std::cout << each << " bytes a pending task\n";
    return each;
  }

  const wire::process_id self{0, 1};
  sent_messages out_;
  owner one_{self, out_};
  std::vector<object*> results_;
};

TEST_F(PendingTasks, AMillionReadyOnesTakeLessThan300BytesEach) {
  std::byte arguments[16] = {};
  task_spec spec;
  spec.arguments = arguments;
  EXPECT_LE(submit_all(spec), a_task_may_take);
  EXPECT_EQ(one_.tasks_live(), count);
  EXPECT_EQ(out_.count<wire::lease_request>(), 1U) << "and ask for leases once";
}

TEST_F(PendingTasks, AMillionThatWaitForOneSignalTakeLessThan300BytesEach) {
  object& signal = one_.promise();
  const parameter given[] = {{0, &signal}};
  std::byte arguments[16] = {};
  task_spec spec;
  spec.refs = given;
  spec.arguments = arguments;
  EXPECT_LE(submit_all(spec), a_task_may_take);
  EXPECT_EQ(one_.tasks_waiting(), count);
  EXPECT_TRUE(out_.empty()) << "nothing is sent before the signal";
  one_.fulfil(signal, {}, {});
  one_.flush();
  EXPECT_EQ(one_.tasks_waiting(), 0U);
  EXPECT_EQ(out_.count<wire::lease_request>(), 1U);
  one_.objects().drop(signal);
}

// What does not fit beside a task is kept all the same.
TEST_F(PendingTasks, ManyArgumentsGoOnTheirWayAsTheyCame) {
  constexpr std::uint32_t many = 7;
  std::vector<object*> values;
  std::vector<parameter> given;
  for (std::uint32_t i = 0; i < many; ++i) {
    wire::value_view value;
    const auto byte = static_cast<std::byte>(i);
    value.bytes = {&byte, 1};
    values.push_back(&one_.put(value, {}));
    given.push_back({i, values.back()});
  }
  std::vector<std::byte> arguments(200, std::byte{9});
  task_spec spec;
  spec.refs = given;
  spec.arguments = arguments;
  spec.name = "many";
  results_.push_back(&one_.submit(spec, one_.shape_for({})));
  one_.flush();
  const auto asked = out_.take<wire::lease_request>();
  ASSERT_TRUE(asked);
  const auto grant = encoded(wire::lease_grant{
      asked->request, {wire::process_id::scheduler_of(0), 7}, wire::process_id{0, 2}});
  one_.on_message(wire::process_id::scheduler_of(0), grant);
  one_.flush();
  const auto push = out_.take<wire::task_push>();
  ASSERT_TRUE(push);
  EXPECT_EQ(push->name, "many");
  EXPECT_TRUE(std::ranges::equal(push->arguments, arguments));
  wire::reader from{push->resolved};
  for (std::uint32_t i = 0; i < many; ++i) {
    const auto one = wire::decode_part<wire::resolved_argument>(from);
    EXPECT_EQ(one.parameter, i);
    ASSERT_EQ(one.value.bytes.size(), 1U);
    EXPECT_EQ(one.value.bytes[0], static_cast<std::byte>(i));
  }
  EXPECT_TRUE(from.finished());
  for (object* one : values) one_.objects().drop(*one);
}

}  // namespace
}  // namespace mobula::core
