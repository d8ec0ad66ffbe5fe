// SPDX-License-Identifier: Apache-2.0
// Reads of 4 KiB from the built-in target, in one thread on a clock that stands still: each run executes the same
// instructions. bench/instructions counts those of srpi_measured_reads() and tells to which layer they belong.
#include <charconv>
#include <cstdio>
#include <string_view>
#include <vector>

#include "api/embedded_fabric.hpp"
#include "api/session_impl.hpp"

namespace {

constexpr std::uint32_t kBytes = 4096;
constexpr std::uint32_t kBlocks = kBytes / 512;

class ReadLoop {
 public:
  ReadLoop(srpi::Session& session, std::uint32_t depth)
      : session_(session),
        unit_(*session.logical_units()[0]),
        buffer_(std::size_t{depth} * kBytes),
        memory_(session.register_memory(buffer_).value()),
        slots_(depth) {
    for (std::size_t i = 0; i < slots_.size(); ++i) {
      auto& slot = slots_[i];
      slot.segment = {buffer_.data() + i * kBytes, kBytes, memory_.get()};
      slot.request.operation = srpi::IoOperation::read;
      slot.request.blocks = kBlocks;
      slot.request.data = {&slot.segment, 1};
      slot.request.context = this;
      slot.request.on_complete = [](srpi::IoRequest& r) noexcept {
        static_cast<ReadLoop*>(r.context)->on_complete(r);
      };
    }
  }

  // False: one of them has failed.
  [[nodiscard]] bool read(std::uint64_t reads) {
    left_ = reads;
    outstanding_ = 0;
    for (auto& slot : slots_) submit(slot.request);
    while (outstanding_ > 0) session_.poll();
    return ok_;
  }

 private:
  struct Slot {
    srpi::IoRequest request;
    srpi::Segment segment;
  };
  void submit(srpi::IoRequest& r) noexcept {
    if (left_ == 0) return;
    --left_;
    ++outstanding_;
    r.first_block = left_ * kBlocks % unit_.info().blocks;
    unit_.submit(r);
  }
  void on_complete(srpi::IoRequest& r) noexcept {
    --outstanding_;
    ok_ = ok_ && r.status == srpi::Errc::ok;
    submit(r);
  }

  srpi::Session& session_;
  srpi::LogicalUnit& unit_;
  std::vector<std::byte> buffer_;
  std::unique_ptr<srpi::Memory> memory_;
  std::vector<Slot> slots_;
  std::uint64_t left_ = 0;
  std::uint32_t outstanding_ = 0;
  bool ok_ = true;
};

}  // namespace

// What is counted: callgrind knows it by this name.
extern "C" [[gnu::noinline]] bool srpi_measured_reads(ReadLoop& loop, std::uint64_t reads) {
  return loop.read(reads);
}

int main(int argc, char** argv) {
  std::uint64_t reads = 0;
  std::uint32_t depth = 0;
  const auto number = [](std::string_view text, auto& to) {
    return std::from_chars(text.data(), text.data() + text.size(), to).ec == std::errc{} && to > 0;
  };
  if (argc != 3 || !number(argv[1], reads) || !number(argv[2], depth)) {
    std::fputs("usage: srpi-read-loop READS DEPTH\n", stderr);
    return 2;
  }
  const srpi::base::ManualClock clock;
  const auto target = srpi::parse_target("ram://1M").value().address;
  auto fabric = srpi::api::EmbeddedFabric::create(target, 1).value();
  auto* const embedded = fabric.get();
  srpi::api::SessionImpl session(target, {}, nullptr, std::move(fabric), embedded, 1, &clock);
  while (session.state() == srpi::SessionState::connecting) session.poll();
  ReadLoop loop(session, depth);
  // The first reads touch what later ones find in its place.
  if (!loop.read(4 * depth) || !srpi_measured_reads(loop, reads)) {
    std::fputs("srpi-read-loop: a read has failed\n", stderr);
    return 1;
  }
  return 0;
}
