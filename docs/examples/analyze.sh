#!/usr/bin/env bash
# How toxic is a text, by curl (7.76 or newer): analyze.sh TEXT [MODEL]
# TAMIS_URL is the daemon's address, TAMIS_KEY a key where it wants one.
# Prints the answer; what is refused goes to the error stream, and the exit code is 1.
set -euo pipefail

url=${TAMIS_URL:-http://localhost:8000}
text=${1:?usage: analyze.sh TEXT [MODEL]}
model=${2:-simple}

# A JSON string: quotation marks and backslashes escaped, line ends and tabs as spaces, which change no score.
json_string() {
    printf '"%s"' "$(printf '%s' "$1" | tr '\n\r\t' '   ' | tr -d '\000-\037' | sed 's/["\\]/\\&/g')"
}

# The key goes in by a file descriptor: arguments can be seen by everybody on the machine.
headers() {
    printf 'content-type: application/json\n'
    if [[ -n ${TAMIS_KEY:-} ]]; then
        printf 'x-api-key: %s\n' "$TAMIS_KEY"
    fi
}

answer=$(mktemp)
trap 'rm -f "$answer"' EXIT

# A daemon that is busy answers 503 and says when to come back (Retry-After): --retry waits for as long.
if printf '{"text":%s,"model":%s}' "$(json_string "$text")" "$(json_string "$model")" |
    curl --silent --show-error --fail-with-body --max-time 30 --retry 5 --retry-max-time 60 \
        --header @<(headers) --data-binary @- --output "$answer" "$url/analyze"; then
    cat "$answer"
    echo
else
    # A problem document: `detail` says what is wrong, `error_type` is for programs.
    cat "$answer" >&2
    echo >&2
    exit 1
fi
