// SPDX-License-Identifier: Apache-2.0
#include "loopback/network.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "base/check.hpp"
#include "loopback/endpoints.hpp"

namespace srpi::loopback {

namespace {
constexpr std::size_t kNone = std::numeric_limits<std::size_t>::max();
constexpr std::size_t kMessagesOfAnEnd = 4;  // resolve, request, ready_to_use, disconnect
}  // namespace

Network::Network(Scheduler* scheduler) : scheduler_(scheduler) {
  add_device("loopback0");
  add_device("loopback1");
}

Network::~Network() { SRPI_CHECK(ends_.empty()); }

std::shared_ptr<Device> Network::add_device(std::string name) {
  devices_.push_back(
      std::make_shared<Device>(std::move(name), static_cast<std::uint32_t>(devices_.size() + 1)));
  return devices_.back();
}

void Network::remove_device(Device& device) {
  device.remove();
  for (auto& [key, end] : ends_)
    if (end->device.get() == &device) end->on_device_removed();
}

Result<> Network::listen(std::string service, fabric::Acceptor& acceptor, std::shared_ptr<Device> device) {
  if (device->gone()) return Error{Errc::no_device, fmt::format("{} was removed", device->name())};
  const auto [at, inserted] =
      listeners_.try_emplace(std::move(service), Listener{&acceptor, std::move(device)});
  if (!inserted) return Error{Errc::already_exists, fmt::format("{} has a listener already", at->first)};
  return {};
}

void Network::stop_listening(const std::string& service) noexcept { listeners_.erase(service); }

Result<std::unique_ptr<fabric::ActiveEndpoint>> Network::open(std::shared_ptr<Device> device,
                                                              std::string service,
                                                              const fabric::ConnectOptions& options,
                                                              bool compact_login) {
  if (device->gone()) return Error{Errc::no_device, fmt::format("{} was removed", device->name())};
  auto endpoint =
      std::make_unique<ActiveEndpoint>(*this, std::move(device), ++last_connection_, true, service);
  End& end = endpoint->end();
  end.options = options;
  end.service = std::move(service);
  end.compact_login = compact_login;
  end.queue_pair.set_rnr_retry_count(options.rnr_retry_count);
  end.queue_pair.set_serves_reads(options.responder_resources > 0);
  send(Delivery::Kind::resolve, end, true);
  return std::unique_ptr<fabric::ActiveEndpoint>(std::move(endpoint));
}

std::size_t Network::progress() {
  std::size_t done = 0;
  if (scheduler_) {
    while (step()) ++done;
    return done;
  }
  // Messages that an acceptor queues meanwhile wait for the next call, so that this call ends.
  for (std::size_t n = messages_.size(); n > 0 && !messages_.empty(); --n, ++done) {
    const Message message = messages_.front();
    messages_.erase(messages_.begin());
    deliver(message);
  }
  for (std::size_t n = ready_.size(); n > 0 && ready_.first(); --n) done += ready_.first()->execute(kNone);
  return done;
}

bool Network::step() {
  const std::size_t index = first_message();
  QueuePair* queue_pair = first_queue_pair();
  const bool has_message = index != kNone;
  if (!has_message && !queue_pair) return false;
  if (scheduler_) {
    const base::Time message_due = has_message ? messages_[index].due : base::kNever;
    const base::Time work_due = queue_pair ? queue_pair->due() : base::kNever;
    if (std::min(message_due, work_due) > scheduler_->now()) return false;
    if (work_due < message_due) return queue_pair->execute(1) > 0 || step();
  }
  if (!has_message) {
    // A queue pair that waits for its receiver leaves the list and does nothing. Try the next one then.
    for (std::size_t n = ready_.size(); n > 0 && ready_.first(); --n)
      if (ready_.first()->execute(1) > 0) return true;
    return false;
  }
  const Message message = messages_[index];
  messages_.erase(messages_.begin() + static_cast<std::ptrdiff_t>(index));
  deliver(message);
  return true;
}

std::size_t Network::first_message() const noexcept {
  std::size_t first = kNone;
  for (std::size_t i = 0; i < messages_.size(); ++i)
    if (first == kNone || messages_[i].due < messages_[first].due) first = i;
  return first;
}

QueuePair* Network::first_queue_pair() const noexcept {
  QueuePair* first = ready_.first();
  if (!scheduler_) return first;
  for (QueuePair* qp = first; qp; qp = qp->next_ready())
    if (qp->due() < first->due()) first = qp;
  return first;
}

base::Time Network::next_due() const noexcept {
  if (!scheduler_) return messages_.empty() && !ready_.first() ? base::kNever : base::Time{};
  base::Time due = base::kNever;
  if (const auto index = first_message(); index != kNone) due = messages_[index].due;
  if (const QueuePair* qp = first_queue_pair()) due = std::min(due, qp->due());
  return due;
}

void Network::add(End& end) {
  messages_.reserve(messages_.size() + kMessagesOfAnEnd * (ends_.size() + 1));
  ends_.emplace(EndKey{end.connection, end.active}, &end);
}

void Network::break_queue_pair(ConnectionNumber connection, bool active, fabric::WorkStatus status) noexcept {
  if (End* end = find_end(connection, active)) end->queue_pair.break_with(status);
}

void Network::disconnect(ConnectionNumber connection, bool active) {
  if (End* end = find_end(connection, active)) end->on_peer_gone();
}

End* Network::find_end(ConnectionNumber connection, bool active) noexcept {
  const auto at = ends_.find({connection, active});
  return at == ends_.end() ? nullptr : at->second;
}

const End* Network::find(ConnectionNumber connection, bool active) const noexcept {
  const auto at = ends_.find({connection, active});
  return at == ends_.end() ? nullptr : at->second;
}

}  // namespace srpi::loopback
