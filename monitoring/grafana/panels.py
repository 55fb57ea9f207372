"""What the five dashboards show. build.py makes Grafana's JSON of it.

A query is (PromQL, legend). `{@` selects job and instance by the dashboard's variables; `[R]` is Grafana's rate interval.
Thresholds that an alert has are those of monitoring/prometheus/rules/alerts.yml.
"""

INFERENCE = 'handler=~"/(analyze|predict).*"'
TRAFFIC = 'handler!~"/metrics|/health|/livez|/readyz|/startupz"'
TRAFFIC_ERRORS = 'endpoint!~"/metrics|/health|/livez|/readyz|/startupz"'
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


def quantiles(metric, by, legend, selector="@"):
    """The 50th, 95th and 99th percentile of a histogram."""
    labels = ", ".join([*by, "le"])
    return [
        (f"histogram_quantile({q}, sum by ({labels}) (rate({metric}_bucket{{{selector}}}[R])))", f"p{name} {legend}".strip())
        for q, name in ((0.5, 50), (0.95, 95), (0.99, 99))
    ]


JOB = ("job", "Job", "label_values(tamis_build_info, job)", False)
INSTANCE = ("instance", "Instance", 'label_values(tamis_build_info{job=~"$job"}, instance)', True)
ALERTS = ("Alerts", "red", 'ALERTS{job=~"$job",alertstate="firing"}', "{{alertname}}", "severity,component,instance")
STARTS = ("Starts", "blue", "changes(process_start_time_seconds{@}[2m]) > 0", "{{instance}} started", "instance")
OURS = {"variables": [JOB, INSTANCE], "annotations": [ALERTS, STARTS]}

ERROR_RATIO = (
    f"sum(rate(api_errors_total{{@,{TRAFFIC_ERRORS}}}[R])) / sum(rate(http_requests_total{{@,{TRAFFIC}}}[R]))"
)

IRIS = {
    "uid": "iris-api-overview",
    "title": "Iris API - Overview",
    "description": "Is it up, does it predict, how sure is it, what goes wrong.",
    **OURS,
    "rows": [
        ("Now", [
            stat("API Up", "Whether Prometheus' last scrape of each instance succeeded. IrisAPIDown after a minute without.",
                 "none", ("up{@}", "{{instance}}"), thresholds=GOOD_BAD,
                 values=[("0", "down", "red"), ("1", "up", "green")], spark=False),
            stat("Model Loaded Status", "iris, simple and bert, the worst of the instances. bert is 0 where --bert is off.",
                 "none", ("min by (model) (model_loaded{@})", "{{model}}"), thresholds=GOOD_BAD, values=LOADED, spark=False,
                 size=(6, 4)),
            stat("Total Predictions", "Irises classified since each instance's start.", "short",
                 ("sum(model_predictions_total{@})", "predictions")),
            stat("Error Ratio", "Errors of any kind among requests that are neither scrapes nor probes. HighErrorRate over 5 %.",
                 "percentunit", (ERROR_RATIO, "errors"), thresholds=[(None, "green"), (0.01, "yellow"), (0.05, "red")], min=0),
            stat("p95 Latency", "95th percentile of /analyze and /predict, interpolated between bucket bounds. HighLatency over 1 s.",
                 "s", (f"histogram_quantile(0.95, sum by (le) (rate(http_request_duration_seconds_bucket{{@,{INFERENCE}}}[R])))", "p95"),
                 thresholds=[(None, "green"), (0.268, "yellow"), (1, "red")], size=(6, 4)),
        ]),
        ("Predictions", [
            graph("Model Predictions Rate", "Irises classified per second, by predicted class.", "reqps",
                  ("sum by (predicted_class) (rate(model_predictions_total{@}[R]))", "{{predicted_class}}"), stack=True, min=0),
            graph("Model Confidence Distribution",
                  "Median and 5th percentile of the confidence. A fall says that the flowers differ from those of the training.",
                  "percentunit", [
                      ("histogram_quantile(0.5, sum by (predicted_class, le) (rate(model_confidence_bucket{@}[R])))", "p50 {{predicted_class}}"),
                      ("histogram_quantile(0.05, sum by (predicted_class, le) (rate(model_confidence_bucket{@}[R])))", "p5 {{predicted_class}}"),
                  ], min=0, max=1),
            graph("Mean Confidence", "By predicted class.", "percentunit",
                  ("sum by (predicted_class) (rate(model_confidence_sum{@}[R])) / sum by (predicted_class) (rate(model_confidence_count{@}[R]))",
                   "{{predicted_class}}"), min=0, max=1),
            graph("Predictions per Minute", "LowPredictionRate (info) below 0.1 over ten minutes, where the day's mean is higher.", "short",
                  ("60 * sum(rate(model_predictions_total{@}[10m]))", "predictions a minute"),
                  thresholds=[(None, "red"), (0.1, "green")], min=0),
        ]),
        ("Errors", [
            graph("API Errors Rate", "Error answers per second, by error_type.", "reqps",
                  ("sum by (error_type) (rate(api_errors_total{@}[R])) > 0 or sum(rate(api_errors_total{@}[R]))", "{{error_type}}"), min=0),
            graph("Firing Alerts", "Alerts of this job that fire; 0 where none does.", "none",
                  ('count by (alertname) (ALERTS{job=~"$job",alertstate="firing"}) or vector(0)', "{{alertname}}"), min=0, decimals=0),
        ]),
    ],
}

