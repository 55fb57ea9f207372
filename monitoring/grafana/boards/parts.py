"""What dashboards are made of: panels, queries, variables and annotations, as build.py reads them.

A query is (PromQL, legend). `{@` selects job and instance by the dashboard's variables; `[R]` is Grafana's rate
interval.
Thresholds that an alert has are those of monitoring/prometheus/rules/alerts.yml.
"""

INFERENCE = 'handler=~"/(analyze|predict).*"'
TRAFFIC = 'handler!~"/metrics|/status|/health|/livez|/readyz|/startupz"'
TRAFFIC_ERRORS = 'endpoint!~"/metrics|/status|/health|/livez|/readyz|/startupz"'
GOOD_BAD = [(None, "red"), (1, "green")]
LOADED = [("0", "not loaded", "red"), ("1", "loaded", "green")]


def panel(kind, title, description, unit, queries, **more):
    """`unit` is one of Grafana's; `queries` one (PromQL, legend) or a list of them."""
    queries = queries if isinstance(queries, list) else [queries]
    return {"kind": kind, "title": title, "description": description, "unit": unit, "queries": queries, **more}


def graph(*arguments, **more):
    return panel("timeseries", *arguments, **more)


def stat(*arguments, **more):
    return panel("stat", *arguments, **more)


def rates(metric, by="", selector="@"):
    """Its increase per second, summed over all but the labels `by`."""
    return f"sum{f' by ({by}) ' if by else ''}(rate({metric}{{{selector}}}[R]))"


def mean(metric, by="", selector="@"):
    """Of what a histogram or summary has observed."""
    return rates(f"{metric}_sum", by, selector) + " / " + rates(f"{metric}_count", by, selector)


def busy(metric, by):
    """Rates by these labels, without those that are 0; where all are, the one rate of all."""
    return rates(metric, by) + " > 0 or on () " + rates(metric)


def quantile(share, metric, by="", selector="@"):
    """Interpolated between the bounds of a histogram's buckets."""
    inner = rates(f"{metric}_bucket", f"{by}, le" if by else "le", selector)
    return f"histogram_quantile({share}, {inner})"


def quantiles(metric, by, legend, selector="@"):
    """The 50th, 95th and 99th percentile of a histogram."""
    shares = ((0.5, "p50"), (0.95, "p95"), (0.99, "p99"))
    return [(quantile(share, metric, by, selector), f"{name} {legend}".strip()) for share, name in shares]


JOB = ("job", "Job", "label_values(tamis_build_info, job)", False)
INSTANCE = ("instance", "Instance", 'label_values(tamis_build_info{job=~"$job"}, instance)', True)
ALERTS = ("Alerts", "red", 'ALERTS{job=~"$job",alertstate="firing"}', "{{alertname}}", "severity,component,instance")
STARTS = ("Starts", "blue", "changes(process_start_time_seconds{@}[2m]) > 0", "{{instance}} started", "instance")
OURS = {"variables": [JOB, INSTANCE], "annotations": [ALERTS, STARTS]}
