// A program that ends in the way that its first argument names, for ends_test.sh.

#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <map>
#include <mobula/mobula.hpp>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;

constexpr int lines = 20;

void speak(int number) {
  std::cout << "line " << number << " of a worker's output\n";
  std::fprintf(stderr, "line %d of a worker's errors\n", number);
}

void last_words(const char* whose) { std::cout << "the last words of " << whose; }

int whisper(int value) {
  last_words("a task ");
  return value;
}

struct speaker {
  void whisper() { last_words("an actor "); }
};

void stay() { std::this_thread::sleep_for(1h); }

void submit_what_stays() {
  for (int i = 0; i < 30; ++i) static_cast<void>(mobula::remote<stay>());
}

[[noreturn]] void exit_from(int depth) {
  if (depth == 0) std::exit(12);
  exit_from(depth - 1);
}

void exit_from_a_thread() {
  const std::vector<mobula::object_ref<void>> refs{mobula::remote<stay>()};
  std::thread{[] { std::exit(13); }}.detach();
  mobula::get(refs);
}

int whispers() {
  for (int i = 0; i < 3; ++i) mobula::get(mobula::remote<whisper>(i));
  const auto one = mobula::actor<speaker>();
  mobula::get(one.call<&speaker::whisper>());
  return 0;
}

// What follows `runtime` in main. The number in a name is the exit status that is to come.
const std::map<std::string, int (*)()> ways{
    {"return_0", [] { return 0; }},
    {"return_7", [] { return 7; }},
    {"whispers_0", whispers},
    {"throw_134", []() -> int { throw std::runtime_error{"nobody catches this"}; }},
    {"exit_8", []() -> int { std::exit(8); }},
    {"exit_12_nested", []() -> int { exit_from(5); }},
    {"pending_return_9",
     [] {
       submit_what_stays();
       return 9;
     }},
    {"pending_exit_0",
     []() -> int {
       submit_what_stays();
       std::exit(0);
     }},
    {"pending_exit_12_nested",
     []() -> int {
       submit_what_stays();
       exit_from(5);
     }},
    {"pending_exit_13_thread",
     [] {
       exit_from_a_thread();
       return 99;
     }},
    {"pending_quick_exit_14",
     []() -> int {
       submit_what_stays();
       std::quick_exit(14);
     }},
    {"quick_exit_0", []() -> int { std::quick_exit(0); }},
    {"pending_immediate_exit_15",
     []() -> int {
       submit_what_stays();
       std::_Exit(15);
     }},
    {"pending_abort_134",
     []() -> int {
       submit_what_stays();
       std::abort();
     }},
    {"pending_signal_143",
     [] {
       submit_what_stays();
       ::raise(SIGTERM);
       return 99;
     }},
    {"signal_137",
     [] {
       ::raise(SIGKILL);
       return 99;
     }},
    // What a task does to its process is the task's error, nothing else.
    {"task_exits_0",
     [] {
       int caught = 0;
       const std::vector exits{mobula::remote<[] { std::exit(17); }>(),
                               mobula::remote<[] { std::quick_exit(17); }>(),
                               mobula::remote<[] { std::abort(); }>()};
       for (const auto& one : exits) {
         try {
           mobula::get(one, 30s);
         } catch (const mobula::worker_died&) {
           ++caught;
         }
       }
       return caught == 3 ? 0 : 98;
     }},
};

const std::map<std::string, mobula::runtime_options> bad_options{
    {"bad_cpus_5", {.cpus = -1}},
    {"bad_gpus_5", {.gpus = NAN}},
    {"bad_memory_5", {.memory_bytes = -1}},
    {"bad_resource_5", {.resources = {{"cpus", 1}}}},
    {"bad_store_5", {.store_bytes = INFINITY}},
    {"bad_reserved_5", {.reserved_cores = NAN}},
    {"bad_cores_5", {.reserved_cores = 1'000'000}},
};

int start_badly(int argc, char** argv, const mobula::runtime_options& options) {
  try {
    const mobula::runtime runtime(argc, argv, options);
  } catch (const std::exception& refused) {  // in other ranks than the first, what that one said
    std::fprintf(stderr, "%s\n", refused.what());
    return 5;
  }
  return 97;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string how = argc > 1 ? argv[1] : "";
  if (how == "no_object_10") {
    mobula::init(argc, argv, {.cpus = 3});
    mobula::get(mobula::remote<[] { return 1; }>());
    return 10;
  }
  if (const auto options = bad_options.find(how); options != bad_options.end())
    return start_badly(argc, argv, options->second);
  const auto way = ways.find(how);
  if (way == ways.end()) return 64;
  const mobula::runtime runtime(argc, argv, {.cpus = 3});
  std::vector<mobula::object_ref<void>> refs;
  for (int i = 0; i < lines; ++i) refs.push_back(mobula::remote<speak>(i));
  mobula::get(refs);
  return way->second();
}
