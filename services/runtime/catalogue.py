"""The catalogue: every metric that a process can emit, with the question that it answers.

Labels come from code and configuration, never from what a person sends, so that no label grows
without bound or carries personal data. `deploy/observability/metrics.md` is written from here.
"""

from prometheus_client import Counter, Gauge, Histogram

from services.runtime.metric import RECORDS, SECONDS, Label, Metric, one_of

TOPIC = Label("topic", source="the topics in `schemas/topics.py`, their prefix included", most=10)
GROUP = Label("group", source="the consumer groups in the code, their prefix included", most=5)
PARTITION = Label("partition", source="the numbers of a topic's partitions", most=6)
DEPARTMENT = Label("department", source="the codes in `schemas/data/departments.json`", most=60)
ROUTE = Label("route", source="the route templates of the process, or `unmatched`", most=60)
STATUS = Label("status", source="HTTP status codes", most=40)
METHOD = one_of("method", "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "other")

CONSUMED_RECORDS = Metric(
    Counter,
    "frontline_records",
    "records",
    "Is each stage handling what it reads, and how does the rest end?",
    "Records read, by how they ended; skipped ones were redriven for another group",
    (TOPIC, GROUP, one_of("outcome", "handled", "dead", "skipped", "rewound")),
)
RETRIES = Metric(
    Counter,
    "frontline_retries",
    "records",
    "Are records failing and being tried again?",
    "Records tried again",
    (TOPIC, GROUP),
)
BATCH_RECORDS = Metric(
    Histogram,
    "frontline_batch_records",
    "records",
    "Does the consumer work in batches, or one by one?",
    "Records in a consumed batch",
    (TOPIC, GROUP),
    RECORDS,
)
BATCH_SECONDS = Metric(
    Histogram,
    "frontline_batch_seconds",
    "seconds",
    "How long does a batch keep its partitions waiting?",
    "Time to handle a consumed batch",
    (TOPIC, GROUP),
    SECONDS,
)
LAG = Metric(
    Gauge,
    "frontline_lag_records",
    "records",
    "How far behind is a consumer?",
    "High water minus position",
    (TOPIC, GROUP, PARTITION),
)
OLDEST_AGE = Metric(
    Gauge,
    "frontline_oldest_age_seconds",
    "seconds",
    "For how long has the oldest record of a stage waited?",
    "Age of the oldest record that is not handled yet, 0 when there is none",
    (TOPIC, GROUP),
)
DEAD_LETTERS = Metric(
    Counter,
    "frontline_dead_letters",
    "records",
    "Why were records given up?",
    "Dead letters confirmed by the broker, by the class of their error",
    (TOPIC, GROUP, one_of("error", "Malformed", "Permanent", "Transient")),
)
FUSE_OPEN = Metric(
    Gauge,
    "frontline_fuse_open",
    "0 or 1",
    "Has a stage stopped itself because too much went to dead letters?",
    "1 while the fuse is open",
    (TOPIC, GROUP),
)
PRODUCE_SECONDS = Metric(
    Histogram,
    "frontline_produce_seconds",
    "seconds",
    "How long does the broker take to confirm?",
    "Time until the broker confirmed a publish call",
    buckets=SECONDS,
)
PRODUCE_FAILURES = Metric(
    Counter,
    "frontline_produce_failures",
    "calls",
    "Is the broker away?",
    "Publish calls that were not confirmed",
)
REQUEST_SECONDS = Metric(
    Histogram,
    "frontline_request_seconds",
    "seconds",
    "What do clients get, and how fast?",
    "HTTP requests by route template and status",
    (METHOD, ROUTE, STATUS),
    SECONDS,
)
OUTBOX_RECEIPTS = Metric(
    Gauge,
    "frontline_outbox_receipts",
    "receipts",
    "How many receipts wait to be published?",
    "Accepted receipts not yet published, 100,000 at most",
)
OUTBOX_AGE = Metric(
    Gauge,
    "frontline_outbox_age_seconds",
    "seconds",
    "How long has the oldest unpublished receipt waited?",
    "Age of the oldest unpublished receipt, 0 when there is none",
)
BREAKER_OPEN = Metric(
    Gauge,
    "frontline_breaker_open",
    "0 or 1",
    "Does intake answer from receipts alone, because Kafka is away?",
    "1 while publishing waits for Kafka",
)
SUBMISSIONS = Metric(
    Counter,
    "frontline_submissions",
    "submissions",
    "What becomes of submissions?",
    "Submissions by verdict",
    (one_of("verdict", "new", "repeat", "conflict"),),
)
TAGGINGS = Metric(
    Counter,
    "frontline_taggings",
    "texts",
    "What does the classifier decide?",
    "Texts tagged, or the reason of an abstention",
    (one_of("result", "tagged", "too_short", "no_area", "language_not_supported", "out_of_scope"),),
)
SHADOW_READINGS = Metric(
    Counter,
    "frontline_shadow_readings",
    "texts",
    "Does the candidate model keep up with the one in use?",
    "Texts offered to the candidate model, by result",
    (one_of("result", "read", "left_out", "failed"),),
)
SHADOW_DISAGREEMENTS = Metric(
    Counter,
    "frontline_shadow_disagreements",
    "texts",
    "What would the candidate model change?",
    "Texts on which the candidate model disagrees, by what differs",
    (one_of("difference", "first_area", "areas", "first_department", "abstained"),),
)
DECISIONS = Metric(
    Counter,
    "frontline_decisions",
    "decisions",
    "Do repeated events meet their stored decision?",
    "Routing decisions, by where they came from",
    (one_of("origin", "new", "stored"),),
)
QUEUED_SECONDS = Metric(
    Histogram,
    "frontline_queued_seconds",
    "seconds",
    "How long does feedback take from accepted to on its queues?",
    "Time from received_at to the items being on their queues, the first time",
    buckets=SECONDS,
)
LEASES = Metric(
    Counter,
    "frontline_leases",
    "leases",
    "How do leases end, and how often is an item received again?",
    "Lease operations by verb and result; received_again was leased before and came back",
    (
        DEPARTMENT,
        one_of("verb", "receive", "acknowledge", "extend", "release", "dead_letter"),
        one_of("result", "leased", "received_again", "done", "already_done", "lost", "unknown"),
    ),
)
STREAM_CLIENTS = Metric(
    Gauge,
    "frontline_stream_clients",
    "clients",
    "How many live streams are open?",
    "Live stream clients connected",
)
AUDIT_CHANGED = Metric(
    Gauge,
    "frontline_audit_changed",
    "1 or 0",
    "Did anybody take or change what the audit had?",
    "1 when an entry that the console saw last is gone or another; its log says which",
)
HOPS = Metric(
    Counter,
    "frontline_hops",
    "records",
    "Is what `trace` shows complete?",
    "Hops of records, by whether they were kept; dropped ones are missing in traces",
    (one_of("result", "kept", "dropped"),),
)
SPANS = Metric(
    Counter,
    "frontline_spans",
    "spans",
    "Do spans reach the collector?",
    "Spans, by whether the collector took them; none where no exporter is configured",
    (one_of("result", "exported", "failed"),),
)
