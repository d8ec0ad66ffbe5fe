// SPDX-License-Identifier: Apache-2.0
#include "export/nbd_netlink.hpp"

#include <fmt/format.h>
#include <linux/nbd-netlink.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <netlink/netlink.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace srp_nbd {

using srpi::Errc;
using srpi::Error;

namespace {

Error failure(const char* what, int error) {
  switch (error) {
    case EPERM:
    case EACCES:
      return {Errc::permission_denied,
              fmt::format("nbd {}: not permitted; it needs root (CAP_SYS_ADMIN)", what)};
    case EBUSY:
      return {Errc::busy, fmt::format("nbd {}: the device is connected or somebody has it open", what)};
    case ENOENT:
    case ENODEV:
      return {Errc::no_device, fmt::format("nbd {}: no such device", what)};
    case ENOMEM:
    case EMFILE:
    case ENFILE:
      return {Errc::no_memory, fmt::format("nbd {}: {}", what, std::strerror(error))};
    case EAGAIN:
    case ETIMEDOUT:
      return {Errc::timed_out, fmt::format("nbd {}: the kernel does not answer", what)};
    default:
      return {Errc::invalid_argument, fmt::format("nbd {}: {}", what, std::strerror(error))};
  }
}

// What has come for one call; the callbacks below fill it in.
struct Exchange {
  bool done = false;
  int error = 0;
  std::optional<std::uint32_t> index;
  std::optional<bool> connected;
};

int on_valid(nl_msg* message, void* context) {
  auto& x = *static_cast<Exchange*>(context);
  nlattr* attributes[NBD_ATTR_MAX + 1] = {};
  if (genlmsg_parse(nlmsg_hdr(message), 0, attributes, NBD_ATTR_MAX, nullptr) < 0) return NL_OK;
  if (attributes[NBD_ATTR_INDEX] != nullptr && nla_len(attributes[NBD_ATTR_INDEX]) >= 4)
    x.index = nla_get_u32(attributes[NBD_ATTR_INDEX]);
  if (attributes[NBD_ATTR_DEVICE_LIST] != nullptr) {
    nlattr* item = nullptr;
    int rest = 0;
    nla_for_each_nested(item, attributes[NBD_ATTR_DEVICE_LIST], rest) {
      nlattr* device[NBD_DEVICE_ATTR_MAX + 1] = {};
      if (nla_parse_nested(device, NBD_DEVICE_ATTR_MAX, item, nullptr) < 0) continue;
      if (device[NBD_DEVICE_CONNECTED] != nullptr && nla_len(device[NBD_DEVICE_CONNECTED]) >= 1)
        x.connected = nla_get_u8(device[NBD_DEVICE_CONNECTED]) != 0;
    }
  }
  return NL_OK;
}

int on_ack(nl_msg*, void* context) {
  static_cast<Exchange*>(context)->done = true;
  return NL_STOP;
}

int on_error(sockaddr_nl*, nlmsgerr* error, void* context) {
  auto& x = *static_cast<Exchange*>(context);
  x.done = true;
  x.error = -error->error;
  return NL_STOP;
}

}  // namespace

void NbdNetlink::Free::operator()(nl_sock* socket) const noexcept { nl_socket_free(socket); }
void NbdNetlink::Free::operator()(nl_msg* message) const noexcept { nlmsg_free(message); }

