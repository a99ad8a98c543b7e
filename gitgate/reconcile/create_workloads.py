"""Rules for workloads beyond those that corpora rank highest: rollouts, Jobs, schedules.

Sources: k8s.io/kubernetes/pkg/apis/{apps,batch}/validation/validation.go; github.com/robfig/cron/v3, parser.go.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from gitgate.location import FieldPath
from gitgate.reconcile.failure import Failure, forbidden, invalid, required
from gitgate.reconcile.names import APPS, BATCH

Value = Mapping[str, Any]
ZONE_WORDS = "cannot use TZ or CRON_TZ in schedule, use timeZone field instead"


def deployment(spec: Value, path: FieldPath, root: Value) -> Iterator[Failure]:  # noqa: ARG001 - the rule's form
    """`ValidateDeploymentSpec`, `ValidateRollingUpdateDeployment`."""
    yield from _no_deadline(spec, path, "ReplicaSet")
    rolling = (spec.get("strategy") or {}).get("rollingUpdate")
    if isinstance(rolling, dict) and _none(rolling.get("maxUnavailable")) and _none(rolling.get("maxSurge")):
        place = (*path, "strategy", "rollingUpdate", "maxUnavailable")
        yield invalid(place, str(rolling.get("maxUnavailable") or 0), "may not be 0 when `maxSurge` is 0")
    deadline, ready = spec.get("progressDeadlineSeconds"), spec.get("minReadySeconds") or 0
    if isinstance(deadline, int) and deadline <= ready:
        yield invalid((*path, "progressDeadlineSeconds"), str(deadline), "must be greater than minReadySeconds")


def daemon_set(spec: Value, path: FieldPath, root: Value) -> Iterator[Failure]:  # noqa: ARG001
    """`ValidateDaemonSetSpec`, `ValidateRollingUpdateDaemonSet`."""
    yield from _no_deadline(spec, path, "DaemonSet")
    rolling = (spec.get("updateStrategy") or {}).get("rollingUpdate")
    if not isinstance(rolling, dict):
        return
    unavailable, surge = _none(rolling.get("maxUnavailable")), _none(rolling.get("maxSurge"))
    place = (*path, "updateStrategy", "rollingUpdate")
    if unavailable and surge:
        yield required((*place, "maxUnavailable"), "cannot be 0 when maxSurge is 0")
    elif not unavailable and not surge:
        shown = rolling["maxSurge"]
        words = "may not be set when maxUnavailable is non-zero"
        yield invalid((*place, "maxSurge"), f'"{shown}"' if isinstance(shown, str) else str(shown), words)


def stateful_set(spec: Value, path: FieldPath, root: Value) -> Iterator[Failure]:  # noqa: ARG001
    """`ValidateStatefulSetSpec`."""
    yield from _no_deadline(spec, path, "StatefulSet")


def _no_deadline(spec: Value, path: FieldPath, kind: str) -> Iterator[Failure]:
    if ((spec.get("template") or {}).get("spec") or {}).get("activeDeadlineSeconds") is not None:
        place = (*path, "template", "spec", "activeDeadlineSeconds")
        yield forbidden(place, f"activeDeadlineSeconds in {kind} is not Supported")


def _none(value: Any) -> bool:
    """Is a number or percentage zero?"""
    return value is None or value == 0 or (isinstance(value, str) and re.fullmatch(r"0+%", value) is not None)


def job(spec: Value, path: FieldPath, root: Value) -> Iterator[Failure]:  # noqa: ARG001
    """`validateJobSpec`."""
    mode = spec.get("completionMode") or "NonIndexed"
    if mode == "Indexed" and spec.get("completions") is None:
        yield required((*path, "completions"), "when completion mode is Indexed")
    if spec.get("maxFailedIndexes") is not None and spec.get("backoffLimitPerIndex") is None:
        yield required((*path, "backoffLimitPerIndex"), "when maxFailedIndexes is specified")
    if mode == "NonIndexed":
        for field in ("backoffLimitPerIndex", "maxFailedIndexes"):
            if spec.get(field) is not None:
                yield invalid((*path, field), str(spec[field]), "requires indexed completion mode")
    policy = ((spec.get("template") or {}).get("spec") or {}).get("restartPolicy")
    if spec.get("podFailurePolicy") is not None and policy == "OnFailure":
        words = 'only "Never" is supported when podFailurePolicy is specified'
        yield invalid((*path, "template", "spec", "restartPolicy"), f'"{policy}"', words)


def job_template(value: Value, path: FieldPath, root: Value) -> Iterator[Failure]:  # noqa: ARG001
    """`ValidateJobTemplateSpec`."""
    spec = value.get("spec") or {}
    if spec.get("selector") is not None:
        yield invalid((*path, "spec", "selector"), "{}", "`selector` will be auto-generated")
    if spec.get("manualSelector") is True:
        message = 'Unsupported value: true: supported values: "nil", "false"'
        yield Failure(code="unsupported-value", field=(*path, "spec", "manualSelector"), message=message)


def cron_job(value: Value, path: FieldPath, root: Value) -> Iterator[Failure]:  # noqa: ARG001
    """`ValidateCronJobCreate`, `validateScheduleFormat`."""
    name = str((value.get("metadata") or {}).get("name") or "")
    if len(name) > 52:
        yield invalid((*path, "metadata", "name"), f'"{name}"', "must be no more than 52 characters")
    spec = value.get("spec") or {}
    schedule, place = spec.get("schedule"), (*path, "spec", "schedule")
    if isinstance(schedule, str) and schedule:
        if "TZ" in schedule:
            yield invalid(place, f'"{schedule}"', ZONE_WORDS)
            if spec.get("timeZone") is not None:
                words = "cannot use both timeZone field and TZ or CRON_TZ in schedule"
                yield invalid((*path, "spec", "timeZone"), f'"{spec["timeZone"]}"', words)
        elif reason := schedule_problem(schedule):
            yield invalid(place, f'"{schedule}"', reason)
    zone = spec.get("timeZone")
    if zone == "":
        yield invalid((*path, "spec", "timeZone"), '""', "timeZone must be nil or non-empty string")
    elif isinstance(zone, str) and zone.lower() == "local":
        words = "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones"
        yield invalid((*path, "spec", "timeZone"), f'"{zone}"', words)


_FIELDS: tuple[tuple[int, int, tuple[str, ...]], ...] = (
    (0, 59, ()), (0, 23, ()), (1, 31, ()),
    (1, 12, ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")),
    (0, 6, ("sun", "mon", "tue", "wed", "thu", "fri", "sat")),
)  # fmt: skip
_DESCRIPTORS = frozenset({"@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"})
_DURATION = re.compile(r"[-+]?([0-9]+(\.[0-9]*)?(ns|us|µs|ms|s|m|h))+\Z")


def schedule_problem(schedule: str) -> str:
    """What is wrong with a schedule in cron's words; empty when it is right. Source: cron/v3, `ParseStandard`."""
    if schedule.startswith("@"):
        if schedule.startswith("@every "):
            text = schedule.removeprefix("@every ")
            return "" if _DURATION.match(text) else f"failed to parse duration {schedule}"
        return "" if schedule in _DESCRIPTORS else f"unrecognized descriptor: {schedule}"
    parts = schedule.split()
    if len(parts) != len(_FIELDS):
        return f"expected exactly 5 fields, found {len(parts)}: [{' '.join(parts)}]"
    for text, (first, number_last, names) in zip(parts, _FIELDS, strict=True):
        for part in filter(None, text.split(",")):
            reason = _range_problem(part, first, number_last, names)
            if reason:
                return reason
    return ""


