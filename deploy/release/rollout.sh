#!/usr/bin/env bash
# rollout.sh OVERLAY IMAGE@DIGEST [VERSION]: applies an overlay of deploy/k8s, by its name, with that image to the cluster that
# kubectl speaks to, waits until it is rolled out, and asks one of the new pods what smoke.py asks, VERSION among it. Where it
# does not become ready or answers wrongly, the Deployment goes back to what ran before. Exits with 0 only if the new one serves.
# COMPONENTS    as in deploy/k8s/render.sh
# KUBECTL       kubectl (the default)
# SMOKE_API_KEY a key that smoke.py sends, where the daemon has --auth
set -euo pipefail

namespace=tamis
deployment=deployment/tamis
# Longer than all pods take one after the other: each is ready in seconds, and ends in at most its grace period.
patience=600s
kubectl=${KUBECTL:-kubectl}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

if (($# < 2)); then
    echo "usage: rollout.sh OVERLAY IMAGE@DIGEST [VERSION]" >&2
    exit 2
fi
overlay=$1
image=$2
version=${3:-}
# A tag may be moved after it was tested; a digest is what was tested.
if [[ ! $image =~ ^[^@[:space:]]+@sha256:[0-9a-f]{64}$ ]]; then
    echo "rollout.sh: '$image' is no IMAGE@sha256:DIGEST" >&2
    exit 2
fi

work=$(mktemp -d)
forward=
trap '[[ -z $forward ]] || kill "$forward" 2>/dev/null || true; rm -rf "$work"' EXIT
OVERLAY=$overlay IMAGE=$image "$here/../k8s/render.sh" >"$work/objects.yaml"

ask() { "$kubectl" --namespace "$namespace" "$@"; }

# Asks a pod of the Deployment, by a way that needs no address from outside.
smoke() {
    local port
    "$kubectl" --namespace "$namespace" port-forward --address 127.0.0.1 "$deployment" :8000 >"$work/forward" &
    forward=$!
    for _ in {1..100}; do
        port=$(sed -n 's/^Forwarding from 127\.0\.0\.1:\([0-9]*\) .*/\1/p' "$work/forward")
        [[ -z $port ]] || break
        sleep 0.1
    done
    if [[ -z $port ]]; then
        echo "rollout.sh: no way to a pod within 10 s" >&2
        return 1
    fi
    "$here/smoke.py" "http://127.0.0.1:$port" ${version:+"$version"}
}

before=$(ask get "$deployment" --ignore-not-found --output name)
"$kubectl" apply -f "$work/objects.yaml"
if ask rollout status "$deployment" --timeout="$patience" && smoke; then
    echo "rollout.sh: $image serves"
    exit 0
fi
if [[ -n $before ]]; then
    echo "rollout.sh: $image does not serve: going back" >&2
    ask rollout undo "$deployment"
    ask rollout status "$deployment" --timeout="$patience"
else
    echo "rollout.sh: $image does not serve, and there is nothing to go back to" >&2
fi
exit 1
