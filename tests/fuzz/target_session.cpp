// SPDX-License-Identifier: Apache-2.0
// A whole session with a target that says what the input says: wrong answers in any sequence, to the questions of a login,
// to I/O and unasked. Each request completes exactly once, and nothing is read or written outside of its memory.
#include <algorithm>
#include <array>
#include <cstdlib>
#include <deque>
#include <memory>

#include "api/session_impl.hpp"
#include "loopback/fabric.hpp"
#include "loopback/network.hpp"
#include "srpi/target_address.hpp"
#include "target/quirk.hpp"
#include "target/ram_target.hpp"

using namespace srpi;
using target::Outcome;

namespace {

void must(bool holds) {
  if (!holds) std::abort();
}

// The input: numbers and pieces of bytes. After its end, all numbers are 0.
class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : rest_(data, size) {}
  [[nodiscard]] bool is_over() const noexcept { return rest_.empty(); }
  std::uint8_t number() noexcept {
    if (rest_.empty()) return 0;
    const auto first = rest_.front();
    rest_ = rest_.subspan(1);
    return first;
  }
  std::int32_t wide() noexcept {
    std::uint32_t value = 0;
    for (int i = 0; i < 4; ++i) value = value << 8 | number();
    return static_cast<std::int32_t>(value);
  }
  std::vector<std::uint8_t> piece() {
    const auto length = std::min<std::size_t>(number(), rest_.size());
    std::vector<std::uint8_t> bytes(rest_.begin(), rest_.begin() + static_cast<std::ptrdiff_t>(length));
    rest_ = rest_.subspan(length);
    return bytes;
  }
  std::vector<std::byte> unit() {
    std::vector<std::byte> bytes;
    for (const auto byte : piece()) bytes.push_back(std::byte{byte});
    return bytes;
  }

 private:
  std::span<const std::uint8_t> rest_;
};

class Fabric final : public fabric::Fabric {
 public:
  explicit Fabric(const TargetAddress& address) {
    target::TargetConfig config;
    config.port_id = address.target_port_id();
    for (std::uint16_t i = 0; i < 2; ++i)
      config.luns.push_back({.number = i, .bytes = 16384, .name = "unit-" + std::to_string(i)});
    target = target::RamTarget::create(std::move(config)).value();
    network_.listen(loopback::service_of(address), *target, network_.target_device()).value();
  }
  Result<std::unique_ptr<fabric::ActiveEndpoint>> open(const TargetAddress& address,
                                                       const fabric::ConnectOptions& options) override {
    return loopback::Fabric(network_).open(address, options);
  }
  std::size_t progress() override { return network_.progress() + target->poll(); }

 private:
  loopback::Network network_;

 public:
  std::unique_ptr<target::RamTarget> target;
};

struct Request {
  IoRequest io;
  std::array<Segment, 1> segments;
  std::array<std::byte, 2048> data{};
  std::unique_ptr<Memory> memory;
  bool is_under_way = false;
};

// One conversation.
class Conversation {
 public:
  explicit Conversation(Input input) : input_(input) {
    SessionOptions options;
    options.connect_timeout = Milliseconds(200);
    options.command_timeout = Milliseconds(100);
    options.task_management_timeout = Milliseconds(20);
    options.ack_timeout_exponent = 8;
    options.keepalive = Milliseconds(50);
    options.queue_depth = 4;
    auto fabric = std::make_unique<Fabric>(address_);
    target_ = fabric->target.get();
    target_->set_command_hook([this](const auto&) { return next_outcome(); });
    session_ = std::make_unique<api::SessionImpl>(address_, options, nullptr, std::move(fabric), nullptr, 1,
                                                  &clock_);
    session_->open().value();
  }

  void run() {
    for (int steps = 0; steps < 400 && !input_.is_over(); ++steps) {
      act();
      run_session();
    }
    session_->erase();
    for (const auto& request : requests_) must(!request.is_under_way);
  }

