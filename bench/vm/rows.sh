# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034,SC2154
#
# The ways to reach the disk. Rows are independent: each begins and ends with only the
# disk and the target, which the first row that needs them sets up.

bench_target() {
    [[ -z $target_group ]] || return 0
    rdma_start
    target_start
    bench_disk
    target_map 0 disk0
    target_online
}

# Write the whole disk once: null_blk has no memory for blocks that were never written, and
# reading such blocks costs less than reading data.
bench_disk() {
    [[ ! -b /dev/disk0 ]] || return 0
    disk_add_null disk0 "$bench_disk_mib" 11111111-0000-4000-8000-000000000000
    dd if=/dev/zero of=/dev/disk0 bs=1M count="$bench_disk_mib" oflag=direct status=none
}

# The disk itself, as the limit for initiators.
row_null_blk() { bench_disk; device=/dev/disk0; measure=fio_thousands; }
end_null_blk() { :; }

# The kernel's initiator.
row_ib_srp() {
    bench_target
    target_permit "$(ib_srp_initiator)"
    ib_srp_login
    device=$(ib_srp_disk 0)
    measure=fio_thousands
}
end_ib_srp() {
    ib_srp_logout
    target_withdraw "$(ib_srp_initiator)"
}

# The library alone, without a block layer above it.
row_libsrpi() {
    bench_target
    target_permit "$srp_initiator"
    device=$(target_uri)
    measure=srpi_bench_thousands
}
end_libsrpi() { target_withdraw "$srp_initiator"; }

# The daemon's kernel device.
row_srp_nbd() {
    bench_target
    target_permit "$srp_initiator"
    load_modules nbd
    srp_start
    srp_connect --lun 0 --device /dev/nbd0 >/dev/null
    device=/dev/nbd0
    measure=fio_thousands
}
end_srp_nbd() {
    srp erase disk
    srp_stop
    target_withdraw "$srp_initiator"
}