API = {
    "uid": "api-metrics",
    "title": "API metrics",
    "description": "Requests, durations, sizes and errors of every route; the objectives and what is left of their budget.",
    **OURS,
    "rows": [
        ("Objectives: 99.9 % not failed by the daemon, 99 % within 268 ms, over 30 days", [
            stat("Availability, 3 days", "Share of the requests for inference not answered with a status 5xx.", "percentunit",
                 ('1 - job:slo_errors:ratio_rate3d{job=~"$job"}', "{{job}}"),
                 thresholds=[(None, "red"), (0.999, "green")], decimals=3),
            stat("Within 268 ms, 3 days", "Share of the requests for inference answered within 268 ms.", "percentunit",
                 ('1 - job:slo_slow:ratio_rate3d{job=~"$job"}', "{{job}}"),
                 thresholds=[(None, "red"), (0.99, "green")], decimals=3),
            graph("Availability Budget: Burn Rate", "1 spends the budget in 30 days; AvailabilityBudgetBurn is critical at 14.4 over an hour.",
                  "none", [(f'job:slo_errors:ratio_rate{w}{{job=~"$job"}} / 0.001', w) for w in ("5m", "1h", "6h", "3d")],
                  thresholds=[(None, "green"), (1, "yellow"), (14.4, "red")], min=0, size=(8, 8)),
            graph("Latency Budget: Burn Rate", "1 spends the budget in 30 days; LatencyBudgetBurn is critical at 14.4 over an hour.",
                  "none", [(f'job:slo_slow:ratio_rate{w}{{job=~"$job"}} / 0.01', w) for w in ("5m", "1h", "6h", "3d")],
                  thresholds=[(None, "green"), (1, "yellow"), (14.4, "red")], min=0, size=(8, 8)),
        ]),
        ("Requests", [
            graph("Requests by Route", "Per second.", "reqps",
                  ("sum by (method, handler) (rate(http_requests_total{@}[R])) > 0 or sum(rate(http_requests_total{@}[R]))", "{{method}} {{handler}}"), min=0),
            graph("Requests by Status", "Per second.", "reqps",
                  ("sum by (status) (rate(http_requests_total{@}[R]))", "{{status}}"), stack=True, min=0),
            graph("Requests in Progress", "Being answered when Prometheus scraped.", "short",
                  ("sum by (handler) (http_requests_inprogress{@})", "{{handler}}"), min=0, decimals=0),
            graph("Errors by Route", "Error answers per second, by endpoint and error_type, where there are any.", "reqps",
                  ("sum by (endpoint, error_type) (rate(api_errors_total{@}[R])) > 0 or sum(rate(api_errors_total{@}[R]))", "{{endpoint}} {{error_type}}"), min=0),
        ]),
        ("Durations and sizes", [
            graph("Latency by Route", "Percentiles, interpolated between bucket bounds.", "s",
                  quantiles("http_request_duration_seconds", ["handler"], "{{handler}}", "@," + INFERENCE), min=0,
                  thresholds=[(None, "green"), (1, "red")]),
            graph("Mean Duration", "By route, of the requests for inference.", "s",
                  (f"sum by (handler) (rate(http_request_duration_seconds_sum{{@,{INFERENCE}}}[R])) / sum by (handler) (rate(http_request_duration_seconds_count{{@,{INFERENCE}}}[R]))",
                   "{{handler}}"), min=0),
            panel("heatmap", "Durations", "Requests for inference per second, by bucket of their duration.", "s",
                  (f"sum by (le) (rate(http_request_duration_seconds_bucket{{@,{INFERENCE}}}[R]))", "{{le}}")),
            graph("Within 268 ms", "Share of the requests for inference.", "percentunit",
                  (f'sum by (handler) (rate(http_request_duration_seconds_bucket{{@,{INFERENCE},le="0.268435456"}}[R])) / sum by (handler) (rate(http_request_duration_seconds_count{{@,{INFERENCE}}}[R]))',
                   "{{handler}}"), max=1),
            graph("Mean Request Size", "Of the bodies, by route.", "bytes",
                  ("sum by (handler) (rate(http_request_size_bytes_sum{@}[R])) / sum by (handler) (rate(http_request_size_bytes_count{@}[R]))", "{{handler}}"), min=0),
            graph("Mean Response Size", "Of the bodies, by route.", "bytes",
                  ("sum by (handler) (rate(http_response_size_bytes_sum{@}[R])) / sum by (handler) (rate(http_response_size_bytes_count{@}[R]))", "{{handler}}"), min=0),
        ]),
        ("Under the names of other exporters", [
            graph("flask_http_request_duration_seconds", "Mean by path and method, as prometheus-flask-exporter's dashboards draw it.", "s",
                  ('rate(flask_http_request_duration_seconds_sum{@}[R]) / rate(flask_http_request_duration_seconds_count{@}[R])', "{{method}} {{path}}"), min=0),
            graph("flask_http_request_total", "Per second, by status.", "reqps",
                  ('sum by (status) (rate(flask_http_request_total{@}[R]))', "{{status}}"), min=0),
            graph("request_duration_seconds", "95th percentile of everything but scrapes.", "s",
                  ("histogram_quantile(0.95, sum by (le) (rate(request_duration_seconds_bucket{@}[R])))", "p95"), min=0),
        ]),
    ],
}

