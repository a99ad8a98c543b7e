"""`evaluate`: policies over requests, as the API server would judge them; answers with what does not hold.

Source: k8s.io/apiserver/pkg/admission/plugin/policy/validating/dispatcher.go and validator.go.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Protocol

from gitgate.location import FieldPath
from gitgate.policy.cel import Engine, Item, Outcome, Program
from gitgate.policy.cel_names import BEYOND
from gitgate.policy.conversion import converted
from gitgate.policy.definition import Action, Binding, Policy
from gitgate.policy.matching import Target, is_exempt, labels_of, matches_object, matches_target, selects, version_asked
from gitgate.resource import Resource

NAME_LABEL = "kubernetes.io/metadata.name"
"""The label that the API server gives every Namespace."""
DEFAULT_NAMESPACE = "default"


@dataclass(frozen=True, slots=True)
class User:
    """Who is taken to make the requests: the agent."""

    name: str = "system:serviceaccount:gitops:agent"
    groups: tuple[str, ...] = ("system:serviceaccounts", "system:serviceaccounts:gitops", "system:authenticated")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One admission request that the merge would lead to.

    Attributes:
        target: What rules look at.
        kind: Of the object.
        name: Of the object; empty for one that is named by the server.
        namespace: Empty for a cluster-scoped object.
        new: The object; None for a DELETE.
        old: The object as it was; None for a CREATE.
        resource: What findings name: the object itself, or the workload that would make this pod.
        field: Where in `resource` the object is.
        edited: Does it stand for what an edited object was before?
        untouched: Does the change leave the object as it is, so that nobody would ask?
    """

    target: Target
    kind: str
    name: str
    namespace: str
    new: Mapping[str, Any] | None
    old: Mapping[str, Any] | None
    resource: Resource
    field: FieldPath = ()
    edited: bool = False
    untouched: bool = False


