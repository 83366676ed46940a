"""A call of the cloud SDK that needs credentials."""

from yandex.cloud.ai.foundation_models.v1.text_common_pb2 import Message
from yandex.cloud.ai.foundation_models.v1.text_generation.text_generation_service_pb2 import CompletionRequest
from yandex.cloud.ai.foundation_models.v1.text_generation.text_generation_service_pb2_grpc import (
    TextGenerationServiceStub,
)

TIMEOUT = 20  # seconds; much longer than a call takes


def request(folder_id: str, prompt: str) -> CompletionRequest:
    messages = [Message(role="user", text=prompt)]
    return CompletionRequest(model_uri=f"gpt://{folder_id}/yandexgpt/latest", messages=messages)


def output(sdk, folder_id: str, prompt: str) -> str:
    """The output of the model. The SDK finds the service and authenticates the call."""
    responses = sdk.client(TextGenerationServiceStub).Completion(request(folder_id, prompt), timeout=TIMEOUT)
    return list(responses)[-1].alternatives[0].message.text
