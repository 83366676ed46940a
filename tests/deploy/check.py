"""The parts of `deploy/` go together: the command accepts the agent's arguments, and the application finds the agent.

    check.py PROGRAM FOLDER   the command `yc-auth`, and a folder for files
"""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import kubernetes_validate
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


def here(text):
    """With a key of the emulator in the place of the real one, and a folder and a group that exist for files and sockets."""
    for path in KEYS:
        text = text.replace(path, str(key))
    # A check makes a socket as a start does, which a user who does not belong to the group cannot.
    text = re.sub(r'(?m)^( *group = )"\d+"$', rf'\1"{os.getegid()}"', text)
    return text.replace("=/run/yc-auth/", f"={folder}/").replace('"/run/yc-auth/', f'"{folder}/')


def accepts(where, arguments, environment=()):
    """The command takes these arguments."""
    arguments = [here(argument) for argument in arguments]
    variables = {"HOME": str(folder), "PATH": "/usr/bin:/bin", **dict(environment)}
    done = subprocess.run([program, *arguments, "--check"], env=variables, capture_output=True, text=True)
    check(done.returncode == 0, f"{where}: {done.stderr}")


def accepts_configuration(where, arguments, path, text, environment=()):
    """The command takes these arguments, which name the file with this text by its path."""
    config = folder / "agent.toml"
    config.write_text(here(text))
    check(any(path in argument for argument in arguments), f"{where}: another configuration")
    accepts(where, [argument.replace(path, str(config)) for argument in arguments], environment)


def option(arguments, name):
    """The value of `--name=value`."""
    values = [argument.partition("=")[2] for argument in arguments if argument.startswith(f"--{name}=")]
    check(len(values) <= 1, f"--{name} is there twice")
    return values[0] if values else None


def variables(container):
    """Those with a value in the manifest: not those of a Secret."""
    return {entry["name"]: entry["value"] for entry in container.get("env", []) if "value" in entry}


def of_secrets(container):
    """The key of a Secret that each other variable has."""
    entries = [entry for entry in container.get("env", []) if "value" not in entry]
    return {entry["name"]: entry["valueFrom"]["secretKeyRef"] for entry in entries}


def finds(where, arguments, app, user):
    """The application asks where the agent listens, as a user whom the agent answers."""
    address = option(arguments, "metadata")
    if address:
        needed = {name: address for name in ("YC_METADATA_ADDR", "GCE_METADATA_HOST", "GCE_METADATA_IP")}
        needed |= {"METADATA_SERVER_DETECTION": "assume-present", "NO_PROXY": address.rpartition(":")[0]}
        check(needed.items() <= app.items(), f"{where}: the application asks another address: {app}")
        check(option(arguments, "allow-uid") == str(user), f"{where}: the agent refuses the application")
    elif gateway := option(arguments, "gateway"):
        needed = {"OPENAI_BASE_URL": f"http://{gateway}/v1", "NO_PROXY": gateway.rpartition(":")[0]}
        check(needed.items() <= app.items(), f"{where}: the application asks another address: {app}")
    else:
        check(app["YC_IAM_TOKEN_FILE"] == option(arguments, "token-file"), f"{where}: another file")


def pod(path):
    document = yaml.safe_load(path.read_text())
    spec = document["spec"] if document["kind"] == "Pod" else document["spec"]["template"]["spec"]
    (agent,), (app,) = spec["initContainers"], spec["containers"]
    arguments = agent["args"]
    fakes = dict.fromkeys(of_secrets(agent), "fake-value-of-a-secret")
    accepts(path.name, arguments, {**variables(agent), **fakes})
    expected = {"YC_AUTH_GATEWAY_KEY": "OPENAI_API_KEY"} if option(arguments, "gateway") else {}
    keys = {name: of_secrets(app).get(name_of_app) for name, name_of_app in expected.items()}
    check(of_secrets(agent) == keys, f"{path.name}: the agent and the application have other keys")
    check(rights_are_few(spec, agent, app), f"{path.name}: too many rights")
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


def daemon_set(path):
    """The agent can write to the folder of the node, those find the socket who have its group, and the pod of docs/envoy.md has what
    it needs."""
    documents = {document["kind"]: document for document in yaml.safe_load_all(path.read_text())}
    names = {"Namespace", "ServiceAccount", "ConfigMap", "DaemonSet"}
    check(set(documents) == names, f"{path.name}: {sorted(documents)}")
    metadata = {kind: document["metadata"] for kind, document in documents.items()}
    namespace = metadata["Namespace"]["name"]
    check(all(metadata[kind]["namespace"] == namespace for kind in names - {"Namespace"}), f"{path.name}: another namespace")
    daemons = documents["DaemonSet"]["spec"]
    spec = daemons["template"]["spec"]
    (preparation,), (agent,) = spec["initContainers"], spec["containers"]
    check(daemons["selector"]["matchLabels"].items() <= daemons["template"]["metadata"]["labels"].items(), path.name)
    check(daemons["updateStrategy"]["rollingUpdate"]["maxSurge"] == 0, f"{path.name}: two agents want the socket")
    account = metadata["ServiceAccount"]["name"]
    check(spec["serviceAccountName"] == account and not spec["automountServiceAccountToken"], f"{path.name}: another account")

    ((name, text),) = documents["ConfigMap"]["data"].items()
    volumes = {volume["name"]: volume for volume in spec["volumes"]}
    mounts = {mount["mountPath"]: volumes[mount["name"]] for mount in agent["volumeMounts"]}
    check(len(mounts) == len(volumes), f"{path.name}: the volumes are not those of the mounts")
    (of_config,) = [at for at, volume in mounts.items() if volume.get("configMap", {}).get("name") == metadata["ConfigMap"]["name"]]
    accepts_configuration(path.name, agent["args"], f"{of_config}/{name}", text, variables(agent))
    sds, probes = tomllib.loads(text)["listen"]
    agent_container(path, spec, agent, probes["address"])

    user, group = agent["securityContext"]["runAsUser"], sds["group"]
    check(user not in sds["allow_uids"] and 0 not in sds["allow_uids"], f"{path.name}: a user who may ask in any case")
    check("mode" not in sds, f"{path.name}: a group alone has the mode 0660")
    check(int(group) in spec["securityContext"]["supplementalGroups"], f"{path.name}: the agent has not the group of the socket")
    of_socket = str(Path(sds["path"]).parent)
    expected = ["install", "--directory", f"--owner={user}", f"--group={group}", "--mode=0750", of_socket]
    check(preparation["command"] == expected, f"{path.name}: {preparation['command']}")
    rights = {"drop": ["ALL"], "add": ["CHOWN", "FOWNER"]}
    check(preparation["securityContext"]["capabilities"] == rights, f"{path.name}: {preparation['securityContext']}")
    (mount,) = preparation["volumeMounts"]
    node = mounts[of_socket]["hostPath"]["path"]
    check(volumes[mount["name"]] is mounts[of_socket] and mount["mountPath"] == of_socket, f"{path.name}: another folder")
    envoy_pod(sds, of_socket, node)