TOXICITY = {
    "uid": "toxicity-overview",
    "title": "Toxicity overview",
    "description": "What is asked of the toxicity models, what they answer, and how long they take.",
    **OURS,
    "rows": [
        ("Now", [
            stat("Active Users", "Distinct clients that called /analyze in the last 5 minutes, estimated; a client of two instances counts twice.",
                 "short", ("sum(toxicity_api_active_users{@})", "clients")),
            stat("Mean Score", "Of the scores answered, 0 to 100. HighToxicityRate over 70 for 5 minutes.", "none",
                 ("sum(rate(toxicity_score_distribution_sum{@}[R])) / sum(rate(toxicity_score_distribution_count{@}[R]))", "score"),
                 thresholds=[(None, "green"), (50, "yellow"), (70, "red")], min=0, max=100, decimals=1),
            stat("Share over 70", "Of the scores answered.", "percentunit",
                 ('1 - sum(rate(toxicity_score_distribution_bucket{@,le="70.0"}[R])) / sum(rate(toxicity_score_distribution_count{@}[R]))', "over 70"), min=0, max=1),
            stat("Analyses", "Texts scored since each instance's start.", "short",
                 ('sum(toxicity_api_requests_total{@,status="success"})', "texts")),
            stat("Failures", "Share of the analyses that failed.", "percentunit",
                 ('sum(rate(toxicity_api_requests_total{@,status="error"}[R])) / sum(rate(toxicity_api_requests_total{@}[R]))', "failed"),
                 thresholds=[(None, "green"), (0.05, "red")], min=0),
            stat("Waiting for bert", "Texts in the queue. --bert-queue bounds it; more are refused with 503.", "short",
                 ("sum(tamis_inference_queue_depth{@})", "texts")),
        ]),
        ("Scores", [
            panel("heatmap", "Score Distribution", "Scores per second, by bucket of ten.", "none",
                  ("sum by (le) (rate(toxicity_score_distribution_bucket{@}[R]))", "{{le}}")),
            graph("Score Percentiles", "Interpolated between bounds ten apart.", "none",
                  quantiles("toxicity_score_distribution", [], ""), min=0, max=100, thresholds=[(None, "green"), (70, "red")]),
            graph("Mean Score", "By instance, 0 to 100.", "none",
                  ("sum by (instance) (rate(toxicity_score_distribution_sum{@}[R])) / sum by (instance) (rate(toxicity_score_distribution_count{@}[R]))", "{{instance}}"),
                  min=0, max=100, thresholds=[(None, "green"), (70, "red")]),
            graph("Active Users", "Distinct clients in the last 5 minutes, estimated, by instance.", "short", ("toxicity_api_active_users{@}", "{{instance}}"), min=0),
        ]),
        ("Models", [
            graph("Analyses by Model", "Per second; auto is counted as the model that answered.", "reqps",
                  ("sum by (model_type, status) (rate(toxicity_api_requests_total{@}[R]))", "{{model_type}} {{status}}"), stack=True, min=0),
            graph("Processing Time", "From text to score, the queue included.", "s",
                  quantiles("toxicity_processing_seconds", ["model_type"], "{{model_type}}"), min=0),
            graph("Mean Processing Time", "From text to score, by model.", "s",
                  ("sum by (model_type) (rate(toxicity_processing_seconds_sum{@}[R])) / sum by (model_type) (rate(toxicity_processing_seconds_count{@}[R]))", "{{model_type}}"), min=0),
            graph("Texts that Wait for bert", "In the queue when Prometheus scraped.", "short",
                  ("tamis_inference_queue_depth{@}", "{{instance}}"), min=0, decimals=0),
            panel("bargauge", "Model Load Time", "At the last start, the slowest of the instances.", "s",
                  ("max by (model_type) (model_load_seconds_sum{@})", "{{model_type}}"), min=0),
        ]),
    ],
}

