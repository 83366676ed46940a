"""Plays scenarios in real time against a metadata service on loopback, and prints who does what.

    play.py DRIVERS [NAME…]     DRIVERS: a JSON object, name of a player -> its command; the address is appended

Only scenarios that real time and the players allow: the method `metadata`, calls alone, replies that a socket can
give, and no limit that a few milliseconds would decide. README.md of the folder above has the format.
"""

import asyncio
import json
import pathlib
import sys
import time

FOLDER = pathlib.Path(__file__).resolve().parent.parent

# Those whose clocks allow it. A test of a limit to the millisecond needs virtual time.
NAMES = """
first-call-waits-for-the-response
a-slow-service-is-waited-for
a-silent-service-is-given-up-after-five-seconds
a-dripping-service-is-given-up-after-five-seconds
a-dripping-service-that-ends-in-time-is-taken
a-reset-is-tried-again-after-a-short-pause
the-pauses-double-to-two-seconds
a-service-that-starts-two-seconds-later-is-waited-for
a-hundred-callers-share-one-flight-through-failures
a-hundred-callers-share-one-refusal
a-caller-with-a-short-deadline-leaves-the-others-waiting
callers-leave-with-the-last-cause-at-their-own-deadlines
a-failing-service-is-tried-until-the-deadline
a-call-without-a-deadline-has-the-time-of-the-method
server-errors-are-tried-again
retry-after-in-seconds-is-kept
retry-after-that-cannot-be-read-is-ignored
a-caller-without-the-time-that-the-server-asks-for-is-told-at-once
a-redirect-is-refused-and-not-followed
a-machine-without-a-service-account-says-so
garbage-is-a-bad-response-and-is-tried-again
a-life-outside-one-second-to-a-day-is-a-bad-response
a-response-without-a-token-is-a-bad-response
a-token-that-cannot-stand-in-a-header-is-not-sent
a-token-of-google-is-never-used
a-short-token-through-an-outage
a-short-token-and-a-slow-refresh
a-caller-that-joins-late-waits-for-the-rest
""".split()

# What a busy machine may add to a wait, in seconds, beside what the player needs for one request anyway.
SLACK = 0.4
CALIBRATION = {
    "traffic": {"metadata": [{"token": 1, "life": 3600}]},
    "steps": [{"at": 0, "do": "header", "expect": {"token": 1}}],
}
SIGNATURE = "FAKE-signature-".ljust(86, "x")


def token_text(number):
    return f"t1.FAKE-peer-{number}-.{SIGNATURE}"


def expand(text):
    for number in range(20):
        text = text.replace("${token:%d}" % number, token_text(number))
        text = text.replace("${half-of-token:%d}" % number, token_text(number)[:50])
    return text


