// Goal: whatever the order of messages and deaths, a reader gets the right bytes or a right error,
// nobody writes where others write, what is pinned is not moved, and when all is freed nothing is
// left in any store or on any disk.
// Method: a few nodes with their directories; processes that make, read and free objects as the
// directory's contract says; messages that keep their order between two processes and nothing more;
// reads over RMA that take any time, and are refused now and then (in every other run there is no
// RMA); in every third run stores that are much too small, above disks that take any time, fail now
// and then and end too; deaths of processes and of a node at any step. MOBULA_TEST_SEED replays one
// run.

#include <gtest/gtest.h>

#include <cstdlib>
#include <deque>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "core/directory.hpp"
#include "core/errors.hpp"
#include "core/memory_block_store.hpp"
#include "core/memory_disk.hpp"
#include "core/memory_of_others.hpp"
#include "core/sent_messages.hpp"

namespace mobula::core {
namespace {

using wire::location;
using wire::object_id;
using wire::process_id;

constexpr wire::node_id nodes = 3;
constexpr std::uint32_t processes_a_node = 3;
constexpr process_id membership{nodes, 1};  // says which node has ended

std::byte pattern(object_id object, std::uint64_t at) {
  return static_cast<std::byte>(wire::mix(object.low() + at * 0x9e3779b97f4a7c15U));
}

class world {
 public:
  world(std::uint64_t seed, bool with_deaths)
      : random_{seed},
        with_deaths_{with_deaths},
        with_rma_{seed % 2 == 0},
        is_small_{seed % 3 == 0} {
    for (wire::node_id n = 0; n < nodes; ++n) {
      sites_[n] = std::make_unique<site>(*this, n);
      for (std::uint32_t i = 1; i <= processes_a_node; ++i) alive_.push_back({n, i});
    }
  }

  void run(int steps) {
    for (int i = 0; i < steps && !testing::Test::HasFailure(); ++i) step();
    while (!testing::Test::HasFailure() &&
           (deliver_one() || end_remote_read() || end_on_disk() || finish_writing() ||
            finish_reading() || free_one() || let_time_pass())) {
    }
    for (const auto& [n, one] : sites_) one->tested.let_go();
    while (deliver_one()) {
    }
    for (const process_id one : alive_) give_back(one);
    while (deliver_one()) {
    }
    if (testing::Test::HasFailure()) return;
    EXPECT_TRUE(reads_.empty()) << reads_.size() << " reads were never answered";
    for (const auto& [n, one] : sites_) {
      if (dead_.contains(process_id::scheduler_of(n))) continue;
      EXPECT_EQ(one->tested.copies(), 0U) << "node " << n;
      EXPECT_EQ(one->tested.fetches(), 0U) << "node " << n;
      EXPECT_EQ(one->tested.bytes_in_use(), 0U) << "node " << n;
      EXPECT_EQ(one->tested.bytes_in_flight(), 0U) << "node " << n;
      EXPECT_EQ(one->tested.pins(), 0U) << "node " << n;
      EXPECT_EQ(one->others.exposed(), 0U) << "node " << n;
      EXPECT_EQ(one->others.begun(), 0U) << "node " << n;
      EXPECT_EQ(one->memory.blocks(), 0U) << "node " << n;
      EXPECT_EQ(one->tested.bytes_on_disk(), 0U) << "node " << n;
      EXPECT_EQ(one->disk.ranges(), 0U) << "node " << n;
      EXPECT_EQ(one->disk.begun(), 0U) << "node " << n;
    }
  }
  int reads_that_succeeded() const { return succeeded_; }
  int written_to_disk() const { return written_; }
  int offered() const { return offered_; }
  /// How often an owner was asked where else an object is.
  int searches() const { return searches_; }
  int asked_again() const { return asked_again_; }

 private:
  using message = std::vector<std::byte>;
  using pair = std::pair<process_id, process_id>;

  class network final : public wire::outbox {
   public:
    network(world& all, process_id from) : all_{all}, from_{from} {}
    std::byte* begin(process_id to, std::size_t size) override {
      to_ = to;
      bytes_.assign(size, {});
      return bytes_.data();
    }
    void commit() override { all_.post(from_, to_, std::move(bytes_)); }

