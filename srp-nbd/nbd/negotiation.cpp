// SPDX-License-Identifier: Apache-2.0
#include "nbd/negotiation.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <type_traits>
#include <utility>

namespace srp_nbd {

using nbd::be16, nbd::be32, nbd::be64;
using nbd::InfoType;
using nbd::Option;
using nbd::OptionReply;

namespace {

template<class T>
T load(std::span<const std::byte> bytes) {
  T value;
  std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

template<class T>
std::span<const std::byte> bytes_of(const T& part) {
  if constexpr (std::is_convertible_v<const T&, std::string_view>) {
    return std::as_bytes(std::span(std::string_view(part)));
  } else {
    static_assert(std::is_trivially_copyable_v<T> && alignof(T) == 1);
    return std::as_bytes(std::span(&part, 1));
  }
}

// Appends texts, without their terminating zeros, and integers of the wire.
template<class... Parts>
void put(std::vector<std::byte>& to, const Parts&... parts) {
  [[maybe_unused]] const auto append = [&to](auto bytes) { to.insert(to.end(), bytes.begin(), bytes.end()); };
  (append(bytes_of(parts)), ...);
}

std::string_view text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

be16 field(InfoType type) { return static_cast<std::uint16_t>(type); }

}  // namespace

Negotiation::Negotiation(Exports exports) : exports_(std::move(exports)) {
  put(output_, be64(nbd::kMagic), be64(nbd::kOptionMagic), be16(nbd::kFixedNewstyle | nbd::kNoZeroes));
}

std::size_t Negotiation::feed(std::span<const std::byte> bytes) {
  const std::size_t earlier = input_.size();
  input_.insert(input_.end(), bytes.begin(), bytes.end());
  std::size_t at = 0;
  while (outcome_ == Outcome::going_on) {
    const std::size_t used = step(std::span(input_).subspan(at));
    if (used == 0) break;
    at += used;
    if (output_.size() > kMaxOutputBytes) refuse("the client asks without reading the answers");
  }
  if (outcome_ != Outcome::going_on) {
    input_.clear();
    return at - earlier;
  }
  input_.erase(input_.begin(), input_.begin() + static_cast<std::ptrdiff_t>(at));
  return bytes.size();
}

// Performs the step that `in` begins with, and returns its number of bytes, or 0 if some are missing.
std::size_t Negotiation::step(std::span<const std::byte> in) {
  if (skip_ > 0) {
    const std::size_t used = std::min(skip_, in.size());
    if ((skip_ -= used) == 0)
      reply(OptionReply::error_too_big, fmt::format("an option carries at most {} bytes", kMaxOptionBytes));
    return used;
  }
  const std::size_t head_bytes = client_flags_ ? sizeof(nbd::OptionHeader) : sizeof(be32);
  if (in.size() < head_bytes) return 0;
  if (!client_flags_) {
    const std::uint32_t flags = client_flags_.emplace(load<be32>(in));
    if ((flags & ~std::uint32_t{nbd::kFixedNewstyle | nbd::kNoZeroes}) != 0)
      refuse(fmt::format("the client sets unknown flags {:#x}", flags));
    else if ((flags & nbd::kFixedNewstyle) == 0)
      refuse("the client does not speak fixed newstyle negotiation");
    return head_bytes;
  }
  const auto header = load<nbd::OptionHeader>(in);
  const std::size_t length = header.length;
  option_ = header.option;
  std::size_t used = head_bytes;
  if (header.magic != nbd::kOptionMagic) {
    refuse(fmt::format("expected an option's magic number, got {:#x}", std::uint64_t{header.magic}));
  } else if (options_seen_ == kMaxOptions) {
    refuse(fmt::format("more than {} options", kMaxOptions));
  } else if (length > (Option{option_} == Option::export_name ? kMaxOptionBytes : kMaxSkippedBytes)) {
    // EXPORT_NAME cannot be answered with an error.
    refuse(fmt::format("option {} announces {} bytes", option_, length));
  } else if (length > kMaxOptionBytes) {
    skip_ = length;
  } else if (in.size() < head_bytes + length) {
    return 0;
  } else {
    on_option(in.subspan(head_bytes, length));
    used += length;
  }
  ++options_seen_;
  return used;
}

void Negotiation::on_option(std::span<const std::byte> data) {
  if (turned_away_ && Option{option_} != Option::abort) {
    if (Option{option_} == Option::export_name) return refuse(turned_away_->why);
    return reply(turned_away_->error, turned_away_->why);
  }
  switch (Option{option_}) {
    case Option::export_name: return on_export_name(data);
    case Option::abort:
      reply(OptionReply::ack);
      outcome_ = Outcome::ended;
      return;
    case Option::list: return on_list(data);
    case Option::info:
    case Option::go: return on_info(data);
    case Option::starttls:
      return reply(OptionReply::error_policy, "no TLS here: the socket's file mode decides who may connect");
    default: return reply(OptionReply::error_unsupported, "this server has no such option");
  }
}

void Negotiation::on_list(std::span<const std::byte> data) {
  if (!data.empty()) return reply(OptionReply::error_invalid, "LIST carries no data");
  for (const auto& e : exports_())
    reply(OptionReply::server, be32(static_cast<std::uint32_t>(e.name.size())), e.name);
  reply(OptionReply::ack);
}

void Negotiation::on_info(std::span<const std::byte> data) {
  const auto invalid = [&](std::string_view why) { reply(OptionReply::error_invalid, why); };
  // A u32 length of the name, the name, a u16 count, and `count` u16 types.
  if (data.size() < 6) return invalid("INFO and GO carry at least 6 bytes");
  const std::uint32_t name_bytes = load<be32>(data);
  if (name_bytes > kMaxNameBytes || name_bytes > data.size() - 6)
    return invalid("the name is longer than the option");
  const std::size_t count = load<be16>(data.subspan(4 + name_bytes));
  const auto types = data.subspan(6 + name_bytes);
  if (types.size() != count * 2) return invalid("the information requests do not fill the option");
  const auto wants = [&](InfoType type) {
    for (std::size_t i = 0; i < count; ++i)
      if (load<be16>(types.subspan(i * 2)) == field(type)) return true;
    return false;
  };
  if (!choose(text_of(data.subspan(4, name_bytes))))
    return reply(OptionReply::error_unknown, "no such export; LIST names them");
  const auto& e = *chosen_;
  reply(OptionReply::info, field(InfoType::export_), be64(e.size_bytes), be16(e.transmission_flags));
  // Sent also without a request, because every client must know the minimum block size. Only a client that has
  // asked at GO must keep to these sizes.
  reply(OptionReply::info, field(InfoType::block_size), be32(e.block_size), be32(e.preferred_block_size),
        be32(e.max_request_bytes));
  if (wants(InfoType::name)) reply(OptionReply::info, field(InfoType::name), e.name);
  if (wants(InfoType::description) && !e.description.empty())
    reply(OptionReply::info, field(InfoType::description),
          std::string_view(e.description).substr(0, kMaxNameBytes));
  reply(OptionReply::ack);
  if (Option{option_} != Option::go) return;
  if (!wants(InfoType::block_size)) chosen_->max_request_bytes = nbd::kMaxPayloadBytes;
  outcome_ = Outcome::transmission;
}

void Negotiation::on_export_name(std::span<const std::byte> data) {
  if (!choose(text_of(data))) return refuse("the client asks for an export that does not exist");
  put(output_, be64(chosen_->size_bytes), be16(chosen_->transmission_flags));
  if ((*client_flags_ & nbd::kNoZeroes) == 0) output_.resize(output_.size() + 124);
  chosen_->max_request_bytes = nbd::kMaxPayloadBytes;
  outcome_ = Outcome::transmission;
}

bool Negotiation::choose(std::string_view name) {
  chosen_.reset();
  for (auto& e : exports_()) {
    if (!name.empty() && e.name != name) continue;
    chosen_ = std::move(e);
    break;
  }
  return chosen_.has_value();
}

void Negotiation::refuse(std::string why) {
  problem_ = std::move(why);
  outcome_ = Outcome::refused;
}

// The parts form the reply's data.
template<class... Parts>
void Negotiation::reply(OptionReply type, const Parts&... parts) {
  const std::size_t bytes = (bytes_of(parts).size() + ... + 0);
  put(output_, be64(nbd::kReplyMagic), be32(option_), be32(static_cast<std::uint32_t>(type)),
      be32(static_cast<std::uint32_t>(bytes)), parts...);
}

}  // namespace srp_nbd
