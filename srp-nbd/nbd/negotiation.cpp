// SPDX-License-Identifier: Apache-2.0
#include "nbd/negotiation.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "nbd/wire.hpp"

namespace srp_nbd {

using nbd::InfoType;
using nbd::Option;
using nbd::OptionReply;

namespace {

// A client may ask often and read nothing of the answers; then it is sent away.
constexpr std::size_t kMaxOutputBytes = 1u << 20;

template<class T>
T load(std::span<const std::byte> bytes) {
  T value;
  std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

template<class T>
void put(std::vector<std::byte>& to, const T& value) {
  const auto* first = reinterpret_cast<const std::byte*>(&value);
  to.insert(to.end(), first, first + sizeof value);
}

void put(std::vector<std::byte>& to, std::string_view text) {
  const auto* first = reinterpret_cast<const std::byte*>(text.data());
  to.insert(to.end(), first, first + text.size());
}

std::string_view text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

constexpr std::uint32_t number(OptionReply reply) { return static_cast<std::uint32_t>(reply); }

}  // namespace

Negotiation::Negotiation(Exports exports) : exports_(std::move(exports)) {
  append(nbd::Greeting{nbd::kMagic, nbd::kOptionMagic,
                       static_cast<std::uint16_t>(nbd::kFixedNewstyle | nbd::kNoZeroes)});
}

template<class T>
void Negotiation::append(const T& value) {
  put(output_, value);
}

void Negotiation::expect(Step step, std::size_t bytes) {
  step_ = step;
  expected_ = bytes;
  input_.clear();
}

std::size_t Negotiation::feed(std::span<const std::byte> bytes) {
  std::size_t consumed = 0;
  while (outcome_ == Outcome::going_on) {
    const auto rest = bytes.subspan(consumed);
    if (step_ == Step::skip) {
      const auto n = std::min(rest.size(), skip_left_);
      consumed += n;
      skip_left_ -= n;
      if (skip_left_ > 0) break;
      reply_error(number(OptionReply::error_too_big),
                  fmt::format("an option carries at most {} bytes", kMaxOptionBytes));
      expect(Step::option_header, sizeof(nbd::OptionHeader));
      continue;
    }
    const auto n = std::min(rest.size(), expected_ - input_.size());
    input_.insert(input_.end(), rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(n));
    consumed += n;
    if (input_.size() < expected_) break;
    switch (step_) {
      case Step::client_flags:
        on_client_flags(load<nbd::be32>(input_));
        break;
      case Step::option_header:
        on_option_header();
        break;
      case Step::option_data:
        on_option();
        break;
      case Step::skip:
        break;
    }
    if (output_.size() > kMaxOutputBytes) refuse("the client asks without reading the answers");
  }
  return consumed;
}

void Negotiation::on_client_flags(std::uint32_t flags) {
  if ((flags & ~std::uint32_t{nbd::kFixedNewstyle | nbd::kNoZeroes}) != 0)
    return refuse(fmt::format("the client sets unknown flags {:#x}", flags));
  if ((flags & nbd::kFixedNewstyle) == 0)
    return refuse("the client does not speak fixed newstyle negotiation");
  no_zeroes_ = (flags & nbd::kNoZeroes) != 0;
  expect(Step::option_header, sizeof(nbd::OptionHeader));
}

void Negotiation::on_option_header() {
  const auto header = load<nbd::OptionHeader>(input_);
  if (header.magic != nbd::kOptionMagic)
    return refuse(fmt::format("expected an option's magic number, got {:#x}", std::uint64_t{header.magic}));
  if (++options_seen_ > kMaxOptions) return refuse(fmt::format("more than {} options", kMaxOptions));
  option_ = header.option;
  const std::uint32_t length = header.length;
  if (length > kMaxOptionBytes) {
    if (length > kMaxSkippedBytes || option_ == static_cast<std::uint32_t>(Option::export_name))
      return refuse(fmt::format("option {} announces {} bytes", option_, length));
    skip_left_ = length;
    return expect(Step::skip, 0);
  }
  expect(Step::option_data, length);
}

void Negotiation::on_option() {
  switch (static_cast<Option>(option_)) {
    case Option::export_name:
      return on_export_name();
    case Option::abort:
      reply(number(OptionReply::ack));
      outcome_ = Outcome::ended;
      return;
    case Option::list:
      on_list();
      break;
    case Option::info:
      on_info_or_go(false);
      break;
    case Option::go:
      on_info_or_go(true);
      if (outcome_ != Outcome::going_on) return;
      break;
    case Option::starttls:
      reply_error(number(OptionReply::error_policy),
                  "no TLS here: the socket's file mode decides who may connect");
      break;
    case Option::structured_reply:
    default:
      reply_error(number(OptionReply::error_unsupported), "this server has no such option");
      break;
  }
  expect(Step::option_header, sizeof(nbd::OptionHeader));
}

void Negotiation::on_list() {
  if (!input_.empty()) return reply_error(number(OptionReply::error_invalid), "LIST carries no data");
  for (const auto& e : exports_()) {
    std::vector<std::byte> data;
    put(data, nbd::be32(static_cast<std::uint32_t>(e.name.size())));
    put(data, std::string_view(e.name));
    reply(number(OptionReply::server), data);
  }
  reply(number(OptionReply::ack));
}

void Negotiation::on_info_or_go(bool go) {
  // u32 length of the name, the name, u16 count, count times a u16 type.
  const std::span<const std::byte> data(input_);
  const auto invalid = [this](std::string_view why) { reply_error(number(OptionReply::error_invalid), why); };
  if (data.size() < 6) return invalid("INFO and GO carry at least 6 bytes");
  const std::uint32_t name_bytes = load<nbd::be32>(data);
  if (name_bytes > kMaxNameBytes || name_bytes > data.size() - 6)
    return invalid("the name is longer than the option");
  const auto name = text_of(data.subspan(4, name_bytes));
  const auto wanted = data.subspan(4 + name_bytes);
  const std::uint16_t count = load<nbd::be16>(wanted);
  if (wanted.size() != 2 + std::size_t{count} * 2)
    return invalid("the information requests do not fill the option");

  const auto e = find(name);
  if (!e) return reply_error(number(OptionReply::error_unknown), "no such export; LIST names them");

  std::vector<std::byte> piece;
  const auto send = [&] {
    reply(number(OptionReply::info), piece);
    piece.clear();
  };
  put(piece,
      nbd::InfoExport{static_cast<std::uint16_t>(InfoType::export_), e->size_bytes, e->transmission_flags});
  send();
  // Told whether asked or not: a client that does not ask must not assume smaller blocks either.
  put(piece, nbd::InfoBlockSize{static_cast<std::uint16_t>(InfoType::block_size), e->block_size,
                                e->preferred_block_size, e->max_request_bytes});
  send();
  bool want_name = false, want_description = false;
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint16_t type = load<nbd::be16>(wanted.subspan(2 + i * 2));
    want_name |= type == static_cast<std::uint16_t>(InfoType::name);
    want_description |= type == static_cast<std::uint16_t>(InfoType::description);
  }
  if (want_name) {
    put(piece, nbd::be16(static_cast<std::uint16_t>(InfoType::name)));
    put(piece, std::string_view(e->name));
    send();
  }
  if (want_description && !e->description.empty()) {
    put(piece, nbd::be16(static_cast<std::uint16_t>(InfoType::description)));
    put(piece, std::string_view(e->description).substr(0, kMaxNameBytes));
    send();
  }
  reply(number(OptionReply::ack));
  if (go) {
    chosen_ = e;
    outcome_ = Outcome::transmission;
  }
}

void Negotiation::on_export_name() {
  const auto name = text_of(input_);
  const auto e = name.size() <= kMaxNameBytes ? find(name) : std::nullopt;
  // This option has no way to answer with an error.
  if (!e) return refuse("the client asks for an export that does not exist");
  append(nbd::ExportNameReply{e->size_bytes, e->transmission_flags});
  if (!no_zeroes_) output_.resize(output_.size() + 124);
  chosen_ = e;
  outcome_ = Outcome::transmission;
}

std::optional<ExportInfo> Negotiation::find(std::string_view name) const {
  for (auto& e : exports_())
    if (name.empty() || e.name == name) return e;
  return std::nullopt;
}

void Negotiation::refuse(std::string why) {
  problem_ = std::move(why);
  outcome_ = Outcome::refused;
}

void Negotiation::reply(std::uint32_t type, std::span<const std::byte> data) {
  append(nbd::OptionReplyHeader{nbd::kReplyMagic, option_, type, static_cast<std::uint32_t>(data.size())});
  output_.insert(output_.end(), data.begin(), data.end());
}

void Negotiation::reply_error(std::uint32_t type, std::string_view why) {
  reply(type, std::as_bytes(std::span(why)));
}

}  // namespace srp_nbd
