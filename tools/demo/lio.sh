# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154
#
# The kernel's SRP target for the story, by the functions of tests/vm/guest.

demo_lio_start() {
    target_start
    disk_add_null disk0 256 11111111-0000-4000-8000-000000000000
    disk_add_file disk1 64 22222222-0000-4000-8000-000000000000
    target_map 0 disk0
    target_map 1 disk1
    target_permit "$srp_initiator"
    target_online
}

demo_lio_stop() {
    target_stop
    disks_remove_all
}

demo_target() { target_uri; }
demo_initiator() { echo "$srp_initiator"; }
demo_target_off() { target_offline; }
demo_target_on() { target_online; }
demo_disk() { disk_backing "disk$1"; }
