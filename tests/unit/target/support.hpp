// SPDX-License-Identifier: Apache-2.0
// A RAM target on a loopback network, and an initiator without a session.
#pragma once

#include <cstring>
#include <deque>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "loopback/network.hpp"
#include "scsi/cdb.hpp"
#include "scsi/sense.hpp"
#include "target/ram_target.hpp"
#include "wire/async_event.hpp"
#include "wire/command.hpp"
#include "wire/credit.hpp"
#include "wire/login.hpp"
#include "wire/lun.hpp"
#include "wire/opcode.hpp"
#include "wire/response.hpp"
#include "wire/task_management.hpp"

namespace srpi::target::test {

inline PortId target_port() { return PortId::make(0x1122334455667788, 0x99aabbccddeeff00); }
inline PortId initiator_port(std::uint64_t extension = 1) {
  return PortId::make(extension, 0x0002c90300a0b0c0);
}

inline TargetConfig small_config() {
  TargetConfig config;
  config.port_id = target_port();
  config.luns = {{.number = 0, .bytes = 1 << 20, .name = "zero"},
                 {.number = 1, .bytes = 1 << 20, .block_size = 4096, .name = "one"}};
  config.request_limit = 8;
  config.login_attention = std::nullopt;
  return config;
}

struct Rig {
  explicit Rig(TargetConfig config = small_config(), loopback::Scheduler* scheduler = nullptr)
      : network(scheduler), target(RamTarget::create(std::move(config)).value()) {
    network.listen("ram", *target, network.target_device()).value();
  }
  ~Rig() { network.stop_listening("ram"); }
  void pump() {
    while (network.progress() + target->poll() > 0) {
    }
  }
  loopback::Network network;
  std::unique_ptr<RamTarget> target;
};

struct LoginOptions {
  PortId initiator = initiator_port();
  wire::MultiChannel multichannel = wire::MultiChannel::single;
  bool immediate_data = false;
  std::uint32_t iu_bytes = 2048;
  bool compact = true;
};

inline wire::LoginRequest login_request(const LoginOptions& options) {
  wire::LoginRequest request;
  request.tag = 0x4c4f47494e;
  request.requested_it_iu_bytes = options.iu_bytes;
  request.direct_descriptors = request.indirect_descriptors = true;
  request.multichannel = options.multichannel;
  request.immediate_data = options.immediate_data;
  request.immediate_data_offset = options.immediate_data ? wire::kImmediateDataOffset : 0;
  request.initiator_port_id = options.initiator;
  request.target_port_id = target_port();
  return request;
}

// A received unit.
struct Answer {
  std::vector<std::byte> unit;
  [[nodiscard]] wire::Opcode opcode() const { return static_cast<wire::Opcode>(unit.at(0)); }
  [[nodiscard]] wire::Response response() const { return wire::decode_response(unit).value(); }
  [[nodiscard]] std::uint8_t status() const { return response().status; }
  [[nodiscard]] scsi::Sense sense() const {
    const auto bytes = response().sense;
    return scsi::decode_sense({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()}).value();
  }
  [[nodiscard]] bool is(scsi::SenseKey key, scsi::AdditionalSense additional) const {
    return status() == 2 && sense().key == key && sense().additional == additional;
  }
};

class Initiator {
 public:
  static constexpr std::size_t kReceives = 64, kReceiveBytes = 512, kDataBytes = 1 << 20;

  // Connects with this private data. `event` has the result.
  Initiator(Rig& rig, std::span<const std::byte> private_data, bool compact = true) : rig_(rig) {
    connect(private_data, compact);
  }
  explicit Initiator(Rig& rig, const LoginOptions& options = {}) : rig_(rig) {
    std::array<std::byte, 64> bytes{};
    const auto request = login_request(options);
    const auto n = options.compact ? wire::encode_compact(request, bytes) : wire::encode(request, bytes);
    connect(std::span(bytes).first(n), options.compact);
    if (logged_in()) {
      login = wire::decode_login_response(std::span(event->private_data).first(event->private_data_bytes))
                  .value();
      credits = login.request_limit;
    }
    immediate_ = login.immediate_data;
  }

  [[nodiscard]] bool logged_in() const {
    return event && event->kind == fabric::ConnectionEvent::Kind::established;
  }
  [[nodiscard]] wire::RejectReason reject_reason() const {
    return wire::decode_login_reject(std::span(event->private_data).first(event->private_data_bytes))
        .value()
        .reason;
  }

  void send(std::span<const std::byte> unit) {
    std::memcpy(units.data(), unit.data(), unit.size());
    const fabric::Sge sge{units.data(), static_cast<std::uint32_t>(unit.size()), units_region_->lkey()};
    const fabric::SendWork work{.id = 999, .sges = {&sge, 1}, .signaled = true};
    endpoint->post_send({&work, 1}).value();
    rig_.network.progress();  // delivers the unit before the buffer is reused
  }

  std::uint64_t send(wire::Command command, std::span<const std::byte> immediate = {}) {
    if (command.tag == 0) command.tag = ++last_tag_;
    std::vector<std::byte> unit(wire::encoded_bytes(command));
    wire::encode(command, unit);
    unit.insert(unit.end(), immediate.begin(), immediate.end());
    --credits;
    send(unit);
    return command.tag;
  }
  std::uint64_t send(wire::TaskFunction function, std::uint32_t lun, std::uint64_t task_tag = 0) {
    const wire::TaskManagement unit{
        .tag = ++last_tag_, .lun = wire::lun_from_number(lun), .function = function, .task_tag = task_tag};
    std::array<std::byte, wire::kTaskManagementBytes> bytes;
    wire::encode(unit, bytes);
    --credits;
    send(bytes);
    return unit.tag;
  }