INTERNALS = {
    "uid": "tamis-internals",
    "title": "tamis internals",
    "description": "The daemon's own figures: phase, workers, connections, slots, queue, memory, and what a scrape costs.",
    **OURS,
    "rows": [
        ("What runs", [
            panel("state-timeline", "Phase", "starting, ready or draining.", "none",
                  ("tamis_phase{@} == 1", "{{instance}} {{phase}}"), size=(12, 6)),
            stat("Uptime", "Since the process start.", "s", ("time() - process_start_time_seconds{@}", "{{instance}}"), spark=False),
            stat("Workers", "One for each CPU that the cgroup grants, unless --workers says otherwise.", "short",
                 ("tamis_workers{@}", "{{instance}}"), spark=False),
            stat("Samples of a Scrape", "Prometheus' own count.", "short", ("scrape_samples_scraped{@}", "{{instance}}"),
                 thresholds=[(None, "green"), (500, "red")], spark=False),
            panel("table", "Version and Instruction Set", "What each instance runs, and the kernels that it chose at start.", "none",
                  ("tamis_build_info{@} * on (job, instance) group_left (path) tamis_cpu_path_info{@}", ""), hide=("job",)),
            panel("table", "Models", "SHA-256 of the models in use or being loaded; empty for one that is off.", "none",
                  ("tamis_model_info{@}", ""), hide=("job",)),
        ]),
        ("Connections", [
            graph("Open Connections", "By instance.", "short", ("tamis_connections_open{@}", "{{instance}}"), min=0),
            graph("Accepted", "Connections per second.", "cps", ("rate(tamis_connections_accepted_total{@}[R])", "{{instance}}"), min=0),
            graph("Refused and Timed out", "Requests per second: answered 503 at once, and not arrived in time. RequestsShed over 0 for 5 minutes.", "reqps", [
                ("rate(tamis_requests_shed_total{@}[R])", "shed {{instance}}"),
                ("rate(tamis_requests_timed_out_total{@}[R])", "timed out {{instance}}"),
            ], min=0),
            graph("p99 since Start", "Of the POSTs, read from the daemon's own buckets: at most 2.4 % too high.", "s",
                  ("tamis_http_request_duration_p99_seconds{@}", "{{handler}} {{instance}}"), min=0),
        ]),
        ("Memory that is there from the start", [
            graph("Slots", "Preallocated request slots, and the most in use at once since start.", "short", [
                ("tamis_slots_capacity{@}", "capacity {{instance}}"),
                ("tamis_slots_used_max{@}", "most used {{instance}}"),
            ], min=0),
            graph("Slot Fallbacks", "Requests per second served without a preallocated slot: these allocate.", "reqps",
                  ("rate(tamis_slot_fallbacks_total{@}[R])", "{{instance}}"), min=0),
            graph("Heap Allocations", "Of the worker threads, per request, connections included. In the steady state 0 for a GET, 1 for a POST.", "short",
                  ("sum by (instance) (rate(tamis_heap_allocations_total{@}[R])) / sum by (instance) (rate(http_requests_total{@}[R]))", "{{instance}}"), min=0),
            graph("Heap Bytes", "Allocated by the worker threads, per second.", "Bps",
                  ("rate(tamis_heap_allocated_bytes_total{@}[R])", "{{instance}}"), min=0),
        ]),
        ("The process", [
            graph("CPU", "Cores in use.", "short", ("rate(process_cpu_seconds_total{@}[R])", "{{instance}}"), min=0),
            graph("CPU per Request", "CPU time of the process over the requests answered.", "s",
                  ("sum by (instance) (rate(process_cpu_seconds_total{@}[R])) / sum by (instance) (rate(http_requests_total{@}[R]))", "{{instance}}"), min=0),
            graph("Memory", "Resident, which stays flat, and virtual.", "bytes", [
                ("process_resident_memory_bytes{@}", "resident {{instance}}"),
                ("process_virtual_memory_bytes{@}", "virtual {{instance}}"),
            ], min=0),
            graph("File Descriptors", "Open, over the most that may be.", "percentunit",
                  ("process_open_fds{@} / process_max_fds{@}", "{{instance}}"), min=0, max=1,
                  thresholds=[(None, "green"), (0.8, "red")]),
        ]),
        ("Scrapes", [
            graph("Time to Render", "As the daemon measures it.", "s", ("tamis_scrape_duration_seconds{@}", "{{instance}}"), min=0),
            graph("Time to Scrape", "As Prometheus measures it, network and parsing included.", "s", ("scrape_duration_seconds{@}", "{{instance}}"), min=0),
        ]),
    ],
}

