"""Microseconds of one `chat.completions.run` of the Python SDK: `chat.py URL FOLDER KEY`."""

import statistics
import sys
import time

from yandex_ai_studio_sdk import AIStudio

url, folder, key = sys.argv[1:]
sdk = AIStudio(
    endpoint=url.removeprefix("http://"),
    folder_id=folder,
    auth=key,
    verify=False,
    service_map={"http_completions": f"{url}/v1"},
)
model = sdk.chat.completions("yandexgpt")
CALLS = 100


def round_of_calls() -> float:
    start = time.perf_counter()
    for _ in range(CALLS):
        assert model.run("hello").text.endswith("hello")
    return (time.perf_counter() - start) * 1e6 / CALLS


round_of_calls()
print(statistics.median(round_of_calls() for _ in range(5)))
