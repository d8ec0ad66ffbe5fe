#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The JSON of list and show has all documented keys.
source "$(dirname "$0")/lib/daemon.bash"

start_daemon
srp connect 'ram://16M?luns=2' --name ram --listen "unix:$scratch/nbd.sock" --dev-loss 60000 --keepalive off \
  --task-management-timeout 700 --retry-count 3 --ack-timeout-exponent 15 --fence-first-login \
  --queue-depth 32 --initiator-ext c0ffee >/dev/null
show=$scratch/show
srp show ram --json > "$show"
json_is "$show" .name '"ram"'
json_is "$show" .state '"live"'
json_is "$show" .by null
json_is "$show" .stale false
json_has "$show" .target .hca .port .source .destination .source_gid .destination_gid
json_matches "$show" .initiator_port_id '0000000000c0ffee[0-9a-f]{16}'
json_matches "$show" .target_port_id '[0-9a-f]{32}'
json_is "$show" '.luns[1].lun' 1
json_is "$show" '.luns[1].device' null
json_is "$show" '.luns[1].export' "\"nbd+unix:///lun1?socket=$scratch/nbd.sock\""
json_is "$show" '.luns[0].block_size' 512
json_is "$show" '.luns[0].blocks' 32768
json_is "$show" '.luns[0].size_bytes' 16777216
json_has "$show" '.luns[0].'{wwid,serial,vendor,product,revision,physical_block_size,read_only,write_cache,unmap,write_zeroes,rotational}
json_is "$show" '.luns | map(.wwid) | unique | length' 2
json_is "$show" .timers '{"next_attempt_ms":null,"fast_io_fail_ms":null,"dev_loss_ms":null}'
json_is "$show" .options.dev_loss_ms 60000
json_is "$show" .options.keepalive_ms '"off"'
json_is "$show" .options.task_management_timeout_ms 700
json_is "$show" .options.retry_count 3
json_is "$show" .options.queue_depth 32
json_is "$show" .options.ack_timeout_exponent 15
json_is "$show" .options.fence true
json_is "$show" .options.fence_first_login true
json_is "$show" .last_error null
json_is "$show" .counters.connects 1
json_has "$show" .counters.{losses,commands,command_errors,outstanding,read_bytes,written_bytes}
json_has "$show" .negotiated.{request_limit,max_it_iu_bytes,immediate_data}

srp list --json > "$show"
json_is "$show" '.[0].name' '"ram"'
expect 0 "fence on, fence first login on" srp show ram
# A parameter of the target address has precedence over the option, and is shown.
srp connect 'ram://1M?tl_retry_count=2' --retry-count 5 --name unfenced --listen "unix:$scratch/unfenced.sock" --no-fence >/dev/null
srp show unfenced --json > "$show"
json_is "$show" .options.retry_count 2
json_is "$show" .options.fence false
json_is "$show" .options.fence_first_login false

expect 0 "" srp disconnect ram
srp show ram --json > "$show"
json_is "$show" .state '"disconnected"'
json_is "$show" .by '"administrator"'
json_has "$show" .last_disconnect_us
echo '{"command":"disconnect","name":"ram"}' | talk > "$show"
json_is "$show" .ok true
json_has "$show" .disconnect_us
stop_daemon
