# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# How shell tests, on this machine and in a virtual one, and the demonstration look at srp-nbd: they wait for what they
# expect, and read JSON with jq.
#
# Needs from the includer: srp COMMAND... (srp-nbd with its daemon).

# wait_until SECONDS COMMAND...: repeats the command until it is true. False, with words, if it is not within SECONDS.
wait_until() {
    local seconds=$1 deadline
    shift
    deadline=$((SECONDS + seconds))
    until "$@" >/dev/null 2>&1; do
        ((SECONDS < deadline)) || { echo "not within $seconds s: $*" >&2; return 1; }
        sleep 0.05
    done
}

# of_session NAME FILTER: what jq's filter finds in `show NAME`, a string without its quotes.
of_session() { srp show "$1" --json | jq -r "$2"; }

# session_is NAME CONDITION: for what `show NAME` says, a filter of jq.
session_is() { srp show "$1" --json | jq -e "$2" >/dev/null; }

# state_is NAME STATE
state_is() { session_is "$1" ".state == \"$2\""; }

# has_event FILE CONDITION: FILE is what `events --json` has written by now.
has_event() { jq -n -e "any(inputs; $2)" "$1" >/dev/null; }

# fio_says FILE CONDITION: of fio's report in JSON, which may have words before it.
fio_says() { sed -n '/^{/,$p' "$1" | jq -e "$2" >/dev/null; }

# events_of FILE CONDITION: these events, one a line.
events_of() { jq -c "select($2)" "$1"; }
