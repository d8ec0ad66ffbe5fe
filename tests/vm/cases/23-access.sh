#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# withdrawing access fails I/O with a message; when access is back, `sync` makes the same device work again
#
# rows: 7
# timeout: 240
# kernels: 6.12
# shellcheck source=../guest/lib.sh
source "$SRPI_ROOT/tests/vm/guest/lib.sh"

srp_connect_usual --reconnect-delay 1000
srp_follow /tmp/events
# Not LUN 0: between the end of the access and the end of the session, Linux's target answers reads of the first blocks
# of LUN 0 with zeroes and GOOD (transport_lookup_cmd_lun, tpg_virt_lun0).
verified_start /dev/nbd1
sync_once() { target_login_string | srp sync --initiator-port-id "$srp_initiator" 2>&1; }
[[ $(sync_once) == *"1 unchanged"*"nothing changed" ]] || fail "sync touches a live session: $(sync_once)"

begin=$(now_us)
target_withdraw "$srp_initiator"
wait_until 30 verified_since error "$begin"
wait_until 20 session_is disk '.state == "disconnected" and .by == "fault"'
# Either the target has ended the session, or it reported first that its units changed, and the proof missed one.
wait_until 20 has_event /tmp/events '.cause.message // "" | test("login rejected.*access|no block device at LUN")'
if said=$(sync_once); then fail "sync without access: $said"; fi
[[ $said == *"login rejected"*"access"* ]] || fail "sync without access: $said"
reads_fail_at_once /dev/nbd1
verified_is_fine

begin=$(now_us)
target_permit "$srp_initiator"
[[ $(sync_once) == *"1 reconnected"* ]] || fail "sync does not reconnect what was lost"
wait_until 20 verified_since good "$begin"
sleep 1
verified_stop "$(disk_backing disk1)"
[[ $(sync_once) == *"nothing changed" ]] || fail "sync twice: $(sync_once)"
expect_equal "devices" "$(nbd_in_use | tr '\n' ' ')" "nbd0 nbd1 "
same_bytes /dev/nbd0 "$(disk_backing disk0)"
same_bytes /dev/nbd1 "$(disk_backing disk1)"
srp erase disk
srp_stop
