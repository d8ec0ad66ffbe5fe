#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `events` tells of every change in order, from the present states on; a follower that has stopped reading holds nobody
# up, and is told how many it lost.
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
wait_until 10 grep -q attempt_failed "$scratch/all" || fail "no failed attempt: $(cat "$scratch/all")"
srp target online ram >/dev/null
wait_until 10 state_is ram live || fail "not back"
srp connect ram://4M --name other --listen "unix:$scratch/other.sock" >/dev/null
srp erase other >/dev/null
wait_until 10 grep -q '"kind":"erased"' "$scratch/all" || fail "no erase: $(cat "$scratch/all")"

# The n-th line of a kind.
line() { grep "\"kind\":\"$1\"" "$scratch/all" | sed -n "${2}p" > "$scratch/line"; [[ -s $scratch/line ]] || fail "no line $2 of $1"; }
line present 1
json_is "$scratch/line" /session '"ram"'
json_is "$scratch/line" /from null
json_is "$scratch/line" /to '"live"'
[[ $("$JSON_AT" /time < "$scratch/line") =~ ^\"20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\.[0-9]{3}Z\"$ ]] || fail "time"
changes=$(grep '"kind":"state"' "$scratch/all" | grep '"ram"' | sed 's/.*"from":"\([a-z]*\)","to":"\([a-z]*\)".*/\1>\2/' | head -5 | tr '\n' ' ')
[[ $changes == "live>disconnecting disconnecting>disconnected disconnected>connecting connecting>live live>"* ]] || fail "changes: $changes"
line state 1
json_is "$scratch/line" /cause null
line state 5
"$JSON_AT" /cause/code < "$scratch/line" >/dev/null && "$JSON_AT" /cause/message < "$scratch/line" >/dev/null || fail "a loss without a cause"
line attempt_failed 1
"$JSON_AT" /cause/message < "$scratch/line" >/dev/null || fail "a failed attempt without a reason"
line added 1
json_is "$scratch/line" /session '"other"'
line unit_found 1
json_is "$scratch/line" /size_bytes 4194304
line published 1
json_is "$scratch/line" /export "\"nbd+unix:///lun0?socket=$scratch/other.sock\""
wait_until 10 grep -q '  other  erased$' "$scratch/text" || fail "text lags behind: $(cat "$scratch/text")"
grep -q 'Z  ram  is live$' "$scratch/text" && grep -q '  ram  live -> disconnecting$' "$scratch/text" &&
  grep -q '  other  erased$' "$scratch/text" || fail "text: $(cat "$scratch/text")"
! grep -q '"other"' "$scratch/one" || fail "who follows ram hears of other"

# The log says each thing once, with the names that list shows.
[[ $(grep -c 'attempt to connect failed' "$scratch/daemon.log") == $(grep -c attempt_failed "$scratch/all") ]] ||
  fail "failed attempts are not logged once each: $(cat "$scratch/daemon.log")"
! grep -Eq '(lost|stopped) ->|-> (lost|stopped)' "$scratch/daemon.log" || fail "the log has names of states that list does not show"

# Stopped, while more changes go by than its socket and its queue hold.
pairs=$((200 + $(cat /proc/sys/net/core/wmem_default 2>/dev/null || echo 212992) / 1000))
follow "$scratch/stuck" --json
stuck_pid=${background_pids[-1]}
kill -STOP "$stuck_pid"
for ((i = 0; i < pairs; i++)); do
  echo '{"command":"disconnect","name":"ram"}'
  echo '{"command":"reconnect","name":"ram"}'
done > "$scratch/orders"
talk < "$scratch/orders" > "$scratch/answers" || fail "the daemon was held up"
[[ $(grep -c '"ok":true' "$scratch/answers") == $((2 * pairs)) ]] || fail "orders failed: $(grep -v '"ok":true' "$scratch/answers" | head -3)"
is_told() { grep -q '"kind":"lost"' "$scratch/stuck" && tail -1 "$scratch/stuck" | grep '"kind":"present"' >/dev/null; }
kill -CONT "$stuck_pid"
wait_until 10 is_told || fail "the stuck follower is not told: $(tail -2 "$scratch/stuck")"
grep '"kind":"lost"' "$scratch/stuck" > "$scratch/line"
lost=$("$JSON_AT" /lost < "$scratch/line")
[[ $(grep -c . "$scratch/line") == 1 ]] || fail "told more than once"
seen=$(grep -c '"kind":"state"' "$scratch/stuck")
((lost + seen == 4 * pairs)) || fail "$((4 * pairs)) changes: $seen seen, $lost lost"
tail -1 "$scratch/stuck" > "$scratch/line"
json_is "$scratch/line" /to '"live"'

# 16 places; one who hangs up frees his.
for _ in {1..12}; do follow "$scratch/more.${#background_pids[@]}"; done
expect 1 "16 followers" srp events
kill "$stuck_pid"
has_place() {
  "$SRP_NBD" events > "$scratch/again" 2>/dev/null &
  background_pids+=("$!")
  until [[ -s $scratch/again ]] || ! kill -0 "$!" 2>/dev/null; do sleep 0.05; done
  [[ -s $scratch/again ]]
}
wait_until 10 has_place || fail "a place does not become free"
stop_daemon
wait_until 5 grep -q 'the daemon has ended' "$scratch/all.err" || fail "a follower is not told of the daemon's end"
