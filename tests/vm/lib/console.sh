# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# What the guest's kernel says on its console, judged.

# Each is a defect of something that ran: a test run with one of them has failed.
console_complaints='BUG:|kernel BUG at|Oops:|Oops -|general protection fault|Kernel panic'
console_complaints+='|WARNING: CPU:|WARNING: possible|INFO: task .* blocked for more than'
console_complaints+='|soft lockup|rcu: INFO: .* stall|UBSAN:|KASAN:|Out of memory: Killed'

# Print the complaints in a console log, if any; true when there are some.
console_trouble() {
    grep -aE "$console_complaints" "$1"
}

# The end of a console log, without what the firmware does to a terminal.
console_tail() {
    local log=$1 lines=$2
    sed 's/\r//g; s/\x1b\[[0-9;?=]*[a-zA-Z]//g; s/\x1bc//g' "$log" | tail -n "$lines" | sed 's/^/    | /'
}
