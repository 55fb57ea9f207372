"""API metrics: requests, durations, sizes and errors of every route; the objectives."""

from boards.parts import INFERENCE, OURS, busy, graph, mean, panel, quantile, quantiles, rates, stat

DASHBOARD = {
    "uid": "api-metrics",
    "title": "API metrics",
    "description": "Requests, durations, sizes and errors of every route; the objectives and their budgets.",
    **OURS,
    "rows": [
        (
            "Objectives: 99.9 % not failed by the daemon, 99 % within 268 ms, over 30 days",
            [
                stat(
                    "Availability, 3 days",
                    "Share of the requests for inference not answered with a status 5xx.",
                    "percentunit",
                    ('1 - job:slo_errors:ratio_rate3d{job=~"$job"}', "{{job}}"),
                    thresholds=[(None, "red"), (0.999, "green")],
                    decimals=3,
                ),
                stat(
                    "Within 268 ms, 3 days",
                    "Share of the requests for inference answered within 268 ms.",
                    "percentunit",
                    ('1 - job:slo_slow:ratio_rate3d{job=~"$job"}', "{{job}}"),
                    thresholds=[(None, "red"), (0.99, "green")],
                    decimals=3,
                ),
                graph(
                    "Availability Budget: Burn Rate",
                    "1 spends the budget in 30 days; AvailabilityBudgetBurn is critical at 14.4 over an hour.",
                    "none",
                    [(f'job:slo_errors:ratio_rate{w}{{job=~"$job"}} / 0.001', w) for w in ("5m", "1h", "6h", "3d")],
                    thresholds=[(None, "green"), (1, "yellow"), (14.4, "red")],
                    min=0,
                    size=(8, 8),
                ),
                graph(
                    "Latency Budget: Burn Rate",
                    "1 spends the budget in 30 days; LatencyBudgetBurn is critical at 14.4 over an hour.",
                    "none",
                    [(f'job:slo_slow:ratio_rate{w}{{job=~"$job"}} / 0.01', w) for w in ("5m", "1h", "6h", "3d")],
                    thresholds=[(None, "green"), (1, "yellow"), (14.4, "red")],
                    min=0,
                    size=(8, 8),
                ),
            ],
        ),
        (
            "Requests",
            [
                graph(
                    "Requests by Route",
                    "Per second.",
                    "reqps",
                    (
                        busy("http_requests_total", "method, handler"),
                        "{{method}} {{handler}}",
                    ),
                    min=0,
                ),
                graph(
                    "Requests by Status",
                    "Per second.",
                    "reqps",
                    (rates("http_requests_total", "status"), "{{status}}"),
                    stack=True,
                    min=0,
                ),
                graph(
                    "Requests in Progress",
                    "Being answered when Prometheus scraped.",
                    "short",
                    ("sum by (handler) (http_requests_inprogress{@})", "{{handler}}"),
                    min=0,
                    decimals=0,
                ),
                graph(
                    "Errors by Route",
                    "Error answers per second, by endpoint and error_type, where there are any.",
                    "reqps",
                    (
                        busy("api_errors_total", "endpoint, error_type"),
                        "{{endpoint}} {{error_type}}",
                    ),
                    min=0,
                ),
            ],
        ),
        (
            "Durations and sizes",
            [
                graph(
                    "Latency by Route",
                    "Percentiles, interpolated between bucket bounds.",
                    "s",
                    quantiles("http_request_duration_seconds", "handler", "{{handler}}", "@," + INFERENCE),
                    min=0,
                    thresholds=[(None, "green"), (1, "red")],
                ),
                graph(
                    "Mean Duration",
                    "By route, of the requests for inference.",
                    "s",
                    (mean("http_request_duration_seconds", "handler", "@," + INFERENCE), "{{handler}}"),
                    min=0,
                ),
                panel(
                    "heatmap",
                    "Durations",
                    "Requests for inference per second, by bucket of their duration.",
                    "s",
                    (f"sum by (le) (rate(http_request_duration_seconds_bucket{{@,{INFERENCE}}}[R]))", "{{le}}"),
                ),
                graph(
                    "Within 268 ms",
                    "Share of the requests for inference.",
                    "percentunit",
                    (
                        rates("http_request_duration_seconds_bucket", "handler", f'@,{INFERENCE},le="0.268435456"')
                        + " / "
                        + rates("http_request_duration_seconds_count", "handler", "@," + INFERENCE),
                        "{{handler}}",
                    ),
                    max=1,
                ),
                graph(
                    "Mean Request Size",
                    "Of the bodies; none is all other routes.",
                    "bytes",
                    (mean("http_request_size_bytes", "handler"), "{{handler}}"),
                    min=0,
                ),
                graph(
                    "Mean Response Size",
                    "Of the bodies; none is all other routes.",
                    "bytes",
                    (mean("http_response_size_bytes", "handler"), "{{handler}}"),
                    min=0,
                ),
            ],
        ),
        (
            "Under the names of other exporters",
            [
                graph(
                    "flask_http_request_duration_seconds",
                    "Mean by path and method, as prometheus-flask-exporter's dashboards draw it.",
                    "s",
                    (
                        "rate(flask_http_request_duration_seconds_sum{@}[R])"
                        + " / rate(flask_http_request_duration_seconds_count{@}[R])",
                        "{{method}} {{path}}",
                    ),
                    min=0,
                ),
                graph(
                    "flask_http_request_total",
                    "Per second, by status.",
                    "reqps",
                    ("sum by (status) (rate(flask_http_request_total{@}[R]))", "{{status}}"),
                    min=0,
                ),
                graph(
                    "request_duration_seconds",
                    "95th percentile of everything but scrapes.",
                    "s",
                    (quantile(0.95, "request_duration_seconds"), "p95"),
                    min=0,
                ),
            ],
        ),
    ],
}
