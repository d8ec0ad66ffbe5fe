// SPDX-License-Identifier: Apache-2.0
// Requests that a caller gets wrong cost the caller those requests, and nothing else.
#include <catch2/catch.hpp>

#include "rig.hpp"

using namespace srpi;
using namespace srpi::lun;
using namespace srpi::lun::test;

namespace {

struct CountedTask : TaskRequest {
  CountedTask() {
    context = this;
    on_complete = [](TaskRequest& r) noexcept { ++static_cast<CountedTask*>(r.context)->completions; };
  }
  int completions = 0;
};

Errc outcome(Rig& rig, Io& io) {
  io.completions = 0;
  CHECK(rig.units[0]->submit(io.request) == Errc::ok);
  CHECK(io.completions == 0);
  rig.settle();
  CHECK(io.completions == 1);
  return io.request.status;
}

}  // namespace

TEST_CASE("a request that is submitted again while it is under way is refused, and completes once") {
  Rig rig;
  Io io(rig, IoOperation::read, 0), between(rig, IoOperation::read, 8);
  auto& unit = *rig.units[0];
  CHECK(unit.submit(io.request) == Errc::ok);
  CHECK(unit.submit(between.request) == Errc::ok);
  CHECK(unit.submit(io.request) == Errc::in_progress);
  CHECK(rig.units[1]->submit(io.request) == Errc::in_progress);  // nor does another unit take it
  unit.issue();                                                  // now it is at the target
  CHECK(unit.submit(io.request) == Errc::in_progress);
  rig.settle();
  CHECK(io.completions == 1);
  CHECK(between.completions == 1);
  CHECK(io.request.status == Errc::ok);
  CHECK(between.request.status == Errc::ok);
  CHECK(outcome(rig, io) == Errc::ok);
}

TEST_CASE("a refused request, a waiting flush and a held request are under way, too") {
  Rig rig(holding());
  Io refused(rig, IoOperation::read, Rig::kDiskBytes), flush(rig, IoOperation::flush, 0);
  for (auto* io : {&refused, &flush}) {
    CHECK(rig.units[0]->submit(io->request) == Errc::ok);
    CHECK(rig.units[0]->submit(io->request) == Errc::in_progress);
  }
  rig.settle();
  CHECK(refused.completions == 1);
  CHECK(refused.request.status == Errc::out_of_range);
  CHECK(flush.completions == 1);

  rig.target->set_online(false);
  rig.settle();
  Io held(rig, IoOperation::write, 0);
  CHECK(rig.units[0]->submit(held.request) == Errc::ok);
  rig.settle();
  CHECK(rig.units[0]->submit(held.request) == Errc::in_progress);
  rig.target->set_online(true);
  rig.come_back();
  CHECK(held.completions == 1);
  CHECK(held.request.status == Errc::ok);
}

TEST_CASE("a request may be submitted again within its own on_complete") {
  Rig rig;
  struct Again : Io {
    using Io::Io;
    Unit* unit = nullptr;
    Errc taken = Errc::in_progress;
  } io(rig, IoOperation::read, 0);
  io.unit = rig.units[0].get();
  io.request.on_complete = [](IoRequest& r) noexcept {
    auto& again = *static_cast<Again*>(static_cast<Io*>(r.context));
    if (++again.completions == 1) again.taken = again.unit->submit(r);
  };
  CHECK(io.unit->submit(io.request) == Errc::ok);
  rig.settle();
  CHECK(io.taken == Errc::ok);
  CHECK(io.completions == 2);
}

TEST_CASE("a copy of a request that is under way is another request") {
  Rig rig;
  Io io(rig, IoOperation::read, 0);
  CHECK(rig.units[0]->submit(io.request) == Errc::ok);
  auto copy = io.request;
  CHECK(rig.units[0]->submit(copy) == Errc::ok);
  CHECK(rig.units[0]->submit(copy) == Errc::in_progress);
  rig.settle();
  CHECK(io.completions == 2);  // both count there
}

