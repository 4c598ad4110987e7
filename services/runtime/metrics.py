"""All metrics of one process, as the catalogue has them."""

from prometheus_client import CollectorRegistry

from services.runtime import catalogue


class Metrics:
    """A counter, gauge or histogram for each entry of the catalogue, on a registry of its own."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.records = catalogue.CONSUMED_RECORDS.make(registry)
        self.retries = catalogue.RETRIES.make(registry)
        self.batch_records = catalogue.BATCH_RECORDS.make(registry)
        self.batch_seconds = catalogue.BATCH_SECONDS.make(registry)
        self.lag = catalogue.LAG.make(registry)
        self.oldest_age = catalogue.OLDEST_AGE.make(registry)
        self.dead_letters = catalogue.DEAD_LETTERS.make(registry)
        self.fuse_open = catalogue.FUSE_OPEN.make(registry)
        self.produce_seconds = catalogue.PRODUCE_SECONDS.make(registry)
        self.produce_failures = catalogue.PRODUCE_FAILURES.make(registry)
        self.requests = catalogue.REQUEST_SECONDS.make(registry)
        self.outbox_receipts = catalogue.OUTBOX_RECEIPTS.make(registry)
        self.outbox_age = catalogue.OUTBOX_AGE.make(registry)
        self.breaker_open = catalogue.BREAKER_OPEN.make(registry)
        self.submissions = catalogue.SUBMISSIONS.make(registry)
        self.taggings = catalogue.TAGGINGS.make(registry)
        self.shadow_readings = catalogue.SHADOW_READINGS.make(registry)
        self.shadow_disagreements = catalogue.SHADOW_DISAGREEMENTS.make(registry)
        self.decisions = catalogue.DECISIONS.make(registry)
        self.queued_seconds = catalogue.QUEUED_SECONDS.make(registry)
        self.leases = catalogue.LEASES.make(registry)
        self.stream_clients = catalogue.STREAM_CLIENTS.make(registry)
        self.audit_changed = catalogue.AUDIT_CHANGED.make(registry)
        self.hops = catalogue.HOPS.make(registry)
        self.spans = catalogue.SPANS.make(registry)
