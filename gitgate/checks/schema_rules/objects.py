"""Rules about objects against the schema of their kind in the target Kubernetes versions."""

from __future__ import annotations

from gitgate.finding import Rule, Severity

_DEPRECATIONS = "https://kubernetes.io/docs/reference/using-api/deprecation-guide/"
_VALIDATION = "https://kubernetes.io/docs/reference/using-api/api-concepts/#field-validation"
_API = "https://kubernetes.io/docs/reference/kubernetes-api/"
_CONVENTIONS = (
    "https://github.com/kubernetes/community/blob/master/contributors/devel/sig-architecture/api-conventions.md"
)

_NULLABLE = (
    "https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/"
    "#defaulting-and-nullable"
)

_SERVICE = """\
apiVersion: v1
kind: Service
metadata:
  name: web
spec:
  selector:
    app: web
  ports:
    - port: 80
"""

RULES: tuple[Rule, ...] = (
    Rule(
        id="schema/secret-decrypted",
        title="A Secret that is encrypted no more",
        severity=Severity.ERROR,
        what="The base has a Secret encrypted with SOPS, and the change has its values in plain text.",
        why="Whoever can read the repository can read them, for ever: the history keeps what was committed once.",
        remedy=(
            "Encrypt the file before it is committed. If it was pushed already, change the values themselves. Where "
            "they are no secrets any more, waive this finding."
        ),
        references=("https://fluxcd.io/flux/guides/mozilla-sops/", "https://getsops.io/docs/"),
    ),
    Rule(
        id="schema/unknown-kind",
        title="A kind that no schema describes",
        severity=Severity.ERROR,
        what=(
            "The kind is not part of the target Kubernetes version, and no CustomResourceDefinition for it is in the "
            "repository, or the one that is does not serve the version."
        ),
        why=(
            "Either the word is misspelled and the cluster refuses the object, or it is a custom resource that "
            "nothing has judged."
        ),
        remedy=(
            "Correct the spelling; or import the definition with `gitgate schema add CRD.yaml`; or list the API group "
            "under `schema.allowUnknownGroups` in .gitgate/settings.yaml."
        ),
        bad="""\
apiVersion: apps/v1
kind: Deploymnet
metadata:
  name: web
""",
        good="""\
apiVersion: v1
kind: ConfigMap
metadata:
  name: web
""",
        references=(_API,),
    ),
    Rule(
        id="schema/rejected-kind",
        title="A kind that the settings reject",
        severity=Severity.ERROR,
        what="The kind is listed under `schema.rejectKinds` in .gitgate/settings.yaml, or was given as `--reject`.",
        why="Whoever owns the settings does not want objects of this kind here, whatever is in them.",
        remedy="Use another kind, or have the owners of the settings remove it from the list first.",
        bad="""\
# With --reject Secret
apiVersion: v1
kind: Secret
metadata:
  name: web
stringData:
  token: in plain sight
""",
        good="""\
# With --reject Secret
apiVersion: v1
kind: ConfigMap
metadata:
  name: web
data:
  tokenPath: /run/secrets/token
""",
    ),
    Rule(
        id="schema/removed-kind",
        title="An API that Kubernetes no longer serves",
        severity=Severity.ERROR,
        what="The API version of this kind was removed before or in the target Kubernetes version.",
        why="The API server answers that it has no such kind, and the whole synchronisation fails.",
        remedy="Move to the replacement named in the message; `kubectl convert` helps where fields changed.",
        bad="""\
apiVersion: policy/v1beta1
kind: PodDisruptionBudget
metadata:
  name: web
spec:
  minAvailable: 1
  selector:
    matchLabels:
      app: web
""",
        good="""\
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: web
spec:
  minAvailable: 1
  selector:
    matchLabels:
      app: web
""",
        references=(_DEPRECATIONS,),
    ),
    Rule(
        id="schema/deprecated-kind",
        title="An API that Kubernetes is going to remove",
        severity=Severity.WARNING,
        what="The API version of this kind is served by the target Kubernetes version but deprecated.",
        why="The object works now and may stop the synchronisation after an upgrade of the cluster.",
        remedy="Move to the replacement named in the message.",
        bad="""\
apiVersion: v1
kind: Endpoints
metadata:
  name: web
subsets:
  - addresses:
      - ip: 192.0.2.10
    ports:
      - port: 80
""",
        good="""\
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  name: web
addressType: IPv4
endpoints:
  - addresses:
      - 192.0.2.10
ports:
  - port: 80
""",
        references=(_DEPRECATIONS, "https://kubernetes.io/docs/reference/using-api/deprecation-policy/"),
    ),
    Rule(
        id="schema/kind-not-yet-served",
        title="An API that only a later Kubernetes serves",
        severity=Severity.ERROR,
        what="The kind exists, but the target Kubernetes version is older than the first one that serves it.",
        why="The API server answers that it has no such kind, and the whole synchronisation fails.",
        remedy="Use the API version that the target serves, or upgrade the cluster first and raise the target.",
        bad="""\
# With --kubernetes-version 1.33
apiVersion: resource.k8s.io/v1
kind: DeviceClass
metadata:
  name: gpu
spec: {}
""",
        good="""\
# With --kubernetes-version 1.33
apiVersion: resource.k8s.io/v1beta1
kind: DeviceClass
metadata:
  name: gpu
spec: {}
""",
        references=(_API,),
    ),
    Rule(
        id="schema/unknown-field",
        title="A field that the kind does not have",
        severity=Severity.ERROR,
        what="An object has a field that its schema does not know; often a misspelling or a wrong indentation.",
        why=(
            "With strict validation or server-side apply the API server refuses the object. Otherwise it drops the "
            "field and goes on, so that the setting silently has no effect."
        ),
        remedy="Correct the spelling or the indentation, or delete the field.",
        bad=_SERVICE.replace("port: 80", "prot: 80\n      port: 80"),
        good=_SERVICE,
        references=(_VALIDATION, _API),
    ),
    Rule(
        id="schema/wrong-type",
        title="A value of the wrong type",
        severity=Severity.ERROR,
        what="A field holds text where a number belongs, a mapping where a list belongs, or the like.",
        why="The API server cannot decode the object and refuses it.",
        remedy="Write the type that the message names; in YAML, quotes make text and their absence may make a number.",
        bad=_SERVICE.replace("port: 80", 'port: "80"'),
        good=_SERVICE,
        references=(_API,),
    ),
    Rule(
        id="schema/missing-field",
        title="A required field that is absent",
        severity=Severity.ERROR,
        what="The object lacks a field that its schema demands.",
        why="The API server refuses the object.",
        remedy="Add the field; the reference of the kind says what it takes.",
        bad=_SERVICE.replace("- port: 80", "- name: http"),
        good=_SERVICE,
        references=(_API,),
    ),
    Rule(
        id="schema/invalid-value",
        title="A value that the field does not take",
        severity=Severity.ERROR,
        what="The type is right, but the value is not one of those allowed, out of range or not of the required form.",
        why="The API server refuses the object.",
        remedy="Write one of the values that the message names.",
        bad="""\
apiVersion: v1
kind: ResourceQuota
metadata:
  name: team
spec:
  hard:
    requests.memory: 2 GB
""",
        good="""\
apiVersion: v1
kind: ResourceQuota
metadata:
  name: team
spec:
  hard:
    requests.memory: 2Gi
""",
        references=(_API, "https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/"),
    ),
    Rule(
        id="schema/duplicate-list-key",
        title="Two items of a list with the same key",
        severity=Severity.ERROR,
        what="A list whose items are told apart by a key, such as ports or containers, has two with the same one.",
        why=(
            "Server-side apply refuses the object. Client-side apply merges by that key, so that one of the two "
            "items is lost at the next update."
        ),
        remedy="Rename or delete one of the items.",
        bad="""\
apiVersion: v1
kind: Pod
metadata:
  name: web
spec:
  containers:
    - name: web
      image: registry.example.com/web:1.0
    - name: web
      image: registry.example.com/proxy:1.0
""",
        good="""\
apiVersion: v1
kind: Pod
metadata:
  name: web
spec:
  containers:
    - name: web
      image: registry.example.com/web:1.0
    - name: proxy
      image: registry.example.com/proxy:1.0
""",
        references=("https://kubernetes.io/docs/reference/using-api/server-side-apply/#merge-strategy",),
    ),
    Rule(
        id="schema/null-value",
        title="A null where a value belongs",
        severity=Severity.ERROR,
        what=(
            "A list has an empty item, or a field of a custom resource has no value although its definition does not "
            "say `nullable`. A key with nothing behind it is null in YAML."
        ),
        why=(
            "The API server refuses the empty item, and server-side apply the field. Often the lines below have the "
            "wrong indentation, so that what they say is lost as well."
        ),
        remedy="Give the field a value, indent what belongs below it, or delete it.",
        bad="""\
apiVersion: v1
kind: Pod
metadata:
  name: web
spec:
  containers:
    - name: web
      image: registry.example.com/web:1.0
    -
""",
        good="""\
apiVersion: v1
kind: Pod
metadata:
  name: web
spec:
  containers:
    - name: web
      image: registry.example.com/web:1.0
""",
        references=(
            _CONVENTIONS,
            _NULLABLE,
        ),
    ),
)