class Service:
    """The metadata service of one scenario. Its time begins with the first call."""

    def __init__(self, rules):
        self.rules, self.used, self.requests, self.lives = rules, {}, [], {}
        self.start, self.last, self.server, self.port = None, 0, None, 0

    def now(self):
        return 0.0 if self.start is None else time.monotonic() - self.start

    async def listen(self):
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", self.port)
        self.port = self.server.sockets[0].getsockname()[1]

    def rule(self):
        for index, rule in enumerate(self.rules):
            if self.now() < rule.get("until", 1e9) and self.used.get(index, 0) < rule.get("times", 1e9):
                self.used[index] = self.used.get(index, 0) + 1
                return rule
        return {"status": 500}

    async def serve(self, reader, writer):
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin1")
                if "/service-accounts/default/token" not in head.split("\r\n")[0]:
                    writer.write(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")
                    await writer.drain()
                    continue
                self.requests.append(self.now())
                rule = self.rule()
                if rule.get("fault"):
                    writer.transport.abort()
                    return
                await asyncio.sleep(rule.get("after", 0))
                if rule.get("silence"):
                    await asyncio.sleep(3600)
                await self.reply(writer, rule)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass  # the player has left, or the scenario has ended
        finally:
            writer.close()

    async def reply(self, writer, rule):
        if "token" in rule:
            number = rule["token"] if rule["token"] != "next" else self.last + 1
            self.last = max(self.last, number)
            self.lives[number] = time.monotonic() + rule["life"]
            body = json.dumps({"access_token": token_text(number), "expires_in": rule["life"], "token_type": "Bearer"})
        else:
            body = expand(rule.get("body", ""))
        body = body.encode()
        # google-cloud-auth wants the life as an integer.
        body = body.replace(b".0,", b",")
        headers = {"content-type": "application/json", "metadata-flavor": "Google", "content-length": str(len(body))}
        headers.update(rule.get("headers", {}))
        lines = [f"HTTP/1.1 {rule.get('status', 200)} X"] + [f"{name}: {value}" for name, value in headers.items()]
        writer.write("\r\n".join(lines + ["", ""]).encode())
        for byte in body if "drip" in rule else []:
            await asyncio.sleep(rule["drip"])
            writer.write(bytes([byte]))
            await writer.drain()
        if "drip" not in rule:
            writer.write(body)
        await writer.drain()


def is_playable(scenario):
    replies = scenario.get("traffic", {}).get("metadata", [])
    return (
        scenario.get("method") == "metadata"
        and set(scenario["traffic"]) == {"metadata"}
        and all(step["do"] == "header" and not {"min_ttl", "leaves"} & set(step) for step in scenario["steps"])
        and all(reply.get("fault", "reset") in ("reset", "connect-refused") for reply in replies)
    )


def calls(scenario):
    all_calls = []
    for step in scenario["steps"]:
        at = step["at"]
        while at <= step.get("until", step["at"]) + 1e-9:
            all_calls += [(at, step)] * step.get("count", 1)
            at += step.get("every", 1e9)
    return sorted(all_calls, key=lambda call: call[0])


async def play(scenario, command):
    """The outcome of each call, and the requests."""
    rules = scenario["traffic"]["metadata"]
    service = Service(rules)
    await service.listen()
    refused_until = rules[0].get("until", 0) if rules[0].get("fault") == "connect-refused" else 0
    if refused_until:
        service.rules = rules[1:]
        service.server.close()
    player = await asyncio.create_subprocess_exec(
        *command, f"127.0.0.1:{service.port}", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL, limit=1 << 20,
    )
    await player.stdout.readline()
    outcomes = {}

    async def read():
        while line := (await player.stdout.readline()).decode():
            number, kind, waited, text = line.rstrip("\n").split(" ", 3)
            # A token is judged when it comes: it may have expired by now.
            dead = kind == "token" and any(
                token_text(known) == text and time.monotonic() > end for known, end in service.lives.items()
            )
            outcomes[int(number)] = (kind, float(waited), text, dead)

    async def open_later():
        await asyncio.sleep(refused_until)
        await service.listen()

    service.start = time.monotonic()
    tasks = [asyncio.create_task(read())] + ([asyncio.create_task(open_later())] if refused_until else [])
    planned = calls(scenario)
    for number, (at, step) in enumerate(planned):
        await asyncio.sleep(max(0, at - service.now()))
        player.stdin.write(f"{number} {step.get('deadline', '-')}\n".encode())
        await player.stdin.drain()
    player.stdin.close()
    try:
        await asyncio.wait_for(tasks[0], 70)
    except asyncio.TimeoutError:
        player.kill()
    await player.wait()
    service.server.close()
    for task in tasks:
        task.cancel()
    return planned, outcomes, service.requests


def judge(scenario, planned, outcomes, requests, overhead):
    """`yes`, or the worst difference in a few words."""
    differences = []
    for number, (at, step) in enumerate(planned):
        expect, got = step["expect"], outcomes.get(number)
        if got is None:
            differences.append((4, "a call never ends"))
            continue
        kind, waited, text, dead = got
        least, most = expect.get("wait", 0) if isinstance(expect.get("wait"), list) else [expect.get("wait", 0)] * 2
        if kind == "token":
            known = next((n for n in range(20) if token_text(n) == text), None)
            if known is None:
                differences.append((5, f"sends `{text[:20]}…`" if not text.startswith("t1.") else "sends a bad token"))
            elif dead:
                differences.append((5, "sends an expired token"))
            elif expect.get("token") != known:
                differences.append((2, f"sends token {known}" if "token" in expect else f"takes token {known}"))
        elif "token" in expect:
            differences.append((3, f"error at {at:g} s"))
        if waited > most + SLACK + overhead:
            differences.append((2.5, f"waits {waited:.1f} s, not {most:g}"))
        elif waited < least - 0.05:
            differences.append((2.5 if "token" in expect and kind == "token" else 1.5, f"waits {waited:.1f} s, not {least:g}"))
    expected = scenario.get("requests", {}).get("metadata")
    count = len(expected) if isinstance(expected, list) else len(expected["gaps"]) + 1 if "gaps" in expected else None
    if count is not None and len(requests) != count:
        differences.append((1, f"{len(requests)} requests, not {count}"))
    if not differences:
        return "yes"
    texts, seen = [], set()
    for weight, text in sorted(differences, key=lambda item: -item[0]):
        kind = text.split(" ")[0]
        if kind not in seen:
            seen.add(kind)
            same = [other for _, other in differences if other.split(" ")[0] == kind]
            waits = [other for other in same if other.startswith("waits")]
            worst = max(waits, key=lambda other: float(other.split(" ")[1])) if waits else text
            texts.append(worst + (f" ({len(same)} of {len(planned)} calls)" if len(same) > 1 else ""))
    return "; ".join(texts)


async def main():
    drivers = json.loads(sys.argv[1])
    names = sys.argv[2:] or NAMES
    scenarios = {}
    for path in sorted(FOLDER.glob("*.json")):
        scenarios.update({one["name"]: one for one in json.loads(path.read_text())["scenarios"]})
    for name in names:
        assert is_playable(scenarios[name]), f"{name} cannot be played in real time"
    overheads = {}
    for player, command in drivers.items():
        waits = [(await play(CALIBRATION, command))[1][0][1] for _ in range(3)]
        overheads[player] = max(waits)
    print("| scenario |", " | ".join(drivers), "|")
    print("|---|" + "---|" * len(drivers))
    totals = dict.fromkeys(drivers, 0)
    for name in names:
        scenario = scenarios[name]
        # At the same time: a scenario is mostly waiting.
        cells = await asyncio.gather(*(cell(scenario, *player, overheads) for player in drivers.items()))
        for driver, text in zip(drivers, cells):
            totals[driver] += text == "yes"
        print(f"| {name} |", " | ".join(cells), "|", flush=True)
    print(f"| as the laws say, of {len(names)} |", " | ".join(str(total) for total in totals.values()), "|")
    overhead = " | ".join(f"{overheads[player]:.2f} s" for player in drivers)
    print("| one plain request here, allowed beside each wait |", overhead, "|")


async def cell(scenario, player, command, overheads):
    return judge(scenario, *await play(scenario, command), overheads[player])


asyncio.run(main())