TEST_CASE(
    "an abort or a reset that is asked for again while it is under way is refused, and completes once") {
  Rig rig;
  auto& unit = *rig.units[0];
  CountedTask task, other;
  const auto first = GENERATE(&LogicalUnit::abort, &LogicalUnit::reset);
  CHECK((unit.*first)(task) == Errc::ok);
  CHECK((unit.*first)(other) == Errc::ok);
  CHECK(unit.abort(task) == Errc::in_progress);
  CHECK(unit.reset(task) == Errc::in_progress);
  CHECK(rig.units[1]->reset(task) == Errc::in_progress);
  rig.settle();
  CHECK(task.completions == 1);
  CHECK(other.completions == 1);
  CHECK(task.status == Errc::ok);
  CHECK(unit.reset(task) == Errc::ok);
  rig.settle();
  CHECK(task.completions == 2);
}

TEST_CASE("a request without on_complete is refused at once, because it could not complete") {
  Rig rig;
  Io io(rig, IoOperation::read, 0);
  const auto on_complete = std::exchange(io.request.on_complete, nullptr);
  CHECK(rig.units[0]->submit(io.request) == Errc::invalid_argument);
  TaskRequest task;
  CHECK(rig.units[0]->abort(task) == Errc::invalid_argument);
  CHECK(rig.units[0]->reset(task) == Errc::invalid_argument);
  rig.settle();
  io.request.on_complete = on_complete;
  CHECK(outcome(rig, io) == Errc::ok);
}

TEST_CASE("an operation that is none is an invalid argument") {
  Rig rig;
  for (const int operation : {5, 77, 255}) {
    INFO(operation);
    Io io(rig, static_cast<IoOperation>(operation), 0);
    CHECK(outcome(rig, io) == Errc::invalid_argument);
  }
}

TEST_CASE("a flush with a range or with data is an invalid argument, and no command is sent for it") {
  Rig rig;
  const auto commands = rig.target->counters().commands;
  Io io(rig, IoOperation::flush, 0);
  const std::span data(&io.segment, 1);
  for (const bool first : {false, true})
    for (const bool blocks : {false, true})
      for (const bool bytes : {false, true}) {
        if (!first && !blocks && !bytes) continue;
        INFO(first << blocks << bytes);
        io.request.first_block = first;
        io.request.blocks = blocks;
        io.request.data = bytes ? data : std::span<const Segment>();
        CHECK(outcome(rig, io) == Errc::invalid_argument);
      }
  CHECK(rig.target->counters().commands == commands);
}

TEST_CASE("unmap and write_zeroes with data are invalid arguments") {
  Rig rig;
  for (const auto operation : {IoOperation::unmap, IoOperation::write_zeroes}) {
    Io io(rig, operation, 0);
    CHECK(outcome(rig, io) == Errc::ok);
    io.request.data = std::span(&io.segment, 1);
    CHECK(outcome(rig, io) == Errc::invalid_argument);
    io.request.data = {};
    io.request.blocks = 0;
    CHECK(outcome(rig, io) == Errc::invalid_argument);
  }
}

TEST_CASE("segments that are not exactly the request's blocks are invalid arguments") {
  Rig rig;
  Io io(rig, GENERATE(IoOperation::read, IoOperation::write), 0);
  for (const std::uint64_t blocks : {1ull, 7ull, 9ull, 2048ull, ~0ull}) {
    INFO(blocks);
    io.request.blocks = blocks;
    CHECK(outcome(rig, io) == (blocks <= 2048 ? Errc::invalid_argument : Errc::out_of_range));
  }
  io.request.blocks = 8;
  io.request.data = {};
  CHECK(outcome(rig, io) == Errc::invalid_argument);
  Segment with_empty[] = {io.segment, io.segment};
  with_empty[1].bytes = 0;
  io.request.data = with_empty;
  CHECK(outcome(rig, io) == Errc::invalid_argument);
}
