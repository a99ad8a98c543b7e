"""What Flux and Argo CD would say of the tip that each way of merging makes."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from gitgate.resource import Origin, Resource, ResourceId
from gitgate.signature.agents import AgentDemand, Method, refusals
from gitgate.signature.signers import Signers
from tests.support.keys import GpgKey, SigningKeys, key_entry, make_signers, signers_document

ALL = {Method.REBASE, Method.SQUASH, Method.MERGE_COMMIT}


def thing(group: str, kind: str, spec: Mapping[str, Any], name: str = "shop", **more: Any) -> Resource:
    data = {
        "apiVersion": f"{group}/v1" if group else "v1",
        "kind": kind,
        "metadata": {"name": name},
        "spec": spec,
        **more,
    }
    return Resource(
        id=ResourceId(group=group, version="v1", kind=kind, namespace="flux-system", name=name),
        data=data,
        origin=Origin(path="a.yaml"),
    )


def flux(verify: Mapping[str, Any] | None) -> Resource:
    return thing("source.toolkit.fluxcd.io", "GitRepository", {} if verify is None else {"verify": verify})


def argo(spec: Mapping[str, Any]) -> Resource:
    return thing("argoproj.io", "AppProject", spec)


def methods(signers: Signers | None, *resources: Resource) -> set[Method]:
    return {refusal.method for refusal in refusals(resources, signers)}


@pytest.fixture(scope="module")
def signers(keys: SigningKeys) -> Signers:
    return make_signers(keys)


def test_who_demands_nothing_refuses_nothing(signers: Signers) -> None:
    none = {"git": {"policies": [{"repos": ["*"], "gpg": {"mode": "none"}}]}}
    assert methods(signers, flux(None), flux({"mode": "Tag"}), argo({}), argo({"sourceIntegrity": none})) == set()


def test_a_rebase_is_refused_whatever_keys_there_are(signers: Signers) -> None:
    assert methods(None, flux({"mode": "HEAD"})) == {Method.REBASE}
    assert methods(signers, flux({"mode": "TagAndHEAD", "secretRef": {"name": "elsewhere"}})) == {Method.REBASE}


@pytest.mark.parametrize(("holder", "refused"), [("forge", {Method.REBASE}), ("alice", ALL)])
@pytest.mark.parametrize("plain", [True, False])
def test_flux_accepts_the_keys_of_its_secret(
    signers: Signers, keys: SigningKeys, holder: str, refused: set[Method], *, plain: bool
) -> None:
    key = keys.gpg[holder].public
    held = {"stringData": {"k.asc": key.decode()}} if plain else {"data": {"k.asc": base64.b64encode(key).decode()}}
    secret = thing("", "Secret", {}, name="signers", **held)
    assert methods(signers, flux({"secretRef": {"name": "signers"}}), secret) == refused


@pytest.mark.parametrize("value", ["ENC[AES256_GCM,data:x]", "AAAA"])
def test_an_encrypted_or_broken_secret_is_not_guessed_at(signers: Signers, value: str) -> None:
    secret = thing("", "Secret", {}, name="signers", data={"k.asc": value})
    assert methods(signers, flux({"secretRef": {"name": "signers"}}), secret) == {Method.REBASE}


def test_argo_compares_key_ids(signers: Signers, keys: SigningKeys) -> None:
    forge, alice = (keys.gpg[name].fingerprint for name in ("forge", "alice"))
    assert methods(signers, argo({"signatureKeys": [{"keyID": forge[-16:].lower()}]})) == {Method.REBASE}
    assert methods(signers, argo({"signatureKeys": [{"keyID": alice[-16:]}]})) == ALL


def test_argo_knows_no_ssh_signatures(keys: SigningKeys) -> None:
    document = signers_document(keys)
    document["platformKeys"] = {"lab": key_entry(keys.ssh["stranger"])}
    signers = make_signers(keys, document)
    assert methods(signers, argo({"signatureKeys": [{"keyID": keys.gpg["alice"].fingerprint}]})) == ALL


def test_strict_mode_wants_everybodys_key(signers: Signers, keys: SigningKeys) -> None:
    def strict(mode: str, *names: str) -> Resource:
        gpg = {"mode": mode, "keys": [keys.gpg[name].fingerprint for name in names]}
        return argo({"sourceIntegrity": {"git": {"policies": [{"repos": ["*"], "gpg": gpg}]}}})

    assert methods(signers, strict("head", "forge")) == {Method.REBASE}
    found = {refusal.method: refusal.reason for refusal in refusals([strict("strict", "forge", "alice")], signers)}
    assert found.keys() == {Method.REBASE, Method.MERGE_COMMIT}
    assert found[Method.MERGE_COMMIT].endswith("bob, carol, deploy")


@pytest.mark.parametrize(("verb", "refused"), [("has expired", ALL), ("", {Method.REBASE})])
def test_a_key_that_is_good_no_more_signs_no_tip(
    signers: Signers, keys: SigningKeys, verb: str, refused: set[Method]
) -> None:
    """Judged by the certificate that the agent holds, where the tree shows it."""
    forge = keys.gpg["forge"]
    secret = thing("", "Secret", {}, name="signers", stringData={"k.asc": forge.public.decode()})
    seen = [flux({"secretRef": {"name": "signers"}}), secret]
    found = {each.method: each.reason for each in refusals(seen, signers, lambda certificate: verb)}
    assert found.keys() == refused
    assert not verb or (forge.fingerprint in found[Method.SQUASH] and verb in found[Method.SQUASH])


def test_argo_accepts_no_key_that_is_not_in_its_keyring(signers: Signers, keys: SigningKeys) -> None:
    forge, alice = keys.gpg["forge"], keys.gpg["alice"]
    project = argo({"signatureKeys": [{"keyID": forge.fingerprint[-16:]}]})

    def ring(*held: GpgKey) -> Resource:
        data = {key.fingerprint[-16:]: key.public.decode() for key in held}
        return thing("", "ConfigMap", {}, name="argocd-gpg-keys-cm", data=data)

    assert methods(signers, project, ring(forge, alice)) == {Method.REBASE}
    assert methods(signers, project, ring(alice)) == ALL
    broken = thing("", "ConfigMap", {}, name="argocd-gpg-keys-cm", data={"x": "nonsense"})
    assert methods(signers, project, broken) == {Method.REBASE}, "nothing is guessed"


def test_strict_mode_without_a_seal_refuses_what_history_holds(signers: Signers, keys: SigningKeys) -> None:
    gpg = {"mode": "strict", "keys": [keys.gpg[name].fingerprint for name in ("forge", "alice", "carol")]}
    project = argo({"sourceIntegrity": {"git": {"policies": [{"repos": ["*"], "gpg": gpg}]}}})
    asked: list[AgentDemand] = []

    def history(demand: AgentDemand) -> Iterator[tuple[Method, str]]:
        asked.append(demand)
        yield Method.SQUASH, "an old commit has no signature"

    found = {each.method: each.reason for each in refusals([project], signers, past=history)}
    assert found[Method.SQUASH] == "an old commit has no signature"
    assert [demand.strict for demand in asked] == [True]
    assert Method.SQUASH in {each.method for each in refusals([project], None, past=history)}


@pytest.mark.parametrize("spec", [{"verify": 1}, {"verify": {"secretRef": []}}, [], None, {"signatureKeys": [1, None]}])
def test_nonsense_is_survived(signers: Signers, spec: Any) -> None:
    for resource in (thing("source.toolkit.fluxcd.io", "GitRepository", spec), argo(spec)):
        assert methods(signers, resource) <= ALL
