// SPDX-License-Identifier: Apache-2.0
#include "control/event.hpp"

#include <fmt/args.h>
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>

#include "control/words.hpp"

namespace srp_nbd {
namespace {

using Kind = EventKind;
constexpr std::string_view kUnitKeys = "`lun`, `device`, `export`, `wwid`, `size_bytes`";

// kind, name, words, meaning, keys
constexpr EventDescription kEvents[] = {
    {Kind::present, "present", "is {to}", "No change: where a session stands, one line each at the beginning",
     "`to`; `cause` of the last change"},
    {Kind::added, "added", "added", "A session was made", "`to`"},
    {Kind::state, "state", "{from} -> {to}", "A session went from one state to another",
     "`from`, `to`, `cause`"},
    {Kind::attempt_failed, "attempt_failed", "attempt to connect failed", "An attempt to connect failed",
     "`cause`"},
    {Kind::unit_found, "unit_found", "lun {lun} found, {size}  {wwid}", "The first login has found a unit",
     kUnitKeys},
    {Kind::unit_resized, "unit_resized", "{unit} resized, {old_size} -> {size}", "A unit's size has changed",
     "as `unit_found`; `old_size_bytes`"},
    {Kind::unit_away, "unit_away", "{unit} is away",
     "A unit does not answer as it should, or not at all (`timed_out`): its I/O fails while others of the "
     "session go on",
     "as `unit_found`; `cause`"},
    {Kind::unit_back, "unit_back", "{unit} is back", "A unit that was away has proved to be the same one",
     "as `unit_found`"},
    {Kind::unit_event, "unit_event", "{unit}: the target reports: {event}",
     "The target has reported something about a unit",
     "`event`; as `unit_found`, or only `lun`: `null` for a unit that the session does not use"},
    {Kind::published, "published", "lun {lun} published, {place}", "A unit can be opened", "as `unit_found`"},
    {Kind::publish_failed, "publish_failed", "not published", "None of the session's units can be opened",
     "`cause`"},
    {Kind::device_lost, "device_lost", "{unit} lost", "Somebody else has disconnected a unit's kernel device",
     "as `unit_found`; `cause`"},
    {Kind::erased, "erased", "erased", "The session is gone, with all that it published",
     "`cause` where a `connect` failed that was waited for"},
    {Kind::lost, "lost", "{lost} events lost: they came faster than they were taken",
     "This follower was too slow: events are missing here", "`lost`; `session` is `null`"},
};

std::string iso_time(Event::Time time) {
  using namespace std::chrono;
  const auto since_epoch = floor<milliseconds>(time.time_since_epoch());
  const auto whole = floor<seconds>(since_epoch);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(static_cast<std::time_t>(whole.count())),
                     (since_epoch - whole).count());
}

std::string unit_words(const Event& event) {
  if (!event.lun || !*event.lun) return "a unit that is not in use";
  const auto device = event.device.value_or(std::nullopt);
  return fmt::format("lun {}{}", **event.lun, device ? fmt::format(" ({})", *device) : "");
}

}  // namespace

std::span<const EventDescription> event_table() noexcept { return kEvents; }

Event::Event(Time at, std::string session_name, EventKind what)
    : time(iso_time(at)), session(text_or_null(std::move(session_name))) {
  kind = std::ranges::find(kEvents, what, &EventDescription::kind)->name;
}

void Event::set_unit(const UnitView& unit) {
  lun = std::optional(unit.lun);
  device = unit.device;
  export_ = unit.export_;
  wwid = unit.wwid;
  size_bytes = unit.size_bytes;
}

std::string Event::text() const {
  const auto* row = std::ranges::find(kEvents, kind, &EventDescription::name);
  auto what = kind;
  if (row != std::end(kEvents)) {
    const auto text_of = [](const Maybe<OptionalText>& text) {
      return text.value_or(std::nullopt).value_or("");
    };
    const auto place = text_of(device);
    what = fmt::format(fmt::runtime(row->words), fmt::arg("from", from.value_or("")),
                       fmt::arg("to", to.value_or("")), fmt::arg("unit", unit_words(*this)),
                       fmt::arg("lun", lun.value_or(std::nullopt).value_or(0)),
                       fmt::arg("place", place.empty() ? text_of(export_) : place),
                       fmt::arg("wwid", text_of(wwid)), fmt::arg("size", size_text(size_bytes.value_or(0))),
                       fmt::arg("old_size", size_text(old_size_bytes.value_or(0))),
                       fmt::arg("event", spaced(event.value_or(""))), fmt::arg("lost", lost.value_or(0)));
  }
  return fmt::format("{}  {}  {}{}", time, session.value_or("*"), what, cause ? ": " + cause->message : "");
}

std::string events_manual() {
  std::string text = "| Kind | What | Keys |\n|---|---|---|\n";
  for (const auto& row : kEvents)
    text += fmt::format("| `{}` | {} | {} |\n", row.name, row.meaning, row.keys);
  return text;
}

}  // namespace srp_nbd
