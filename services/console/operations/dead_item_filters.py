"""Filters of dead items: made sense of, and put in words."""

from schemas.departments import load_departments
from services.console.errors import WrongInput
from services.console.operations.dead_letters import shown
from services.queues.dead_item import DEAD_STATES, DeadItemFilter

EVERY_DEPARTMENT = "all"
_LONGEST_TEXT = 500


def departments_named(name: str) -> tuple[str, ...]:
    """The permanent codes of a department by code or slug, or of all; raises `WrongInput`."""
    directory = load_departments()
    if name == EVERY_DEPARTMENT:
        return tuple(each.code for each in directory.departments)
    if name in directory:
        return (name,)
    if directory.has_slug(name):
        return (directory.by_slug(name).code,)
    raise WrongInput(f"There is no department {shown(name)}: departments lists codes and slugs")


def checked_items(only: DeadItemFilter) -> DeadItemFilter:
    """The filter, if it makes sense; raises `WrongInput`."""
    if only.state not in DEAD_STATES:
        raise WrongInput(f"A dead item is {' or '.join(DEAD_STATES)}")
    text = only.reason
    if text is not None and (not text.isprintable() or not 0 < len(text) <= _LONGEST_TEXT):
        raise WrongInput(f"A filter's text has from 1 to {_LONGEST_TEXT} printable characters")
    return only


def described(only: DeadItemFilter) -> dict[str, str | int | None]:
    """For the audit, which is never erased: without words that may be a person's."""
    matching = only.reason
    if matching is not None and only.their_words:
        matching = "a part of what departments wrote"
    departments = ",".join(only.departments[:3]) + (",…" if only.departments[3:] else "")
    return {
        "departments": departments,
        "state": str(only.state),
        "ids": len(only.ids) or None,
        "matching": matching,
        "died_before": only.died_before.isoformat() if only.died_before else None,
        "died_since": only.died_since.isoformat() if only.died_since else None,
    }


def nothing_like(only: DeadItemFilter) -> str:
    """The message of `NothingMatched`."""
    said = described(only) | {"matching": only.reason}
    words = ", ".join(f"{name} {value}" for name, value in said.items() if value is not None)
    hint = "dead-letters list --department all shows every one"
    if only.reason is not None and not only.their_words:
        hint += ", and --text lets --matching go by departments' own words too"
    return f"No dead item matches {words}: {hint}"
