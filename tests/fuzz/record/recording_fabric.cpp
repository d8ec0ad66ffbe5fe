// SPDX-License-Identifier: Apache-2.0
#include "recording_fabric.hpp"

#include <algorithm>
#include <array>
#include <fstream>

#include "loopback/fabric.hpp"
#include "scsi/cdb.hpp"
#include "wire/command.hpp"
#include "wire/opcode.hpp"
#include "wire/response.hpp"

namespace srpi::fuzz {
namespace {

// The two bytes before a unit are the offset of its immediate data.
constexpr std::string_view kImmediateOffset{"\0\x44", 2};
constexpr std::size_t kLargestReply = 4096;

// True for commands whose data-in is a reply, not the contents of the disk.
bool asks(std::byte opcode) {
  constexpr std::array kOpcodes{0x12, 0x1a, 0x5a, 0x25, 0x9e, 0xa0};
  return std::ranges::find(kOpcodes, std::to_integer<int>(opcode)) != kOpcodes.end();
}

class Endpoint final : public fabric::ActiveEndpoint {
 public:
  Endpoint(std::unique_ptr<fabric::ActiveEndpoint> inner, Corpus& corpus)
      : inner_(std::move(inner)), corpus_(corpus) {}

  std::shared_ptr<fabric::Device> device() const override { return inner_->device(); }
  const fabric::Path& path() const override { return inner_->path(); }
  std::uint32_t inline_bytes() const noexcept override { return inner_->inline_bytes(); }
  bool arm() noexcept override { return inner_->arm(); }
  void append_fds(std::vector<int>& fds) const override { inner_->append_fds(fds); }
  bool compact_login() const noexcept override { return inner_->compact_login(); }
  void abort() noexcept override { inner_->abort(); }
  Result<> create_queues(const fabric::QueueLimits& limits) override { return inner_->create_queues(limits); }

  Result<> connect(std::span<const std::byte> login) override {
    corpus_.add("wire_login", login);
    return inner_->connect(login);
  }
  std::optional<fabric::ConnectionEvent> next_event() override {
    auto event = inner_->next_event();
    if (event && event->private_data_bytes > 0)
      corpus_.add("wire_login", std::span(event->private_data).first(event->private_data_bytes));
    return event;
  }

  Result<> post_send(std::span<const fabric::SendWork> works) noexcept override {
    for (const auto& work : works) {
      std::vector<std::byte> unit;
      for (const auto& sge : work.sges) unit.insert(unit.end(), sge.address, sge.address + sge.bytes);
      sent(unit);
    }
    return inner_->post_send(works);
  }
  Result<> post_receive(std::span<const fabric::ReceiveWork> works) noexcept override {
    for (const auto& work : works) receives_[work.id] = work.sge;
    return inner_->post_receive(works);
  }
  std::size_t poll(std::span<fabric::Completion> out) noexcept override {
    const auto n = inner_->poll(out);
    for (const auto& done : out.first(n))
      if (done.receive && done.status == fabric::WorkStatus::success)
        received({receives_[done.id].address, done.bytes});
    return n;
  }

 private:
  void sent(std::span<const std::byte> unit) {
    corpus_.add("wire_from_initiator", unit, kImmediateOffset);
    if (static_cast<wire::Opcode>(unit[0]) != wire::Opcode::command) return;
    corpus_.add("scsi_cdb", unit.subspan(32, 16));
    const auto command = wire::decode_command(unit, wire::kImmediateDataOffset);
    if (!command) return;
    if (command->cdb[0] == std::byte{0x42})  // UNMAP
      for (const auto d : command->data_out.descriptors)
        corpus_.add("scsi_cdb", {reinterpret_cast<const std::byte*>(d.address), d.bytes});
    if (!asks(command->cdb[0])) return;
    for (const auto d : command->data_in.descriptors)
      replies_[command->tag] = {reinterpret_cast<const std::byte*>(d.address), d.bytes};
  }

  void received(std::span<const std::byte> unit) {
    corpus_.add("wire_from_target", unit);
    const auto response = wire::decode_response(unit);
    if (!response) return;
    const char status = static_cast<char>(response->status);
    if (response->sense_valid()) corpus_.add("scsi_sense", response->sense, {&status, 1});
    const auto asked = replies_.find(response->tag);
    if (asked == replies_.end()) return;
    const auto missing = std::min<std::size_t>(response->data_in_residual_if_under(), asked->second.size());
    const auto reply = asked->second.first(std::min(asked->second.size() - missing, kLargestReply));
    corpus_.add("scsi_inquiry", reply);
    corpus_.add("scsi_reply", reply);
    replies_.erase(asked);
  }

  std::unique_ptr<fabric::ActiveEndpoint> inner_;
  Corpus& corpus_;
  std::map<std::uint64_t, fabric::Sge> receives_;
  std::map<std::uint64_t, std::span<const std::byte>> replies_;  // by tag: the buffer of the data-in
};

}  // namespace

void Corpus::add(const std::string& harness, std::span<const std::byte> input, std::string_view prefix) {
  const std::string content =
      std::string(prefix) + std::string(reinterpret_cast<const char*>(input.data()), input.size());
  if (input.empty() || !seen_.insert(harness + "/" + content).second) return;
  std::filesystem::create_directories(folder_ / harness);
  std::ofstream(folder_ / harness / ("recorded" + std::to_string(++count_[harness])), std::ios::binary)
      << content;
}

Result<std::unique_ptr<fabric::ActiveEndpoint>> RecordingFabric::open(const TargetAddress& target,
                                                                      const fabric::ConnectOptions& options) {
  auto inner = loopback::Fabric(network_).open(target, options);
  if (!inner) return inner.error();
  return std::unique_ptr<fabric::ActiveEndpoint>(std::make_unique<Endpoint>(std::move(*inner), corpus_));
}

}  // namespace srpi::fuzz
