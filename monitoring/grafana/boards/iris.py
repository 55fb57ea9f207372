"""Iris API - Overview: is it up, does it predict, how sure is it, what goes wrong."""

from boards.parts import (
    GOOD_BAD,
    INFERENCE,
    LOADED,
    OURS,
    TRAFFIC,
    TRAFFIC_ERRORS,
    busy,
    graph,
    mean,
    quantile,
    rates,
    stat,
)

ERROR_RATIO = (
    rates("api_errors_total", selector="@," + TRAFFIC_ERRORS)
    + " / "
    + rates("http_requests_total", selector="@," + TRAFFIC)
)

DASHBOARD = {
    "uid": "iris-api-overview",
    "title": "Iris API - Overview",
    "description": "Is it up, does it predict, how sure is it, what goes wrong.",
    **OURS,
    "rows": [
        (
            "Now",
            [
                stat(
                    "API Up",
                    "Whether Prometheus' last scrape of each instance succeeded. IrisAPIDown after a minute without.",
                    "none",
                    ("up{@}", "{{instance}}"),
                    thresholds=GOOD_BAD,
                    values=[("0", "down", "red"), ("1", "up", "green")],
                    spark=False,
                ),
                stat(
                    "Model Loaded Status",
                    "iris, simple and bert, the worst of the instances. bert is 0 where --bert is off.",
                    "none",
                    ("min by (model) (model_loaded{@})", "{{model}}"),
                    thresholds=GOOD_BAD,
                    values=LOADED,
                    spark=False,
                    size=(6, 4),
                ),
                stat(
                    "Total Predictions",
                    "Irises classified since each instance's start.",
                    "short",
                    ("sum(model_predictions_total{@})", "predictions"),
                ),
                stat(
                    "Error Ratio",
                    "Errors of any kind among requests that are neither scrapes nor probes. HighErrorRate over 5 %.",
                    "percentunit",
                    (ERROR_RATIO, "errors"),
                    thresholds=[(None, "green"), (0.01, "yellow"), (0.05, "red")],
                    min=0,
                ),
                stat(
                    "p95 Latency",
                    "95th percentile of /analyze and /predict, interpolated. HighLatency over 1 s.",
                    "s",
                    (
                        quantile(0.95, "http_request_duration_seconds", selector="@," + INFERENCE),
                        "p95",
                    ),
                    thresholds=[(None, "green"), (0.268, "yellow"), (1, "red")],
                    size=(6, 4),
                ),
            ],
        ),
        (
            "Predictions",
            [
                graph(
                    "Model Predictions Rate",
                    "Irises classified per second, by predicted class.",
                    "reqps",
                    (rates("model_predictions_total", "predicted_class"), "{{predicted_class}}"),
                    stack=True,
                    min=0,
                ),
                graph(
                    "Model Confidence Distribution",
                    "Median and 5th percentile. A fall says that the flowers differ from those of the training.",
                    "percentunit",
                    [
                        (
                            quantile(0.5, "model_confidence", "predicted_class"),
                            "p50 {{predicted_class}}",
                        ),
                        (
                            quantile(0.05, "model_confidence", "predicted_class"),
                            "p5 {{predicted_class}}",
                        ),
                    ],
                    min=0,
                    max=1,
                ),
                graph(
                    "Mean Confidence",
                    "By predicted class.",
                    "percentunit",
                    (mean("model_confidence", "predicted_class"), "{{predicted_class}}"),
                    min=0,
                    max=1,
                ),
                graph(
                    "Predictions per Minute",
                    "LowPredictionRate (info) below 0.1 over ten minutes, where the day's mean is higher.",
                    "short",
                    ("60 * sum(rate(model_predictions_total{@}[10m]))", "predictions a minute"),
                    thresholds=[(None, "red"), (0.1, "green")],
                    min=0,
                ),
            ],
        ),
        (
            "Errors",
            [
                graph(
                    "API Errors Rate",
                    "Error answers per second, by error_type.",
                    "reqps",
                    (
                        busy("api_errors_total", "error_type"),
                        "{{error_type}}",
                    ),
                    min=0,
                ),
                graph(
                    "Firing Alerts",
                    "Alerts of this job that fire; 0 where none does.",
                    "none",
                    ('count by (alertname) (ALERTS{job=~"$job",alertstate="firing"}) or vector(0)', "{{alertname}}"),
                    min=0,
                    decimals=0,
                ),
            ],
        ),
    ],
}
