#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# the target's disk hangs under verified I/O: aborts, end of the connection, EIO in time; no login succeeds before the old writes are over
#
# rows: 21 23
# timeout: 240
# kernels: 6.12
# shellcheck source=../guest/lib.sh
source "$SRPI_ROOT/tests/vm/guest/lib.sh"

rdma_start
target_start
disk_add_mapped disk0 64 11111111-0000-4000-8000-000000000000
target_map 0 disk0
target_online
target_permit "$srp_initiator"
load_modules nbd
srp_start
srp_connect --command-timeout 2000 --task-management-timeout 1000 --reconnect-delay 1000
srp_follow /tmp/events
# 2 s for the command, 1 s each for its abort and for the reset of the unit, then the connection ends; plus some time
# for the emulated machine.
verified_start /dev/nbd0 8 16 8 8000

for ((i = 0; i < 2; i++)); do
    wait_until 20 srp_state_is live
    sleep 1
    before=$(srp_counter losses)
    wait_until 30 verified_works
    begin=$(now_us)
    dmsetup suspend --nolockfs mapped-disk0
    wait_until 20 verified_since error "$begin"
    ended() { (($(srp_counter losses) > before)); }
    wait_until 20 ended
    say "the writes that hang are still with the target: no session before they are over"
    for ((k = 0; k < 12; k++)); do
        sleep 0.5
        if srp_state_is live; then fail "live while the disk hangs: $(tail -n 5 "$srp_log")"; fi
    done
    reads_fail_at_once /dev/nbd0
    begin=$(now_us)
    dmsetup resume mapped-disk0
    wait_until 30 verified_since good "$begin"
    verified_is_fine
done
sleep 1
verified_stop "$(disk_backing disk0)"
grep -q 'LOGICAL UNIT RESET' "$srp_log" || fail "the fence is not what kept the logins away: $(tail -n 20 "$srp_log")"
srp erase disk

say "without the fence the session is back while they hang"
srp_connect --command-timeout 2000 --task-management-timeout 1000 --reconnect-delay 1000 --no-fence
dmsetup suspend --nolockfs mapped-disk0
must_fail dd if=/dev/zero of=/dev/nbd0 bs=4k count=1 oflag=direct status=none
ended() { (($(srp_counter losses) > 0)); }
wait_until 20 ended
wait_until 20 srp_state_is live
dmsetup resume mapped-disk0
srp erase disk
srp_stop
