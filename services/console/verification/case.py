"""One feedback as it is judged: what was seen, how it stands at each stage, what follows: pure."""

from datetime import datetime

from services.console.verification.evidence import Evidence, Kind
from services.console.verification.fault import Fault, FaultKind
from services.console.verification.standing import Horizon, Standing, stand
from services.deadletters.letter import State
from services.stages.stage import CLASSIFIER, ROUTER, STAGES, Stage

_LEFT = (State.WAITING, State.DISCARDED, State.REDRIVING)


class Case:
    """Evidence against its horizon."""

    def __init__(self, evidence: Evidence, horizon: Horizon) -> None:
        self.evidence = evidence
        self.horizon = horizon
        self.standings = {stage.name: stand(evidence, stage, horizon) for stage in STAGES}

    @property
    def went_on(self) -> bool:
        """Whether anything but a receipt is there."""
        found = self.evidence
        return bool(found.records or found.letters or found.items or found.departments is not None)

    @property
    def is_given_up(self) -> bool:
        """Whether a stage on the way to the queues gave it up, and nobody redrove it."""
        ways = (CLASSIFIER.name, ROUTER.name)
        return any(each.stage in ways and each.state in _LEFT for each in self.evidence.letters)

    @property
    def is_delivered(self) -> bool:
        """Whether it is on every queue that was chosen and announced, as far as topics tell."""
        found, routed = self.evidence, self.evidence.on(Kind.ROUTED)
        if self._waits:
            return False
        if found.departments is None:  # decisions are read before what is routed
            return any(each.at > self.horizon.decisions_at for each in routed)
        announced = routed or self.standings[ROUTER.name] is Standing.ABSENT
        return bool(announced) and not self.missing_departments

    @property
    def is_on_its_way(self) -> bool:
        """Whether a stage has yet to read it, or it moved after it was looked for."""
        found, horizon = self.evidence, self.horizon
        moved = [found.decided_at] if found.decided_at else []
        moved += [each.created_at for each in found.items]
        redriven = any(
            each.state is State.REDRIVEN
            and each.stage in horizon.places
            and each.at > horizon.places[each.stage].at - horizon.settle
            for each in found.letters
        )
        return self._waits or redriven or any(at > horizon.decisions_at for at in moved)

    @property
    def missing_departments(self) -> list[str]:
        """Those that were chosen and on whose queue it is not."""
        queued = {each.department for each in self.evidence.items}
        return sorted((self.evidence.departments or frozenset()) - queued)

    @property
    def was_enqueued(self) -> bool:
        """Whether its items must be there: they come before the routed event, before the router
        moves on, and soon after the decision where no record tells how far the router is.
        """
        found, standing = self.evidence, self.standings[ROUTER.name]
        if found.on(Kind.ROUTED):
            return True
        if self.has_letter(ROUTER):
            return False
        if standing is Standing.ABSENT:
            return found.decided_at is not None and found.decided_at <= self.horizon.decisions_at
        return standing is Standing.PASSED

    @property
    def _waits(self) -> bool:
        return Standing.WAITING in self.standings.values()

    def has_letter(self, stage: Stage) -> bool:
        """Whether this stage gave it up, whatever became of its dead letter."""
        return any(letter.stage == stage.name for letter in self.evidence.letters)

    def is_unchosen(self, department: str, created_at: datetime) -> bool:
        """Decisions come before items; of a receipt from before the period they were not read."""
        found = self.evidence
        if found.departments is not None:
            return department not in found.departments
        judged = found.in_period or found.reference is None
        return judged and created_at < self.horizon.decisions_at

    def fault(
        self,
        kind: FaultKind,
        detail: str,
        *,
        stage: str | None = None,
        subject: str | None = None,
        since: datetime | None = None,
    ) -> Fault:
        """A fault of this feedback."""
        found = self.evidence
        return Fault(kind, detail, found.feedback_id, found.reference, stage, subject, since)
