#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `events` prints the present states and then every change in order. A follower that stops reading delays nothing, and
# learns how many events it lost.
source "$(dirname "$0")/lib/daemon.bash"

start_daemon
expect 4 'no session "ram"' srp events ram
srp connect ram://8M --name ram --listen "unix:$scratch/nbd.sock" --reconnect-delay 200 --keepalive 100 >/dev/null

follow() { # FILE ARGUMENT...
  "$SRP_NBD" events "${@:2}" > "$1" 2>"$1.err" &
  background_pids+=("$!")
  wait_until 10 test -s "$1" || fail "no first line from events"
}
follow "$scratch/all" --json
follow "$scratch/text"
follow "$scratch/one" ram --json
srp disconnect ram >/dev/null
srp reconnect ram >/dev/null
srp target offline ram >/dev/null
wait_until 10 has_event "$scratch/all" '.kind == "attempt_failed"' || fail "no failed attempt: $(cat "$scratch/all")"
srp target online ram >/dev/null
wait_until 10 state_is ram live || fail "not back"
srp connect ram://4M --name other --listen "unix:$scratch/other.sock" >/dev/null
srp erase other >/dev/null
wait_until 10 has_event "$scratch/all" '.kind == "erased"' || fail "no erase: $(cat "$scratch/all")"

# The n-th line of a kind.
line() { events_of "$scratch/all" ".kind == \"$1\"" | sed -n "${2}p" > "$scratch/line"; [[ -s $scratch/line ]] || fail "no line $2 of $1"; }
line present 1
json_is "$scratch/line" .session '"ram"'
json_is "$scratch/line" .from null
json_is "$scratch/line" .to '"live"'
json_matches "$scratch/line" .time '20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9:]{8}[.][0-9]{3}Z'
changes=$(jq -r 'select(.kind == "state" and .session == "ram") | .from + ">" + .to' "$scratch/all" | head -5 | tr '\n' ' ')
[[ $changes == "live>disconnecting disconnecting>disconnected disconnected>connecting connecting>live live>"* ]] || fail "changes: $changes"
line state 1
json_is "$scratch/line" .cause null
line state 5
json_matches "$scratch/line" .cause.code '.+'
json_matches "$scratch/line" .cause.message '.+'
line attempt_failed 1
json_matches "$scratch/line" .cause.message '.+'
line added 1
json_is "$scratch/line" .session '"other"'
line unit_found 1
json_is "$scratch/line" .size_bytes 4194304
line published 1
json_is "$scratch/line" .export "\"nbd+unix:///lun0?socket=$scratch/other.sock\""
wait_until 10 grep -q '  other  erased$' "$scratch/text" || fail "text lags behind: $(cat "$scratch/text")"
for words in 'Z  ram  is live$' '  ram  live -> disconnecting$'; do
  grep -q "$words" "$scratch/text" || fail "text without '$words': $(cat "$scratch/text")"
done
if has_event "$scratch/one" '.session == "other"'; then fail "a follower of ram hears of other"; fi

# The log reports each event once, with the same names as `list`.
[[ $(grep -c 'attempt to connect failed' "$scratch/daemon.log") == $(events_of "$scratch/all" '.kind == "attempt_failed"' | wc -l) ]] ||
  fail "failed attempts are not logged once each: $(cat "$scratch/daemon.log")"
! grep -Eq '(lost|stopped) ->|-> (lost|stopped)' "$scratch/daemon.log" || fail "the log has names of states that list does not show"

# Stop the follower while there are more changes than its socket and its queue hold.
pairs=$((200 + $(cat /proc/sys/net/core/wmem_default 2>/dev/null || echo 212992) / 1000))
follow "$scratch/stuck" --json
stuck_pid=${background_pids[-1]}
kill -STOP "$stuck_pid"
for ((i = 0; i < pairs; i++)); do
  echo '{"command":"disconnect","name":"ram"}'
  echo '{"command":"reconnect","name":"ram"}'
done > "$scratch/orders"
talk < "$scratch/orders" > "$scratch/answers" || fail "the daemon was held up"
jq -s -e 'all(.[]; .ok)' "$scratch/answers" >/dev/null || fail "orders failed: $(jq -c 'select(.ok | not)' "$scratch/answers" | head -3)"
[[ $(wc -l < "$scratch/answers") == $((2 * pairs)) ]] || fail "$(wc -l < "$scratch/answers") answers to $((2 * pairs)) orders"
is_told() { has_event "$scratch/stuck" '.kind == "lost"' && tail -1 "$scratch/stuck" | jq -e '.kind == "present"'; }
kill -CONT "$stuck_pid"
wait_until 10 is_told || fail "the stuck follower is not told: $(tail -2 "$scratch/stuck")"
events_of "$scratch/stuck" '.kind == "lost"' > "$scratch/line"
[[ $(wc -l < "$scratch/line") == 1 ]] || fail "told more than once"
lost=$(jq .lost "$scratch/line")
seen=$(events_of "$scratch/stuck" '.kind == "state"' | wc -l)
((lost + seen == 4 * pairs)) || fail "$((4 * pairs)) changes: $seen seen, $lost lost"
tail -1 "$scratch/stuck" > "$scratch/line"
json_is "$scratch/line" .to '"live"'

# There are 16 places. A follower that hangs up frees its place.
for _ in {1..12}; do follow "$scratch/more.${#background_pids[@]}"; done
expect 1 "16 followers" srp events
kill "$stuck_pid"
has_place() {
  "$SRP_NBD" events > "$scratch/again" 2>/dev/null &
  local pid=$!
  background_pids+=("$pid")
  is_decided() { [[ -s $scratch/again ]] || is_gone "$pid"; }
  wait_until 10 is_decided && [[ -s $scratch/again ]]
}
wait_until 10 has_place || fail "a place does not become free"
stop_daemon
wait_until 5 grep -q 'the daemon has ended' "$scratch/all.err" || fail "a follower is not told of the daemon's end"
