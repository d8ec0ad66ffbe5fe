// SPDX-License-Identifier: Apache-2.0
// After a channel's first commands, neither the fabric nor the target allocates memory for a command.
#include <catch2/catch.hpp>
#include <cstdlib>
#include <new>

#include "support.hpp"

namespace {
std::size_t allocations = 0;
// Not inlined, because g++ would warn that a pointer from `new` is passed to free().
[[gnu::noinline]] void give_back(void* p) noexcept { std::free(p); }
}  // namespace

// Counts the allocations of the whole program.
void* operator new(std::size_t bytes) {
  ++allocations;
  if (void* p = std::malloc(bytes == 0 ? 1 : bytes)) return p;
  throw std::bad_alloc();
}
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
  ++allocations;
  return std::malloc(bytes == 0 ? 1 : bytes);
}
void operator delete(void* p, const std::nothrow_t&) noexcept { give_back(p); }
void operator delete(void* p) noexcept { give_back(p); }
void operator delete(void* p, std::size_t) noexcept { give_back(p); }

namespace srpi::target::test {

TEST_CASE("reads and writes allocate nothing in the fabric and the target") {
  Rig rig;
  Initiator i(rig, {.immediate_data = true, .iu_bytes = 8000});
  // The test itself uses fixed memory, so only the fabric's and the target's allocations are counted.
  std::array<std::byte, 48 + 20 + 4 * 16> units[3];
  std::size_t sizes[3];
  const wire::DirectDescriptor direct[] = {i.piece(0, 4096)};
  const std::vector<wire::DirectDescriptor> pieces(4, i.piece(0, 1024));
  auto read = i.command(scsi::read10(0, 8));
  read.data_in = wire::DataBuffer::direct(direct);
  auto write = i.command(scsi::write10(0, 8));
  write.data_out = wire::DataBuffer::indirect(pieces, 4096);
  auto ready = i.command(scsi::test_unit_ready());
  const wire::Command* commands[] = {&read, &write, &ready};
  for (int k = 0; k < 3; ++k) sizes[k] = wire::encode(*commands[k], units[k]);

  const auto device = rig.network.initiator_device();
  std::vector<std::byte> receives(64 * 64);
  const auto region = device->register_memory(receives, fabric::Access::local).value();
  const auto units_region =
      device->register_memory(std::as_writable_bytes(std::span(units)), fabric::Access::local).value();
  std::size_t answered = 0;
  const auto round = [&] {
    for (int k = 0; k < 3; ++k) {
      const fabric::Sge sge{units[k].data(), static_cast<std::uint32_t>(sizes[k]), units_region->lkey()};
      const fabric::SendWork work{.id = 1, .sges = {&sge, 1}, .signaled = true};
      i.endpoint->post_send({&work, 1}).value();
    }
    while (rig.network.progress() + rig.target->poll() > 0) {
    }
    fabric::Completion done[16];
    for (std::size_t n; (n = i.endpoint->poll(done)) > 0;)
      for (std::size_t k = 0; k < n; ++k)
        if (done[k].receive) {
          ++answered;
          const fabric::ReceiveWork work{.id = 0, .sge = {receives.data(), 64, region->lkey()}};
          i.endpoint->post_receive({&work, 1}).value();
        }
  };
  round();
  const auto before = allocations;
  for (int n = 0; n < 1000; ++n) round();
  CHECK(allocations == before);
  CHECK(answered == 3 * 1001);
  CHECK(rig.target->counters().bytes_read == 1001 * 4096);
}

}  // namespace srpi::target::test
