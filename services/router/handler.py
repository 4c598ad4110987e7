"""Puts tagged feedback on the queues of its departments and publishes where it went."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

from schemas.codec import encode
from schemas.envelope import FeedbackRouted, FeedbackTagged, follow
from schemas.feedback import Feedback
from schemas.routing import ChosenDepartment, RoutedFeedback
from schemas.tagging import AreaCandidate, Tagging
from services.queues.store import NewItem, QueueStore
from services.routing.decision import Decision
from services.routing.decision_store import DecisionStore
from services.runtime.kafka import Record
from services.runtime.metrics import Metrics

Choose = Callable[[Tagging, Feedback], tuple[ChosenDepartment, ...]]


class RoutingHandler:
    """Handles batches of `FeedbackTagged`: decide, store the decision, enqueue, publish.

    Each step repeats without a second effect: the stored decision stands, an item is inserted if it
    is absent, and the published event has the same id and bytes.
    """

    def __init__(
        self,
        choose: Choose,
        rule_version: str,
        decisions: DecisionStore,
        queues: QueueStore,
        publish: Callable[[Sequence[Record]], Awaitable[None]],
        topic: str,
        clock: Callable[[], datetime],
        metrics: Metrics,
    ) -> None:
        self._choose = choose
        self._rule_version = rule_version
        self._decisions = decisions
        self._queues = queues
        self._publish = publish
        self._topic = topic
        self._clock = clock
        self._metrics = metrics

    async def handle(self, events: Sequence[FeedbackTagged]) -> None:
        """Returns when every item is on its queue and every routed event is confirmed."""
        now = self._clock()
        decided = [decide(event, self._choose, self._rule_version, now) for event in events]
        standing = await self._decisions.settle(decided)
        routed = [_routed(*each) for each in zip(events, standing, strict=True)]
        await self._queues.enqueue(
            [event.data.feedback for event in events],
            [
                item
                for decision, event in zip(standing, routed, strict=True)
                for item in items_of(decision, event.traceparent)
            ],
        )
        self._measure(events, decided, standing)
        await self._publish(
            [Record(self._topic, each.subject.encode(), encode(each)) for each in routed]
        )

    def _measure(
        self,
        events: Sequence[FeedbackTagged],
        decided: Sequence[Decision],
        standing: Sequence[Decision],
    ) -> None:
        now = self._clock()
        for event, new, stands in zip(events, decided, standing, strict=True):
            if new is stands:
                waited = (now - event.data.feedback.received_at).total_seconds()
                self._metrics.queued_seconds.observe(max(0.0, waited))
        new_ones = sum(new is stands for new, stands in zip(decided, standing, strict=True))
        self._metrics.decisions.labels("new").inc(new_ones)
        self._metrics.decisions.labels("stored").inc(len(standing) - new_ones)


def decide(event: FeedbackTagged, choose: Choose, rule_version: str, now: datetime) -> Decision:
    """Decides one feedback by the rules."""
    tagging = event.data.tagging
    return Decision(
        feedback_id=event.subject,
        revision=event.revision,
        departments=choose(tagging, event.data.feedback),
        areas=tuple(
            AreaCandidate(area=tag.area, probability=tag.probability) for tag in tagging.areas
        ),
        abstained=tagging.abstained,
        rule_version=rule_version,
        model_version=tagging.model_version,
        # as precise as the database keeps it, so that a stored decision reads back equal
        decided_at=now.replace(microsecond=now.microsecond // 1000 * 1000),
    )


def _routed(event: FeedbackTagged, decision: Decision) -> FeedbackRouted:
    feedback = event.data.feedback
    data = RoutedFeedback(
        feedback_id=feedback.id,
        reference=feedback.reference,
        organisation_id=feedback.organisation.id,
        kind=feedback.kind,
        language=feedback.language,
        marking=feedback.marking,
        place=feedback.place,
        received_at=feedback.received_at,
        areas=decision.areas,
        abstained=decision.abstained,
        departments=decision.departments,
        rule_version=decision.rule_version,
        model_version=decision.model_version,
    )
    return follow(event, FeedbackRouted, data, decision.decided_at)


def items_of(decision: Decision, traceparent: str | None = None) -> list[NewItem]:
    """One item for each department that the decision chose."""
    areas = tuple(each.area for each in decision.areas)
    return [
        NewItem(
            feedback_id=decision.feedback_id,
            department=each.department,
            role=each.role,
            areas=areas,
            because=each.because,
            rule=each.rule,
            revision=decision.revision,
            traceparent=traceparent,
        )
        for each in decision.departments
    ]
