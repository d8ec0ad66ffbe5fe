#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# each wrong login and each wrong device is refused with its own message and leaves nothing behind
#
# rows: 7
# timeout: 300
# kernels: 6.1
# shellcheck source=../guest/lib.sh
source "$SRPI_ROOT/tests/vm/guest/lib.sh"

target_start_usual 64 32
srp_start
# refused WORDS CONNECT_ARGUMENT...: it fails within the deadline plus the programs' run time, and leaves no session or
# device.
refused() {
    local begin took
    begin=$(now_ms)
    srp_refused "$1" connect "${@:2}" --name wrong --initiator-port-id "$srp_initiator" --connect-timeout 5000
    took=$(($(now_ms) - begin))
    ((took <= 5000 + 5000)) || fail "took $took ms"
    expect_equal "sessions" "$(srp list --json | jq length)" 0
    expect_equal "nbd devices in use" "$(nbd_in_use)" ''
}

say "no access list"
refused "or no access; add an ACL for the initiator port id" "$(target_uri)"
target_permit "$srp_initiator"

say "no nbd module"
[[ ! -e /sys/module/nbd ]] || fail "nbd is loaded already"
hidden=/lib/modules/$(uname -r)/kernel/drivers/block
mount -t tmpfs none "$hidden"
refused "the kernel's nbd module is not loaded: modprobe nbd" "$(target_uri)"
if grep -q "has lost its connection" "$srp_log"; then fail "the log speaks of a device that never was"; fi
umount "$hidden"
load_modules nbd

say "a wrong ioc_guid, a closed port, an address without anyone"
refused "no target port with that id" "srp://$rdma_address:$target_port/?id_ext=$(target_id_ext)&ioc_guid=dead"
refused "no SRP target listens there" "srp://$rdma_address:5999/?id_ext=$(target_id_ext)&ioc_guid=$(target_ioc_guid)"
refused "no answer to address resolution" "srp://10.65.0.99:5555/?id_ext=$(target_id_ext)&ioc_guid=$(target_ioc_guid)"

say "an unknown logical unit, and one device for two units"
refused "no such logical unit: LUN 9" "$(target_uri)" --lun 9
refused "names one device, and the target has 2 logical units" "$(target_uri)" --device /dev/nbd5

say "a device in use"
srp_connect --lun 0 --device /dev/nbd5
target_permit 00000000000000cc0000000000000002
second=00000000000000cc0000000000000002
srp_refused 'is in use by the session "disk"' connect "$(target_uri)" --name wrong --lun 1 --device /dev/nbd5 \
    --initiator-port-id "$second"
srp erase disk

say "a device that somebody has open, which an erase does not wait for"
exec {kept}</dev/nbd7
refused "/dev/nbd7 is in use: somebody has it open" "$(target_uri)" --lun 0 --device /dev/nbd7
srp_connect --lun 0 --device /dev/nbd7 --connect-timeout 30000 >/tmp/connect.log 2>&1 &
connect_pid=$!
wait_until 20 srp_state_is live  # now it waits for the device
begin=$(now_ms)
srp erase disk
took=$(($(now_ms) - begin))
((took < 10000)) || fail "an erase beside a busy device took $took ms"
if wait "$connect_pid"; then fail "connect went well, though its session was erased"; fi
grep -q "erased meanwhile" /tmp/connect.log || fail "connect said: $(cat /tmp/connect.log)"
exec {kept}<&-
sleep 1
expect_equal "nbd devices in use" "$(nbd_in_use)" ''

say "a device that another daemon has connected"
"$(srp_program)" run "$(target_uri)" --name other --lun 0 --device /dev/nbd7 --initiator-port-id "$second" \
    --control /run/srp-nbd-other.sock >/tmp/other.log 2>&1 &
other_pid=$!
wait_until 20 grep -q /dev/nbd7 /tmp/other.log
refused_by_other() {
    srp_refused "/dev/nbd7 is connected already, by process $other_pid (srp-nbd)" connect "$(target_uri)" --name wrong --lun 1 \
        --device /dev/nbd7 --initiator-port-id "$srp_initiator"
}
refused_by_other
kill -TERM "$other_pid"
wait "$other_pid" || fail "the other daemon ended with $?"
expect_equal "nbd devices in use" "$(nbd_in_use)" ''

say "a daemon that may not make devices"
srp_stop
srp_start setpriv --bounding-set=-sys_admin --inh-caps=-sys_admin
refused "not permitted; it needs root (CAP_SYS_ADMIN)" "$(target_uri)"
if srp connect "$(target_uri)" --name wrong --initiator-port-id "$srp_initiator" 2>/dev/null; then status=0; else status=$?; fi
expect_equal "exit status" "$status" 5
srp_stop
srp_start

say "the same right away without any of it, by the login string of ib_srp, from a given address"
srp connect "$(target_login_string),src=$rdma_address" --name disk --initiator-port-id "$srp_initiator"
same_bytes /dev/nbd0 "$(disk_backing disk0)"
srp erase disk
srp_stop