CONTAINERS = 'namespace=~"$namespace",container!="",container!="POD"'
PODS = 'namespace=~"$namespace"'
KUBERNETES = {
    "uid": "kubernetes-infrastructure",
    "title": "Kubernetes - Infrastructure",
    "description": "CPU, memory, network and state of the pods, from cAdvisor and kube-state-metrics.",
    "variables": [("namespace", "Namespace", "label_values(kube_pod_status_phase, namespace)", True)],
    "annotations": [("Alerts", "red", 'ALERTS{component="kubernetes",alertstate="firing"}', "{{alertname}}", "severity,namespace,pod")],
    "rows": [
        ("Pods", [
            panel("table", "Pod Status", "The phase that each pod is in.", "none",
                  (f"kube_pod_status_phase{{{PODS}}} == 1", ""), hide=("job", "instance", "uid"), size=(12, 8)),
            graph("Restarts", "Within the last hour. PodCrashLooping over 3 for tamis and its monitoring.", "short",
                  (f"sum by (pod, container) (increase(kube_pod_container_status_restarts_total{{{PODS}}}[1h]))", "{{pod}} {{container}}"),
                  min=0, thresholds=[(None, "green"), (3, "red")]),
        ]),
        ("CPU and memory", [
            graph("CPU Usage", "Cores in use, by container.", "short",
                  (f"sum by (pod, container) (rate(container_cpu_usage_seconds_total{{{CONTAINERS}}}[R]))", "{{pod}} {{container}}"), min=0),
            graph("CPU Usage of the Limit", "HighCPUUsage over 80 % for 5 minutes.", "percentunit",
                  (f'sum by (namespace, pod, container) (rate(container_cpu_usage_seconds_total{{{CONTAINERS}}}[R])) / sum by (namespace, pod, container) (kube_pod_container_resource_limits{{{PODS},resource="cpu"}})',
                   "{{pod}} {{container}}"), min=0, thresholds=[(None, "green"), (0.8, "red")]),
            graph("Memory Usage", "Working set, by container.", "bytes",
                  (f"sum by (pod, container) (container_memory_working_set_bytes{{{CONTAINERS}}})", "{{pod}} {{container}}"), min=0),
            graph("Memory Usage of the Limit", "HighMemoryUsage over 90 % for 5 minutes.", "percentunit",
                  (f'sum by (namespace, pod, container) (container_memory_working_set_bytes{{{CONTAINERS}}}) / sum by (namespace, pod, container) (kube_pod_container_resource_limits{{{PODS},resource="memory"}})',
                   "{{pod}} {{container}}"), min=0, thresholds=[(None, "green"), (0.9, "red")]),
        ]),
        ("Network", [
            graph("Received", "By pod.", "Bps", (f"sum by (pod) (rate(container_network_receive_bytes_total{{{PODS}}}[R]))", "{{pod}}"), min=0),
            graph("Sent", "By pod.", "Bps", (f"sum by (pod) (rate(container_network_transmit_bytes_total{{{PODS}}}[R]))", "{{pod}}"), min=0),
        ]),
    ],
}

DASHBOARDS = [IRIS, KUBERNETES, API, TOXICITY, INTERNALS]
