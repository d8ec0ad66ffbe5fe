#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# two sessions with the same initiator port id do not evict each other for ever: the loser stops with the reason
#
# rows: 33
# timeout: 180
# kernels: 6.1
# shellcheck source=../guest/lib.sh
source "$SRPI_ROOT/tests/vm/guest/lib.sh"

connects() { of_session "$1" .counters.connects; }
is_live() { state_is "$1" live; }
either() { is_live disk || is_live twin; }
has_given_up() { session_is "$1" '.last_error.message // "" | contains("another initiator logs in there with our port id")'; }
settled() { { has_given_up disk || has_given_up twin; } && either; }

srp_connect_usual --lun 0 --reconnect-delay 1000
srp connect "$(target_uri)" --name twin --lun 0 --initiator-port-id "$srp_initiator" --no-wait
wait_until 60 settled
srp list
before=$(($(connects disk) + $(connects twin)))
sleep 5
after=$(($(connects disk) + $(connects twin)))
expect_equal "logins within 5 s" $((after - before)) 0
if is_live disk && is_live twin; then fail "both are live: $(srp list)"; fi

say "the loser goes, the winner keeps its device"
if is_live disk; then srp erase twin; else srp erase disk; fi
device=/dev/$(nbd_in_use)
same_bytes "$device" "$(disk_backing disk0)"
srp_stop
