// SPDX-License-Identifier: Apache-2.0
#include "fake_cm.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/check.hpp"
#include "verbs/address.hpp"

namespace srpi::verbs::test {
namespace {

FakeCm* the_fake = nullptr;

FakeCm::Channel& channel_of(rdma_event_channel* channel) {
  return *reinterpret_cast<FakeCm::Channel*>(channel);
}

int refuse(int error) {
  errno = error;
  return -1;
}

int answer(int& scripted) {
  const int error = std::exchange(scripted, 0);
  return error == 0 ? 0 : refuse(error);
}

}  // namespace

FakeCm::FakeCm() {
  SRPI_CHECK(the_fake == nullptr);
  the_fake = this;
}
FakeCm::~FakeCm() { the_fake = nullptr; }

FakeCm& FakeCm::current() {
  SRPI_CHECK(the_fake != nullptr);
  return *the_fake;
}

void FakeCm::raise(rdma_cm_event_type type, int status) { raise_for(latest, type, status); }

void FakeCm::raise_for(rdma_cm_id* id, rdma_cm_event_type type, int status) {
  rdma_cm_event event{};
  event.id = id;
  event.event = type;
  event.status = status;
  auto& channel = channel_of(latest->channel);
  channel.events.push_back(event);
  SRPI_CHECK(eventfd_write(channel.base.fd, 1) == 0);
}

}  // namespace srpi::verbs::test

using srpi::verbs::test::channel_of;
using srpi::verbs::test::FakeCm;
using srpi::verbs::test::refuse;

extern "C" {

rdma_event_channel* rdma_create_event_channel() {
  ++FakeCm::current().channels_made;
  auto* channel = new FakeCm::Channel;
  channel->base.fd = eventfd(0, EFD_SEMAPHORE);  // a semaphore that counts the events
  return &channel->base;
}

void rdma_destroy_event_channel(rdma_event_channel* channel) {
  close(channel->fd);
  delete &channel_of(channel);
}

int rdma_create_id(rdma_event_channel* channel, rdma_cm_id** id, void* context, rdma_port_space ps) {
  auto& fake = FakeCm::current();
  *id = new rdma_cm_id{};
  (*id)->channel = channel;
  (*id)->context = context;
  (*id)->ps = ps;
  fake.ids.push_back(fake.latest = *id);
  return 0;
}

int rdma_destroy_id(rdma_cm_id* id) {
  auto& fake = FakeCm::current();
  SRPI_CHECK(fake.unacknowledged == 0);  // the library would wait here until all events are acknowledged
  // The id's unread events are dropped, as in the kernel.
  auto& channel = channel_of(id->channel);
  const auto gone = std::erase_if(channel.events, [&](const auto& event) { return event.id == id; });
  eventfd_t taken = 0;
  for (std::size_t i = 0; i < gone; ++i) SRPI_CHECK(eventfd_read(channel.base.fd, &taken) == 0);
  std::erase(fake.ids, id);
  if (fake.latest == id) fake.latest = nullptr;
  delete id;
  return 0;
}

int rdma_resolve_addr(rdma_cm_id*, sockaddr*, sockaddr* destination, int) {
  auto& fake = FakeCm::current();
  fake.addresses.push_back(srpi::verbs::host_and_port_text(destination));
  return srpi::verbs::test::answer(fake.address_error);
}

int rdma_resolve_route(rdma_cm_id*, int) {
  auto& fake = FakeCm::current();
  ++fake.routes;
  return srpi::verbs::test::answer(fake.route_error);
}

int rdma_get_cm_event(rdma_event_channel* from, rdma_cm_event** event) {
  auto& channel = channel_of(from);
  eventfd_t taken = 0;
  if (eventfd_read(channel.base.fd, &taken) != 0) return -1;
  *event = new rdma_cm_event(channel.events.front());
  channel.events.pop_front();
  ++FakeCm::current().unacknowledged;
  return 0;
}

int rdma_ack_cm_event(rdma_cm_event* event) {
  --FakeCm::current().unacknowledged;
  delete event;
  return 0;
}

// The steps after the resolution need a device, which these tests do not have.
int rdma_set_option(rdma_cm_id*, int, int, void*, std::size_t) { return 0; }
int rdma_init_qp_attr(rdma_cm_id*, ibv_qp_attr*, int*) { return refuse(ENODEV); }
int rdma_connect(rdma_cm_id*, rdma_conn_param*) { return refuse(ENODEV); }
int rdma_establish(rdma_cm_id*) { return refuse(ENODEV); }
int rdma_disconnect(rdma_cm_id*) { return refuse(ENODEV); }
ibv_context* ibv_open_device(ibv_device*) {
  errno = ENOMEM;
  return nullptr;
}

}  // extern "C"
