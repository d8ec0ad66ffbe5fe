// SPDX-License-Identifier: Apache-2.0
#include "control/reports.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <boost/describe/enum_to_string.hpp>
#include <iterator>

#include "control/option.hpp"

namespace srp_nbd {
namespace {

using srpi::SessionState;

OptionalText gid_text(const std::array<std::uint8_t, 16>& bytes) {
  if (std::ranges::all_of(bytes, [](auto b) { return b == 0; })) return std::nullopt;
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 2)
    text += fmt::format("{}{:02x}{:02x}", i ? ":" : "", bytes[i], bytes[i + 1]);
  return text;
}

OptionalText ended_by(const srpi::SessionStatus& status) {
  if (status.state == SessionState::recovering) return "fault";
  if (status.state != SessionState::disconnecting && status.state != SessionState::disconnected)
    return std::nullopt;
  return status.by_administrator ? "administrator" : "fault";
}

std::optional<Failure> failure_or_null(const srpi::Error& error) {
  if (error.code == srpi::Errc::ok) return std::nullopt;
  return Failure(error);
}

// The remaining time of a timer is not valid if the values are stale.
std::optional<std::int64_t> left(const srpi::OptionalMilliseconds& timer, bool is_stale) {
  if (!timer || is_stale) return std::nullopt;
  return timer->count();
}

std::vector<UnitNotTakenView> not_taken(const srpi::SessionStatus& status) {
  std::vector<UnitNotTakenView> views;
  for (const auto& unit : status.units_not_taken) views.push_back({unit.lun, Failure(unit.why)});
  return views;
}

using Kind = EventKind;

// kind, words, meaning, keys
constexpr EventDescription kEvents[] = {
    {Kind::present, "is {to}", "No change: where a session stands, one line each at the beginning",
     "`to`; `cause` of the last change"},
    {Kind::added, "added", "A session was made", "`to`"},
    {Kind::state, "{from} -> {to}", "A session went from one state to another", "`from`, `to`, `cause`"},
    {Kind::attempt_failed, "attempt to connect failed", "An attempt to connect failed", "`cause`"},
    {Kind::unit_found, "lun {lun} found, {size}  {wwid}", "The first login, or a rescan, has found a unit",
     "`lun`, `device`, `export`, `wwid`, `size_bytes`"},
    {Kind::unit_not_taken, "lun {lun} is not taken",
     "The first login, or a rescan, cannot use a unit that the target reports; the session goes on without "
     "it",
     "`lun`, `cause`"},
    {Kind::unit_resized, "{unit} resized, {old_size} -> {size}", "A unit's size has changed",
     "as `unit_found`; `old_size_bytes`"},
    {Kind::unit_away, "{unit} is away",
     "A unit does not answer as it should, or not at all (`timed_out`): its I/O fails while others of the "
     "session go on",
     "as `unit_found`; `cause`"},
    {Kind::unit_back, "{unit} is back", "A unit that was away has proved to be the same one",
     "as `unit_found`"},
    {Kind::unit_event, "{unit}: the target reports: {event}{times}",
     "The target has reported something about a unit; reports that come faster than they are taken are one "
     "event",
     "`event`, `count` of reports; as `unit_found`, or only `lun`: `null` for a unit that the session does "
     "not use"},
    {Kind::published, "lun {lun} published, {place}", "A unit can be opened", "as `unit_found`"},
    {Kind::publish_failed, "not published", "None of the session's units can be opened", "`cause`"},
    {Kind::unit_publish_failed, "lun {lun} is not published",
     "A unit that a rescan has found cannot be opened; the others can", "as `unit_found`; `cause`"},
    {Kind::device_lost, "{unit} lost", "Somebody else has disconnected a unit's kernel device",
     "as `unit_found`; `cause`"},
    {Kind::unit_erased, "{unit} erased",
     "A unit was erased: it is not published any more, the session goes on", "as `unit_found`"},
    {Kind::unit_changed, "{unit} has other properties: see `srp-nbd show`",
     "A unit is write-protected now or not any more, or refuses UNMAP or WRITE SAME, which it offers. Writes "
     "to a protected unit fail; a kernel device stays as it was made",
     "as `unit_found`"},
    {Kind::erased, "erased", "The session is gone, with all that it published",
     "`cause` where a `connect` failed that was waited for"},
    {Kind::lost, "{lost} events lost: they came faster than they were taken",
     "This follower was too slow: events are missing here", "`lost`; `session` is `null`"},
};

std::string iso_time(Event::Time time) {
  const auto since_epoch = std::chrono::floor<std::chrono::milliseconds>(time.time_since_epoch());
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(std::chrono::system_clock::to_time_t(time)),
                     since_epoch.count() % 1000);
}

std::string unit_words(const Event& event) {
  if (!event.lun || !*event.lun) return "a unit that is not in use";
  const auto device = event.device.value_or(std::nullopt);
  return fmt::format("lun {}{}", **event.lun, device ? fmt::format(" ({})", *device) : "");
}

}  // namespace

OptionalText text_or_null(std::string text) {
  if (text.empty()) return std::nullopt;
  return text;
}

