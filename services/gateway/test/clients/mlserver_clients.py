"""MLServer's types, codecs, gRPC stubs and `mlserver infer`, unmodified: python mlserver_clients.py GRPC_ADDRESS HTTP_ADDRESS"""
import json
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request

import grpc
import numpy
from mlserver.codecs import Base64Codec, NumpyCodec, StringCodec
from mlserver.grpc.converters import ModelInferRequestConverter, ModelInferResponseConverter
from mlserver.grpc import dataplane_pb2, dataplane_pb2_grpc
from mlserver.types import InferenceRequest, InferenceResponse


def request(origin=StringCodec, count=3):
    tensors = [
        StringCodec.encode_input("trip", ["T1"]),
        origin.encode_input("origin", [b"EWR"] if origin is Base64Codec else ["EWR"]),
        NumpyCodec.encode_input("distance", numpy.array([100.0])),
    ]
    return InferenceRequest(id="m", inputs=tensors[:count])


def score(answer):
    values = NumpyCodec.decode_output(answer.outputs[0])
    assert numpy.allclose(values, [0.1]), values


def post(address, body):
    url = f"http://{address}/v2/models/delay/infer"
    call = urllib.request.Request(url, data=body.model_dump_json().encode(), headers={"content-type": "application/json"})
    with urllib.request.urlopen(call) as answer:
        return InferenceResponse.model_validate_json(answer.read())


grpc_address, http_address = sys.argv[1:]
score(post(http_address, request()))
score(post(http_address, request(Base64Codec)))
try:
    post(http_address, request(count=1))
    raise AssertionError("not refused")
except urllib.error.HTTPError as error:
    assert error.code == 400 and "field 'origin' (string) is missing" in json.load(error)["error"]

stub = dataplane_pb2_grpc.GRPCInferenceServiceStub(grpc.insecure_channel(grpc_address))
assert stub.ServerLive(dataplane_pb2.ServerLiveRequest()).live and stub.ServerReady(dataplane_pb2.ServerReadyRequest()).ready
assert stub.ModelReady(dataplane_pb2.ModelReadyRequest(name="delay")).ready
assert stub.ModelMetadata(dataplane_pb2.ModelMetadataRequest(name="delay")).platform == "onnx_onnxv1"
for use_raw in [False, True]:
    message = ModelInferRequestConverter.from_types(request(), "delay", None, use_raw=use_raw)
    score(ModelInferResponseConverter.to_types(stub.ModelInfer(message)))
try:
    stub.ModelInfer(ModelInferRequestConverter.from_types(request(count=1), "delay", None))
    raise AssertionError("not refused")
except grpc.RpcError as error:
    assert error.code() == grpc.StatusCode.INVALID_ARGUMENT and "field 'origin'" in error.details(), error

with tempfile.TemporaryDirectory() as folder:
    with open(f"{folder}/in.txt", "w") as lines:
        lines.write((request().model_dump_json() + "\n") * 3)
    command = [sys.executable, "-c", "from mlserver.cli.main import main; main()", "infer", "-u", http_address, "-m", "delay", "-i", f"{folder}/in.txt", "-o", f"{folder}/out.txt"]
    done = subprocess.run(command, capture_output=True, text=True)
    answers = [json.loads(line) for line in open(f"{folder}/out.txt")]
    assert len(answers) == 3 and all("outputs" in each for each in answers), (done.stderr[-2000:], answers)
print("ok")
