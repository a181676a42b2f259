"""KServe's inference clients, unmodified, against the gateway: python kserve_clients.py GRPC_ADDRESS HTTP_ADDRESS"""
import asyncio
import sys

import numpy
from kserve import InferenceGRPCClient, InferenceRESTClient, InferInput, InferRequest, RESTConfig


def request(is_raw):
    columns = [
        ("trip", "BYTES", numpy.array(["T1"], dtype=object)),
        ("origin", "BYTES", numpy.array(["EWR"], dtype=object)),
        ("distance", "FP64", numpy.array([100.0])),
    ]
    tensors = []
    for name, datatype, values in columns:
        tensor = InferInput(name=name, shape=list(values.shape), datatype=datatype)
        tensor.set_data_from_numpy(values, binary_data=is_raw)
        tensors.append(tensor)
    return InferRequest(model_name="delay", infer_inputs=tensors, request_id=f"k-{is_raw}")


def score(answer):
    values = answer.outputs[0].as_numpy()
    assert numpy.allclose(values, [0.1]), values


async def refused(call, text):
    try:
        await call
    except Exception as error:
        details = getattr(error, "details", lambda: str(error))()
        assert text in str(details) or text in str(error), error
    else:
        raise AssertionError(f"not refused: {text}")


async def main(grpc_address, http_address):
    client = InferenceGRPCClient(grpc_address)
    assert await client.is_server_live() and await client.is_server_ready() and await client.is_model_ready("delay")
    score(await client.infer(request(True)))
    score(await client.infer(request(False)))
    await refused(client.infer(InferRequest(model_name="delay", infer_inputs=request(False).inputs[:1])), "EVL_GATEWAY_REQUEST_INVALID")
    await client.close()
    rest = InferenceRESTClient(RESTConfig(protocol="v2"))
    url = f"http://{http_address}"
    assert await rest.is_server_live(url) and await rest.is_server_ready(url) and await rest.is_model_ready(url, "delay")
    score(await rest.infer(url, request(True), model_name="delay"))
    score(await rest.infer(url, request(False), model_name="delay"))
    await refused(rest.infer(url, InferRequest(model_name="delay", infer_inputs=request(False).inputs[:1]), model_name="delay"), "400")


asyncio.run(main(sys.argv[1], sys.argv[2]))
print("ok")
