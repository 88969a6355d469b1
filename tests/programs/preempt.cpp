// A program that is warned of its end, for preempt_test.sh: its first argument names what it does
// then, and the number in that name is the exit status that is to come. Says "ready" when it may be
// warned.

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <mobula/mobula.hpp>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;

void stay() { std::this_thread::sleep_for(1h); }

int twice(int value) { return 2 * value; }

// A task's own handler, in a process of tasks.
int handle_here() {
  static std::atomic<int> handled{0};
  ::signal(SIGUSR1, [](int) { ++handled; });
  ::raise(SIGUSR1);
  ::signal(SIGUSR1, SIG_DFL);
  return handled;
}

// What a program that a task starts has blocked and ignores of the two signals.
std::string masks_of_a_child() {
  std::string said;
  FILE* const status = ::popen("grep -E '^Sig(Blk|Ign)' /proc/self/status", "r");
  char line[128];
  while (std::fgets(line, sizeof line, status) != nullptr) said += line;
  ::pclose(status);
  return said;
}

// Every cpu is taken, and more wait.
std::vector<mobula::object_ref<void>> take_all_cpus() {
  std::vector<mobula::object_ref<void>> refs;
  for (int i = 0; i < 30; ++i) refs.push_back(mobula::remote<stay>());
  return refs;
}

void ready() {
  std::cout << "ready" << std::endl;
  std::cout << "main's last words ";  // in a buffer when the job ends
}

// Blocks main until something else ends the process.
[[noreturn]] void wait_for_ever() {
  for (;;) ::pause();
}

// Never destroyed: main may end first.
struct gate {
  void open() {
    const std::lock_guard held{lock};
    is_open = true;
    changed.notify_all();
  }
  void pass() {
    std::unique_lock held{lock};
    changed.wait(held, [this] { return is_open; });
  }
  std::mutex lock;
  std::condition_variable changed;
  bool is_open = false;
};
gate& callback_runs = *new gate;
gate& never = *new gate;

