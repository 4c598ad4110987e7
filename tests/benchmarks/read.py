"""P11: how many texts a second of one core each reader reads, and what loading them costs."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from statistics import median

from services.classifier.loading import load_tagger
from services.classifier.tagging import Tagger
from tests.benchmarks.compare import Row
from tests.pipeline import ROOT

SAMPLES = ROOT / "deploy" / "samples" / "observations.jsonl"
_REPEATS = 5
_LOAD = """
import pathlib, time
started = time.perf_counter()
from services.classifier.loading import load_tagger
load_tagger().tag("The landlord will not mend the damp in our flats, and winter is coming.")
status = pathlib.Path("/proc/self/status").read_text()
print(time.perf_counter() - started, int(status.partition("VmHWM:")[2].split()[0]) / 1024)
"""


def measure() -> list[Row]:
    """Rates by the processor's time of this process, so that other work does not count."""
    texts = [json.loads(line)["text"] for line in SAMPLES.read_text().splitlines()]
    return [
        _rate("fast reader alone", load_tagger(fast_alone=True), texts * 12, 5_000),
        _rate("both readers, every sample", load_tagger(careful_below=2.0), texts, 60),
        _loading(),
    ]


def _rate(what: str, tagger: Tagger, texts: list[str], goal: float) -> Row:
    rates = sorted(_timed(lambda: tagger.tag_many(texts), len(texts)) for _ in range(_REPEATS))
    words = sum(len(text.split()) for text in texts) // len(texts)
    return Row(
        "P11",
        f"{what}, texts a second of a core",
        f"{median(rates):,.0f} ({rates[0]:,.0f}-{rates[-1]:,.0f})",
        f">= {goal:,.0f}",
        median(rates) >= goal,
        f"samples of {words} words on average",
    )


def _timed(run: Callable[[], object], count: int) -> float:
    started = time.process_time()
    run()
    return count / (time.process_time() - started)


def _loading() -> Row:
    done = subprocess.run(
        [sys.executable, "-c", _LOAD], cwd=ROOT, capture_output=True, text=True, check=True
    )
    seconds, megabytes = map(float, done.stdout.split())
    return Row(
        "P11",
        "from nothing to the first tag",
        f"{seconds:.2f} s",
        "< 3 s",
        seconds < 3 and megabytes < 400,
        f"{megabytes:.0f} MB resident, goal < 400",
    )
