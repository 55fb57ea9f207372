#!/usr/bin/env bash
# Puts the monitoring of tamis into a cluster, and takes it out again.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
monitoring=$(dirname "$here")

usage() {
    cat <<'USAGE'
usage: deploy.sh COMMAND

  deploy          check, then apply (DRY_RUN=1: ask the API server, and change nothing)
  render          print what would be applied; needs no cluster
  check           look for what deploy needs: programs, the cluster, its custom resources, secrets
  status          pods, services and the last events
  logs [NAME]     follow prometheus (default), alertmanager or grafana
  port-forward    Prometheus on 9090, Alertmanager on 9093, Grafana on 3000, until interrupted
  delete          remove what deploy has made; the namespace, the secrets and the volumes stay

environment
  VARIANT         own (default): Prometheus, Alertmanager and Grafana of its own
                  operator: PrometheusRules and dashboards, for the Prometheus operator
                  gke: ClusterRules, for Google's managed Prometheus
                  The scrape of these two comes with the daemon: deploy/k8s/overlays
  NAMESPACE       default mlops; ClusterRules are in none
  SECRETS_DIR     where VARIANT=own takes its secrets from: the files slack-url, smtp-password, webhook-url and
                  grafana-admin-password. Left out: the secrets alertmanager-secrets and grafana-admin are there already.
  KUBECTL         default kubectl; with a context: KUBECTL='kubectl --context staging'
USAGE
}

VARIANT=${VARIANT:-own}
NAMESPACE=${NAMESPACE:-mlops}
SECRETS_DIR=${SECRETS_DIR:-}
read -ra kubectl <<<"${KUBECTL:-kubectl}"

say() { printf 'monitoring: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

case $VARIANT in
own) directory=$here ;;
operator) directory=$here/operator ;;
gke) directory= ;;
*) say "VARIANT=$VARIANT is none of own, operator, gke"; exit 2 ;;
esac
[[ $NAMESPACE =~ ^[a-z0-9]([-a-z0-9]*[a-z0-9])?$ ]] || { say "NAMESPACE=$NAMESPACE is no name of a namespace"; exit 2; }

# kustomize, or kubectl's own.
kustomize_build() {
    if type -P kustomize >/dev/null; then
        kustomize build --load-restrictor LoadRestrictionsNone "$1"
    else
        kubectl kustomize --load-restrictor LoadRestrictionsNone "$1"
    fi
}

# rules VERSION KIND [METADATA]: the rule files as that custom resource.
rules() {
    local file
    for file in recording alerts; do
        printf -- '---\napiVersion: %s\nkind: %s\nmetadata:\n  name: tamis-%s\n%sspec:\n' "$1" "$2" "$file" "${3:-}"
        sed 's/^\(.\)/  \1/' "$monitoring/prometheus/rules/$file.yml"
    done
}

render() (
    set -e
    case $VARIANT in
    operator)
        rules monitoring.coreos.com/v1 PrometheusRule \
            "  namespace: $NAMESPACE"$'\n  labels:\n    release: kube-prometheus-stack\n'
        ;;
    # Rules would see the series of their own namespace alone, and the daemon has one of its own.
    gke) rules monitoring.googleapis.com/v1 ClusterRules ;;
    esac
    [[ -n $directory ]] || exit 0
    echo ---
    place=$(mktemp -d "${TMPDIR:-/tmp}/tamis-monitoring.XXXXXX")
    trap 'rm -rf "$place"' EXIT
    printf 'apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nnamespace: %s\nresources: [%s]\n' \
        "$NAMESPACE" "$(realpath --relative-to="$(realpath "$place")" "$directory")" >"$place/kustomization.yaml"
    kustomize_build "$place"
)

secret_there() { "${kubectl[@]}" --namespace "$NAMESPACE" get secret "$1" >/dev/null 2>&1; }

