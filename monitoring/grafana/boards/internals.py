"""tamis internals: the daemon's own figures."""

from boards.parts import OURS, graph, mean, panel, quantile, rates, stat


def per_request(counter: str) -> str:
    """How much of a counter one request takes, by instance."""
    return f'{rates(counter, "instance")} / {rates("http_requests_total", "instance")}'


DASHBOARD = {
    "uid": "tamis-internals",
    "title": "tamis internals",
    "description": "Phase, workers, connections, stages, slots, memory, and what a scrape costs.",
    **OURS,
    "rows": [
        (
            "What runs",
            [
                panel(
                    "state-timeline",
                    "Phase",
                    "starting, ready or draining.",
                    "none",
                    ("tamis_phase{@} == 1", "{{instance}} {{phase}}"),
                    size=(12, 6),
                ),
                stat(
                    "Uptime",
                    "Since the process start.",
                    "s",
                    ("time() - process_start_time_seconds{@}", "{{instance}}"),
                    spark=False,
                ),
                stat(
                    "Workers",
                    "One for each CPU that the cgroup grants, unless --workers says otherwise.",
                    "short",
                    ("tamis_workers{@}", "{{instance}}"),
                    spark=False,
                ),
                stat(
                    "Samples of a Scrape",
                    "Prometheus' own count.",
                    "short",
                    ("scrape_samples_scraped{@}", "{{instance}}"),
                    thresholds=[(None, "green"), (500, "red")],
                    spark=False,
                ),
                panel(
                    "table",
                    "Version and Instruction Set",
                    "What each instance runs, and the kernels that it chose at start.",
                    "none",
                    ("tamis_build_info{@} * on (job, instance) group_left (path) tamis_cpu_path_info{@}", ""),
                    hide=("job",),
                ),
                panel(
                    "table",
                    "Models",
                    "SHA-256 of the models in use or being loaded; empty for one that is off.",
                    "none",
                    ("tamis_model_info{@}", ""),
                    hide=("job",),
                ),
            ],
        ),
        (
            "Connections",
            [
                graph(
                    "Open Connections", "By instance.", "short", ("tamis_connections_open{@}", "{{instance}}"), min=0
                ),
                graph(
                    "Accepted",
                    "Connections per second.",
                    "cps",
                    ("rate(tamis_connections_accepted_total{@}[R])", "{{instance}}"),
                    min=0,
                ),
                graph(
                    "Refused and Timed out",
                    "Requests per second: 503 at once for want of a slot or of room in a queue, and not arrived in time. RequestsShed over 0 for 5 minutes.",
                    "reqps",
                    [
                        ("rate(tamis_requests_shed_total{@}[R])", "no {{reason}} {{instance}}"),
                        ("rate(tamis_requests_timed_out_total{@}[R])", "timed out {{instance}}"),
                    ],
                    min=0,
                ),
                graph(
                    "p99 since Start",
                    "Of the POSTs, read from the daemon's own buckets: at most 2.4 % too high.",
                    "s",
                    ("tamis_http_request_duration_p99_seconds{@}", "{{handler}} {{instance}}"),
                    min=0,
                ),
            ],
        ),
        (
            "Where the time goes",
            [
                graph(
                    "Stages",
                    "Mean of POST /analyze and /predict, by stage, of the requests that were timed: one in 16.",
                    "s",
                    (mean("tamis_stage_duration_seconds", "stage"), "{{stage}}"),
                    min=0,
                ),
                graph(
                    "Stages: p95",
                    "Interpolated between bounds far apart.",
                    "s",
                    (quantile(0.95, "tamis_stage_duration_seconds", "stage"), "{{stage}}"),
                    min=0,
                ),
                graph(
                    "Busy Workers",
                    "Share of a core that each worker's thread takes.",
                    "percentunit",
                    ("rate(tamis_worker_busy_seconds_total{@}[R])", "{{worker}} {{instance}}"),
                    min=0,
                    max=1,
                ),
                graph(
                    "In Progress by Worker",
                    "Requests being answered when Prometheus scraped, the scrape among them.",
                    "short",
                    ("tamis_worker_requests_inprogress{@}", "{{worker}} {{instance}}"),
                    min=0,
                    decimals=0,
                ),
            ],
        ),
        (
            "Memory that is there from the start",
            [
                graph(
                    "Slots",
                    "Preallocated request slots, and the most in use at once since start.",
                    "short",
                    [
                        ("tamis_slots_capacity{@}", "capacity {{instance}}"),
                        ("tamis_slots_used_max{@}", "most used {{instance}}"),
                    ],
                    min=0,
                ),
                graph(
                    "Slot Fallbacks",
                    "Requests per second served without a preallocated slot: these allocate.",
                    "reqps",
                    ("rate(tamis_slot_fallbacks_total{@}[R])", "{{instance}}"),
                    min=0,
                ),
                graph(
                    "Heap Allocations",
                    "Of the worker threads, per request, connections included. Steady state: GET 0, POST 1.",
                    "short",
                    (per_request("tamis_heap_allocations_total"), "{{instance}}"),
                    min=0,
                ),
                graph(
                    "Heap Bytes",
                    "Allocated by the worker threads, per second.",
                    "Bps",
                    ("rate(tamis_heap_allocated_bytes_total{@}[R])", "{{instance}}"),
                    min=0,
                ),
            ],
        ),
        (
            "The process",
            [
                graph(
                    "CPU", "Cores in use.", "short", ("rate(process_cpu_seconds_total{@}[R])", "{{instance}}"), min=0
                ),
                graph(
                    "CPU per Request",
                    "CPU time of the process over the requests answered.",
                    "s",
                    (per_request("process_cpu_seconds_total"), "{{instance}}"),
                    min=0,
                ),
                graph(
                    "Memory",
                    "Resident, which stays flat, and virtual.",
                    "bytes",
                    [
                        ("process_resident_memory_bytes{@}", "resident {{instance}}"),
                        ("process_virtual_memory_bytes{@}", "virtual {{instance}}"),
                    ],
                    min=0,
                ),
                graph(
                    "File Descriptors",
                    "Open, over the most that may be.",
                    "percentunit",
                    ("process_open_fds{@} / process_max_fds{@}", "{{instance}}"),
                    min=0,
                    max=1,
                    thresholds=[(None, "green"), (0.8, "red")],
                ),
            ],
        ),
        (
            "Scrapes",
            [
                graph(
                    "Time to Render",
                    "As the daemon measures it.",
                    "s",
                    ("tamis_scrape_duration_seconds{@}", "{{instance}}"),
                    min=0,
                ),
                graph(
                    "Size",
                    "Bytes of the scrape before, compressed where that was asked for.",
                    "bytes",
                    ("tamis_scrape_response_bytes{@}", "{{instance}}"),
                    min=0,
                ),
                graph(
                    "Time to Scrape",
                    "As Prometheus measures it, network and parsing included.",
                    "s",
                    ("scrape_duration_seconds{@}", "{{instance}}"),
                    min=0,
                ),
            ],
        ),
    ],
}
