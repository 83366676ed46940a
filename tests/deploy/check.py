"""The parts of `deploy/` go together: the command accepts the agent's arguments, and the application finds the agent.

    check.py PROGRAM FOLDER   the command `yc-auth`, and a folder for files
"""

import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
#: Where the files of the deployment have the authorized key.
KEYS = ["/etc/yc-auth/key.json", "/run/secrets/key.json", "/run/credentials/yc-auth-agent.service/key.json"]

program, folder = sys.argv[1], Path(sys.argv[2])
key = folder / "key.json"


def check(holds, what):
    if not holds:
        sys.exit(f"deploy: {what}")


def accepts(where, arguments, environment=()):
    """The command takes these arguments, with a key of the emulator in the place of the real one."""
    for path in KEYS:
        arguments = [argument.replace(path, str(key)) for argument in arguments]
    variables = {"HOME": str(folder), "PATH": "/usr/bin:/bin", **dict(environment)}
    done = subprocess.run([program, *arguments, "--check"], env=variables, capture_output=True, text=True)
    check(done.returncode == 0, f"{where}: {done.stderr}")


def option(arguments, name):
    """The value of `--name=value`."""
    values = [argument.partition("=")[2] for argument in arguments if argument.startswith(f"--{name}=")]
    check(len(values) <= 1, f"--{name} is there twice")
    return values[0] if values else None


def variables(container):
    return {entry["name"]: entry["value"] for entry in container.get("env", [])}


def finds(where, arguments, app, user):
    """The application asks where the agent listens, as a user whom the agent answers."""
    address = option(arguments, "metadata")
    if address:
        check(app["YC_METADATA_ADDR"] == address, f"{where}: the application asks another address")
        check(option(arguments, "allow-uid") == str(user), f"{where}: the agent refuses the application")
    else:
        check(app["YC_IAM_TOKEN_FILE"] == option(arguments, "token-file"), f"{where}: another file")


def pod(path):
    document = yaml.safe_load(path.read_text())
    spec = document["spec"] if document["kind"] == "Pod" else document["spec"]["template"]["spec"]
    (agent,), (app,) = spec["initContainers"], spec["containers"]
    arguments = agent["args"]
    accepts(path.name, arguments, variables(agent))
    finds(path.name, arguments, variables(app), app["securityContext"]["runAsUser"])
    check(agent["restartPolicy"] == "Always", f"{path.name}: the agent is no sidecar")
    agent_container(path, spec, agent)
    volumes = {volume["name"] for volume in spec["volumes"]}
    mounts = [mount for container in (agent, app) for mount in container.get("volumeMounts", [])]
    check({mount["name"] for mount in mounts} == volumes, f"{path.name}: the volumes are not those of the mounts")
    check(not any("subPath" in mount for mount in mounts), f"{path.name}: a rename is not seen through a mounted file")
    group = option(arguments, "group")
    check(group is None or group == str(spec["securityContext"]["fsGroup"]), f"{path.name}: another group")


def holder(path):
    """The agents have the rights for the Secret and the Lease that they are told of, and no others."""
    documents = {document["kind"]: document for document in yaml.safe_load_all(path.read_text())}
    names = {"ServiceAccount", "Secret", "Lease", "Role", "RoleBinding", "Deployment"}
    check(set(documents) == names, f"{path.name}: {sorted(documents)}")
    metadata = {kind: document["metadata"] for kind, document in documents.items()}
    deployment = documents["Deployment"]["spec"]
    spec = deployment["template"]["spec"]
    (agent,) = spec["containers"]
    accepts(path.name, agent["args"])
    namespace, _, secret = option(agent["args"], "kubernetes-secret").partition("/")
    check(all(entry["namespace"] == namespace for entry in metadata.values()), f"{path.name}: another namespace")
    # Without `lease` in a configuration the Lease has the name of the Secret.
    check(metadata["Secret"]["name"] == metadata["Lease"]["name"] == secret, f"{path.name}: another Secret or Lease")
    check("data" not in documents["Secret"] and "spec" not in documents["Lease"], f"{path.name}: content for the agent")
    rights = [
        (group, kind, tuple(rule["resourceNames"]), tuple(rule["verbs"]))
        for rule in documents["Role"]["rules"]
        for group in rule["apiGroups"]
        for kind in rule["resources"]
    ]
    verbs = ("get", "patch")
    expected = [("", "secrets", (secret,), verbs), ("coordination.k8s.io", "leases", (secret,), verbs)]
    check(rights == expected, f"{path.name}: other rights: {rights}")
    account = metadata["ServiceAccount"]["name"]
    binding = documents["RoleBinding"]
    check(binding["roleRef"]["name"] == metadata["Role"]["name"], f"{path.name}: another Role")
    (subject,) = binding["subjects"]
    check((subject["name"], subject["namespace"]) == (account, namespace), f"{path.name}: the Role is another's")
    check(spec["serviceAccountName"] == account and spec["automountServiceAccountToken"], f"{path.name}: no account")
    check(deployment["replicas"] > 1, f"{path.name}: nobody takes over")
    check(deployment["selector"]["matchLabels"].items() <= deployment["template"]["metadata"]["labels"].items(), path.name)
    agent_container(path, spec, agent)
    check({mount["name"] for mount in agent["volumeMounts"]} == {volume["name"] for volume in spec["volumes"]}, path.name)


def agent_container(path, spec, agent):
    """The agent has few rights, and its probes are asked where they listen."""
    check(spec["securityContext"]["runAsNonRoot"] and agent["securityContext"]["readOnlyRootFilesystem"], path.name)
    (port,) = agent["ports"]
    probes = option(agent["args"], "probes")
    check(probes.endswith(f":{port['containerPort']}"), f"{path.name}: another port of the probes")
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        check(agent[probe]["httpGet"]["port"] == port["name"], f"{path.name}: {probe}")
    check(agent["image"] in (DEPLOY / "Containerfile").read_text(), f"{path.name}: the Containerfile has another name")


def compose():
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    agent, app = services["yc-auth-agent"], services["app"]
    accepts("compose.yaml", agent["command"])
    finds("compose.yaml", agent["command"], app["environment"], app["user"].partition(":")[0])
    check(app["network_mode"] == "service:yc-auth-agent", "compose.yaml: the application has another network")
    check(agent["user"].partition(":")[0] != "0" and agent["read_only"], "compose.yaml: the agent has too many rights")


def unit():
    text = (DEPLOY / "systemd/agent.toml").read_text()
    check(any(path in text for path in KEYS), "agent.toml: another key")
    for path in KEYS:
        text = text.replace(path, str(key))
    config = folder / "agent.toml"
    config.write_text(text)
    lines = (DEPLOY / "systemd/yc-auth-agent.service").read_text().splitlines()
    (start,) = [line.split() for line in lines if line.startswith("ExecStart=")]
    accepts("yc-auth-agent.service", [part.replace("/etc/yc-auth/agent.toml", str(config)) for part in start[1:]])


subprocess.run([program, "emulator", "--key-file", str(key), "--", "true"], check=True, env={"PATH": "/usr/bin:/bin"})
manifests = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
check(len(manifests) == 3, "there are three manifests")
for manifest in manifests:
    (holder if manifest.name == "secret-holder.yaml" else pod)(manifest)
compose()
unit()
print(f"deploy: {len(manifests)} manifests, compose.yaml and the unit go together")
