"""`make demo`: a GitOps repository, a pull request with everyday mistakes, what gitgate says of it, and the repair.

Builds demo/shop (or the folder that is named) from examples/shop and prints each command before it runs it. Ends with
0 when gitgate judged as it should; anything else is a defect of the demo or of gitgate.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = ROOT / "examples" / "shop"
REPOSITORY = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "demo" / "shop").absolute()
BRANCH = "black-friday"
ACCEPTED, REJECTED = 0, 1


@dataclass(frozen=True, slots=True)
class Edit:
    """A change to one file: what was there, what the pull request makes of it, and what it should have made.

    Attributes:
        rule: What gitgate finds in the mistake.
    """

    path: str
    before: str
    mistake: str
    repair: str
    rule: str


EDITS = (
    Edit(
        path="base/cart.yaml",
        before="          image: registry.example.com/shop/cart:1.9.3\n",
        mistake="          image: registry.example.com/shop/cart:1.10.0\n          imagePullPolice: Always\n",
        repair="          image: registry.example.com/shop/cart:1.10.0\n          imagePullPolicy: Always\n",
        rule="schema/unknown-field",
    ),
    Edit(
        path="overlays/production/web-scale.yaml",
        before="  replicas: 4\n",
        mistake='  replicas: "12"\n',
        repair="  replicas: 12\n",
        rule="schema/wrong-type",
    ),
    Edit(
        path="monitoring/nightly-report.yaml",
        before="apiVersion: batch/v1\n",
        mistake="apiVersion: batch/v1beta1\n",
        repair="apiVersion: batch/v1\n",
        rule="schema/removed-kind",
    ),
    Edit(
        path="platform/orders-database.yaml",
        before="  replicas: 2\n",
        mistake="  replicas: 7\n",
        repair="  replicas: 5\n",
        rule="schema/invalid-value",
    ),
    Edit(
        path="platform/namespaces.yaml",
        before="  name: shop\n",
        mistake="  name: shop\n  labels:\n    team: shop\n  labels:\n    season: sale\n",
        repair="  name: shop\n  labels:\n    team: shop\n    season: sale\n",
        rule="schema/yaml-duplicate-key",
    ),
)

REWORK_BRANCH = "rework-scaling"
REWORK = (
    ("base/cart.yaml", "      app: cart\n  template:", "      app: basket\n  template:"),
    ("base/cart.yaml", "        app: cart\n    spec:", "        app: basket\n    spec:"),
    ("base/web.yaml", "shop/web:2.4.0", "shop/web:2.5.0"),
    ("overlays/production/kustomization.yaml", "  - disruption-budget.yaml\n", "  - autoscaler.yaml\n"),
)
AUTOSCALER = """\
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: web
spec:
  scaleTargetRef:
    apiVersion: apps/v1
    kind: Deployment
    name: web
  minReplicas: 4
  maxReplicas: 12
"""
PLANNED = (
    ("blocked", "Deployment", "shop/cart"),
    ("update", "Deployment", "shop/web"),
    ("prune", "PodDisruptionBudget", "shop/web"),
    ("create", "HorizontalPodAutoscaler", "shop/web"),
)
FOLLOWS = ("rollout", "scaling-fight")
TIDY_BRANCH = "tidy-up"
GUARD = {
    "settings.yaml": "version: 1\npolicy: {sets: [gitops]}\n",
    "policies/databases.yaml": """\
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata:
  name: databases
spec:
  matchConstraints:
    resourceRules:
      - apiGroups: [platform.example.com]
        apiVersions: ["*"]
        operations: [UPDATE]
        resources: [databases]
  validations:
    - message: the storage of a database does not shrink
      expression: >-
        !quantity(object.spec.storage).isLessThan(quantity(oldObject.spec.storage))
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata:
  name: databases
spec:
  policyName: databases
  validationActions: [Deny]