 private:
  void run_session() {
    for (int i = 0; i < 64 && session_->poll() > 0; ++i) {
    }
  }
  void act() {
    switch (input_.number() % 16) {
      case 0: return submit();
      case 1: return clock_.advance(std::chrono::milliseconds(input_.number()));
      case 2: (void)target_->send_raw(input_.unit()); return;
      case 3: (void)target_->send_logout(static_cast<wire::LogoutReason>(input_.number())); return;
      case 4: (void)target_->send_credit_request(input_.wide()); return;
      case 5: (void)target_->send_async_event(input_.number() % 4, any_sense()); return;
      case 6: (void)target_->raise_attention(input_.number() % 2, any_sense().additional); return;
      case 7: return target_->drop_connections();
      case 8: return target_->set_online(input_.number() % 4 != 0);
      case 9: return answer_logins();
      case 10: (void)session_->reconnect(); return;
      case 11: (void)session_->disconnect(); return;
      case 12: (void)target_->release_held(); return;
      default: outcomes_.push_back(any_outcome());
    }
  }
  void submit() {
    const auto units = session_->logical_units();
    const auto free = std::ranges::find_if(requests_, [](const auto& r) { return !r.is_under_way; });
    if (units.empty() || free == requests_.end()) return;
    auto& request = *free;
    const auto how = input_.number();
    if (!request.memory) request.memory = session_->register_memory(request.data).value();
    request.io = IoRequest{};
    request.io.operation = static_cast<IoOperation>(how % 5);
    request.io.force_unit_access = (how & 0x40) != 0;
    auto& unit = *units[how % units.size()];
    const auto block_size = unit.info().block_size;
    if (request.io.operation != IoOperation::flush) request.io.blocks = std::max(1u, 2048 / block_size);
    if (request.io.operation <= IoOperation::write) {
      request.segments[0] = {request.data.data(), std::min(2048u, block_size * (2048 / block_size)),
                             request.memory.get()};
      request.io.data = request.segments;
    }
    request.io.context = &request;
    request.io.on_complete = [](IoRequest& io) noexcept {
      auto& done = *static_cast<Request*>(io.context);
      must(done.is_under_way);
      done.is_under_way = false;
    };
    request.is_under_way = true;
    must(unit.submit(request.io) == Errc::ok);
  }
  scsi::Sense any_sense() {
    const auto key = static_cast<scsi::SenseKey>(input_.number() & 0x0f);
    const auto code = input_.number();
    return scsi::make_sense(key, {code, input_.number()});
  }
  Outcome any_outcome() {
    switch (input_.number() % 9) {
      case 0: return Outcome::of(Outcome::Kind::lose_command);
      case 1: return Outcome::of(Outcome::Kind::lose_response);
      case 2: return Outcome::of(Outcome::Kind::hold);
      case 3: {
        Outcome outcome;
        outcome.kind = Outcome::Kind::status;
        outcome.status = scsi::Status::check_condition;
        outcome.sense = any_sense();
        return outcome;
      }
      case 4: return Outcome::with_status(static_cast<scsi::Status>(input_.number()));
      case 5: return Outcome::answer_with(input_.unit());
      case 6: return target::cut_to(input_.number());
      case 7: return target::replaced_by(input_.piece());
      default: return Outcome{};
    }
  }
  void answer_logins() {
    if (const auto how = input_.number(); how % 4 == 0)
      return target_->reject_logins(static_cast<wire::RejectReason>(input_.wide()));
    target_->reject_logins(std::nullopt);
    const auto limit = input_.wide();
    const auto bytes = static_cast<std::uint32_t>(input_.wide());
    target_->set_login_response_hook([limit, bytes](wire::LoginResponse& response) {
      if (limit != 0) response.request_limit = limit;
      if (bytes != 0) response.max_it_iu_bytes = bytes;
    });
  }
  Outcome next_outcome() {
    if (outcomes_.empty()) return {};
    auto outcome = std::move(outcomes_.front());
    outcomes_.pop_front();
    return outcome;
  }

  Input input_;
  const TargetAddress address_ = parse_target("id_ext=1,ioc_guid=2,dest=192.0.2.1:5555").value().address;
  base::ManualClock clock_;
  std::deque<Outcome> outcomes_;
  target::RamTarget* target_ = nullptr;
  std::array<Request, 8> requests_;
  std::unique_ptr<api::SessionImpl> session_;  // destroyed first: it uses what is above
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Conversation(Input(data, size)).run();
  return 0;
}
