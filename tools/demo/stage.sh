# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# How the demonstration speaks: a heading, a remark, a command as it would be typed with
# what it really printed. A command that does not do what the story says ends it.
#
# Colours are used when DEMO_COLOR is 1.

stage_bold='' stage_dim='' stage_plain='' stage_red=''
if [[ ${DEMO_COLOR:-0} == 1 ]]; then
    stage_bold=$'\e[1m' stage_dim=$'\e[2m' stage_plain=$'\e[0m' stage_red=$'\e[31m'
fi

heading() { printf '\n%s== %s%s\n' "$stage_bold" "$*" "$stage_plain"; }
remark() { printf '%s   %s%s\n' "$stage_dim" "$*" "$stage_plain"; }

stage_fail() {
    printf '%sdemo: %s%s\n' "$stage_red" "$*" "$stage_plain" >&2
    exit 1
}

prompt() { printf '%s$ %s%s\n' "$stage_bold" "$1" "$stage_plain"; }

# show COMMANDLINE: it has to succeed.
show() {
    local status=0
    prompt "$1"
    eval "$1" || status=$?
    ((status == 0)) || stage_fail "that was to succeed; status $status"
}

# show_error WORDS COMMANDLINE: it has to fail with these words.
show_error() {
    local output
    prompt "$2"
    if output=$(eval "$2" 2>&1); then
        echo "$output"
        stage_fail "that was to fail"
    fi
    printf '%s\n' "$output"
    [[ $output == *"$1"* ]] || stage_fail "that was to fail with '$1'"
    # dd says how long it took, also when it failed.
    if [[ $output =~ 'copied, '([0-9.e-]+)' s' ]]; then
        remark "$(awk -v s="${BASH_REMATCH[1]}" 'BEGIN { printf "an error after %.0f us", s * 1e6 }')"
    fi
}

srp() { srp-nbd "$@"; }
# shellcheck source=../../tests/lib/observe.sh
source "$(dirname "${BASH_SOURCE[0]}")/../../tests/lib/observe.sh"

# stage_until SECONDS WHAT COMMAND...
stage_until() { wait_until "$1" "${@:3}" || stage_fail "waited in vain: $2"; }

# Start the daemon for the story, its log in $1, and end it with the story.
stage_daemon() {
    local log=$1
    stage_log=$log
    prompt "srp-nbd daemon --foreground &"
    srp-nbd daemon --foreground 2>"$log" &
    stage_daemon_pid=$!
    stage_until 20 "the daemon answers" srp-nbd list
}

stage_daemon_end() {
    local status=0
    [[ -n ${stage_daemon_pid:-} ]] || return 0
    kill -TERM "$stage_daemon_pid" 2>/dev/null || true
    wait "$stage_daemon_pid" || status=$?
    stage_daemon_pid=''
    return "$status"
}

# For an EXIT trap: what the daemon had to say, if the story went wrong.
stage_log_on_failure() {
    if (($1)) && [[ -s ${stage_log:-} ]]; then
        echo "--- the daemon's log:" >&2
        tail -n 30 "$stage_log" >&2
    fi
}
