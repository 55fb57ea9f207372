#!/usr/bin/env bash
# Prints what goes into a cluster: an overlay, an image, components. Asks no cluster.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

usage() {
    cat <<'USAGE'
usage: render.sh | kubectl apply -f -

environment
  OVERLAY         gke-autopilot, plain, local (default), or base
  IMAGE           the image as the cluster pulls it: REGISTRY/tamis, REGISTRY/tamis:TAG or REGISTRY/tamis@sha256:DIGEST.
                  Left out, what the overlay says; without a tag, the version that base says
  COMPONENTS      names of directories in components/, with spaces between
USAGE
}

case ${1:-} in
'') ;;
help | -h | --help) usage; exit ;;
*) usage >&2; exit 2 ;;
esac

OVERLAY=${OVERLAY:-local} IMAGE=${IMAGE:-}
read -ra components <<<"${COMPONENTS:-}"
[[ $OVERLAY == base ]] && directory=$here/base || directory=$here/overlays/$OVERLAY
for part in "$directory" "${components[@]/#/$here/components/}"; do
    [[ -r $part/kustomization.yaml ]] || { echo "render.sh: there is no $part" >&2; exit 2; }
done

place=$(mktemp -d "${TMPDIR:-/tmp}/tamis-render.XXXXXX")
trap 'rm -rf "$place"' EXIT
up=$(realpath --relative-to="$(realpath "$place")" "$here")
{
    printf 'apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n'
    printf 'resources:\n  - %s%s\n' "$up" "${directory#"$here"}"
    ((!${#components[@]})) || printf 'components:\n'
    ((!${#components[@]})) || printf "  - $up/components/%s\n" "${components[@]}"
    if [[ -n $IMAGE ]]; then
        name=${IMAGE%%@*} last=${IMAGE##*/}
        # A colon before the last slash is a registry's port.
        [[ ${last%%@*} == *:* ]] && name=${name%:*}
        echo 'images:'
        # The name in base, and that of overlays/local.
        for old in tamis localhost/tamis; do
            printf '  - name: %s\n    newName: "%s"\n' "$old" "$name"
            if [[ $IMAGE == *@* ]]; then
                printf '    digest: "%s"\n' "${IMAGE##*@}"
            elif [[ $last == *:* ]]; then
                printf '    newTag: "%s"\n' "${last##*:}"
            fi
        done
    fi
} >"$place/kustomization.yaml"
if type -P kustomize >/dev/null; then
    kustomize build "$place"
else
    kubectl kustomize "$place"
fi
