"""Toxicity overview: what is asked of the toxicity models, what they answer, how long they take."""

from boards.parts import OURS, graph, mean, panel, quantiles, rates, stat

DASHBOARD = {
    "uid": "toxicity-overview",
    "title": "Toxicity overview",
    "description": "What is asked of the toxicity models, what they answer, and how long they take.",
    **OURS,
    "rows": [
        (
            "Now",
            [
                stat(
                    "Active Users",
                    "Distinct clients of /analyze in the last 5 minutes, estimated; one of two instances counts twice.",
                    "short",
                    ("sum(toxicity_api_active_users{@})", "clients"),
                ),
                stat(
                    "Mean Score",
                    "Of the scores answered, 0 to 100. HighToxicityRate over 70 for 5 minutes.",
                    "none",
                    (mean("toxicity_score_distribution"), "score"),
                    thresholds=[(None, "green"), (50, "yellow"), (70, "red")],
                    min=0,
                    max=100,
                    decimals=1,
                ),
                stat(
                    "Share over 70",
                    "Of the scores answered.",
                    "percentunit",
                    (
                        "1 - "
                        + rates("toxicity_score_distribution_bucket", selector='@,le="70.0"')
                        + " / "
                        + rates("toxicity_score_distribution_count"),
                        "over 70",
                    ),
                    min=0,
                    max=1,
                ),
                stat(
                    "Analyses",
                    "Texts scored since each instance's start.",
                    "short",
                    ('sum(toxicity_api_requests_total{@,status="success"})', "texts"),
                ),
                stat(
                    "Failures",
                    "Share of the analyses that failed.",
                    "percentunit",
                    (
                        rates("toxicity_api_requests_total", selector='@,status="error"')
                        + " / "
                        + rates("toxicity_api_requests_total"),
                        "failed",
                    ),
                    thresholds=[(None, "green"), (0.05, "red")],
                    min=0,
                ),
                stat(
                    "Waiting for bert",
                    "Texts in the queue. --bert-queue bounds it; more are refused with 503.",
                    "short",
                    ("sum(tamis_inference_queue_depth{@})", "texts"),
                ),
            ],
        ),
        (
            "Scores",
            [
                panel(
                    "heatmap",
                    "Score Distribution",
                    "Scores per second, by bucket of ten.",
                    "none",
                    (rates("toxicity_score_distribution_bucket", "le"), "{{le}}"),
                ),
                graph(
                    "Score Percentiles",
                    "Interpolated between bounds ten apart.",
                    "none",
                    quantiles("toxicity_score_distribution", "", ""),
                    min=0,
                    max=100,
                    thresholds=[(None, "green"), (70, "red")],
                ),
                graph(
                    "Mean Score",
                    "By instance, 0 to 100.",
                    "none",
                    (mean("toxicity_score_distribution", "instance"), "{{instance}}"),
                    min=0,
                    max=100,
                    thresholds=[(None, "green"), (70, "red")],
                ),
                graph(
                    "Score Drift",
                    "Population stability index against the model's evaluation, by the model asked for: above 0.25 the texts are others.",
                    "none",
                    ("max by (model) (tamis_score_drift_psi{@})", "{{model}}"),
                    min=0,
                    thresholds=[(None, "green"), (0.1, "yellow"), (0.25, "red")],
                ),
                graph(
                    "Disguises",
                    "Texts per second that each rule of the normalisation changed.",
                    "cps",
                    (rates("toxicity_normalization_rules_total", "rule"), "{{rule}}"),
                    min=0,
                ),
                graph(
                    "Active Users",
                    "Distinct clients in the last 5 minutes, estimated, by instance.",
                    "short",
                    ("toxicity_api_active_users{@}", "{{instance}}"),
                    min=0,
                ),
            ],
        ),
        (
            "Models",
            [
                graph(
                    "Analyses by Model",
                    "Per second; auto is counted as the model that answered.",
                    "reqps",
                    (rates("toxicity_api_requests_total", "model_type, status"), "{{model_type}} {{status}}"),
                    stack=True,
                    min=0,
                ),
                graph(
                    "Processing Time",
                    "From text to score, the queue included.",
                    "s",
                    quantiles("toxicity_processing_seconds", "model_type", "{{model_type}}"),
                    min=0,
                ),
                graph(
                    "Mean Processing Time",
                    "From text to score, by model.",
                    "s",
                    (mean("toxicity_processing_seconds", "model_type"), "{{model_type}}"),
                    min=0,
                ),
                graph(
                    "Texts that Wait for bert",
                    "In the queue when Prometheus scraped.",
                    "short",
                    ("tamis_inference_queue_depth{@}", "{{instance}}"),
                    min=0,
                    decimals=0,
                ),
                panel(
                    "bargauge",
                    "Model Load Time",
                    "At the last start, the slowest of the instances.",
                    "s",
                    ("max by (model_type) (model_load_seconds_sum{@})", "{{model_type}}"),
                    min=0,
                ),
            ],
        ),
    ],
}
