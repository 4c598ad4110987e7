"""The catalogue of metrics: every one that a process can emit, with the question that it answers.

Labels come from code and configuration (topics, outcomes, routes, department codes), never from
what a person sends, so that no label grows without bound or carries personal data.
"""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_RECORDS = (1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000)


class Metrics:
    """All metrics of one process, on its own registry."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        # Is each stage handling what it reads, and how does the rest end?
        self.records = Counter(
            "frontline_records",
            "Records by outcome: handled, dead, rewound",
            ["topic", "group", "outcome"],
            registry=registry,
        )
        # Are records failing and being tried again?
        self.retries = Counter(
            "frontline_retries", "Records tried again", ["topic", "group"], registry=registry
        )
        # Does the consumer work in batches, or one by one?
        self.batch_records = Histogram(
            "frontline_batch_records",
            "Records in a consumed batch",
            ["topic", "group"],
            buckets=_RECORDS,
            registry=registry,
        )
        # How long does a batch keep its partitions waiting?
        self.batch_seconds = Histogram(
            "frontline_batch_seconds",
            "Time to handle a consumed batch",
            ["topic", "group"],
            buckets=_SECONDS,
            registry=registry,
        )
        # How far behind is a consumer?
        self.lag = Gauge(
            "frontline_lag_records",
            "High water minus position",
            ["topic", "group", "partition"],
            registry=registry,
        )
        # Why were records given up?
        self.dead_letters = Counter(
            "frontline_dead_letters",
            "Dead letters confirmed by the broker",
            ["topic", "group", "error"],
            registry=registry,
        )
        # Has a stage stopped itself because too much went to dead letters?
        self.fuse_open = Gauge(
            "frontline_fuse_open", "1 while the fuse is open", ["topic", "group"], registry=registry
        )
        # How long does the broker take to confirm?
        self.produce_seconds = Histogram(
            "frontline_produce_seconds",
            "Time until the broker confirmed a publish call",
            buckets=_SECONDS,
            registry=registry,
        )
        # Is the broker away?
        self.produce_failures = Counter(
            "frontline_produce_failures", "Publish calls that were not confirmed", registry=registry
        )
        # What do clients get, and how fast?
        self.requests = Histogram(
            "frontline_request_seconds",
            "HTTP requests by route template and status",
            ["method", "route", "status"],
            buckets=_SECONDS,
            registry=registry,
        )
        # How many receipts wait to be published?
        self.outbox_receipts = Gauge(
            "frontline_outbox_receipts", "Accepted receipts not yet published", registry=registry
        )
        # How long has the oldest of them waited?
        self.outbox_age = Gauge(
            "frontline_outbox_age_seconds",
            "Age of the oldest unpublished receipt",
            registry=registry,
        )
        # Does intake answer from receipts alone, because Kafka is away?
        self.breaker_open = Gauge(
            "frontline_breaker_open", "1 while publishing waits for Kafka", registry=registry
        )
        # What becomes of submissions: new, repeat, conflict?
        self.submissions = Counter(
            "frontline_submissions", "Submissions by verdict", ["verdict"], registry=registry
        )
        # What did the classifier decide?
        self.taggings = Counter(
            "frontline_taggings",
            "Texts tagged, by abstention or tagged",
            ["result"],
            registry=registry,
        )
        # Does the candidate model keep up with the one in use?
        self.shadow_readings = Counter(
            "frontline_shadow_readings",
            "Texts offered to the candidate model, by result",
            ["result"],
            registry=registry,
        )
        # What would the candidate model change?
        self.shadow_disagreements = Counter(
            "frontline_shadow_disagreements",
            "Texts on which the candidate model disagrees, by what differs",
            ["difference"],
            registry=registry,
        )
        # Do repeated events meet their stored decision?
        self.decisions = Counter(
            "frontline_decisions", "Routing decisions: new or stored", ["origin"], registry=registry
        )
        # How do leases end?
        self.leases = Counter(
            "frontline_leases",
            "Lease operations by verb and result",
            ["department", "verb", "result"],
            registry=registry,
        )
        # How long from accepted to on the queue?
        self.queued_seconds = Histogram(
            "frontline_queued_seconds",
            "Time from received_at to the item being on its queue",
            buckets=_SECONDS,
            registry=registry,
        )
        # How many live streams are open?
        self.stream_clients = Gauge(
            "frontline_stream_clients", "Live stream clients connected", registry=registry
        )