// Everything that the callback may want.
void work_beside_full_nodes(const std::vector<mobula::object_ref<int>>& made) {
  const auto free = mobula::task_options{.cpus = 0};
  if (mobula::get(mobula::remote<twice>.with(free)(21)) != 42) throw std::runtime_error{"not 42"};
  if (mobula::get(mobula::put(std::string(100'000, 'x'))).size() != 100'000)
    throw std::runtime_error{"not what was put"};
  const auto folder = std::filesystem::path{std::getenv("PREEMPT_FOLDER")};
  mobula::save(made, folder);
  int sum = 0;
  for (const int one : mobula::get(made)) sum += one;
  std::cout << "saved, with the sum " << sum << std::endl;
}

std::vector<mobula::object_ref<int>> make_some() {
  std::vector<mobula::object_ref<int>> made;
  for (int i = 0; i < 10; ++i) made.push_back(mobula::remote<twice>(i));
  mobula::get(made);
  return made;
}

const std::map<std::string, int (*)()> ways{
    {"saves_75",
     [] {
       const auto made = make_some();
       const auto refs = take_all_cpus();
       mobula::on_preempt([made] { work_beside_full_nodes(made); });
       ready();
       mobula::get(refs);
       return 99;
     }},
    {"computes_75",
     [] {
       const auto made = make_some();
       mobula::on_preempt([made] { work_beside_full_nodes(made); });
       ready();
       for (std::atomic<int> i{0};; ++i) {
       }
       return 99;
     }},
    {"reads_75",
     [] {
       mobula::on_preempt([] { std::cout << "called" << std::endl; });
       ready();
       wait_for_ever();
       return 99;
     }},
    {"throws_1",
     [] {
       mobula::on_preempt([] { throw std::out_of_range{"nothing to save"}; });
       ready();
       wait_for_ever();
       return 99;
     }},
    {"exits_12",
     [] {
       mobula::on_preempt([] { std::exit(12); });
       ready();
       wait_for_ever();
       return 99;
     }},
    // The second warning comes while the first one's callback runs.
    {"again_75",
     [] {
       static std::atomic<int> calls{0};
       mobula::on_preempt([] {
         ++calls;
         ::kill(::getpid(), SIGTERM);
         ::kill(::getpid(), SIGUSR1);
         mobula::get(mobula::remote<twice>(1));
         std::printf("%d call\n", calls.load());
       });
       ready();
       wait_for_ever();
       return 99;
     }},
    {"drains_75",
     [] {
       mobula::on_preempt([] { std::cout << "called" << std::endl; });
       const auto refs = take_all_cpus();
       ready();
       mobula::shutdown({.drain = true});
       return 98;
     }},
    {"returns_3",
     [] {
       mobula::on_preempt([] {
         callback_runs.open();
         never.pass();
       });
       ready();
       callback_runs.pass();
       return 3;
     }},
    {"shuts_down_4",
     [] {
       mobula::on_preempt([] {
         callback_runs.open();
         mobula::get(mobula::remote<stay>());
       });
       ready();
       callback_runs.pass();
       mobula::shutdown();
       return 4;
     }},
    // From then on they are the program's.
    {"shut_down_signal",
     [] {
       mobula::on_preempt([] {
         callback_runs.open();
         never.pass();
       });
       ready();
       callback_runs.pass();
       mobula::shutdown();
       std::cout << std::endl;
       ::raise(SIGUSR1);
       return 98;
     }},
    // What it runs has a process of Mobula's above it, which is warned, too.
    {"commands_75",
     [] {
       const std::string folder = std::getenv("PREEMPT_FOLDER");
       const auto begun = folder + ".begun", ends = folder + ".ends";
       const auto wait = "touch $0; until [ -e $1 ]; do sleep 0.02; done; echo all of it";
       const auto run = mobula::command{{"sh", "-c", wait, begun, ends}}();
       mobula::on_preempt([run, ends] {
         std::this_thread::sleep_for(300ms);
         std::ofstream{ends};
         const auto result = mobula::get(run);
         std::cout << "status " << result.status << ", " << result.output << std::flush;
       });
       while (!std::filesystem::exists(begun)) std::this_thread::sleep_for(10ms);
       ready();
       wait_for_ever();
       return 99;
     }},
    {"forks_0",
     [] {
       mobula::on_preempt([] { std::cout << "the wrong one" << std::endl; });
#if defined(__SANITIZE_THREAD__)
       constexpr bool handlers_run = false;  // not in what one of several threads has forked
#else
       constexpr bool handlers_run = true;
#endif
       const pid_t child = ::fork();
       if (child == 0) wait_for_ever();
       const int deadly = handlers_run ? SIGTERM : SIGKILL;
       ::kill(child, deadly);
       int status = 0;
       ::waitpid(child, &status, 0);
       std::this_thread::sleep_for(100ms);
       ready();
       return WIFSIGNALED(status) && WTERMSIG(status) == deadly ? 0 : 97;
     }},
    {"replaced_75",
     [] {
       mobula::on_preempt([] { std::cout << "the wrong one" << std::endl; });
       mobula::on_preempt([] { std::cout << "the right one" << std::endl; });
       ready();
       wait_for_ever();
       return 99;
     }},
    // Without a callback the signal does what it does to every program.
    {"has_none_signal",
     [] {
       const auto refs = take_all_cpus();
       ready();
       mobula::get(refs);
       return 99;
     }},
    {"takes_it_back_signal",
     [] {
       mobula::on_preempt([] { std::cout << "the wrong one" << std::endl; });
       mobula::on_preempt({});
       ready();
       wait_for_ever();
       return 99;
     }},
    {"in_tasks_0",
     [] {
       if (mobula::get(mobula::remote<handle_here>()) != 1) return 97;
       std::cout << mobula::get(mobula::remote<masks_of_a_child>());
       try {
         mobula::get(mobula::remote<[] { mobula::on_preempt([] {}); }>());
       } catch (const mobula::error& refused) {
         std::cout << refused.what() << '\n';
       }
       ready();
       return 0;
     }},
};

}  // namespace

int main(int argc, char** argv) {
  const auto way = ways.find(argc > 1 ? argv[1] : "");
  if (way == ways.end()) return 64;
  try {
    mobula::on_preempt([] {});
    return 96;
  } catch (const mobula::error&) {  // before the job
  }
  const mobula::runtime runtime(argc, argv, {.cpus = 3});
  return way->second();
}
