#!/usr/bin/env bash
# try.sh TARBALL [PORT]: verifies the checksum that lies beside the tarball, unpacks it, starts the daemon of it on PORT (8000)
# of this machine, asks it what smoke.py asks, and ends it as a service manager does. Exits with 0 if all went well.
set -euo pipefail

if (($# < 1)); then
    echo "usage: try.sh TARBALL [PORT]" >&2
    exit 2
fi
tarball=$(realpath "$1")
port=${2:-8000}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

(cd "$(dirname "$tarball")" && sha256sum --check --strict --quiet "$(basename "$tarball").sha256")
work=$(mktemp -d)
daemon=
trap '[[ -z $daemon ]] || kill "$daemon" 2>/dev/null || true; rm -rf "$work"' EXIT
tar --extract --gzip --file "$tarball" --directory "$work" --strip-components=1

"$work/bin/tamis" --listen "127.0.0.1:$port" --log-level warn &
daemon=$!
"$here/smoke.py" "http://127.0.0.1:$port" "$("$here/version.sh")"
kill -TERM "$daemon"
ended=0
wait "$daemon" || ended=$?
daemon=
if ((ended)); then
    echo "try.sh: SIGTERM ended the daemon with $ended" >&2
    exit 1
fi
echo "try.sh: $(basename "$tarball") answers, and ends in order"