   private:
    world& all_;
    process_id from_;
    process_id to_;
    message bytes_;
  };
  // What the processes of a node show that they read.
  struct shown_pins final : local_pins {
    void look() override {
      seen = now;
      ++count;
    }
    std::uint64_t looks() const override { return count; }
    bool is_pinned(const location& block) const override {
      return std::ranges::any_of(seen, [&](const auto& pin) { return is_at(pin, block); });
    }
    lookup readers() const override {
      return [this](const location& block) {
        std::vector<process_id> all;
        for (const auto& pin : now)
          if (is_at(pin, block)) all.push_back(pin.first);
        return all;
      };
    }
    // A place is all that a pin tells.
    static bool is_at(const std::pair<process_id, location>& pin, const location& block) {
      return pin.second.offset == block.offset && pin.second.extent == block.extent;
    }
    std::vector<std::pair<process_id, location>> now;
    std::vector<std::pair<process_id, location>> seen;
    std::uint64_t count = 0;
  };
  struct site {
    site(world& all, wire::node_id n)
        : out{all, process_id::scheduler_of(n)},
          memory{n, all.is_small_ ? 4'000U : 60'000U},
          disk{20'000},
          others{n, memory, [&all](wire::node_id from) { return all.memory_of(from); }},
          tested{n,
                 nodes,
                 {memory, out, all.with_rma_ ? &others : nullptr, &pins,
                  all.is_small_ ? &disk : nullptr},
                 {{60, 64, 90, 3, 270, 400}, {400, 400, 10}, {8, 10, 50}}} {
      others.refuses = [&all] { return all.pick(20) == 0; };
    }
    network out;
    memory_block_store memory;
    memory_disk disk;
    memory_of_others others;
    shown_pins pins;
    directory tested;
  };
  struct thing {
    std::vector<location> copies;  // that its owner was told of
    int readers = 0;
    bool freed = false;
  };
  struct writing {
    object_id object;
    location where;
  };
  // Cut from the front; empty again when nothing lies in it.
  struct slab {
    location where;
    std::uint64_t used_bytes = 0;
    int blocks = 0;
  };
  struct reading {
    process_id reader;
    object_id object;
  };
  // What a process reads in place, under its pin.
  struct holding {
    process_id reader;
    object_id object;
    location place;
  };

  std::uint64_t pick(std::uint64_t count) { return random_() % count; }
  process_id anybody() { return alive_[pick(alive_.size())]; }
  site& site_of(process_id process) { return *sites_.at(process.node()); }
  memory_of_others* memory_of(wire::node_id node) {
    return is_dead(process_id::scheduler_of(node)) ? nullptr : &sites_.at(node)->others;
  }
  bool is_dead(process_id process) const {
    return dead_.contains(process) || dead_.contains(process_id::scheduler_of(process.node()));
  }
  void post(process_id from, process_id to, message bytes) {
    if (!is_dead(to)) channels_[{from, to}].push_back(std::move(bytes));
  }
  template <class Message>
  void say(process_id from, process_id to, const Message& what) {
    post(from, to, encoded(what));
  }

  void step() {
    if (pick(4) == 0) let_time_pass();
    if (pick(4) == 0) end_on_disk();
    if (pick(8) == 0) finish_reading();
    const std::uint64_t chance = pick(1000);
    if (chance < 80) {
      make();
    } else if (chance < 160) {
      finish_writing();
    } else if (chance < 300) {
      read();
    } else if (chance < 340) {
      free_one();
    } else if (chance < 450) {
      end_remote_read();
    } else if (chance < 452 && with_deaths_ && alive_.size() > 2) {
      kill(anybody());
    } else if (chance < 453 && with_deaths_ && dead_nodes_ == 0 && alive_.size() > 5) {
      kill_node(static_cast<wire::node_id>(pick(nodes)));
    } else {
      deliver_one();
    }
  }