check() {
    local file missing=0
    type -P "${kubectl[0]}" >/dev/null || die "${kubectl[0]} is not installed"
    "${kubectl[@]}" version >/dev/null 2>&1 || die "the cluster does not answer: ${kubectl[*]} version"
    case $VARIANT in
    operator) "${kubectl[@]}" get crd prometheusrules.monitoring.coreos.com >/dev/null 2>&1 || die "the cluster has no Prometheus operator" ;;
    gke) "${kubectl[@]}" get crd clusterrules.monitoring.googleapis.com >/dev/null 2>&1 || die "the cluster has no managed Prometheus" ;;
    own)
        if [[ -n $SECRETS_DIR ]]; then
            for file in slack-url smtp-password webhook-url grafana-admin-password; do
                [[ -s $SECRETS_DIR/$file ]] || { say "$SECRETS_DIR/$file is missing or empty"; missing=1; }
            done
        else
            for file in alertmanager-secrets grafana-admin; do
                secret_there "$file" || { say "the secret $file is not in $NAMESPACE: set SECRETS_DIR"; missing=1; }
            done
        fi
        ((!missing)) || exit 1
        ! grep -q 'example\.com' "$monitoring/alertmanager/alertmanager.yml" ||
            say "warning: alertmanager.yml still sends mail by example.com"
        if type -P amtool >/dev/null; then amtool check-config "$monitoring/alertmanager/alertmanager.yml" >&2; fi
        ;;
    esac
    if type -P promtool >/dev/null; then promtool check rules "$monitoring"/prometheus/rules/*.yml >&2; fi
    say "all is there"
}

# apply_secret NAME FILE...: of files, without their content on a command line.
apply_secret() {
    local name=$1
    shift
    "${kubectl[@]}" --namespace "$NAMESPACE" create secret generic "$name" "${@/#/--from-file=}" --dry-run=client -o yaml |
        "${kubectl[@]}" apply "${dry[@]}" -f -
}

deploy() {
    local dry=() name
    check
    [[ -z ${DRY_RUN:-} ]] || dry=(--dry-run=server)
    [[ $VARIANT == gke ]] || "${kubectl[@]}" get namespace "$NAMESPACE" >/dev/null 2>&1 ||
        "${kubectl[@]}" create namespace "$NAMESPACE" "${dry[@]}"
    if [[ $VARIANT == own && -n $SECRETS_DIR ]]; then
        apply_secret alertmanager-secrets "$SECRETS_DIR"/{slack-url,smtp-password,webhook-url}
        apply_secret grafana-admin "admin-password=$SECRETS_DIR/grafana-admin-password"
    fi
    # The dashboards are larger than what a client-side apply may note down.
    render | "${kubectl[@]}" apply --server-side "${dry[@]}" -f -
    if [[ $VARIANT == own && -z ${DRY_RUN:-} ]]; then
        for name in prometheus alertmanager grafana; do
            "${kubectl[@]}" --namespace "$NAMESPACE" rollout status "deployment/$name" --timeout=180s
        done
        say "deployed; 'deploy.sh port-forward' opens it, then monitoring/test-metrics-flow.sh tests it"
    fi
}

status() {
    "${kubectl[@]}" --namespace "$NAMESPACE" get pods,services -l app.kubernetes.io/part-of=tamis-monitoring -o wide
    "${kubectl[@]}" --namespace "$NAMESPACE" get events --sort-by=.lastTimestamp | tail -n 10
}

logs() {
    case $1 in
    prometheus | alertmanager | grafana) "${kubectl[@]}" --namespace "$NAMESPACE" logs "deployment/$1" --tail=100 --follow ;;
    *) say "there are no logs of $1"; exit 2 ;;
    esac
}

port_forward() {
    local pids=()
    trap 'kill "${pids[@]}" 2>/dev/null' EXIT
    "${kubectl[@]}" --namespace "$NAMESPACE" port-forward service/prometheus-service 9090 & pids+=($!)
    "${kubectl[@]}" --namespace "$NAMESPACE" port-forward service/alertmanager-service 9093 & pids+=($!)
    "${kubectl[@]}" --namespace "$NAMESPACE" port-forward service/grafana-service 3000 & pids+=($!)
    say "Prometheus http://localhost:9090, Alertmanager http://localhost:9093, Grafana http://localhost:3000"
    # One that ends ends all: half of a stack tests nothing.
    wait -n
}

# The volumes hold what has been measured: they are removed by hand.
remove() {
    render | "${kubectl[@]}" delete --ignore-not-found -f - --selector 'keep!=true' --wait=true
}

case ${1:-} in
deploy | render | check | status) "$1" ;;
logs) logs "${2:-prometheus}" ;;
port-forward) port_forward ;;
delete) remove ;;
help | -h | --help) usage ;;
*) usage >&2; exit 2 ;;
esac
