"""`ApiEndpointService`, as the official cloud SDK uses it."""

import grpc
import pytest
from yandex.cloud.endpoint.api_endpoint_service_pb2 import GetApiEndpointRequest, ListApiEndpointsRequest
from yandex.cloud.endpoint.api_endpoint_service_pb2_grpc import ApiEndpointServiceStub

from cloud import TIMEOUT, output


@pytest.fixture
def discovery(tls_emulator, cloud):
    return cloud(iam_token=tls_emulator.iam_token()).client(ApiEndpointServiceStub)


def test_every_service_has_the_address_of_the_emulator(discovery, tls_emulator):
    endpoints = discovery.List(ListApiEndpointsRequest(), timeout=TIMEOUT).endpoints

    assert {endpoint.address for endpoint in endpoints} == {tls_emulator.address}
    assert {"iam", "endpoint", "operation", "ai-foundation-models"} <= {endpoint.id for endpoint in endpoints}


def test_one_service_is_found_by_its_id(discovery, tls_emulator):
    found = discovery.Get(GetApiEndpointRequest(api_endpoint_id="iam"), timeout=TIMEOUT)

    assert (found.id, found.address) == ("iam", tls_emulator.address)


def test_an_unknown_service_is_not_found(discovery):
    with pytest.raises(grpc.RpcError) as error:
        discovery.Get(GetApiEndpointRequest(api_endpoint_id="fake"), timeout=TIMEOUT)
    assert error.value.code() is grpc.StatusCode.NOT_FOUND


def test_the_sdk_requests_the_list_once(tls_emulator, cloud):
    sdk = cloud(token=tls_emulator.oauth_token)
    output(sdk, tls_emulator.folder_id, "hello")
    output(sdk, tls_emulator.folder_id, "hello")

    assert tls_emulator.requests("POST /yandex.cloud.endpoint.ApiEndpointService/List") == 1
