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

// Appends texts without their terminating zeros, integers of the wire, and wire structures.
template<class... Parts>
void put(std::vector<std::byte>& to, const Parts&... parts) {
  const auto append = [&to](auto bytes) { to.insert(to.end(), bytes.begin(), bytes.end()); };
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
  std::size_t consumed = 0;
  while (outcome_ == Outcome::going_on) {
    const auto part = bytes.subspan(consumed, std::min(bytes.size() - consumed, missing_));
    if (step_ != Step::skipped_data) input_.insert(input_.end(), part.begin(), part.end());
    consumed += part.size();
    missing_ -= part.size();
    if (missing_ > 0) break;
    perform_step();
    if (output_.size() > kMaxOutputBytes) refuse("the client asks without reading the answers");
  }
  return consumed;
}

void Negotiation::expect(Step step, std::size_t bytes) {
  step_ = step;
  missing_ = bytes;
  input_.clear();
}

void Negotiation::perform_step() {
  switch (step_) {
    case Step::client_flags: return on_client_flags();
    case Step::option_header: return on_option_header();
    case Step::option_data: on_option(); break;
    case Step::skipped_data:
      reply(OptionReply::error_too_big, fmt::format("an option carries at most {} bytes", kMaxOptionBytes));
      break;
  }
  expect(Step::option_header, sizeof(nbd::OptionHeader));
}

void Negotiation::on_client_flags() {
  const std::uint32_t flags = load<be32>(input_);
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
  const bool is_too_big = length > kMaxOptionBytes;
  // EXPORT_NAME cannot be answered with an error.
  if (length > kMaxSkippedBytes || (is_too_big && Option{option_} == Option::export_name))
    return refuse(fmt::format("option {} announces {} bytes", option_, length));
  expect(is_too_big ? Step::skipped_data : Step::option_data, length);
}

void Negotiation::on_option() {
  switch (Option{option_}) {
    case Option::export_name: return on_export_name();
    case Option::abort:
      reply(OptionReply::ack);
      outcome_ = Outcome::ended;
      return;
    case Option::list: return on_list();
    case Option::info:
    case Option::go: return on_info();
    case Option::starttls:
      return reply(OptionReply::error_policy, "no TLS here: the socket's file mode decides who may connect");
    default: return reply(OptionReply::error_unsupported, "this server has no such option");
  }
}

void Negotiation::on_list() {
  if (!input_.empty()) return reply(OptionReply::error_invalid, "LIST carries no data");
  for (const auto& e : exports_())
    reply(OptionReply::server, be32(static_cast<std::uint32_t>(e.name.size())), e.name);
  reply(OptionReply::ack);
}

void Negotiation::on_info() {
  const auto invalid = [&](std::string_view why) { reply(OptionReply::error_invalid, why); };
  // A u32 length of the name, the name, a u16 count, and `count` u16 types.
  const std::span<const std::byte> data = input_;
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
  // Sent also without a request, because every client must know the minimum block size.
  reply(OptionReply::info, field(InfoType::block_size), be32(e.block_size), be32(e.preferred_block_size),
        be32(e.max_request_bytes));
  if (wants(InfoType::name)) reply(OptionReply::info, field(InfoType::name), e.name);
  if (wants(InfoType::description) && !e.description.empty())
    reply(OptionReply::info, field(InfoType::description),
          std::string_view(e.description).substr(0, kMaxNameBytes));
  reply(OptionReply::ack);
  if (Option{option_} == Option::go) outcome_ = Outcome::transmission;
}

void Negotiation::on_export_name() {
  if (!choose(text_of(input_))) return refuse("the client asks for an export that does not exist");
  put(output_, be64(chosen_->size_bytes), be16(chosen_->transmission_flags));
  if (!no_zeroes_) output_.resize(output_.size() + 124);
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
  const std::size_t at = output_.size();
  nbd::OptionReplyHeader header{nbd::kReplyMagic, option_, static_cast<std::uint32_t>(type), 0u};
  put(output_, header);
  put(output_, parts...);
  header.length = static_cast<std::uint32_t>(output_.size() - at - sizeof header);
  std::memcpy(output_.data() + at, &header, sizeof header);
}

}  // namespace srp_nbd
