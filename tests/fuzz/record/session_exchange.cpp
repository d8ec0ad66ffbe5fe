// SPDX-License-Identifier: Apache-2.0
// session_exchange FOLDER
//
// Runs all kinds of exchange between a session and the built-in target. The units become inputs of the fuzz
// harnesses, FOLDER/HARNESS/recordedN. Every run records the same inputs.
#include <array>
#include <cstdio>
#include <functional>

#include "api/session_impl.hpp"
#include "base/clock.hpp"
#include "loopback/fabric.hpp"
#include "recording_fabric.hpp"

using namespace srpi;
using namespace std::chrono_literals;
using target::Outcome;

namespace {

struct Exchange {
  Exchange(fuzz::Corpus& c, const char* where, target::TargetConfig config)
      : corpus(c), address(parse_target(where).value().address) {
    config.port_id = address.target_port_id();
    target = target::RamTarget::create(std::move(config)).value();
    network.listen(loopback::service_of(address), *target, network.target_device()).value();
    options.command_timeout = 2s;
    options.reconnect_delay.reset();
  }
  ~Exchange() {
    memory.reset();
    session.reset();
    network.stop_listening(loopback::service_of(address));
  }

  void connect() {
    memory.reset();
    session = std::make_unique<api::SessionImpl>(
        address, options, nullptr, std::make_unique<fuzz::RecordingFabric>(network, *target, corpus), nullptr,
        1, &clock);
    auto registered = session->register_memory(buffer);
    if (registered) memory = std::move(*registered);
    run(200ms);
  }
  void run(base::Duration time) {
    for (const auto end = clock.now() + time; clock.now() < end; clock.advance(1ms))
      for (int idle = 0; idle < 3;) idle = session->poll() > 0 ? 0 : idle + 1;
  }
  void io(IoOperation operation, std::uint64_t block, std::uint64_t blocks, bool fua = false) {
    if (session->logical_units().empty()) return;
    auto& unit = *session->logical_units()[0];
    bool is_done = false;
    IoRequest request;
    Segment segments[2];
    const auto bytes = static_cast<std::uint32_t>(blocks * unit.info().block_size);
    const auto first = bytes > unit.info().block_size ? unit.info().block_size : bytes;
    segments[0] = {buffer.data(), first, memory.get()};
    segments[1] = {buffer.data() + 65536, bytes - first, memory.get()};
    request.operation = operation;
    request.first_block = block;
    request.blocks = blocks;
    request.force_unit_access = fua;
    if (operation == IoOperation::read || operation == IoOperation::write)
      request.data = std::span(segments, bytes > first ? 2u : 1u);
    request.context = &is_done;
    request.on_complete = [](IoRequest& r) noexcept { *static_cast<bool*>(r.context) = true; };
    unit.submit(request);
    for (int i = 0; i < 200 && !is_done; ++i) run(100ms);
  }
  void io_of_each_kind() {
    io(IoOperation::write, 0, 1);
    io(IoOperation::write, 3, 64, true);
    io(IoOperation::read, 0, 1);
    io(IoOperation::read, 2, 100);
    io(IoOperation::unmap, 8, 8);
    io(IoOperation::write_zeroes, 16, 4);
    io(IoOperation::flush, 0, 0);
  }

