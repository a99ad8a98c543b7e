"""The rules of the policy check, as data; what a policy itself demands is in the policy."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from gitgate.finding import Rule, Severity

_REFERENCE = "https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/"
_CRD_RULES = (
    "https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#validation-rules"
)
_CEL = "https://kubernetes.io/docs/reference/using-api/cel/"

POLICY_RULE_LIST: tuple[Rule, ...] = (
    Rule(
        id="policy/audit-annotation",
        title="An audit annotation of a policy",
        severity=Severity.NOTE,
        what="A policy has something to note about the object: an audit annotation that is not null.",
        why="The API server would write it to the audit log; nothing is denied.",
        remedy="Nothing has to be done; the policy says what it notes.",
        references=(_REFERENCE,),
    ),
    Rule(
        id="policy/binding-without-policy",
        title="A binding without its policy",
        severity=Severity.ERROR,
        what="A ValidatingAdmissionPolicyBinding names a policy that is neither in the tree nor among gitgate's.",
        why="The API server ignores such a binding, so what it should enforce is not enforced, and nobody is told.",
        remedy="Add the policy, correct `policyName`, or remove the binding.",
        references=(_REFERENCE,),
    ),
    Rule(
        id="policy/compile-error",
        title="An expression that does not compile",
        severity=Severity.ERROR,
        what="A CEL expression of a policy is not valid in the Kubernetes versions that are demanded.",
        why="The API server refuses such a policy, and gitgate cannot run it, so nothing is enforced.",
        remedy="Correct the expression at the line and column given, counted inside the expression.",
        references=(_CEL,),
    ),
    Rule(
        id="policy/crd-rule",
        title="A custom resource against a rule of its definition",
        severity=Severity.ERROR,
        what="A custom resource breaks a CEL rule (`x-kubernetes-validations`) of its CustomResourceDefinition. An "
        "edited object is judged as the update it is: rules about `oldSelf` compare it with the base.",
        why="The API server refuses the object, and the agent's sync fails after the merge.",
        remedy="Change the field as the rule's message says, or the rule in the definition.",
        references=(_CRD_RULES,),
    ),
    Rule(
        id="policy/crd-rule-invalid",
        title="A rule of a definition that cannot be evaluated",
        severity=Severity.ERROR,
        what="A CEL rule of a CustomResourceDefinition does not compile: the expression is wrong, reads a field that "
        "the schema does not declare, or compares with an old value where there can be none.",
        why="The API server refuses the definition, and gitgate cannot judge objects by the rule.",
        remedy="Correct the rule; line and column given in the message count inside the expression.",
        references=(_CRD_RULES,),
    ),
    Rule(
        id="policy/denied",
        title="An object that a policy denies",
        severity=Severity.ERROR,
        what="A ValidatingAdmissionPolicy says no to the CREATE, UPDATE or DELETE that the merge would lead to.",
        why="With the policy in the cluster the agent could not apply the object; without it a rule would be broken.",
        remedy="Change the object as the policy's message says.",
        references=(_REFERENCE,),
    ),
    Rule(
        id="policy/evaluation-error",
        title="A policy that fails on an object",
        severity=Severity.ERROR,
        what="An expression of a policy ends with an error for this object, such as a field that is not there.",
        why="With `failurePolicy: Fail` the API server denies the request, whatever the policy meant to say.",
        remedy="Let the expression ask `has()` before it reads a field, or give the object the field.",
        references=(_CEL,),
    ),
    Rule(
        id="policy/invalid",
        title="A policy that cannot be used",
        severity=Severity.ERROR,
        what="A policy, a binding or a file below `.gitgate/policies` is not what the API defines.",
        why="It is not enforced, neither here nor in the cluster.",
        remedy="Correct the field at the place given.",
        references=(_REFERENCE,),
    ),
    Rule(
        id="policy/limit",
        title="A policy that could not be evaluated within limits",
        severity=Severity.ERROR,
        what="Evaluating a policy took too much time, memory or steps, or the object cannot be handed to it.",
        why="Nothing is known about the object and this policy; what is not known does not pass.",
        remedy="Make the expression cheaper, such as by fewer nested loops, or the object smaller.",
        references=("https://kubernetes.io/docs/reference/using-api/cel/#resource-constraints",),
    ),
    Rule(
        id="policy/missing-params",
        title="Params that are not there",
        severity=Severity.ERROR,
        what="A binding names params that the tree does not hold, and `parameterNotFoundAction` is Deny.",
        why="The API server denies every request that the policy means until the params are there.",
        remedy="Add the params object, correct `paramRef`, or set `parameterNotFoundAction: Allow`.",
        references=(_REFERENCE,),
    ),
    Rule(
        id="policy/not-evaluable",
        title="A policy that needs a cluster",
        severity=Severity.ERROR,
        what="A policy uses `authorizer`, which asks the cluster whether a user may do something. It is found at the "
        "policy, and at every object that a change adds, edits or removes and that the policy is about.",
        why="Nobody can answer that before the merge, so what the policy says about the objects is not known.",
        remedy="Lower the weight of this rule in settings if the cluster alone should judge by such policies.",
        references=(_REFERENCE,),
    ),
    Rule(
        id="policy/policy-changed",
        title="A change of a policy",
        severity=Severity.WARNING,
        what="The change adds, edits or removes a policy, a binding or the params of one.",
        why="The old ones judged this change, and the new ones too; from the merge on only the new ones do.",
        remedy="Have it reviewed by those who own the policies, in a change of its own.",
    ),
    Rule(
        id="policy/policy-without-binding",
        title="A policy that nothing enforces",
        severity=Severity.WARNING,
        what="No ValidatingAdmissionPolicyBinding names a policy below `.gitgate/policies`.",
        why="A policy judges only through a binding, here as in the API server. It looks as if it were in force.",
        remedy="Add a binding, with `validationActions: [Warn]` if it should not deny yet, or remove the policy.",
        references=(_REFERENCE,),
    ),
    Rule(
        id="policy/type-check",
        title="An expression that does not fit a kind",
        severity=Severity.WARNING,
        what="An expression of a policy reads a field that a kind in its `matchConstraints` does not have, or compares "
        "what cannot be equal. The kinds are those of the newest demanded Kubernetes version and of the definitions in "
        "the tree, the first ten that the rules name one by one; rules with `*` are not looked at.",
        why="The expression fails, or never says what it was meant to, for every object of that kind. The API server "
        "warns of it in `status.typeChecking` and enforces the policy as it is; so does gitgate.",
        remedy="Correct the field's name, or leave the kind to a policy of its own.",
        references=(f"{_REFERENCE}#type-checking",),
    ),
)
"""Every rule of the policy check, sorted by id."""

POLICY_RULES: Mapping[str, Rule] = MappingProxyType(
    {rule.id.removeprefix("policy/"): rule for rule in POLICY_RULE_LIST}
)
"""The same rules by code."""
