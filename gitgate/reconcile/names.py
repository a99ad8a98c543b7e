"""Go type names as the OpenAPI documents of Kubernetes spell them."""

from __future__ import annotations

ADMISSION = "io.k8s.api.admissionregistration.v1."
APIEXTENSIONS = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1."
APIREGISTRATION = "io.k8s.kube-aggregator.pkg.apis.apiregistration.v1."
APPS = "io.k8s.api.apps.v1."
AUTOSCALING = "io.k8s.api.autoscaling.v2."
BATCH = "io.k8s.api.batch.v1."
CORE = "io.k8s.api.core.v1."
DISCOVERY = "io.k8s.api.discovery.v1."
META = "io.k8s.apimachinery.pkg.apis.meta.v1."
NETWORKING = "io.k8s.api.networking.v1."
NODE = "io.k8s.api.node.v1."
POLICY = "io.k8s.api.policy.v1."
RBAC = "io.k8s.api.rbac.v1."
SCHEDULING = "io.k8s.api.scheduling.v1."
STORAGE = "io.k8s.api.storage.v1."

OBJECT_META = META + "ObjectMeta"
LABEL_SELECTOR = META + "LabelSelector"
QUANTITY = "io.k8s.apimachinery.pkg.api.resource.Quantity"
INT_OR_STRING = "io.k8s.apimachinery.pkg.util.intstr.IntOrString"
