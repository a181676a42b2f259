"""tritonclient, unmodified, against the gateway: python triton.py GRPC_ADDRESS HTTP_ADDRESS"""
import queue
import sys

import numpy
import tritonclient.grpc as grpc
import tritonclient.http as http
from tritonclient.utils import InferenceServerException


def inputs(module, distance="FP64", binary=None):
    columns = [
        ("trip", "BYTES", numpy.array(["T1"], dtype=object)),
        ("origin", "BYTES", numpy.array(["EWR"], dtype=object)),
        ("distance", distance, numpy.array([100], dtype={"FP64": "f8", "FP16": "f2", "UINT8": "u1", "INT64": "i8"}[distance])),
    ]
    tensors = []
    for name, datatype, values in columns:
        tensor = module.InferInput(name, list(values.shape), datatype)
        if binary is None:
            tensor.set_data_from_numpy(values)
        else:
            tensor.set_data_from_numpy(values, binary_data=binary)
        tensors.append(tensor)
    return tensors


def score(answer):
    values = answer.as_numpy("score")
    assert values.dtype == numpy.float32 and values.tolist() == [numpy.float32(0.1)], values
    return values


def refused(call, text):
    try:
        call()
    except InferenceServerException as error:
        assert text in str(error), error
    else:
        raise AssertionError(f"not refused: {text}")


def common(client, module, index, stats):
    assert client.is_server_live() and client.is_server_ready() and client.is_model_ready("delay")
    assert client.is_model_ready("delay", "1") and not client.is_model_ready("delay", "9")
    for datatype in ["FP64", "FP16", "UINT8", "INT64"]:
        score(client.infer("delay", inputs(module, datatype), request_id=f"t-{datatype}"))
    refused(lambda: client.infer("delay", inputs(module)[:1]), "field 'origin' (string) is missing")
    refused(lambda: client.infer("nope", inputs(module)), "EVL_GATEWAY_MODEL_NOT_FOUND")
    refused(lambda: client.get_model_metadata("nope"), "EVL_GATEWAY_MODEL_NOT_FOUND")
    assert stats() >= 4, stats()
    assert index() == [("delay", "1", "READY")], index()
    client.load_model("delay")
    refused(lambda: client.unload_model("delay"), "EVL_GATEWAY_LOAD_PRECONDITION")


def over_grpc(address):
    client = grpc.InferenceServerClient(address)
    common(
        client,
        grpc,
        lambda: [(each.name, each.version, each.state) for each in client.get_model_repository_index().models],
        lambda: client.get_inference_statistics("delay").model_stats[0].inference_stats.success.count,
    )
    metadata = client.get_model_metadata("delay")
    assert [(each.name, each.datatype) for each in metadata.inputs][2] == ("distance", "FP64")
    assert client.get_model_config("delay").config.output[0].name == "score"
    score(client.infer("delay", inputs(grpc), compression_algorithm="gzip"))
    answers = queue.Queue()
    client.start_stream(lambda result, error: answers.put((result, error)))
    for index in range(8):
        tensors = inputs(grpc)[:1] if index == 3 else inputs(grpc)
        client.async_stream_infer("delay", tensors, request_id=str(index), enable_empty_final_response=True)
    for index in range(8):
        result, error = answers.get(timeout=20)
        if index == 3:
            assert "field 'origin' (string) is missing" in str(error), error
        else:
            assert error is None and result.get_response().id == str(index), (error, index)
            assert result.get_response().parameters["triton_final_response"].bool_param
    client.stop_stream()
    refused(lambda: client.infer("delay", inputs(grpc), client_timeout=1e-6), "DEADLINE_EXCEEDED")


def over_http(address):
    client = http.InferenceServerClient(address)
    common(
        client,
        http,
        lambda: [(each["name"], each["version"], each["state"]) for each in client.get_model_repository_index()],
        lambda: client.get_inference_statistics("delay")["model_stats"][0]["inference_stats"]["success"]["count"],
    )
    assert client.get_model_config("delay")["output"][0]["name"] == "score"
    plain = http.InferRequestedOutput("score", binary_data=False)
    answer = client.infer("delay", inputs(http, binary=False), outputs=[plain])
    assert answer.get_output("score")["data"] == [0.1], answer.get_response()
    score(client.infer("delay", inputs(http), request_compression_algorithm="gzip"))


over_grpc(sys.argv[1])
over_http(sys.argv[2])
print("ok")