""",
}
TIDY = (
    (
        "platform/orders-database.yaml",
        "  engine: postgres\n  replicas: 2\n  storage: 20Gi\n",
        "  engine: mysql\n  replicas: 2\n  storage: 10Gi\n",
    ),
    (
        "platform/namespaces.yaml",
        "---\napiVersion: v1\nkind: Namespace\nmetadata:\n  name: shop-staging\n",
        "",
    ),
)
DENIALS = (
    "a database keeps its engine",
    "databases denies the UPDATE: the storage of a database does not shrink",
    "gitops-namespace-deletion denies the DELETE",
)


class DemoError(Exception):
    """The demo did not show what it should."""


def main() -> int:
    try:
        _build()
        _say(
            f"""
            A GitOps repository is in {os.path.relpath(REPOSITORY)}: kustomize overlays for two environments, plain
            manifests and a custom resource. On the branch {BRANCH} somebody prepares a sale, in a hurry.
            """
        )
        _show("git", "diff", "--stat", f"main...{BRANCH}")
        _say("Should that be merged? gitgate works out the merge, renders it, and judges what the change brings:")
        _judge(REJECTED, frozenset(edit.rule for edit in EDITS))
        _say(
            """
            Five mistakes, each with its file, line and fix; the misspelt field counts in both environments. The wrong
            replicas are found in what the overlay renders to, and shown in its patch. The deprecated Endpoints object
            was there before, so that it is counted and does not stand in the way. To learn more of a rule:
            gitgate explain schema/removed-kind
            """
        )
        _commit("Repair what gitgate found", [(edit.path, edit.mistake, edit.repair) for edit in EDITS])
        _say("The author repairs them in another commit. Again:")
        _judge(ACCEPTED, frozenset())
        _plan()
        _guard()
        _sign()
        _say(
            f"""
            Exit code 0: this may be merged. To play with it: cd {os.path.relpath(REPOSITORY)}, change a file,
            git add it, and run {os.path.relpath(_gitgate(), REPOSITORY)} check --staged
            """
        )
    except DemoError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    return 0


def _plan() -> None:
    """Show what merging would do to the cluster: a blocked change, a prune, a rollout and a fight."""
    _say(
        """
        A manifest may be valid by itself, and still not be what a cluster can become. Somebody renames a label,
        releases the web server, and lets an autoscaler scale it instead of guarding it with a disruption budget:
        """
    )
    _git("checkout", "--quiet", "-b", REWORK_BRANCH, "main")
    (REPOSITORY / "overlays" / "production" / "autoscaler.yaml").write_text(AUTOSCALER, encoding="utf-8")
    _git("rm", "--quiet", "overlays/production/disruption-budget.yaml")
    _git("add", "--all")
    _commit("Rework scaling", REWORK)
    _show("git", "diff", "--stat", f"main...{REWORK_BRANCH}")
    _say("What would the agent do to the cluster if that were merged? No cluster is asked:")
    _show("gitgate", "plan", "main", REWORK_BRANCH, expected=REJECTED)
    _say(
        """
        The selector of a Deployment never changes, so that the agent fails on cart in both environments. The web
        server restarts; its budget goes. The overlay still fixes the replicas that the autoscaler wants to set.
        """
    )
    output = _run([str(_gitgate()), "plan", "main", REWORK_BRANCH, "--output", "json"], capture=True).stdout
    plan = json.loads(output)
    planned = {(one["action"], one["kind"], f"{one['namespace']}/{one['name']}") for one in plan["objects"]}
    codes = {one["code"] for one in plan["consequences"]}
    for wanted in PLANNED:
        if wanted not in planned:
            raise DemoError(f"the plan does not say: {' '.join(wanted)}")
    for code in FOLLOWS:
        if code not in codes:
            raise DemoError(f"the plan does not tell of: {code}")


def _guard() -> None:
    """Let policies judge on main, and show an update, a transition and a deletion that they deny."""
    _say(
        """
        Valid is not all. From here on main has policies, in the form that the cluster enforces too: a database does not
        shrink, and, from gitgate's set gitops, no namespace is deleted by the way. That a database keeps its engine is
        a rule of its definition. Somebody tidies up:
        """
    )
    _git("checkout", "--quiet", "main")
    for name, text in GUARD.items():
        place = REPOSITORY / ".gitgate" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")
    _git("add", "--all")
    _git("commit", "--quiet", "--message", "Guard databases and namespaces")
    _git("checkout", "--quiet", "-b", TIDY_BRANCH)
    _commit("Tidy up", TIDY)
    _show("git", "diff", "--unified=0", f"main...{TIDY_BRANCH}")
    _show("gitgate", "check", "--base", "main", "--head", TIDY_BRANCH, expected=REJECTED)
    report = _run([str(_gitgate()), "check", "--base", "main", "--head", TIDY_BRANCH, "--output", "json"], capture=True)
    said = [item["message"] for item in json.loads(report.stdout)["findings"] if item["rule"].startswith("policy/")]
    for words in DENIALS:
        if not any(words in message for message in said):
            raise DemoError(f"nothing was found about: {words}")


def _sign() -> None:
    """Demand signatures on main, and show who gets a change of production past them; keys are made on the spot."""
    if shutil.which("ssh-keygen") is None:
        _say("(ssh-keygen is not installed, so nobody can sign here, and the part about signatures is left out.)")
        return
    _say(
        """
        It may be merged, but who made it? From here on main says whose signatures count, in .gitgate/signers.yaml:
        Alice and Bob may change files, production is Alice's.
        """
    )
    with tempfile.TemporaryDirectory(prefix="demo-") as folder:
        keys = {name: Path(folder) / name for name in ("alice", "bob")}
        _git("checkout", "--quiet", "main")
        for name, key in keys.items():
            _run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(key)], capture=True)
            address = f"{name}@example.com"
            _run([str(_gitgate()), "signer", "add", name, "--email", address, "--key", f"{key}.pub"], capture=True)
        signers = REPOSITORY / ".gitgate" / "signers.yaml"
        production = '  - {id: production, paths: ["overlays/production/**"], signers: [alice]}\n'
        text = signers.read_text(encoding="utf-8")
        signers.write_text(text.replace("rules:\n", f"rules:\n{production}", 1), encoding="utf-8")
        _git("add", "--all")
        _git("commit", "--quiet", "--message", "Say whose signatures count")
        for who, code, text in (
            (None, REJECTED, "A stolen password is enough to push this, in Alice's name, without her signature:"),
            ("bob", REJECTED, "Bob's signature is good, and production is not his:"),
            ("alice", ACCEPTED, "Alice signs it herself:"),
        ):
            _say(text)
            _git("checkout", "--quiet", "-B", "night-shift", "main")
            file_path = REPOSITORY / EDITS[1].path
            file_path.write_text(file_path.read_text(encoding="utf-8").replace(EDITS[1].before, EDITS[1].repair, 1))
            signing = ["-c", "gpg.format=ssh", "-c", f"user.signingKey={keys[who]}"] if who else []
            options = ["--gpg-sign"] if who else []
            _git(*signing, "commit", "--quiet", "--all", "--message", "Scale", *options, person=who or "alice")
            _show("gitgate", "verify", "main..night-shift", expected=code)


def _build() -> None:
    shutil.rmtree(REPOSITORY, ignore_errors=True)
    REPOSITORY.parent.mkdir(parents=True, exist_ok=True)
    shutil.copytree(EXAMPLE, REPOSITORY)
    _git("init", "--quiet", "--initial-branch=main")
    _git("add", "--all")
    _git("commit", "--quiet", "--message", "The shop")
    _git("checkout", "--quiet", "-b", BRANCH)
    _commit("Get ready for Black Friday", [(edit.path, edit.before, edit.mistake) for edit in EDITS])


def _commit(message: str, replacements: Sequence[tuple[str, str, str]]) -> None:
    for path, old, new in replacements:
        file = REPOSITORY / path
        text = file.read_text(encoding="utf-8")
        if old not in text:
            raise DemoError(f"examples/shop/{path} no longer holds what the demo changes")
        file.write_text(text.replace(old, new, 1), encoding="utf-8")
    _git("commit", "--quiet", "--all", "--message", message)


def _judge(code: int, rules: frozenset[str]) -> None:
    arguments = ("check", "--base", "main", "--head", BRANCH)
    _show("gitgate", *arguments, expected=code)
    # Once more for the demo itself: was it rejected for the right reasons?
    report = _run([str(_gitgate()), *arguments, "--output", "json"], capture=True)
    found = {item["rule"] for item in json.loads(report.stdout)["findings"] if item["state"] == "new"}
    # What the schema refuses is also nothing that the agent could apply, which may be told once more.
    found.discard("reconcile/blocked")
    if found != rules:
        raise DemoError(f"the rules of the new findings are {sorted(found)}, not {sorted(rules)}")


def _show(*command: str, expected: int = 0) -> None:
    """Print a command as one would type it, run it, and show how it ended."""
    print(_strong(f"$ {' '.join(command)}"), flush=True)
    git = ["git", "--no-pager", "-c", f"color.ui={'never' if _plain() else 'auto'}"]
    program = [str(_gitgate())] if command[0] == "gitgate" else git
    done = _run([*program, *command[1:]])
    if command[:2] in (("gitgate", "check"), ("gitgate", "plan"), ("gitgate", "verify")):
        print(_strong(f"exit code {done.returncode}"))
    if done.returncode != expected:
        raise DemoError(f"{' '.join(command)} ended with {done.returncode}, not {expected}")


def _git(*arguments: str, person: str = "developer") -> None:
    done = _run(["git", *arguments], capture=True, person=person)
    if done.returncode != 0:
        raise DemoError(f"git {arguments[0]}: {done.stderr.strip()}")


def _run(
    command: Sequence[str], *, capture: bool = False, person: str = "developer"
) -> subprocess.CompletedProcess[str]:
    identity = {"NAME": person.capitalize(), "EMAIL": f"{person}@example.com"}
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("GIT_")},
        **{f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in identity.items()},
        # Nobody's signing key, hook or template has a part in this.
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
    }
    sys.stdout.flush()
    try:
        return subprocess.run(
            list(command), cwd=REPOSITORY, env=environment, capture_output=capture, text=True, check=False
        )
    except FileNotFoundError:
        raise DemoError(f"{command[0]} is not installed") from None


def _gitgate() -> Path:
    return Path(sys.prefix) / "bin" / "gitgate"


def _say(text: str) -> None:
    paragraph = textwrap.fill(" ".join(textwrap.dedent(text).split()), width=98)
    print(f"\n{paragraph}\n", flush=True)


def _strong(text: str) -> str:
    return text if _plain() else f"\x1b[1;36m{text}\x1b[0m"


def _plain() -> bool:
    return not sys.stdout.isatty() or bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"


if __name__ == "__main__":
    sys.exit(main())