class Code(StrEnum):
    """What can be said of a policy and a request."""

    DENIED = "denied"
    ERROR = "evaluation-error"
    LIMIT = "limit"
    MISSING_PARAMETERS = "missing-params"
    AUDIT = "audit-annotation"
    NOT_EVALUABLE = "not-evaluable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Something that a policy says of a request.

    Attributes:
        action: What the API server would do; None where nothing but gitgate speaks.
        message: One sentence.
        part: Which expression it is about, as in `cel.CompileProblem`; empty when it is none.
    """

    code: Code
    policy: Policy
    binding: Binding
    request: Request
    action: Action | None
    message: str
    part: str = ""
    index: int = 0


@dataclass(frozen=True, slots=True)
class Bound:
    """A policy that can run, with one of its bindings."""

    policy: Policy
    binding: Binding
    program: Program


class AsWritten:
    """Takes objects as git has them; `checks.policy_objects` knows what the API server makes of them."""

    def request(self, request: Request) -> Request:
        """The request that policies see."""
        return request

    def data(self, data: Mapping[str, Any]) -> Mapping[str, Any]:
        """The object that policies see as params, or as a Namespace."""
        return data


class Serving(Protocol):
    """What becomes of objects before policies see them; see `AsWritten`."""

    def request(self, request: Request, /) -> Request: ...  # noqa: D102 - as in AsWritten

    def data(self, data: Mapping[str, Any], /) -> Mapping[str, Any]: ...  # noqa: D102


@dataclass(slots=True)
class Surroundings:
    """What requests are judged among.

    Attributes:
        namespaces: Namespace objects of the tree, by name.
        parameters: Objects that params are looked up in.
        user: Who asks.
        earlier: Namespaces as the base has them: a change cannot leave a policy's reach by relabelling a Namespace.
        absent: Namespaces that a selector was asked about although the tree does not have them; grows.
        served: What the API server makes of objects before it asks.
    """

    namespaces: Mapping[str, Mapping[str, Any]]
    parameters: Sequence[Resource]
    user: User = field(default_factory=User)
    earlier: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    absent: set[str] = field(default_factory=set)
    served: Serving = field(default_factory=AsWritten)
    _known: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    _candidates: dict[int, tuple[Resource, ...]] = field(default_factory=dict)

    def candidates(self, bound: Bound) -> tuple[Resource, ...]:
        """What can be params of a policy, in any namespace; looked for once."""
        known = self._candidates.get(id(bound))
        if known is None:
            found = (one for one in self.parameters if is_parameter(one, bound.policy, bound.binding))
            known = self._candidates[id(bound)] = tuple(found)
        return known

    def namespace(self, name: str) -> Mapping[str, Any]:
        """The Namespace as the cluster would have it: with its name as a label, and there even if the tree has none."""
        if name not in self._known:
            written = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
            data = self.served.data(self.namespaces.get(name, written))
            metadata = data.get("metadata")
            metadata = metadata if isinstance(metadata, Mapping) else {}
            self._known[name] = {
                **data,
                "metadata": {**metadata, "name": name, "labels": {**labels_of(data), NAME_LABEL: name}},
            }
        return self._known[name]


@dataclass(frozen=True, slots=True)
class _Asked:
    """Programs that share one item: they see the same names.

    Attributes:
        bounds: Who asks.
        numbers: Of their programs, each once: many versions of a policy are often one program.
        names: What those refer to; nothing else has to be handed over.
    """

    bounds: tuple[Bound, ...]
    numbers: tuple[int, ...]
    names: tuple[str, ...]

    def item(self, values: Mapping[str, Any]) -> Item:
        return Item({name: values[name] for name in self.names}, self.numbers)


def _asked(bounds: tuple[Bound, ...]) -> _Asked:
    numbers = tuple(dict.fromkeys(bound.program.number for bound in bounds))
    return _Asked(bounds, numbers, tuple(sorted({name for bound in bounds for name in bound.program.uses})))


@dataclass(frozen=True, slots=True)
class _Concerned:
    """What the kind of a request decides, before its object is looked at.

    Attributes:
        always: Those that mean every object of the kind and have no params.
        others: Those whose names, selectors or params decide object by object.
    """

    always: _Asked
    others: tuple[Bound, ...]


def _concerned(bounds: Sequence[Bound], target: Target) -> _Concerned:
    meant = [bound for bound in bounds if _concerns(bound, target)]
    always = tuple(
        bound
        for bound in meant
        if bound.policy.param_kind is None
        and bound.policy.match.unconditional
        and (bound.binding.match is None or bound.binding.match.unconditional)
        and version_asked(bound.policy.match, target) == target.version
    )
    known = {id(bound) for bound in always}
    return _Concerned(_asked(always), tuple(bound for bound in meant if id(bound) not in known))


def evaluate(
    engine: Engine, bounds: Sequence[Bound], requests: Iterable[Request], surroundings: Surroundings
) -> Iterator[Answer]:
    """Judge requests, in order.

    Raises:
        ToolError: The engine cannot be started.
    """
    questions: list[tuple[Request, _Asked]] = []
    answers: list[Answer] = []
    asking = _questions(bounds, requests, surroundings, answers)

    def items() -> Iterator[Item]:
        for request, asked, names in asking:
            questions.append((request, asked))
            yield asked.item(names)

    for position, outcomes in enumerate(engine.evaluate(items())):
        if all(outcome.silent for outcome in outcomes):
            continue
        request, asked = questions[position]
        given = dict(zip(asked.numbers, outcomes, strict=True))
        for bound in asked.bounds:
            outcome = given[bound.program.number]
            if not outcome.silent:
                answers += _read(outcome, bound, request)
    yield from answers


def _questions(
    bounds: Sequence[Bound], requests: Iterable[Request], surroundings: Surroundings, answers: list[Answer]
) -> Iterator[tuple[Request, _Asked, Mapping[str, Any]]]:
    """Who asks of which request, and what the names stand for; what can be said without asking is added to answers."""
    candidates: dict[Target, _Concerned] = {}
    for request in requests:
        concerned = candidates.get(request.target)
        if concerned is None:
            concerned = candidates[request.target] = _concerned(bounds, request.target)
        if not concerned.always.bounds and not concerned.others:
            continue
        request = surroundings.served.request(request)  # noqa: PLW2901 - only what somebody asks about is completed
        names = _names(request, surroundings)
        meant = _meant(concerned.others, request, surroundings) if concerned.others else []
        meant, elsewhere = _by_version(meant, request.target)
        plain = tuple(bound for bound in meant if bound.policy.param_kind is None)
        asked = _asked((*concerned.always.bounds, *plain)) if plain else concerned.always
        if asked.bounds:
            yield request, asked, names
        for data, bound in _with_parameters(meant, request, surroundings, answers):
            yield request, _asked((bound,)), {**names, "params": data}
        for version, bounds_elsewhere in elsewhere.items():
            put = _in_version(request, version)
            if put is None:
                answers += (_not_converted(bound, request, version) for bound in bounds_elsewhere)
                continue
            # It is still the same request, and the original's kind stands beside.
            others = _names(put, surroundings)
            original = {key: names["request"][key] for key in ("requestKind", "requestResource")}
            others["request"] |= original
            for data, bound in _with_parameters(bounds_elsewhere, request, surroundings, answers, plain=True):
                yield request, _asked((bound,)), {**others, "params": data}


def is_asked_of_edits(answer: Answer) -> bool:
    """Would the policy be asked, too, when the object is edited? One for CREATE alone is not."""
    request = answer.request
    target = request.target if request.field else replace(request.target, operation="UPDATE")
    match = answer.binding.match
    return matches_target(answer.policy.match, target, unrestricted=False) and (
        match is None or matches_target(match, target, unrestricted=True)
    )


def unanswered(bounds: Sequence[Bound], requests: Iterable[Request], surroundings: Surroundings) -> Iterator[Answer]:
    """What is not known of requests that a change leads to, as these policies can be asked in a cluster only."""
    for request in requests if bounds else ():
        if request.untouched:
            continue
        meant = [bound for bound in bounds if _concerns(bound, request.target)]
        served = surroundings.served.request(request) if meant else request
        for bound in _meant(meant, served, surroundings):
            asks = bound.policy.asks_cluster
            yield Answer(
                code=Code.NOT_EVALUABLE if asks else Code.LIMIT,
                policy=bound.policy,
                binding=bound.binding,
                request=request,
                action=_strictest(bound.binding) if asks else None,
                message=f"it uses authorizer, and {_CLUSTER}" if asks else f"{BEYOND}, and {_CLUSTER}",
            )


_CLUSTER = "only a cluster can say what that answers"


def _concerns(bound: Bound, target: Target) -> bool:
    match = bound.binding.match
    return (
        not is_exempt(target)
        and matches_target(bound.policy.match, target, unrestricted=False)
        and (match is None or matches_target(match, target, unrestricted=True))
    )


def _meant(concerned: Iterable[Bound], request: Request, surroundings: Surroundings) -> list[Bound]:
    """The bounds whose names and selectors mean this object."""
    labels = [labels_of(data) for data in (request.new, request.old) if data is not None]
    target = request.target
    namespace_labels: list[Mapping[str, str]] = []
    if target.namespaced:
        namespace_labels.append(labels_of(surroundings.namespace(request.namespace)))
        if request.namespace in surroundings.earlier:
            earlier = labels_of(surroundings.earlier[request.namespace])
            namespace_labels.append({**earlier, NAME_LABEL: request.namespace})
    elif (target.group, target.plural) == ("", "namespaces"):
        namespace_labels += [{**candidate, NAME_LABEL: request.name} for candidate in labels]
    facts = {"name": request.name, "labels": labels, "namespace_labels": namespace_labels}
    meant = []
    for bound in concerned:
        matches = [match for match in (bound.policy.match, bound.binding.match) if match is not None]
        selective = any(match.namespaces.labels or match.namespaces.expressions for match in matches)
        if selective and target.namespaced and request.namespace not in surroundings.namespaces:
            surroundings.absent.add(request.namespace)
        if all(matches_object(match, target, facts) for match in matches):
            meant.append(bound)
    return meant


def _by_version(meant: Sequence[Bound], target: Target) -> tuple[list[Bound], dict[str, list[Bound]]]:
    """Those that see the object as it is, and those that see it in another version."""
    here: list[Bound] = []
    elsewhere: dict[str, list[Bound]] = {}
    for bound in meant:
        version = version_asked(bound.policy.match, target)
        (here if version == target.version else elsewhere.setdefault(version, [])).append(bound)
    return here, elsewhere


def _in_version(request: Request, version: str) -> Request | None:
    """The request about the object in another version; None where nobody here can convert it."""
    group, kind = request.target.group, request.kind
    made = [None if data is None else converted(data, group, kind, version) for data in (request.new, request.old)]
    if (made[0] is None) != (request.new is None) or (made[1] is None) != (request.old is None):
        return None
    return replace(request, target=replace(request.target, version=version), new=made[0], old=made[1])


def _not_converted(bound: Bound, request: Request, version: str) -> Answer:
    words = f"it is about {version} of the kind, and only an API server can convert this object"
    return Answer(
        code=Code.LIMIT, policy=bound.policy, binding=bound.binding, request=request, action=None, message=words
    )


def _with_parameters(
    meant: Sequence[Bound],
    request: Request,
    surroundings: Surroundings,
    answers: list[Answer],
    *,
    plain: bool = False,
) -> Iterator[tuple[Mapping[str, Any] | None, Bound]]:
    """The policies that ask with params, and with which; where there are none but should be is an answer.

    Args:
        meant: The policies.
        request: What they are asked about.
        surroundings: Where params are.
        answers: What is said without asking is added to it.
        plain: Give policies without params, too?
    """
    for bound in meant:
        if bound.policy.param_kind is None:
            if plain:
                yield None, bound
            continue
        reference = bound.binding.parameters
        if reference is None:
            yield None, bound
            continue
        found = list(_parameters(bound, request, surroundings))
        for data in found:
            yield data, bound
        if not found and reference.denies_absence:
            answers.append(
                Answer(
                    code=Code.MISSING_PARAMETERS,
                    policy=bound.policy,
                    binding=bound.binding,
                    request=request,
                    # Not as the binding says: it could not be configured.
                    action=Action.DENY if bound.policy.fails else None,
                    message=f"the params that binding {bound.binding.name} names are not in the tree",
                )
            )


def _names(request: Request, surroundings: Surroundings) -> dict[str, Any]:
    group, version, plural = request.target.group, request.target.version, request.target.plural
    kind = {"group": group, "version": version, "kind": request.kind}
    resource = {"group": group, "version": version, "resource": plural}
    user = surroundings.user
    described: dict[str, Any] = {
        "kind": kind,
        "resource": resource,
        "requestKind": kind,
        "requestResource": resource,
        "name": request.name,
        "operation": request.target.operation,
        "userInfo": {"username": user.name, "groups": list(user.groups)},
        "dryRun": False,
        "options": {"apiVersion": "meta.k8s.io/v1", "kind": f"{request.target.operation.capitalize()}Options"},
    }
    # A Namespace counts as being in itself.
    space = request.name if (group, plural) == ("", "namespaces") else request.namespace
    if space:
        described["namespace"] = space
    return {
        "object": request.new,
        "oldObject": request.old,
        "request": described,
        "namespaceObject": surroundings.namespace(request.namespace) if request.namespace else None,
    }


def _parameters(bound: Bound, request: Request, surroundings: Surroundings) -> Iterator[Mapping[str, Any]]:
    reference = bound.binding.parameters
    if reference is None:
        return
    namespace = reference.namespace or request.namespace or DEFAULT_NAMESPACE
    for resource in surroundings.candidates(bound):
        if resource.id.namespace in ("", namespace):
            yield surroundings.served.data(resource.data)


def is_parameter(resource: Resource, policy: Policy, binding: Binding) -> bool:
    """Can an object be what a binding hands to its policy, in whatever namespace it is asked for?"""
    reference = binding.parameters
    if reference is None or (resource.id.api_version, resource.id.kind) != policy.param_kind:
        return False
    if reference.name is not None and resource.id.name != reference.name:
        return False
    return reference.selector is None or selects(reference.selector, labels_of(resource.data))


def _read(outcome: Outcome, bound: Bound, request: Request) -> Iterator[Answer]:
    policy, binding = bound.policy, bound.binding

    def answer(code: Code, action: Action | None, message: str, part: str = "", index: int = 0) -> Answer:
        return Answer(
            code=code, policy=policy, binding=binding, request=request, action=action, message=message, part=part,
            index=index,
        )  # fmt: skip

    if outcome.limit is not None:
        yield answer(Code.LIMIT, None, f"it {outcome.limit}" if not outcome.limit.startswith("the ") else outcome.limit)
        return
    action = _strictest(binding)
    # What an expression says may quote what it read.
    secret = "Secret" in {request.kind, policy.param_kind[1] if policy.param_kind is not None else ""}
    for error in outcome.errors:
        words = "an expression ended with an error" if secret else error.message
        yield answer(Code.ERROR, action if policy.fails else None, words, error.part, error.index)
    for index, message in outcome.denials:
        validation = policy.validations[index]
        words = (
            (None if secret else message)
            or validation.message
            or f"failed expression: {' '.join(validation.expression.split())}"
        )
        yield answer(Code.DENIED, action, words, "validations", index)
    for index, value in outcome.annotations:
        words = policy.annotations[index][0] if secret else f"{policy.annotations[index][0]}: {value}"
        yield answer(Code.AUDIT, None, words, "auditAnnotations", index)


def _strictest(binding: Binding) -> Action:
    return next(action for action in Action if action in binding.actions)