UnitView make_unit_view(const srpi::LogicalUnitInfo& info) {
  return {.lun = info.lun,
          .device = {},
          .export_ = {},
          .wwid = text_or_null(info.wwid),
          .serial = text_or_null(info.serial),
          .vendor = info.vendor,
          .product = info.product,
          .revision = info.revision,
          .block_size = info.block_size,
          .physical_block_size = info.physical_block_size,
          .blocks = info.blocks,
          .size_bytes = info.blocks * info.block_size,
          .read_only = info.read_only,
          .write_cache = info.write_cache,
          .unmap = info.can_unmap,
          .write_zeroes = info.can_write_zeroes,
          .rotational = info.rotational,
          .away = failure_or_null(info.away),
          .publish_error = {}};
}

SessionView make_session_view(std::string name, const srpi::Target& target, const srpi::SessionStatus& status,
                              const srpi::SessionOptions& options, bool is_stale) {
  const auto& ours = status.initiator_port_id;
  return {.name = std::move(name),
          .state = srpi::to_string(status.state),
          .by = ended_by(status),
          .stale = is_stale,
          .target = target.to_uri(),
          .hca = text_or_null(status.device),
          .port = status.port ? std::optional<std::uint32_t>(status.port) : std::nullopt,
          .source = text_or_null(status.source),
          .destination = text_or_null(status.destination),
          .source_gid = gid_text(status.source_gid),
          .destination_gid = gid_text(status.destination_gid),
          .initiator_port_id = ours.is_zero() ? std::nullopt : text_or_null(ours.to_string()),
          .target_port_id = status.target_port_id.to_string(),
          .luns = {},
          .not_taken = not_taken(status),
          .timers = {left(status.next_attempt_in, is_stale), left(status.fast_io_fail_in, is_stale),
                     left(status.dev_loss_in, is_stale)},
          .options = settings_of(options),
          .channels = {status.channels_wanted, status.channels_live, status.channel_losses,
                       failure_or_null(status.channel_error)},
          .last_error = failure_or_null(status.last_error),
          .publish_error = {},
          .rescan_error = failure_or_null(status.rescan_error),
          .negotiated = {status.request_limit, status.max_it_iu_bytes, status.immediate_data},
          .counters = static_cast<const srpi::SessionCounters&>(status),
          .last_disconnect_us = static_cast<double>(status.last_teardown_duration.count()) / 1000.0};
}

std::string_view to_string(EventKind kind) noexcept { return boost::describe::enum_to_string(kind, ""); }

std::span<const EventDescription> event_table() noexcept { return kEvents; }

Event::Event(Time at, std::string session_name, EventKind what)
    : time(iso_time(at)), session(text_or_null(std::move(session_name))), kind(to_string(what)) {}

void Event::set_unit(const UnitView& unit) {
  lun = std::optional(unit.lun);
  device = unit.device;
  export_ = unit.export_;
  wwid = unit.wwid;
  size_bytes = unit.size_bytes;
}

std::string Event::text() const {
  const auto text_of = [](const Maybe<OptionalText>& text) {
    return text.value_or(std::nullopt).value_or("");
  };
  const auto* row = std::ranges::find(kEvents, kind, [](const auto& each) { return to_string(each.kind); });
  auto what = kind;
  if (row != std::end(kEvents))
    what = fmt::format(fmt::runtime(row->words), fmt::arg("from", from.value_or("")),
                       fmt::arg("to", to.value_or("")), fmt::arg("unit", unit_words(*this)),
                       fmt::arg("lun", lun.value_or(std::nullopt).value_or(0)),
                       fmt::arg("place", device && *device ? **device : text_of(export_)),
                       fmt::arg("wwid", text_of(wwid)), fmt::arg("size", size_text(size_bytes.value_or(0))),
                       fmt::arg("old_size", size_text(old_size_bytes.value_or(0))),
                       fmt::arg("event", spaced(event.value_or(""))),
                       fmt::arg("times", count.value_or(1) > 1 ? fmt::format(" ({} times)", *count) : ""),
                       fmt::arg("lost", lost.value_or(0)));
  return fmt::format("{}  {}  {}{}", time, session.value_or("*"), what, cause ? ": " + cause->message : "");
}

std::string events_manual() {
  std::string text = "| Kind | What | Keys |\n|---|---|---|\n";
  for (const auto& row : kEvents)
    text += fmt::format("| `{}` | {} | {} |\n", to_string(row.kind), row.meaning, row.keys);
  return text;
}

std::string size_text(std::uint64_t bytes) {
  constexpr const char* kUnits[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  if (bytes < 1024) return fmt::format("{} B", bytes);
  auto value = static_cast<double>(bytes) / 1024;
  const auto* unit = kUnits;
  for (; value >= 1024 && unit + 1 != std::end(kUnits); ++unit) value /= 1024;
  return fmt::format("{:.1f} {}", value, *unit);
}

std::string spaced(std::string name) {
  std::ranges::replace(name, '_', ' ');
  return name;
}

}  // namespace srp_nbd
