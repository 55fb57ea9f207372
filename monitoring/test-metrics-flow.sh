#!/usr/bin/env bash
# Proves that metrics flow: from a request to tamis, through Prometheus and its rules, to Grafana and Alertmanager.
#   TAMIS_URL         default http://localhost:8000
#   PROMETHEUS_URL    default http://localhost:9090
#   ALERTMANAGER_URL  default http://localhost:9093; empty: not asked
#   GRAFANA_URL       empty: not asked; with GRAFANA_USER and GRAFANA_PASSWORD where it wants them
#   JOB               default iris-api
#   WAIT              most seconds that a figure may take to arrive, default 60
# Sends five requests. Needs curl and python3. Exits with 1 if anything does not flow, with a line for what.
# `ok` never fails: `CHECK && ok ... || bad ...` says one of the two.
# shellcheck disable=SC2015
set -uo pipefail

tamis=${TAMIS_URL:-http://localhost:8000}
prometheus=${PROMETHEUS_URL:-http://localhost:9090}
alertmanager=${ALERTMANAGER_URL-http://localhost:9093}
grafana=${GRAFANA_URL:-}
job=${JOB:-iris-api}
wait=${WAIT:-60}
failed=0 done=0

ok() { printf '  ok      %s\n' "$*"; done=$((done + 1)); }
bad() { printf '  FAILED  %s\n' "$*"; failed=$((failed + 1)); }
part() { printf '%s\n' "$*"; }
get() { curl --silent --show-error --fail --max-time 10 "$@" 2>&1; }

# json EXPRESSION: of the JSON on standard input, as `d`.
json() { python3 -c 'import json,sys; d=json.load(sys.stdin); print(eval(sys.argv[1]))' "$1" 2>/dev/null; }

# query PROMQL: the first value, or nothing.
query() {
    get --get --data-urlencode "query=$1" "$prometheus/api/v1/query" |
        json 'd["data"]["result"][0]["value"][1] if d["data"]["result"] else ""'
}

# within COMMAND...: repeats it until it succeeds or the time is over.
within() {
    local end=$((SECONDS + wait))
    until "$@"; do
        ((SECONDS < end)) || return 1
        sleep 1
    done
}

part "tamis at $tamis"
health=$(get "$tamis/health") && ok "answers: $(json 'd["status"]' <<<"$health")" || bad "does not answer: $health"
if body=$(get "$tamis/metrics"); then
    ok "exposes $(grep -vc '^#' <<<"$body") samples"
    for name in http_requests_total model_predictions_total toxicity_api_requests_total model_loaded; do
        grep -q "^$name" <<<"$body" && ok "exposes $name" || bad "exposes no $name"
    done
else
    bad "has no /metrics: $body"
fi

part "Prometheus at $prometheus"
get "$prometheus/-/ready" >/dev/null && ok "is ready" || bad "is not ready"
targets=$(get "$prometheus/api/v1/targets?state=active") || targets='{}'
states=$(json "' '.join(sorted(t['health'] for t in d['data']['activeTargets'] if t['labels']['job'] == '$job'))" <<<"$targets")
case " $states " in
"  ") bad "has no target of the job $job" ;;
*" down "* | *" unknown "*) bad "targets of $job: $states" ;;
*) ok "targets of $job: $states" ;;
esac
unhealthy=$(get "$prometheus/api/v1/rules" | json '" ".join(r["name"] for g in d["data"]["groups"] for r in g["rules"] if r["health"] == "err") or "none"')
count=$(get "$prometheus/api/v1/rules" | json 'sum(len(g["rules"]) for g in d["data"]["groups"])')
if [[ $unhealthy == none && ${count:-0} -gt 0 ]]; then ok "evaluates $count rules without an error"; else bad "rules: ${count:-none}; with errors: ${unhealthy:-?}"; fi

part "A request becomes a figure"
setosa="sum(model_predictions_total{job=\"$job\",predicted_class=\"setosa\"})"
before=$(query "$setosa")
for _ in 1 2 3 4 5; do
    get --header 'content-type: application/json' --data '{"features":[5.1,3.5,1.4,0.2]}' "$tamis/predict" >/dev/null ||
        bad "POST /predict is refused (a daemon that wants a key cannot be tested so)"
done
risen() { after=$(query "$setosa") && [[ -n $after && -n $before ]] && ((${after%.*} >= ${before%.*} + 5)); }
if within risen; then
    ok "five predictions: model_predictions_total from $before to $after"
else
    bad "five predictions do not arrive within $wait s: from ${before:-nothing} to ${after:-nothing}"
fi
recorded() { [[ -n $(query "sum(flask_http_request_total{job=\"$job\"})") ]]; }
within recorded && ok "the recording rules fill flask_http_request_total" || bad "flask_http_request_total is empty"

if [[ -n $alertmanager ]]; then
    part "Alertmanager at $alertmanager"
    get "$alertmanager/-/ready" >/dev/null && ok "is ready" || bad "is not ready"
    known=$(get "$prometheus/api/v1/alertmanagers" | json 'len(d["data"]["activeAlertmanagers"])')
    [[ ${known:-0} -gt 0 ]] && ok "is known to Prometheus" || bad "is not known to Prometheus"
    receivers=$(get "$alertmanager/api/v2/receivers" | json '" ".join(sorted(r["name"] for r in d))')
    [[ $receivers == "critical warning webhook" ]] && ok "has the receivers $receivers" || bad "has the receivers ${receivers:-none}"
fi

if [[ -n $grafana ]]; then
    part "Grafana at $grafana"
    login=(${GRAFANA_USER:+--user "$GRAFANA_USER:${GRAFANA_PASSWORD:-}"})
    [[ $(get "$grafana/api/health" | json 'd["database"]') == ok ]] && ok "is healthy" || bad "is not healthy"
    uid=$(get "${login[@]}" "$grafana/api/datasources" | json 'next(s["uid"] for s in d if s["type"] == "prometheus" and s["isDefault"])')
    [[ -n $uid ]] && ok "has the data source $uid" || bad "has no Prometheus as its default data source"
    asked=$(get "${login[@]}" --get --data-urlencode "query=$setosa" "$grafana/api/datasources/proxy/uid/$uid/api/v1/query" |
        json 'd["data"]["result"][0]["value"][1]')
    [[ -n $asked ]] && ok "asks Prometheus: $asked predictions of setosa" || bad "gets no answer from Prometheus"
    for board in iris-api-overview kubernetes-infrastructure api-metrics toxicity-overview tamis-internals; do
        title=$(get "${login[@]}" "$grafana/api/dashboards/uid/$board" | json 'd["dashboard"]["title"]')
        [[ -n $title ]] && ok "has the dashboard $title" || bad "lacks the dashboard $board"
    done
fi

if ((failed)); then
    printf '%d of %d checks failed: metrics do not flow\n' "$failed" $((failed + done))
    exit 1
fi
printf 'metrics flow: %d checks\n' "$done"
