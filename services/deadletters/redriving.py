"""Runs a redrive: takes letters chunk by chunk and sends them to their origin, each exactly once.

| killed                          | what the next run finds       | what it does               |
|---------------------------------|-------------------------------|----------------------------|
| before a chunk is taken         | nothing                       | goes on                    |
| after it is taken               | claimed letters, no marks, or | publishes those that it    |
|                                 | marks and no record           | does not find              |
| after publishing                | claimed letters, marks, and   | marks those that it finds  |
|                                 | their records behind them     | as redriven                |
| after they are marked           | nothing                       | goes on                    |

Marks say where the origin topics ended before a chunk was published; a redriven record carries its
letter's id and count, so that one look from the marks on tells which letters were sent.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from time import monotonic

from services.deadletters.hold import LEASE_SECONDS, Hold, held
from services.deadletters.letter import DeadLetter
from services.deadletters.records import RecordReader
from services.deadletters.redrive import (
    JobState,
    Marks,
    Redrive,
    chunk_size,
    record_bytes,
    redriven_record,
)
from services.deadletters.store import DeadLetterStore, RedriveStore, Tally
from services.runtime.browse import Browser
from services.runtime.errors import Unavailable
from services.runtime.kafka import Producer, Record
from services.runtime.redrive import read_redriven

_POLL_SECONDS = 1.0
TOO_LARGE = "its record is larger than its topic takes"
NOWHERE = "its topic has no such partition"

Progress = Callable[[Redrive], None]


@dataclass(frozen=True, slots=True)
class Kafka:
    """What a redrive needs of Kafka; `most_bytes` is the largest record that an origin takes."""

    browser: Browser
    producer: Producer
    most_bytes: int


class Redriving:
    """Runs redrives for one process, which `holder` names."""

    def __init__(
        self,
        letters: DeadLetterStore,
        redrives: RedriveStore,
        kafka: Kafka,
        holder: str,
        clock: Callable[[], datetime],
        lease_seconds: float = LEASE_SECONDS,
    ) -> None:
        self._letters = letters
        self._redrives = redrives
        self._kafka = kafka
        self._reader = RecordReader(kafka.browser)
        self._holder = holder
        self._clock = clock
        self._lease_seconds = lease_seconds

    async def run(self, name: str, progress: Progress = lambda _: None) -> Redrive:
        """Goes on with a redrive until nothing is left, its limit is reached or it is cancelled.

        Raises `HeldElsewhere`, and `Unavailable` when Kafka or MongoDB is away: running it again
        goes on. So it does after a cancelled task or a killed process. One that ended stays so.
        """
        redrive = await self._redrives.find(name)
        if redrive is None:
            raise KeyError(name)
        if redrive.state is not JobState.RUNNING:
            return redrive
        async with held(self._redrives, name, self._holder, self._lease_seconds) as hold:
            run = _Run(
                self._letters,
                self._redrives,
                self._kafka,
                self._reader,
                self._clock,
                hold,
                progress,
            )
            await run.start()
            await run.recover()
            state = await run.every_chunk()
            ended = await self._redrives.end(
                name, self._holder, state, await self._letters.tally(name), self._clock()
            )
        return ended or hold.redrive


@dataclass(slots=True)
class _Run:
    """One run of a redrive, from taking its lease until it ends or is interrupted."""

    letters: DeadLetterStore
    redrives: RedriveStore
    kafka: Kafka
    reader: RecordReader
    clock: Callable[[], datetime]
    hold: Hold
    progress: Progress
    tally: Tally = field(init=False)

    @property
    def name(self) -> str:
        return self.hold.redrive.name

    async def start(self) -> None:
        self.tally = await self.letters.tally(self.name)
        self.progress(await self.hold.renew(self.tally))

    async def recover(self) -> None:
        """Finishes what an interrupted run began."""
        open_letters = await self.letters.claimed(self.name)
        if not open_letters:
            return
        marks = await self.redrives.marks(self.name)
        sent = await self._find_sent(open_letters, marks)
        unsent = [each for each in open_letters if each.id not in sent]
        await self._mark([each for each in open_letters if each.id in sent])
        if self.hold.redrive.cancel_by:
            await self.letters.put_back(unsent)
        else:
            await self._send(unsent, marks)
        await self._report()

    async def every_chunk(self) -> JobState:
        """Sends chunk after chunk at the wanted rate."""
        started, before = monotonic(), self.tally.redriven
        while not self.hold.redrive.cancel_by:
            most = chunk_size(self.hold.redrive)
            redrive, now = self.hold.redrive, self.clock()
            taken = await self.letters.claim(self.name, redrive.only, most, now) if most else []
            if not taken:
                return JobState.DONE
            await self._send(taken, {})
            await self._report()
            if redrive.rate is not None:
                due = started + (self.tally.redriven - before) / redrive.rate
                await self._rest(due)
        return JobState.CANCELLED

    async def _report(self) -> None:
        self.progress(await self.hold.renew(self.tally))

    async def _rest(self, due: float) -> None:
        """Waits for its turn; looks up meanwhile whether it is cancelled."""
        while (left := due - monotonic()) > 0 and not self.hold.redrive.cancel_by:
            await asyncio.sleep(min(left, _POLL_SECONDS))
            if left > _POLL_SECONDS:
                await self.hold.renew()

    async def _send(self, taken: Sequence[DeadLetter], marks: Marks) -> None:
        """Publishes claimed letters and marks them; `marks` are those of an interrupted run."""
        read = await self._read(taken)
        topics = {letter.topic for letter, _ in read}
        ends = {topic: await self.kafka.browser.ends(topic) for topic in topics}
        ready: list[tuple[DeadLetter, Record]] = []
        for letter, record in read:
            if letter.partition in ends[letter.topic]:
                ready.append((letter, record))
            else:
                await self._fail(letter, NOWHERE)
        if not ready:
            return
        noted = {topic: {**ends[topic], **marks.get(topic, {})} for topic in topics}
        await self.hold.note({**marks, **noted})
        with self.hold.publishing():
            await self.kafka.producer.publish([record for _, record in ready])
        await self._mark([letter for letter, _ in ready])

    async def _read(self, taken: Sequence[DeadLetter]) -> list[tuple[DeadLetter, Record]]:
        """The letters that can be sent, with their records. Raises `Unavailable` for one whose
        record is not there, and is not gone for good either.
        """
        found = await self.reader.read(taken)
        ready: list[tuple[DeadLetter, Record]] = []
        for letter in taken:
            if letter.id not in found:
                await self._fail(letter, await self._why_gone(letter))
                continue
            record = redriven_record(letter, found[letter.id])
            if record_bytes(record) > self.kafka.most_bytes:
                await self._fail(letter, TOO_LARGE)
            else:
                ready.append((letter, record))
        return ready

    async def _why_gone(self, letter: DeadLetter) -> str:
        if why := await self.reader.gone(letter):
            return why
        raise Unavailable(
            f"Kafka: {letter.dead_topic} has no record yet at partition {letter.dead_partition}"
            f" offset {letter.dead_offset}, of letter {letter.id}: try again; if the topic was made"
            " anew, cancel the redrive and discard what died before"
        )

    async def _mark(self, letters: Sequence[DeadLetter]) -> None:
        await self.letters.mark_redriven(letters, self.clock())
        self.tally = replace(self.tally, redriven=self.tally.redriven + len(letters))

    async def _fail(self, letter: DeadLetter, why: str) -> None:
        await self.letters.mark_failed(letter, why)
        self.tally = replace(self.tally, failed=self.tally.failed + 1)

    async def _find_sent(self, letters: Sequence[DeadLetter], marks: Marks) -> frozenset[str]:
        """Which of these claims the origin topics hold, from the marks on."""
        wanted = {(each.id, each.redrives) for each in letters}
        sent: set[str] = set()
        for topic, offsets in marks.items():
            parts = {each.partition for each in letters if each.topic == topic}
            starts = {part: offsets[part] for part in parts & offsets.keys()}
            if not starts:
                continue
            ends: Mapping[int, int] = await self.kafka.browser.ends(topic)
            async for record in self.kafka.browser.read(topic, starts, ends):
                redriven = read_redriven(record)
                if redriven and (redriven.letter_id, redriven.count) in wanted:
                    sent.add(redriven.letter_id)
        return frozenset(sent)