def envoy_pod(sds, of_socket, node):
    """The pod of the page finds the socket, and is one of those who may connect."""
    blocks = (DEPLOY.parent / "docs/envoy.md").read_text().split("```yaml\n")[1:]
    (pod,) = [yaml.safe_load(block.partition("```")[0]) for block in blocks]
    kubernetes_validate.validate(pod, kubernetes_validate.latest_version(), strict=True)
    spec = pod["spec"]
    (envoy,), (app,) = spec["initContainers"], spec["containers"]
    check(envoy["restartPolicy"] == "Always", "envoy.md: Envoy is no sidecar")
    check(rights_are_few(spec, envoy, app) and envoy["securityContext"]["readOnlyRootFilesystem"], "envoy.md: too many rights")
    startup, injector = envoy["startupProbe"], (DEPLOY / "envoy/injector.yaml").read_text()
    (listener,) = yaml.safe_load(injector)["static_resources"]["listeners"]
    address = listener["address"]["socket_address"]
    asked = f"/dev/tcp/{address['address']}/{address['port_value']}"
    check(startup["exec"]["command"][-1].endswith(asked), "envoy.md: the probe asks another port")
    check(startup["periodSeconds"] * startup["failureThreshold"] >= 3600, "envoy.md: an outage of IAM at the start ends Envoy")
    check(envoy["securityContext"]["runAsUser"] in sds["allow_uids"], "envoy.md: the agent refuses Envoy")
    check(int(sds["group"]) in spec["securityContext"]["supplementalGroups"], "envoy.md: Envoy has not the group of the socket")
    (mount,) = [mount for mount in envoy["volumeMounts"] if mount["mountPath"] == of_socket]
    (volume,) = [volume for volume in spec["volumes"] if volume["name"] == mount["name"]]
    check(volume["hostPath"] == {"path": node, "type": "Directory"} and mount["readOnly"], "envoy.md: another folder")
    check(sds["path"] in injector, "injector.yaml: another socket")


def rights_are_few(spec, *containers):
    """No container of the pod is root's or gets other rights."""
    few = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    of_pod = spec["securityContext"]["runAsNonRoot"] and spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    contexts = [container["securityContext"] for container in containers]
    names = {"runAsUser", "runAsGroup", "readOnlyRootFilesystem", *few}
    return of_pod and all(
        few.items() <= context.items() and context["runAsUser"] > 0 and set(context) <= names for context in contexts
    )


def agent_container(path, spec, agent, probes=None):
    """The agent has few rights, and its probes are asked where they listen."""
    check(spec["securityContext"]["runAsNonRoot"] and agent["securityContext"]["readOnlyRootFilesystem"], path.name)
    check(agent["securityContext"]["capabilities"] == {"drop": ["ALL"]} and agent["securityContext"]["runAsUser"] > 0, path.name)
    (port,) = agent["ports"]
    probes = probes or option(agent["args"], "probes")
    check(probes.endswith(f":{port['containerPort']}"), f"{path.name}: another port of the probes")
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        check(agent[probe]["httpGet"]["port"] == port["name"], f"{path.name}: {probe}")
    startup = agent["startupProbe"]
    waits = startup["httpGet"]["path"] == "/livez" or startup["periodSeconds"] * startup["failureThreshold"] >= 3600
    check(waits, f"{path.name}: an outage of IAM at the start ends the agent")
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
    lines = (DEPLOY / "systemd/yc-auth-agent.service").read_text().splitlines()
    (start,) = [line.split() for line in lines if line.startswith("ExecStart=")]
    accepts_configuration("yc-auth-agent.service", start[1:], "/etc/yc-auth/agent.toml", text)


subprocess.run([program, "emulator", "--key-file", str(key), "--", "true"], check=True, env={"PATH": "/usr/bin:/bin"})
manifests = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
check(len(manifests) == 5, "there are five manifests")
for manifest in manifests:
    {"sds-daemonset.yaml": daemon_set, "secret-holder.yaml": holder}.get(manifest.name, pod)(manifest)
compose()
unit()
print(f"deploy: {len(manifests)} manifests, compose.yaml and the unit go together")
