"""The stages that consume: their names, services, topics and consumer groups."""

from dataclasses import dataclass

from schemas.topics import PROGRESSED, RECEIVED, ROUTED, TAGGED, Topic


@dataclass(frozen=True, slots=True)
class Stage:
    """A consumer as operators know it. Topic and group get the installation's prefix."""

    name: str
    service: str
    topic: Topic
    group: str
    does: str

    def topic_name(self, prefix: str) -> str:
        """The topic that it reads, as Kafka knows it."""
        return prefix + self.topic.name

    def group_name(self, prefix: str) -> str:
        """The consumer group, as Kafka and the controls know it."""
        return prefix + self.group


CLASSIFIER = Stage("classifier", "classifier", RECEIVED, "classifier", "tags feedback by area")
ROUTER = Stage("router", "router", TAGGED, "router", "puts feedback on department queues")
STREAMS = Stage("streams", "departments", ROUTED, "departments-streams", "feeds topic streams")
TRACKING_ROUTED = Stage(
    "tracking-routed", "intake", ROUTED, "intake-tracking-routed", "tells charities where it went"
)
TRACKING_PROGRESSED = Stage(
    "tracking-progressed",
    "intake",
    PROGRESSED,
    "intake-tracking-progressed",
    "tells charities what departments did",
)

# in the order of an item's way
STAGES = (CLASSIFIER, ROUTER, STREAMS, TRACKING_ROUTED, TRACKING_PROGRESSED)


def find_stage(name: str) -> Stage | None:
    """The stage of this name."""
    return next((each for each in STAGES if each.name == name), None)
