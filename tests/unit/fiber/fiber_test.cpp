#include "fiber/fiber.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <exception>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "fiber/fiber_pool.hpp"

namespace mobula::fiber {
namespace {

static_assert(!std::is_copy_constructible_v<fiber>);
static_assert(!std::is_move_constructible_v<fiber>, "a context points to its fiber");

// Starts a callable; it lives in the test, longer than the fiber's function.
bool start(fiber& on, std::function<void()>& what) {
  return on.start([](void* argument) { (*static_cast<std::function<void()>*>(argument))(); },
                  &what);
}

TEST(Fiber, RunsAFunctionToItsEnd) {
  stack_pool stacks;
  const auto one = fiber::make(stacks);
  fiber* seen = nullptr;
  std::function<void()> work = [&] { seen = fiber::current(); };
  EXPECT_TRUE(start(*one, work));
  EXPECT_EQ(seen, one.get());
  EXPECT_EQ(fiber::current(), nullptr);
  EXPECT_TRUE(one->idle());
}

TEST(Fiber, GoesOnWhereItSuspended) {
  stack_pool stacks;
  const auto one = fiber::make(stacks);
  std::vector<int> order;
  std::function<void()> work = [&] {
    order.push_back(1);
    fiber::suspend();
    order.push_back(3);
    fiber::suspend();
    order.push_back(5);
  };
  EXPECT_FALSE(start(*one, work));
  order.push_back(2);
  EXPECT_FALSE(one->resume());
  order.push_back(4);
  EXPECT_TRUE(one->resume());
  EXPECT_EQ(order, (std::vector{1, 2, 3, 4, 5}));
}

TEST(Fiber, RunsOneFunctionAfterTheOther) {
  stack_pool stacks;
  const auto one = fiber::make(stacks);
  int ran = 0;
  std::function<void()> work = [&] {
    if (++ran % 2 == 0) fiber::suspend();
  };
  for (int i = 0; i < 1000; ++i) {
    if (!start(*one, work)) {
      EXPECT_TRUE(one->resume());
    }
  }
  EXPECT_EQ(ran, 1000);
  EXPECT_EQ(stacks.reserved(), 1U);
}

TEST(Fiber, DeliversEachSideItsOwnExceptionAcrossSwitchesInCatchBlocks) {
  stack_pool stacks;
  constexpr int count = 20;
  std::vector<std::unique_ptr<fiber>> fibers;
  std::vector<std::function<void()>> works(count);
  std::vector<std::string> caught(count);
  for (int i = 0; i < count; ++i) {
    fibers.push_back(fiber::make(stacks));
    works[i] = [i, &caught] {
      try {
        throw std::runtime_error{"first " + std::to_string(i)};
      } catch (const std::exception&) {
        fiber::suspend();
        try {
          throw std::runtime_error{"second " + std::to_string(i)};
        } catch (const std::exception& inner) {
          fiber::suspend();
          caught[i] = inner.what();
        }
        fiber::suspend();
        try {
          throw;  // the one that is being handled here, not another fiber's
        } catch (const std::exception& outer) {
          caught[i] += std::string{", "} + outer.what();
        }
      }
    };
  }
  try {
    throw std::logic_error{"the loop's"};
  } catch (const std::exception&) {
    for (int i = 0; i < count; ++i) EXPECT_FALSE(start(*fibers[i], works[i]));
    // Each round in another order, so that the handlers do not end as a stack would have it.
    for (int i = count - 1; i >= 0; --i) EXPECT_FALSE(fibers[i]->resume());
    for (int i = 0; i < count; ++i) EXPECT_FALSE(fibers[i * 7 % count]->resume());
    for (int i = 0; i < count; ++i) EXPECT_TRUE(fibers[i * 3 % count]->resume());
    try {
      throw;
    } catch (const std::exception& mine) {
      EXPECT_STREQ(mine.what(), "the loop's");
    }
  }
  for (int i = 0; i < count; ++i) {
    EXPECT_EQ(caught[i], "second " + std::to_string(i) + ", first " + std::to_string(i));
  }
  EXPECT_EQ(std::current_exception(), nullptr);
}

TEST(Fiber, CountsItsOwnUncaughtExceptions) {
  stack_pool stacks;
  const auto one = fiber::make(stacks);
  struct suspends_while_unwound {
    int* seen;
    ~suspends_while_unwound() {
      fiber::suspend();
      *seen = std::uncaught_exceptions();
    }
  };
  int seen = -1;
  std::function<void()> work = [&] {
    try {
      const suspends_while_unwound guard{&seen};
      throw 1;
    } catch (int) {
    }
  };
  EXPECT_FALSE(start(*one, work));
  EXPECT_EQ(std::uncaught_exceptions(), 0);
  EXPECT_TRUE(one->resume());
  EXPECT_EQ(seen, 1);
}

TEST(Fiber, KeepsErrnoForEachSide) {
  stack_pool stacks;
  const auto one = fiber::make(stacks);
  int at_start = -1;
  int later = -1;
  std::function<void()> work = [&] {
    at_start = errno;
    errno = ENOENT;
    fiber::suspend();
    later = errno;
    errno = EIO;
  };
  errno = EAGAIN;
  start(*one, work);
  EXPECT_EQ(errno, EAGAIN);
  errno = EBUSY;
  one->resume();
  EXPECT_EQ(errno, EBUSY);
  EXPECT_EQ(at_start, 0);
  EXPECT_EQ(later, ENOENT);
}

// About 256 bytes of the stack a level, touched on the way down and read on the way up.
int descend(int levels) {
  std::array<volatile char, 128> frame;
  for (std::size_t i = 0; i < frame.size(); i += 64) frame[i] = static_cast<char>(levels);
  const int below = levels == 0 ? 0 : descend(levels - 1);
  return below + (frame[64] == static_cast<char>(levels) ? 1 : 0);
}

TEST(Fiber, HasADeepStackAndSuspendsAtItsEnd) {
  stack_pool stacks{std::size_t{8} << 20};
  const auto one = fiber::make(stacks);
  int levels = 0;
  std::function<void()> work = [&] { levels = descend(10'000); };
  for (int round = 0; round < 3; ++round) {
    levels = 0;
    EXPECT_TRUE(start(*one, work));
    EXPECT_EQ(levels, 10'001);
  }
}

TEST(Fiber, SuspendsDeepInItsStack) {
  stack_pool stacks;
  const auto one = fiber::make(stacks);
  std::function<int(int)> dive = [&](int left) -> int {
    if (left == 0) {
      fiber::suspend();
      return 0;
    }
    return 1 + dive(left - 1);
  };
  int sum = 0;
  std::function<void()> work = [&] { sum = dive(1000); };
  EXPECT_FALSE(start(*one, work));
  EXPECT_TRUE(one->resume());
  EXPECT_EQ(sum, 1000);
}

#if defined(MOBULA_TSAN)
constexpr int many = 2'000;  // ThreadSanitizer knows 8,128 threads and fibers at once
#else
constexpr int many = 100'000;
#endif

TEST(Fiber, OneThreadHasAHundredThousandSuspended) {
  fiber_pool pool;
  std::vector<std::unique_ptr<fiber>> suspended;
  int ended = 0;
  std::function<void()> work = [&] {
    fiber::suspend();
    ++ended;
  };
  for (int i = 0; i < many; ++i) {
    auto one = pool.take();
    if (!one) break;
    EXPECT_FALSE(start(*one, work));
    suspended.push_back(std::move(one));
  }
  // Without MADV_GUARD_INSTALL the process's maps end before: then it is a refusal, not a crash.
  EXPECT_GE(suspended.size(), 2'000U);
  if (suspended.size() < static_cast<std::size_t>(many)) {
    EXPECT_GE(suspended.size(), 30'000U);
  }
  for (auto& one : suspended) EXPECT_TRUE(one->resume());
  EXPECT_EQ(static_cast<std::size_t>(ended), suspended.size());
  for (auto& one : suspended) pool.give_back(std::move(one));
  EXPECT_EQ(pool.in_use(), 0U);
  pool.trim();
}

TEST(Fiber, EachThreadHasItsOwn) {
  std::vector<std::thread> threads;
  std::array<int, 4> sums{};
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([t, &sums] {
      fiber_pool pool;
      std::vector<std::unique_ptr<fiber>> mine;
      std::function<void()> work = [t, &sums] {
        for (int i = 0; i < 100; ++i) {
          fiber::suspend();
          ++sums[static_cast<std::size_t>(t)];
        }
      };
      for (int i = 0; i < 10; ++i) {
        mine.push_back(pool.take());
        start(*mine.back(), work);
      }
      for (int i = 0; i < 100; ++i) {
        for (auto& one : mine) one->resume();
      }
      for (auto& one : mine) pool.give_back(std::move(one));
    });
  }
  for (auto& thread : threads) thread.join();
  for (const int sum : sums) EXPECT_EQ(sum, 1000);
}

TEST(FiberDeathTest, AnExceptionThatLeavesTheFunctionEndsTheProgram) {
  EXPECT_DEATH(
      {
        stack_pool stacks;
        const auto one = fiber::make(stacks);
        std::function<void()> work = [] { throw std::runtime_error{"nobody catches this"}; };
        start(*one, work);
      },
      "");
}

TEST(FiberDeathTest, MisuseStopsTheProgramInWords) {
  EXPECT_DEATH(fiber::suspend(), "only a function on a fiber suspends");
  EXPECT_DEATH(
      {
        stack_pool stacks;
        const auto one = fiber::make(stacks);
        one->resume();
      },
      "a fiber that is resumed is suspended");
  EXPECT_DEATH(
      {
        stack_pool stacks;
        auto one = fiber::make(stacks);
        std::function<void()> work = [] { fiber::suspend(); };
        start(*one, work);
        one.reset();
      },
      "a fiber that is destroyed is idle");
  EXPECT_DEATH(
      {
        stack_pool stacks;
        auto one = fiber::make(stacks);
        std::function<void()> work = [] { fiber::suspend(); };
        start(*one, work);
        std::thread{[&] { one->resume(); }}.join();
      },
      "a fiber never changes its thread");
}

// Not a bound that a loaded machine could miss: the figure itself is read from the output.
TEST(Fiber, TellsWhatAStartAndEndCost) {
  fiber_pool pool;
  const auto one = pool.take();
  constexpr int rounds = 100'000;
  double best_ns = 1e9;
  int ended = 0;
  for (int attempt = 0; attempt < 20; ++attempt) {
    const auto before = std::chrono::steady_clock::now();
    for (int i = 0; i < rounds; ++i) ended += one->start([](void*) {}, nullptr) ? 1 : 0;
    const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - before;
    best_ns = std::min(best_ns, took.count() / rounds);
  }
  EXPECT_EQ(ended, 20 * rounds);
  std::printf("start and end of an empty function: %.1f ns\n", best_ns);
}

}  // namespace
}  // namespace mobula::fiber
