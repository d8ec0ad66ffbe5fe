#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# sessions of two daemons with one initiator port id do not evict each other for ever: the loser stops with the reason
#
# rows: 33
# timeout: 180
# kernels: 6.1
# shellcheck source=../guest/lib.sh
source "$SRPI_ROOT/tests/vm/guest/lib.sh"

# twin COMMAND...: with the second daemon.
twin() { srp_control=/run/srp-nbd-twin.sock "$@"; }
connects() { of_session "$1" .counters.connects; }
disk_is_live() { state_is disk live; }
twin_is_live() { twin state_is twin live; }
has_given_up() { session_is "$1" '.last_error.message // "" | contains("another initiator logs in there with our port id")'; }
settled() { { has_given_up disk || twin has_given_up twin; } && { disk_is_live || twin_is_live; }; }

srp_connect_usual --lun 0 --reconnect-delay 1000
say "one daemon refuses a second session with the port ids of the first"
srp_refused 'the session "disk" has the same initiator port id' connect "$(target_uri)" --name twin --lun 0 \
    --initiator-port-id "$srp_initiator"
disk_is_live || fail "the refused connect cost the other session: $(srp list)"
expect_equal "logins" "$(connects disk)" 1

say "two daemons fight for a moment"
"$(srp_program)" daemon --foreground --control /run/srp-nbd-twin.sock 2>/run/srp-nbd-twin.log &
twin_pid=$!
wait_until 20 twin srp list
twin srp connect "$(target_uri)" --name twin --lun 0 --initiator-port-id "$srp_initiator" --no-wait
wait_until 60 settled
srp list
twin srp list
before=$(($(connects disk) + $(twin connects twin)))
sleep 5
after=$(($(connects disk) + $(twin connects twin)))
expect_equal "logins within 5 s" $((after - before)) 0
if disk_is_live && twin_is_live; then fail "both are live: $(srp list; twin srp list)"; fi

say "the loser goes, the winner keeps its device"
if disk_is_live; then twin srp erase twin; else srp erase disk; fi
device=/dev/$(nbd_in_use)
same_bytes "$device" "$(disk_backing disk0)"
kill -TERM $twin_pid
wait $twin_pid || fail "the second daemon ends with status $?"
srp_stop
