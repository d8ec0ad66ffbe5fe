#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# After a disconnect clients get EIO at once and the socket stays; after a reconnect the data is there; after an erase
# the socket is gone.
source "$(dirname "$0")/lib/daemon.bash"
need nbdcopy cmp

start_daemon
srp connect ram://32M --name ram --listen "unix:$scratch/nbd.sock" >/dev/null
uri="nbd+unix:///lun0?socket=$scratch/nbd.sock"
head -c 32M /dev/urandom > "$scratch/in"
timeout 30 nbdcopy "$scratch/in" "$uri"

expect 0 "ram disconnected in " srp disconnect ram
state_is ram disconnected || fail "not disconnected"
session_is ram '.by == "administrator"' || fail "an administrator disconnected it, the JSON says otherwise"
[[ -S $scratch/nbd.sock ]] || fail "disconnect removed the socket"
expect 1 "Input/output error" timeout 20 nbdcopy "$uri" "$scratch/out"
expect 0 "" srp disconnect ram

expect 0 "ram is live" srp reconnect ram
expect 0 "ram is live" srp reconnect ram
timeout 30 nbdcopy "$uri" "$scratch/out"
cmp "$scratch/in" "$scratch/out" || fail "the data changed over the reconnect"
session_is ram '.counters.losses == 0' || fail "a disconnect on request is no loss"

expect 0 "ram erased" srp erase ram
[[ ! -e $scratch/nbd.sock ]] || fail "erase left the socket"
expect 0 "no sessions" srp list
expect 4 'no session "ram"' srp show ram
stop_daemon
