#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# An operator's abort and reset: a correct answer for each unit as text, JSON and exit code; `events` has the target's
# reports; verified I/O survives many of them.
source "$(dirname "$0")/lib/daemon.bash"
need nbdcopy cmp

start_daemon
expect 4 'no session "ram"' srp reset ram
expect 0 "Examples:" srp abort --help
srp connect 'ram://16M?luns=2' --name ram --listen "unix:$scratch/nbd.sock" --fast-io-fail 60000 --reconnect-delay 200 \
  --keepalive 100 >/dev/null
uri="nbd+unix:///lun0?socket=$scratch/nbd.sock"
head -c 16M /dev/urandom > "$scratch/in"
timeout 30 nbdcopy "$scratch/in" "$uri"
"$SRP_NBD" events ram --json > "$scratch/events" &
background_pids+=("$!")
wait_until 10 test -s "$scratch/events" || fail "no first line from events"

expect 0 "ram  lun 1  reset" srp reset ram
expect 0 "ram  lun 0  aborted" srp abort ram --lun 0
srp reset ram --lun 1 --json > "$scratch/answer"
json_is "$scratch/answer" .name '"ram"'
json_is "$scratch/answer" .luns '[{"lun":1,"ok":true,"error":null}]'
expect 1 "no logical unit 7: expected one of 0, 1" srp reset ram --lun 7
expect 2 "--lun" srp reset ram --lun -1
# The target reports the reset with its next answers, and the followers get an event.
wait_until 10 has_event "$scratch/events" '.kind == "unit_event"' || fail "no word of the reset: $(cat "$scratch/events")"
events_of "$scratch/events" '.kind == "unit_event"' | head -1 > "$scratch/line"
json_is "$scratch/line" .event '"logical_unit_reset"'
json_is "$scratch/line" .cause null
json_has "$scratch/line" .lun

# An abort ends I/O that is held during an outage. I/O after the outage works.
expect 0 "" srp target offline ram
wait_until 10 state_is ram recovering || fail "the outage was not noticed"
timeout 50 nbdcopy "$uri" "$scratch/out" 2>"$scratch/held" &
held_pid=$!
background_pids+=("$held_pid")
# The requests may come after the connection, so abort until one abort has found them.
ended() { srp abort ram >/dev/null && ! kill -0 "$held_pid" 2>/dev/null; }
wait_until 20 ended || fail "aborts do not end held I/O"
if wait "$held_pid"; then fail "held I/O succeeded without a target"; fi
grep -q 'Input/output error' "$scratch/held" || fail "how did it end? $(cat "$scratch/held")"
expect 1 "the session is recovering" srp reset ram
expect 0 "" srp target online ram
wait_until 10 state_is ram live || fail "not back"
timeout 30 nbdcopy "$uri" "$scratch/out"
cmp "$scratch/in" "$scratch/out" || fail "the data changed"

# The session is not live: nothing is sent, and the answer says what to do.
srp disconnect ram >/dev/null
expect 1 "lun 0  failed: not reset: the session is disconnected by administrator" srp reset ram
expect 1 "srp-nbd reconnect ram" srp reset ram --lun 1
expect 1 "" srp reset ram --json
{ srp reset ram --json || true; } > "$scratch/answer"
json_is "$scratch/answer" '.luns[1].ok' false
json_is "$scratch/answer" '.luns[1].error.code' '"no_connect"'
expect 0 "aborted" srp abort ram
srp reconnect ram >/dev/null

# A client that hangs up before its answer does not disturb others.
for _ in {1..20}; do
  { echo '{"command":"reset","name":"ram"}'; echo '{"command":"abort","name":"ram","lun":1}'; } |
    "$CONTROL_TALK" --hang-up "$SRP_NBD_CONTROL"
done
expect 0 "reset" srp reset ram

# Many resets at a time do not fail I/O.
copy_until_stopped() {
  until [[ -e $scratch/stop ]]; do timeout 60 nbdcopy "$scratch/in" "$uri" || return; done
}
copy_until_stopped &
copy_pid=$!
background_pids+=("$copy_pid")
pids=()
for i in {1..16}; do srp reset ram > "$scratch/reset.$i" & pids+=("$!"); done
for pid in "${pids[@]}"; do wait "$pid" || fail "one of many resets failed"; done
touch "$scratch/stop"
wait "$copy_pid" || fail "a reset failed a write"
[[ $(cat "$scratch"/reset.* | grep -c 'lun [01]  reset') == 32 ]] || fail "answers: $(cat "$scratch"/reset.*)"
timeout 30 nbdcopy "$uri" "$scratch/out"
cmp "$scratch/in" "$scratch/out" || fail "the data changed under resets"
session_is ram '.counters.losses == 1' || fail "resets cost a connection"
stop_daemon
