#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Units that the target adds, removes and brings back while clients use the others: by hand, by itself, after an outage.
source "$(dirname "$0")/lib/daemon.bash"
need nbdinfo nbdcopy cmp

start_daemon
srp connect 'ram://4M?luns=2' --name ram --keepalive 300 --listen "unix:$scratch/nbd.sock" >"$scratch/uris"
uri() { echo "nbd+unix:///lun$1?socket=$scratch/nbd.sock"; }
srp events ram --json >"$scratch/events" &
background_pids+=("$!")
wait_until 10 test -s "$scratch/events" || fail "no events"
has_event() { jq -se "any(.[]; $1)" "$scratch/events" >/dev/null; }
luns_are() { srp show ram --json >"$scratch/show" && jq -e "(.luns | map(.lun)) == $1" "$scratch/show" >/dev/null; }

expect 0 "ram: 0 new units" srp rescan ram

# By hand. The unit is published when the command returns.
srp target map ram --lun 5 --size 8M
srp rescan ram --json >"$scratch/answer"
luns_are '[0, 1, 5]' || fail "lun 5 is not there: $(cat "$scratch/show")"
jq -e '.session.luns | length == 3' "$scratch/answer" >/dev/null || fail "$(cat "$scratch/answer")"
[[ $(timeout 20 nbdinfo --size "$(uri 5)") == 8388608 ]] || fail "lun 5 does not open"
head -c 8M /dev/urandom >"$scratch/data"
timeout 20 nbdcopy "$scratch/data" "$(uri 5)"
wait_until 5 has_event '.kind == "unit_found" and .lun == 5' || fail "no unit_found: $(cat "$scratch/events")"
wait_until 5 has_event '.kind == "published" and .lun == 5' || fail "not published: $(cat "$scratch/events")"

# By itself: the keepalive gets the target's report.
srp target map ram --lun 3 --size 1M
wait_until 10 luns_are '[0, 1, 5, 3]' || fail "lun 3 is not found: $(cat "$scratch/show")"
wait_until 5 has_event '.kind == "published" and .lun == 3' || fail "lun 3 is not published"
[[ $(timeout 20 nbdinfo --size "$(uri 3)") == 1048576 ]] || fail "lun 3 does not open"

# A unit that is gone is away, with its export, and is the same one when it is back.
srp target unmap ram --lun 5
expect 0 "lun 5" srp rescan ram
srp show ram --json >"$scratch/show"
json_is "$scratch/show" '.luns[2].away.code' '"no_such_lun"'
[[ $(timeout 20 nbdinfo --size "$(uri 0)") == 4194304 ]] || fail "lun 0 does not open while lun 5 is away"
timeout 20 nbdcopy "$(uri 5)" "$scratch/out" 2>/dev/null && fail "lun 5 can be read although it is gone"
srp target map ram --lun 5
expect 0 "ram: 0 new units" srp rescan ram
timeout 20 nbdcopy "$(uri 5)" "$scratch/out"
cmp "$scratch/data" "$scratch/out" || fail "lun 5 came back with other data"
wait_until 5 has_event '.kind == "unit_back" and .lun == 5' || fail "no unit_back"

# One unit is erased, and is back only if the operator rescans.
mkfifo "$scratch/full"
exec 7<>"$scratch/full"
timeout 100 nbdcopy "$(uri 5)" - >"$scratch/full" &
background_pids+=("$!")
wait_until 10 session_is ram '.counters.read_bytes > 8600000' || fail "the client reads nothing"
expect 1 "(nbdcopy) is an NBD client of $scratch/nbd.sock" srp erase ram --lun 5
expect 0 "ram: lun 5 erased" srp erase ram --lun 5 --force
luns_are '[0, 1, 3]' || fail "lun 5 is still there: $(cat "$scratch/show")"
timeout 20 nbdinfo --size "$(uri 5)" 2>/dev/null && fail "lun 5 still opens"
[[ $(timeout 20 nbdinfo --size "$(uri 0)") == 4194304 ]] || fail "lun 0 does not open any more"
wait_until 5 has_event '.kind == "unit_erased" and .lun == 5' || fail "no unit_erased"
expect 1 "expected one of 0, 1, 3" srp erase ram --lun 5
srp target map ram --lun 6 --size 1M
wait_until 10 luns_are '[0, 1, 3, 6]' || fail "a search without an operator: $(cat "$scratch/show")"
expect 0 "ram: 0 new units" srp rescan ram
luns_are '[0, 1, 5, 3, 6]' || fail "lun 5 is not back: $(cat "$scratch/show")"
timeout 20 nbdcopy "$(uri 5)" "$scratch/out"
cmp "$scratch/data" "$scratch/out" || fail "lun 5 has other data"
expect 0 "ram: lun 6 erased" srp erase ram --lun 6
exec 7<&-

# After an outage without an operator.
srp target offline ram
srp target map ram --lun 7 --size 1M
expect 1 "no rescan" srp rescan ram
srp target online ram
srp reconnect ram >/dev/null
wait_until 10 luns_are '[0, 1, 5, 3, 7]' || fail "lun 7 is not found after the outage: $(cat "$scratch/show")"

srp disconnect ram >/dev/null
expect 1 "disconnected by administrator: try again when it is live (\`srp-nbd reconnect ram\`)" srp rescan ram
talk <<<'{"command":"rescan","name":"ram"}' >"$scratch/answer"
json_is "$scratch/answer" .error.code '"no_connect"'
expect 4 "no session" srp rescan nobody
srp erase ram >/dev/null

# A session with named units takes no others.
srp connect 'ram://1M?luns=2' --name named --lun 1 --listen "unix:$scratch/named.sock" >/dev/null
srp target map named --lun 4 --size 1M
expect 0 "named: 0 new units" srp rescan named
expect 1 "lun 1 is the last unit of named: \`srp-nbd erase named\`" srp erase named --lun 1
expect 1 "already" srp target map named --lun 4 --size 1M
expect 1 "never had a LUN 9" srp target map named --lun 9
stop_daemon
