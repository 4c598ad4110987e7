"""Stages: paused and resumed by operators, and the fuses with which they stop themselves.

A running process sees a change within a second, after the batch that it has open.
"""

from dataclasses import dataclass

from services.audit.audit_store import MongoAuditLog
from services.console.connections import Connections
from services.console.errors import NotFound
from services.console.operator import Operator, stated
from services.runtime.controls import Control, Mark
from services.stages.control_store import MongoControls
from services.stages.stage import STAGES, Stage, find_stage


@dataclass(frozen=True, slots=True)
class StageControl:
    """What is wanted of a stage. `paused` and `fuse` say why, by whom and since when; `changed`:
    whether the operation that answers with it changed anything.
    """

    stage: str
    does: str
    group: str
    paused: Mark | None
    fuse: Mark | None
    changed: bool = False


async def list_controls(connections: Connections) -> list[StageControl]:
    """Every stage, in the order of an item's way."""
    controls = await MongoControls(connections.database).read_all()
    found = []
    for stage in STAGES:
        group = _group(connections, stage)
        found.append(_row(stage, controls.get(group) or Control(group, None, None)))
    return found


async def pause_stage(
    connections: Connections, name: str, *, operator: Operator, reason: str
) -> StageControl:
    """Stops a stage from reading on; a paused stage takes the new reason. Raises `NotFound`."""
    stage, kept = _stage(name), stated(reason)
    await _audit(connections, operator, "stage.pause", stage, kept)
    mark = Mark(kept, operator.name, connections.clock())
    group = _group(connections, stage)
    controls = MongoControls(connections.database)
    await controls.pause(group, mark)
    return _row(stage, await controls.read(group), changed=True)


async def resume_stage(
    connections: Connections, name: str, *, operator: Operator, reason: str
) -> StageControl:
    """Lets a stage read on; one that is not paused is left as it is. Raises `NotFound`."""
    stage, kept = _stage(name), stated(reason)
    controls, group = MongoControls(connections.database), _group(connections, stage)
    changed = (await controls.read(group)).paused is not None
    if changed:
        await _audit(connections, operator, "stage.resume", stage, kept)
        await controls.resume(group)
    return _row(stage, await controls.read(group), changed)


async def reset_fuse(
    connections: Connections, name: str, *, operator: Operator, reason: str
) -> StageControl:
    """Closes a stage's fuse, once a person has mended what opened it; a closed one is left as it
    is. Raises `NotFound`.
    """
    stage, kept = _stage(name), stated(reason)
    controls, group = MongoControls(connections.database), _group(connections, stage)
    changed = (await controls.read(group)).fuse is not None
    if changed:
        await _audit(connections, operator, "fuse.reset", stage, kept)
        await controls.reset_fuse(group)
    return _row(stage, await controls.read(group), changed)


async def _audit(
    connections: Connections, operator: Operator, action: str, stage: Stage, reason: str
) -> None:
    await MongoAuditLog(connections.database, connections.clock).append(
        by=operator.name,
        action=action,
        subject=stage.name,
        reason=reason,
        details={"group": _group(connections, stage)},
    )


def _stage(name: str) -> Stage:
    stage = find_stage(name)
    if stage is None:
        names = ", ".join(each.name for each in STAGES)
        raise NotFound(f"There is no stage {name!r}: the stages are {names}")
    return stage


def _group(connections: Connections, stage: Stage) -> str:
    return stage.group_name(connections.settings.topic_prefix)


def _row(stage: Stage, control: Control, changed: bool = False) -> StageControl:
    return StageControl(
        stage.name, stage.does, control.group, control.paused, control.fuse, changed
    )