  // Makes a command without data.
  [[nodiscard]] wire::Command command(const scsi::Cdb& cdb, std::uint32_t lun = 0) {
    cdbs_.push_back(cdb);
    wire::Command out;
    out.lun = wire::lun_from_number(lun);
    out.cdb = std::as_bytes(cdbs_.back().span());
    return out;
  }
  [[nodiscard]] wire::DirectDescriptor piece(std::size_t offset, std::uint32_t bytes) const {
    return {reinterpret_cast<std::uintptr_t>(data.data()) + offset, data_region->rkey(), bytes};
  }

  // Sends a command with a direct buffer at data[0] and returns its tag.
  std::uint64_t start(const scsi::Cdb& cdb, std::uint32_t in_bytes = 0, std::uint32_t out_bytes = 0,
                      std::uint32_t lun = 0) {
    const wire::DirectDescriptor in[] = {piece(0, in_bytes)}, out[] = {piece(0, out_bytes)};
    auto unit = command(cdb, lun);
    if (in_bytes != 0) unit.data_in = wire::DataBuffer::direct(in);
    if (out_bytes != 0) unit.data_out = wire::DataBuffer::direct(out);
    return send(unit);
  }
  Answer run(const scsi::Cdb& cdb, std::uint32_t in_bytes = 0, std::uint32_t out_bytes = 0,
             std::uint32_t lun = 0) {
    return answer_to(start(cdb, in_bytes, out_bytes, lun));
  }

  // Runs network and target until nothing is left to do. Returns the next received unit.
  std::optional<Answer> next() {
    rig_.pump();
    collect();
    if (answers_.empty()) return std::nullopt;
    auto answer = std::move(answers_.front());
    answers_.pop_front();
    return answer;
  }
  Answer answer_to(std::uint64_t tag) {
    auto answer = next();
    if (!answer) throw std::runtime_error("no answer");
    if (answer->opcode() == wire::Opcode::response && answer->response().tag != tag)
      throw std::runtime_error("an answer with another tag");
    return std::move(*answer);
  }
  // True if an event or a flushed receive reports the end of the connection.
  bool lost() {
    rig_.pump();
    collect();
    while (auto e = endpoint->next_event())
      if (e->kind == fabric::ConnectionEvent::Kind::disconnected) lost_ = true;
    return lost_;
  }

  [[nodiscard]] std::string_view text(std::size_t size, std::size_t offset = 0) const {
    return {reinterpret_cast<const char*>(data.data()) + offset, size};
  }
  [[nodiscard]] std::span<const std::uint8_t> bytes(std::size_t size) const {
    return {reinterpret_cast<const std::uint8_t*>(data.data()), size};
  }
  void fill(std::size_t offset, std::size_t size, char first = 'A') {
    for (std::size_t i = 0; i < size; ++i)
      data[offset + i] = static_cast<std::byte>(first + static_cast<char>(i % 23));
  }

  std::unique_ptr<fabric::ActiveEndpoint> endpoint;
  std::optional<fabric::ConnectionEvent> event;
  wire::LoginResponse login;
  std::int64_t credits = 0;
  std::vector<std::byte> data = std::vector<std::byte>(kDataBytes);
  std::unique_ptr<fabric::MemoryRegion> data_region;
  std::vector<std::byte> units = std::vector<std::byte>(70000);

 private:
  void connect(std::span<const std::byte> private_data, bool compact) {
    auto& network = rig_.network;
    const auto device = network.initiator_device();
    data_region = device->register_memory(data, fabric::Access::remote).value();
    units_region_ = device->register_memory(units, fabric::Access::local).value();
    receives_region_ = device->register_memory(receives_, fabric::Access::local).value();
    endpoint = network.open(device, "ram", {}, compact).value();
    rig_.pump();
    (void)endpoint->next_event().value();
    endpoint->create_queues({.send_depth = 64, .receive_depth = kReceives, .send_sges = 1}).value();
    for (std::size_t i = 0; i < kReceives; ++i) post(i);
    endpoint->connect(private_data).value();
    rig_.pump();
    event = endpoint->next_event();
  }
  void post(std::size_t i) {
    const fabric::ReceiveWork work{
        .id = i, .sge = {receives_.data() + i * kReceiveBytes, kReceiveBytes, receives_region_->lkey()}};
    endpoint->post_receive({&work, 1}).value();
  }
  void collect() {
    fabric::Completion done[16];
    for (std::size_t n; (n = endpoint->poll(done)) > 0;) {
      for (std::size_t i = 0; i < n; ++i) {
        if (done[i].status != fabric::WorkStatus::success) {
          lost_ = true;
          continue;
        }
        if (!done[i].receive) continue;
        const auto* at = receives_.data() + done[i].id * kReceiveBytes;
        Answer answer{{at, at + done[i].bytes}};
        if (!answer.unit.empty() && answer.opcode() == wire::Opcode::response)
          if (const auto response = wire::decode_response(answer.unit))
            credits += response->request_limit_delta;
        answers_.push_back(std::move(answer));
        post(done[i].id);
      }
    }
  }

  Rig& rig_;
  bool immediate_ = false;
  bool lost_ = false;
  std::uint64_t last_tag_ = 100;
  std::deque<scsi::Cdb> cdbs_;
  std::deque<Answer> answers_;
  std::vector<std::byte> receives_ = std::vector<std::byte>(kReceives * kReceiveBytes);
  std::unique_ptr<fabric::MemoryRegion> receives_region_, units_region_;
};

}  // namespace srpi::target::test