def _range_problem(text: str, first: int, last: int, names: tuple[str, ...]) -> str:
    around, slash, step = text.partition("/")
    low_text, dash, high_text = around.partition("-")
    if step.count("/") or high_text.count("-"):
        return f"too many {'slashes' if step.count('/') else 'hyphens'}: {text}"
    if around in ("*", "?"):
        low, high = first, last
    else:
        bounds = [_number(low_text, first, names), _number(high_text if dash else low_text, first, names)]
        if None in bounds:
            wrong = low_text if bounds[0] is None else high_text
            return f"failed to parse int from {wrong}"
        low, high = bounds[0] or 0, bounds[1] or 0
        if slash and not dash:
            high = last
    if slash and not re.fullmatch(r"[0-9]{1,9}", step):
        return f"failed to parse int from {step}"
    return _bounds_problem(text, (low, high), (first, last), step)


def _bounds_problem(text: str, found: tuple[int, int], allowed: tuple[int, int], step: str) -> str:
    (low, high), (first, last) = found, allowed
    if low < first:
        return f"beginning of range ({low}) below minimum ({first}): {text}"
    if high > last:
        return f"end of range ({high}) above maximum ({last}): {text}"
    if low > high:
        return f"beginning of range ({low}) beyond end of range ({high}): {text}"
    return f"step of range should be a positive number: {text}" if step and int(step) == 0 else ""


def _number(text: str, first: int, names: tuple[str, ...]) -> int | None:
    if text.lower() in names:
        return names.index(text.lower()) + first
    return int(text) if re.fullmatch(r"[0-9]{1,9}", text) else None


RULES: Mapping[str, Callable[[Value, FieldPath, Value], Iterator[Failure]]] = {
    APPS + "DaemonSetSpec": daemon_set,
    APPS + "DeploymentSpec": deployment,
    APPS + "StatefulSetSpec": stateful_set,
    BATCH + "CronJob": cron_job,
    BATCH + "JobSpec": job,
    BATCH + "JobTemplateSpec": job_template,
}
