"""Leases as a state machine: clients that receive, settle and forget, while time passes.

The model knows only what the store answered. It holds the store to one promise: an item never has
two valid leases, where a lease is valid from its `receive` until it expires, is settled or is
released. Everything else a store may answer follows from the last lease of the item.
"""

from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from schemas.routing import Role
from services.queues.item import Result
from services.queues.store import LeasedItem, LeaseRef, NewItem
from tests.builders import feedback
from tests.component.queue_stores import Queues

DEPARTMENT = "DWP"
FEEDBACKS = 4
MOST_RECEIVES = 5
Answer = TypeVar("Answer")

chosen_lease = st.integers(min_value=0, max_value=30)
seconds = st.sampled_from([10, 100, 1_000])


@dataclass(slots=True)
class Given:
    """A lease as the model knows it; `until` is on the model's own clock."""

    ref: LeaseRef
    until: float
    receives: int
    released: bool = False


class LeaseMachine(RuleBasedStateMachine):
    """Subclasses say which store, and how a coroutine is run."""

    queues: Queues
    steps: ClassVar[int] = 0

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.last: dict[str, Given] = {}
        self.given: list[LeaseRef] = []
        self.settled_by: dict[str, str] = {}
        self.enqueued: set[str] = set()

    def call(self, coroutine: Coroutine[Any, Any, Answer]) -> Answer:
        type(self).steps += 1
        answer: Answer = self.run(coroutine)
        return answer

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        raise NotImplementedError

    @rule(number=st.integers(min_value=1, max_value=FEEDBACKS))
    def enqueue(self, number: int) -> None:
        said = feedback(number)
        new = NewItem(said.id, DEPARTMENT, Role.LEAD, ("work",), "why", "rule", 1)
        fresh = self.call(self.queues.store.enqueue([said], [new]))
        assert fresh.isdisjoint(self.enqueued), "an item is new once"
        self.enqueued |= fresh
        assert f"{said.id}:{DEPARTMENT}" in self.enqueued

    @rule(most=st.integers(min_value=1, max_value=FEEDBACKS), visibility=seconds)
    def receive(self, most: int, visibility: int) -> None:
        items = self.call(self.queues.store.receive(DEPARTMENT, most, visibility))
        assert len(items) <= most
        for item in items:
            self._lease(item, visibility)

    def _lease(self, item: LeasedItem, visibility: int) -> None:
        before = self.last.get(item.item_id)
        assert item.item_id in self.enqueued
        assert item.item_id not in self.settled_by, "a settled item was leased"
        assert not self._is_valid(before), "two valid leases"
        assert item.receive_count == (before.receives if before else 0) + 1
        assert item.receive_count <= MOST_RECEIVES
        assert item.lease not in self.given, "a token was given twice"
        self.last[item.item_id] = Given(item.lease, self.now + visibility, item.receive_count)
        self.given.append(item.lease)

    @rule(passed=st.sampled_from([5, 50, 500, 5_000]))
    def time_passes(self, passed: int) -> None:
        self.call(self.queues.advance(passed))
        self.now += passed

    @rule(index=chosen_lease)
    def acknowledge(self, index: int) -> None:
        if ref := self._choose(index):
            (result,) = self.call(self.queues.store.acknowledge(DEPARTMENT, [ref]))
            self._settle(ref, result)

    @rule(index=chosen_lease)
    def dead_letter(self, index: int) -> None:
        if ref := self._choose(index):
            (result,) = self.call(self.queues.store.dead_letter(DEPARTMENT, [ref], "not ours"))
            self._settle(ref, result)

    @rule(index=chosen_lease, delay=st.sampled_from([0, 100]))
    def release(self, index: int, delay: int) -> None:
        if ref := self._choose(index):
            last = self.last[ref.item_id]
            (result,) = self.call(self.queues.store.release(DEPARTMENT, [ref], delay))
            if last.ref == ref and last.released and ref.item_id not in self.settled_by:
                assert result in (Result.ALREADY_DONE, Result.LOST)  # lost once it died of claims
                return
            if self._expect(ref, result) is Result.DONE:
                last.released = True

    @rule(index=chosen_lease, visibility=seconds)
    def extend(self, index: int, visibility: int) -> None:
        if ref := self._choose(index):
            last = self.last[ref.item_id]
            (result,) = self.call(self.queues.store.extend(DEPARTMENT, [ref], visibility))
            if last.ref == ref and ref.item_id not in self.settled_by and last.until <= self.now:
                assert result is Result.LOST, "an expired lease was extended"
                return
            if self._expect(ref, result) is Result.DONE:
                last.until = self.now + visibility

    def _choose(self, index: int) -> LeaseRef | None:
        return self.given[-1 - index % len(self.given)] if self.given else None

    def _is_valid(self, lease: Given | None) -> bool:
        return lease is not None and not lease.released and lease.until > self.now

    def _settle(self, ref: LeaseRef, result: Result) -> None:
        if self._expect(ref, result) is Result.DONE:
            self.settled_by[ref.item_id] = ref.token

    def _expect(self, ref: LeaseRef, result: Result) -> Result:
        """Holds a result to the model; a last lease whose item may have died may be lost."""
        last = self.last[ref.item_id]
        if ref.item_id in self.settled_by:
            same = self.settled_by[ref.item_id] == ref.token
            assert result is (Result.ALREADY_DONE if same else Result.LOST)
        elif last.ref != ref or last.released:
            assert result is Result.LOST, "an old token had an effect"
        elif self._is_valid(last) or last.receives < MOST_RECEIVES:
            assert result is Result.DONE
        else:
            assert result in (Result.DONE, Result.LOST)
        return result

    @invariant()
    def the_queue_holds_what_the_model_holds(self) -> None:
        depth = self.call(self.queues.store.depth(DEPARTMENT))
        alive = self.enqueued - self.settled_by.keys()
        assert depth.waiting + depth.in_flight <= len(alive)
        valid = [
            lease
            for name, lease in self.last.items()
            if name not in self.settled_by and self._is_valid(lease)
        ]
        assert depth.in_flight == len(valid)