srpi::Result<NbdNetlink> NbdNetlink::open(std::chrono::milliseconds timeout) {
  NbdNetlink self;
  self.socket_.reset(nl_socket_alloc());
  if (!self.socket_) return Error{Errc::no_memory, "netlink socket"};
  if (const int e = genl_connect(self.socket_.get()); e < 0)
    return Error{Errc::no_device, fmt::format("generic netlink: {}", nl_geterror(e))};
  const timeval limit{timeout.count() / 1000, timeout.count() % 1000 * 1000};
  ::setsockopt(nl_socket_get_fd(self.socket_.get()), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  self.family_ = genl_ctrl_resolve(self.socket_.get(), NBD_GENL_FAMILY_NAME);
  if (self.family_ < 0)
    return Error{Errc::no_device, "the kernel's nbd module is not loaded: modprobe nbd (as root)"};
  return self;
}

srpi::Result<NbdNetlink::Message> NbdNetlink::message(std::uint8_t command) const {
  Message m(nlmsg_alloc());
  if (!m ||
      genlmsg_put(m.get(), NL_AUTO_PORT, NL_AUTO_SEQ, family_, 0, 0, command, NBD_GENL_VERSION) == nullptr)
    return Error{Errc::no_memory, "netlink message"};
  return m;
}

srpi::Result<NbdNetlink::Answer> NbdNetlink::exchange(Message m, const char* what) {
  Exchange x;
  const std::unique_ptr<nl_cb, void (*)(nl_cb*)> callbacks(nl_cb_alloc(NL_CB_DEFAULT), nl_cb_put);
  if (!callbacks) return Error{Errc::no_memory, "netlink callbacks"};
  nl_cb_set(callbacks.get(), NL_CB_VALID, NL_CB_CUSTOM, on_valid, &x);
  nl_cb_set(callbacks.get(), NL_CB_ACK, NL_CB_CUSTOM, on_ack, &x);
  nl_cb_err(callbacks.get(), NL_CB_CUSTOM, on_error, &x);
  if (const int e = nl_send_auto(socket_.get(), m.get()); e < 0)
    return Error{e == -NLE_PERM ? Errc::permission_denied : Errc::no_device,
                 fmt::format("nbd {}: {}", what, nl_geterror(e))};
  while (!x.done) {
    const int e = nl_recvmsgs(socket_.get(), callbacks.get());
    if (e >= 0 || x.done) continue;
    return failure(what, e == -NLE_AGAIN ? EAGAIN : EINVAL);
  }
  if (x.error != 0) return failure(what, x.error);
  return Answer{x.index, x.connected};
}

srpi::Result<std::uint32_t> NbdNetlink::connect(const KernelDeviceOptions& o) {
  auto m = message(NBD_CMD_CONNECT);
  if (m.has_error()) return m.error();
  nl_msg* const raw = m->get();
  int bad = 0;
  if (o.index) bad |= nla_put_u32(raw, NBD_ATTR_INDEX, *o.index);
  bad |= nla_put_u64(raw, NBD_ATTR_SIZE_BYTES, o.size_bytes);
  bad |= nla_put_u64(raw, NBD_ATTR_BLOCK_SIZE_BYTES, o.block_size);
  bad |= nla_put_u64(raw, NBD_ATTR_TIMEOUT, static_cast<std::uint64_t>(o.request_timeout.count()));
  bad |= nla_put_u64(raw, NBD_ATTR_SERVER_FLAGS, o.transmission_flags);
  if (!o.backend.empty()) bad |= nla_put_string(raw, NBD_ATTR_BACKEND_IDENTIFIER, o.backend.c_str());
  nlattr* const sockets = nla_nest_start(raw, NBD_ATTR_SOCKETS);
  if (sockets == nullptr) bad = 1;
  for (const auto& socket : o.sockets) {
    if (bad != 0) break;
    nlattr* const item = nla_nest_start(raw, NBD_SOCK_ITEM);
    if (item == nullptr || nla_put_u32(raw, NBD_SOCK_FD, static_cast<std::uint32_t>(socket.get())) != 0)
      bad = 1;
    else
      nla_nest_end(raw, item);
  }
  if (bad != 0) return Error{Errc::too_large, "the connect message does not fit into a netlink message"};
  nla_nest_end(raw, sockets);
  auto answer = exchange(std::move(*m), "connect");
  if (answer.has_error()) return answer.error();
  if (answer->index) return *answer->index;
  if (o.index) return *o.index;
  return Error{Errc::protocol_error, "nbd connect: the kernel does not tell the device's index"};
}

srpi::Result<> NbdNetlink::disconnect(std::uint32_t index) {
  auto m = message(NBD_CMD_DISCONNECT);
  if (m.has_error()) return m.error();
  if (nla_put_u32(m->get(), NBD_ATTR_INDEX, index) != 0) return Error{Errc::no_memory, "netlink message"};
  auto answer = exchange(std::move(*m), "disconnect");
  if (answer.has_error()) return answer.error();
  return {};
}

srpi::Result<> NbdNetlink::resize(std::uint32_t index, const std::string& backend, std::uint64_t size_bytes) {
  auto m = message(NBD_CMD_RECONFIGURE);
  if (m.has_error()) return m.error();
  int bad = nla_put_u32(m->get(), NBD_ATTR_INDEX, index);
  bad |= nla_put_u64(m->get(), NBD_ATTR_SIZE_BYTES, size_bytes);
  if (!backend.empty()) bad |= nla_put_string(m->get(), NBD_ATTR_BACKEND_IDENTIFIER, backend.c_str());
  if (bad != 0) return Error{Errc::no_memory, "netlink message"};
  auto answer = exchange(std::move(*m), "resize");
  if (answer.has_error()) return answer.error();
  return {};
}

srpi::Result<bool> NbdNetlink::connected(std::uint32_t index) {
  auto m = message(NBD_CMD_STATUS);
  if (m.has_error()) return m.error();
  if (nla_put_u32(m->get(), NBD_ATTR_INDEX, index) != 0) return Error{Errc::no_memory, "netlink message"};
  auto answer = exchange(std::move(*m), "status");
  if (answer.has_error()) return answer.error();
  return answer->connected.value_or(false);
}

}  // namespace srp_nbd