  fuzz::Corpus& corpus;
  const TargetAddress address;
  base::ManualClock clock;
  loopback::Network network;
  std::unique_ptr<target::RamTarget> target;
  SessionOptions options;
  std::vector<std::byte> buffer = std::vector<std::byte>(256 << 10);
  std::unique_ptr<api::SessionImpl> session;
  std::unique_ptr<Memory> memory;
};

target::TargetConfig config_of(std::vector<target::LunConfig> luns) {
  target::TargetConfig config;
  config.luns = std::move(luns);
  return config;
}

constexpr const char* kRdmaCm = "id_ext=1122334455667788,ioc_guid=99aabbccddeeff00,dest=192.0.2.1:5555";
constexpr const char* kIbCm =
    "id_ext=1122334455667788,ioc_guid=99aabbccddeeff00,dgid=fe800000000000000002c90300000001,pkey=ffff,"
    "service_id=1122334455667788";

void units_of_all_kinds(fuzz::Corpus& corpus) {
  for (const std::uint32_t block : {512u, 4096u})
    for (const bool cache : {false, true}) {
      Exchange x(corpus, block == 512 ? kRdmaCm : kIbCm,
                 config_of({{.number = 0,
                             .bytes = 1 << 20,
                             .max_bytes = 4 << 20,
                             .block_size = block,
                             .volatile_cache = cache},
                            {.number = 7, .bytes = 64 << 10, .read_only = true}}));
      x.options.immediate_data = cache;
      x.connect();
      x.io_of_each_kind();
    }
}

void words_of_the_target(fuzz::Corpus& corpus) {
  Exchange x(corpus, kRdmaCm, config_of({{.number = 0, .bytes = 1 << 20, .max_bytes = 4 << 20}}));
  x.options.reconnect_delay = 100ms;
  x.connect();
  (void)x.target->resize(0, 2 << 20);
  x.io(IoOperation::read, 0, 1);
  (void)x.target->set_read_only(0, true);
  x.io(IoOperation::read, 0, 1);
  (void)x.target->set_read_only(0, false);
  (void)x.target->add_lun({.number = 9, .bytes = 64 << 10});
  x.io(IoOperation::read, 0, 1);
  x.target->send_credit_request(4);
  x.target->send_credit_request(-2);
  x.target->send_async_event(0, scsi::make_sense(scsi::SenseKey::unit_attention, scsi::kCapacityChanged));
  x.run(100ms);
  for (const auto reason :
       {wire::LogoutReason::none, wire::LogoutReason::inactive, wire::LogoutReason::invalid_unit_type,
        wire::LogoutReason::multichannel_action, wire::LogoutReason::invalid_unit_length}) {
    x.target->send_logout(reason);
    x.run(2s);
    (void)x.session->reconnect();
    x.run(1s);
  }
}

void failed_commands(fuzz::Corpus& corpus) {
  Exchange x(corpus, kRdmaCm, config_of({{.number = 0, .bytes = 1 << 20}}));
  x.connect();
  using Key = scsi::SenseKey;
  auto located = scsi::make_sense(Key::medium_error, {0x11, 0x00});
  located.information = 0x1234;
  auto described = located;
  described.descriptor_format = true;
  described.information = 0x123456789abc;
  auto deferred = located;
  deferred.deferred = true;
  for (const auto& sense : {located, described, deferred, scsi::make_sense(Key::not_ready, {0x04, 0x01}),
                            scsi::make_sense(Key::hardware_error, {0x44, 0x00}),
                            scsi::make_sense(Key::illegal_request, {0x24, 0x00}),
                            scsi::make_sense(Key::data_protect, {0x27, 0x00}),
                            scsi::make_sense(Key::aborted_command, {0x4b, 0x00}),
                            scsi::make_sense(Key::recovered_error, {0x5d, 0x00})}) {
    x.target->set_command_hook([&](const auto&) {
      return Outcome{Outcome::Kind::status, scsi::Status::check_condition, sense, {}};
    });
    x.io(IoOperation::read, 0, 1);
  }
  for (const auto status :
       {scsi::Status::busy, scsi::Status::task_set_full, scsi::Status::reservation_conflict}) {
    x.target->set_command_hook([&](const auto&) { return Outcome::with_status(status); });
    x.io(IoOperation::write, 0, 1);
  }
  // A command without an answer: ABORT TASK, or LOGICAL UNIT RESET if ABORT TASK is refused.
  x.target->set_command_hook([](const auto&) { return Outcome::of(Outcome::Kind::lose_command); });
  x.io(IoOperation::write, 0, 8);
  x.target->set_task_hook([](const wire::TaskManagement& t) {
    return t.function == wire::TaskFunction::abort_task
               ? target::TaskOutcome{target::TaskOutcome::Kind::answer, wire::TaskResult::failed}
               : target::TaskOutcome{};
  });
  x.io(IoOperation::write, 0, 8);
}

void refused_logins(fuzz::Corpus& corpus) {
  Exchange x(corpus, kRdmaCm, config_of({{.number = 0, .bytes = 1 << 20}}));
  for (std::uint32_t reason = 0x00010000; reason <= 0x00010007; ++reason) {
    x.target->reject_logins(static_cast<wire::RejectReason>(reason));
    x.connect();
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: session_exchange FOLDER\n");
    return 2;
  }
  fuzz::Corpus corpus(argv[1]);
  units_of_all_kinds(corpus);
  words_of_the_target(corpus);
  failed_commands(corpus);
  refused_logins(corpus);
}