  void make() {
    const process_id owner = anybody();
    const process_id maker = anybody();
    const object_id object{owner, ++last_sequence_};
    things_[object];
    const std::uint64_t size = pick(20) == 0 ? 0 : pick(500);
    if (const auto room = cut(maker, size)) return begin_writing(maker, {object, *room});
    rooms_[++last_token_] = {object, size};
    // At most a part of the store: of what is more, some are slabs.
    say(maker, process_id::scheduler_of(maker.node()),
        wire::store_allocate{last_token_, size, pick(2) * 5'000});
  }
  std::optional<location> cut(process_id maker, std::uint64_t size) {
    for (slab& one : slabs_[maker]) {
      if (one.where.size_bytes - one.used_bytes < std::max<std::uint64_t>(size, 1)) continue;
      location room = one.where;
      room.offset += one.used_bytes;
      room.size_bytes = size;
      room.generation = ++last_generation_;
      one.used_bytes += std::max<std::uint64_t>(size, 1);
      ++one.blocks;
      return room;
    }
    return std::nullopt;
  }
  // False: it is not of a slab.
  bool uncut(process_id maker, const location& block) {
    for (slab& one : slabs_[maker]) {
      const location& whole = one.where;
      if (block.offset < whole.offset || block.offset >= whole.offset + whole.size_bytes) continue;
      if (--one.blocks == 0) one.used_bytes = 0;
      return true;
    }
    return false;
  }
  void give_back(process_id maker) {
    std::erase_if(slabs_[maker], [&](const slab& one) {
      if (one.blocks != 0) return false;
      say(maker, process_id::scheduler_of(maker.node()), wire::store_return{one.where});
      return true;
    });
  }
  std::span<std::byte> memory_at(const location& room) {
    return sites_.at(room.node)->memory.any_bytes(room);
  }
  void begin_writing(process_id maker, const writing& one) {
    const auto room = memory_at(one.where);
    fill(one, room, 0, room.size() / 2);
    writings_.emplace(maker, one);
  }

  // The first half was written when the room came; others may have written there meanwhile.
  bool finish_writing() {
    if (writings_.empty()) return false;
    auto at = writings_.begin();
    std::advance(at, static_cast<std::ptrdiff_t>(pick(writings_.size())));
    const auto [maker, one] = *at;
    writings_.erase(at);
    const auto room = memory_at(one.where);
    fill(one, room, room.size() / 2, room.size());
    expect_whole(one.object, room);
    const process_id owner = one.object.owner();
    const process_id home = process_id::scheduler_of(maker.node());
    const std::uint64_t chance = pick(20);
    if (chance == 0) {
      if (!uncut(maker, one.where)) say(maker, home, wire::store_return{one.where});
      return true;
    }
    say(maker, home, wire::store_made{one.object, one.where});
    if (chance == 1) {
      say(maker, home, wire::store_free{one.object, one.where});
      return true;
    }
    wire::object_ready ready;
    ready.object = one.object;
    ready.value.kind = wire::value_kind::stored;
    ready.value.where = one.where;
    say(maker, owner, ready);
    if (owner != maker) say(maker, home, wire::store_sealed{one.object, one.where});
    return true;
  }
  void fill(const writing& one, std::span<std::byte> room, std::size_t from, std::size_t to) {
    for (std::size_t i = from; i < to; ++i) room[i] = pattern(one.object, i);
  }
  void expect_whole(object_id object, std::span<const std::byte> bytes) {
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i) wrong += bytes[i] != pattern(object, i);
    EXPECT_EQ(wrong, 0U) << "of " << bytes.size() << " bytes";
  }

  // A read from a node that is gone ends too, some time: before or after its end is told.
  bool end_remote_read() {
    std::vector<site*> readers;
    for (auto& [n, one] : sites_) {
      const bool reads = one->others.begun() != 0;
      if (reads && !is_dead(process_id::scheduler_of(n))) readers.push_back(one.get());
    }
    if (readers.empty()) return false;
    site& one = *readers[pick(readers.size())];
    const auto [done, succeeded] = one.others.finish(pick(one.others.begun()));
    const bool spoiled = with_deaths_ && pick(50) == 0;
    if (spoiled) spoiled_ = true;
    one.tested.on_remote_read(done.token, done.offset, succeeded && !spoiled);
    one.tested.flush();
    return true;
  }

  bool end_on_disk() {
    std::vector<wire::node_id> busy;
    for (auto& [n, one] : sites_)
      if (one->disk.begun() != 0 && !is_dead(process_id::scheduler_of(n))) busy.push_back(n);
    if (busy.empty()) return false;
    site& one = *sites_.at(busy[pick(busy.size())]);
    const bool fails = pick(30) == 0;
    if (fails) spoiled_ = true;
    ++written_;
    const std::uint64_t token = one.disk.finish(pick(one.disk.begun()), !fails);
    one.tested.on_disk(token, fails ? "the disk is broken" : "");
    one.tested.flush();
    return true;
  }
  // False: nobody waits for that.
  bool let_time_pass() {
    ++now_ns_;
    bool awaited = false;
    for (auto& [n, one] : sites_) {
      if (is_dead(process_id::scheduler_of(n))) continue;
      awaited |= one->tested.next_deadline_ns() != ~std::uint64_t{0};
      one->tested.tick(now_ns_);
      one->tested.flush();
    }
    return awaited;
  }

  // @return whether the place is pinned, and what was to be read lies there
  bool pin(const holding& one, std::uint64_t as_of) {
    shown_pins& pins = site_of(one.reader).pins;
    pins.now.emplace_back(one.reader, one.place);
    if (pins.count == as_of) return true;
    pins.now.pop_back();
    return false;
  }
  bool finish_reading() {
    if (holdings_.empty()) return false;
    const std::size_t which = pick(holdings_.size());
    const holding one = holdings_[which];
    holdings_.erase(holdings_.begin() + static_cast<std::ptrdiff_t>(which));
    // Its owner's end frees it under a reader, but not what the reader has pinned.
    expect_whole(one.object, memory_at(one.place));
    auto& pins = site_of(one.reader).pins.now;
    pins.erase(std::ranges::find(pins, std::pair{one.reader, one.place}));
    --things_.at(one.object).readers;
    return true;
  }

  void read() {
    std::vector<object_id> known;
    for (const auto& [id, one] : things_)
      if (!one.copies.empty() && !one.freed && !is_dead(id.owner())) known.push_back(id);
    if (known.empty()) return;
    const object_id object = known[pick(known.size())];
    thing& one = things_[object];
    const process_id reader = anybody();
    ++one.readers;
    // It may know where the object was.
    if (const auto told = known_.find({reader, object}); told != known_.end() && pick(2) == 0) {
      const holding here{reader, object, told->second.first};
      if (pin(here, told->second.second)) return holdings_.push_back(here);
    }
    reads_[++last_token_] = {reader, object};
    say(reader, process_id::scheduler_of(reader.node()),
        wire::store_fetch{last_token_, object, one.copies[pick(one.copies.size())],
                          static_cast<wire::fetch_urgency>(1 + pick(3))});
  }

  bool free_one() {
    for (auto& [id, one] : things_) {
      if (one.freed || one.readers != 0 || is_dead(id.owner()) || pick(3) == 0) continue;
      one.freed = true;
      for (const location& where : std::exchange(one.copies, {}))
        say(id.owner(), process_id::scheduler_of(where.node), wire::store_free{id, where});
      return true;
    }
    return std::ranges::any_of(things_, [this](const auto& entry) {
      return !entry.second.freed && entry.second.readers == 0 && !is_dead(entry.first.owner());
    });
  }

  bool deliver_one() {
    std::vector<pair> ways;
    for (const auto& [way, messages] : channels_)
      if (!messages.empty()) ways.push_back(way);
    if (ways.empty()) return false;
    deliver(ways[pick(ways.size())]);
    return true;
  }
  void deliver(pair way) {
    auto& messages = channels_[way];
    const message bytes = std::move(messages.front());
    messages.pop_front();
    const auto [from, to] = way;
    if (is_dead(to)) return;
    if (const auto ended = wire::decode<wire::process_ended>(bytes)) {
      for (const process_id one : ended->processes) hear_of_end(to, one);
    } else if (to.is_scheduler()) {
      EXPECT_TRUE(site_of(to).tested.on_message(from, bytes));
      site_of(to).tested.flush();
    } else {
      at_process(from, to, bytes);
    }
  }

  // A death is acted on when all that the dead one had sent here is handed in.
  void hear_of_end(process_id to, process_id ended) {
    for (auto& [way, messages] : channels_) {
      const bool from_it =
          way.first == ended || (ended.is_scheduler() && way.first.node() == ended.node());
      while (from_it && way.second == to && !messages.empty()) deliver(way);
    }
    if (to.is_scheduler()) {
      std::erase_if(site_of(to).pins.now, [ended](const auto& pin) { return pin.first == ended; });
      site_of(to).tested.on_process_ended(ended);
      site_of(to).tested.flush();
      const bool first = to.node() == ended.node();
      for (const process_id one : alive_)
        if (one.node() == to.node()) say(to, one, wire::process_ended{{ended}});
      for (wire::node_id n = 0; first && n < nodes; ++n)
        if (n != to.node()) say(to, process_id::scheduler_of(n), wire::process_ended{{ended}});
    } else if (ended.is_scheduler()) {
      for (auto& [id, one] : things_)
        if (id.owner() == to)
          std::erase_if(one.copies, [&](const location& c) { return c.node == ended.node(); });
    }
  }

  void at_process(process_id from, process_id self, const message& bytes) {
    if (const auto grant = wire::decode<wire::store_grant>(bytes)) {
      if (!grant->error.empty()) return expect_right_error(grant->error);
      const auto [object, size] = rooms_.at(grant->token);
      if (grant->where.size_bytes <= size) return begin_writing(self, {object, grant->where});
      slabs_[self].push_back({grant->where});
      begin_writing(self, {object, *cut(self, size)});
    } else if (const auto freed = wire::decode<wire::store_freed>(bytes)) {
      EXPECT_TRUE(uncut(self, freed->where)) << "what was freed is not of a slab";
      if (pick(3) == 0) give_back(self);
    } else if (const auto query = wire::decode<wire::store_query>(bytes)) {
      if (query->give_back) give_back(self);
      say(self, from, wire::store_reply{query->token});
    } else if (const auto ready = wire::decode<wire::object_ready>(bytes)) {
      told(self, ready->object, ready->value.where);
    } else if (const auto replica = wire::decode<wire::replica_add>(bytes)) {
      told(self, replica->object, replica->where);
    } else if (const auto offer = wire::decode<wire::store_offer>(bytes)) {
      ++offered_;
      std::vector<location>& copies = things_.at(offer->object).copies;
      if (copies.size() == 1 && copies.front() == offer->where)
        return say(self, from, wire::store_keep{offer->object, offer->where});
      std::erase(copies, offer->where);
      say(self, from, wire::store_free{offer->object, offer->where});
    } else if (const auto question = wire::decode<wire::object_subscribe>(bytes)) {
      ++searches_;
      answer_where(self, from, *question);
    } else if (const auto orphan = wire::decode<wire::store_orphan>(bytes)) {
      const thing& one = things_.at(orphan->object);
      if (std::ranges::count(one.copies, orphan->where) == 0)
        say(self, from, wire::store_free{orphan->object, orphan->where});
    } else if (const auto answer = wire::decode<wire::store_fetched>(bytes)) {
      fetched(self, *answer);
    } else {
      ADD_FAILURE() << "an unexpected message";
    }
  }
  void told(process_id self, object_id object, const location& where) {
    thing& one = things_.at(object);
    if (dead_.contains(process_id::scheduler_of(where.node))) return;
    if (one.freed) {
      say(self, process_id::scheduler_of(where.node), wire::store_free{object, where});
    } else {
      one.copies.push_back(where);
    }
  }
  // The next one behind that which failed; an owner that knows none says that it is lost.
  void answer_where(process_id self, process_id who, const wire::object_subscribe& question) {
    const std::vector<location>& copies = things_.at(question.object).copies;
    wire::object_ready answer;
    answer.object = question.object;
    const auto lost = encoded_part(make_error(wire::error_code::object_lost, self, "no copy"));
    if (copies.empty()) {
      answer.value.kind = wire::value_kind::failed;
      answer.value.bytes = lost;
    } else {
      const auto failed = std::ranges::find(copies, question.failed);
      const bool is_last = failed == copies.end() || failed + 1 == copies.end();
      answer.value.kind = wire::value_kind::stored;
      answer.value.where = is_last ? copies.front() : failed[1];
    }
    say(self, who, answer);
  }
  void fetched(process_id self, const wire::store_fetched& answer) {
    const reading one = reads_.at(answer.token);
    reads_.erase(answer.token);
    EXPECT_EQ(one.reader, self);
    if (!answer.error.empty()) {
      --things_.at(one.object).readers;
      return expect_right_error(answer.error);
    }
    const holding here{self, one.object, answer.place};
    if (!pin(here, answer.as_of)) {
      ++asked_again_;
      reads_[++last_token_] = one;
      return say(self, process_id::scheduler_of(self.node()),
                 wire::store_fetch{last_token_, one.object, answer.where});
    }
    ++succeeded_;
    known_[{self, one.object}] = {answer.place, answer.as_of};
    expect_whole(one.object, memory_at(answer.place));
    holdings_.push_back(here);
  }
  static wire::error_code code_of(wire::blob error) {
    wire::reader from{error};
    return wire::decode_part<wire::error_value>(from).code;
  }
  void expect_right_error(wire::blob error) {
    wire::reader from{error};
    const auto value = wire::decode_part<wire::error_value>(from);
    const bool full = value.code == wire::error_code::store_full;
    EXPECT_TRUE(full || spoiled_ || !dead_.empty()) << value.what;
  }

  void kill(process_id victim) {
    dead_.insert(victim);
    std::erase(alive_, victim);
    writings_.erase(victim);
    drop_holdings([victim](process_id reader) { return reader == victim; });
    drop_reads();
    // What it had sent is still there; its end comes behind it.
    const process_id home = process_id::scheduler_of(victim.node());
    say(victim, home, wire::process_ended{{victim}});
  }
  void kill_node(wire::node_id node) {
    ++dead_nodes_;
    const process_id scheduler = process_id::scheduler_of(node);
    dead_.insert(scheduler);
    std::erase_if(alive_, [node](process_id one) { return one.node() == node; });
    std::erase_if(writings_, [node](const auto& one) { return one.first.node() == node; });
    drop_holdings([node](process_id reader) { return reader.node() == node; });
    drop_reads();
    for (auto& [way, messages] : channels_)  // of what was under way, any first part arrives
      if (way.first.node() == node) messages.resize(pick(messages.size() + 1));
    for (wire::node_id n = 0; n < nodes; ++n)
      say(membership, process_id::scheduler_of(n), wire::process_ended{{scheduler}});
  }
  // Its pins are seen for as long as its end is not certain.
  template <class Dead>
  void drop_holdings(Dead is_dead) {
    std::erase_if(holdings_, [&](const holding& one) {
      if (!is_dead(one.reader)) return false;
      --things_.at(one.object).readers;
      return true;
    });
  }
  void drop_reads() {
    std::erase_if(reads_, [this](const auto& entry) {
      if (!is_dead(entry.second.reader)) return false;
      --things_.at(entry.second.object).readers;
      return true;
    });
  }

  std::mt19937_64 random_;
  bool with_deaths_;
  bool with_rma_;
  bool is_small_;
  bool spoiled_ = false;  // a read over RMA or from disk failed though its holder lives
  std::map<wire::node_id, std::unique_ptr<site>> sites_;
  std::map<pair, std::deque<message>> channels_;
  std::vector<process_id> alive_;
  std::set<process_id> dead_;
  std::map<object_id, thing> things_;
  std::map<std::uint64_t, std::pair<object_id, std::uint64_t>> rooms_;
  std::map<process_id, std::vector<slab>> slabs_;
  std::multimap<process_id, writing> writings_;
  std::map<std::uint64_t, reading> reads_;
  std::vector<holding> holdings_;
  std::map<std::pair<process_id, object_id>, std::pair<location, std::uint64_t>> known_;
  std::uint64_t now_ns_ = 1'000;
  std::uint64_t last_sequence_ = 0;
  std::uint64_t last_token_ = 0;
  std::uint32_t last_generation_ = 1U << 30;
  int dead_nodes_ = 0;
  int succeeded_ = 0;
  int written_ = 0;
  int offered_ = 0;
  int searches_ = 0;
  int asked_again_ = 0;
};

void run_seeds(std::uint64_t first, std::uint64_t count, bool with_deaths) {
  const char* given = std::getenv("MOBULA_TEST_SEED");
  if (given) {
    first = std::strtoull(given, nullptr, 10);
    count = 1;
  }
  int succeeded = 0;
  int written = 0;
  int offered = 0;
  int asked_again = 0;
  int searches = 0;
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    SCOPED_TRACE("MOBULA_TEST_SEED=" + std::to_string(seed));
    world one{seed, with_deaths};
    one.run(1500);
    succeeded += one.reads_that_succeeded();
    written += one.written_to_disk();
    offered += one.offered();
    searches += one.searches();
    asked_again += one.asked_again();
    if (testing::Test::HasFailure()) return;
  }
  if (given) return;
  EXPECT_GT(succeeded, static_cast<int>(count) * 10);
  EXPECT_GT(written, static_cast<int>(count) * 5);
  EXPECT_GT(offered, static_cast<int>(count));
  EXPECT_GT(asked_again, static_cast<int>(count) / 10);
  EXPECT_GT(searches, static_cast<int>(count) / 10);
}

TEST(DirectoryAtRandom, EveryReaderGetsTheRightBytesAndNothingIsLeft) { run_seeds(1, 150, false); }

TEST(DirectoryAtRandom, DeathsLeaveNothingBehindAndSpoilNothing) { run_seeds(10'000, 400, true); }

}  // namespace
}  // namespace mobula::core
