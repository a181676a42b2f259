"""Uses the unmodified Feast SDK against a feature store at http://127.0.0.1:<http port> and gRPC <port>; prints what it saw as one JSON line."""

import json
import sys
import warnings
from datetime import datetime, timedelta, timezone
from pathlib import Path

warnings.filterwarnings("ignore")

import grpc
import pandas as pd
from feast import Entity, FeatureService, FeatureStore, FeatureView, Field, FileSource, PushSource, RepoConfig, ValueType
from feast.data_source import PushMode
from feast.protos.feast.serving import GrpcServer_pb2, GrpcServer_pb2_grpc, ServingService_pb2, ServingService_pb2_grpc
from feast.protos.feast.types.Value_pb2 import RepeatedValue, Value
from feast.types import Array, Bool, Float64, Int64, String

folder, http_port, grpc_port, now_ms = Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
now = datetime.fromtimestamp(now_ms / 1000, tz=timezone.utc)

empty = folder / "empty.parquet"
columns = {"driver_id": "int64", "conv_rate": "float64", "acc_rate": "float64", "avg_daily_trips": "int64", "on_duty": "bool", "name": "str"}
pd.DataFrame(
    {name: pd.Series(dtype=kind) for name, kind in columns.items()}
    | {"event_timestamp": pd.Series(dtype="datetime64[ns, UTC]"), "created": pd.Series(dtype="datetime64[ns, UTC]")}
).to_parquet(empty)

store = FeatureStore(
    config=RepoConfig(
        project="drivers",
        provider="local",
        registry=str(folder / "registry.db"),
        online_store={"type": "remote", "path": f"http://127.0.0.1:{http_port}"},
        offline_store={"type": "file"},
        entity_key_serialization_version=3,
    )
)
driver = Entity(name="driver", join_keys=["driver_id"], value_type=ValueType.INT64)
batch = FileSource(name="driver_file", path=str(empty), timestamp_field="event_timestamp", created_timestamp_column="created")
push_source = PushSource(name="driver_stats_push_source", batch_source=batch)
stats = FeatureView(
    name="driver_hourly_stats",
    entities=[driver],
    ttl=timedelta(days=1),
    source=push_source,
    schema=[
        Field(name="driver_id", dtype=Int64),
        Field(name="conv_rate", dtype=Float64),
        Field(name="acc_rate", dtype=Float64),
        Field(name="avg_daily_trips", dtype=Int64),
        Field(name="on_duty", dtype=Bool),
        Field(name="name", dtype=String),
    ],
)
day = FeatureView(
    name="driver_day",
    entities=[driver],
    ttl=timedelta(days=2),
    source=FileSource(name="day_file", path=str(empty), timestamp_field="event_timestamp"),
    schema=[
        Field(name="driver_id", dtype=Int64),
        Field(name="reports", dtype=Int64),
        Field(name="best", dtype=Float64),
        Field(name="latest", dtype=Array(Float64)),
    ],
)
store.apply([driver, push_source, stats, day, FeatureService(name="drivers_v1", features=[stats]), FeatureService(name="driver_activity", features=[stats[["conv_rate"]], day[["reports"]]])])

seen = {}


def rows(ids, rates, age, **more):
    frame = {
        "driver_id": ids,
        "event_timestamp": [now - age] * len(ids),
        "created": [now - age] * len(ids),
        "conv_rate": rates,
        "acc_rate": [0.5] * len(ids),
        "avg_daily_trips": [10 + index for index in range(len(ids))],
        "on_duty": [index % 2 == 0 for index in range(len(ids))],
        "name": [f"driver {one}" for one in ids],
    }
    return pd.DataFrame(frame | more)


def read(features, ids, **more):
    answer = store.get_online_features(features=features, entity_rows=[{"driver_id": one} for one in ids], **more)
    return answer.to_dict()


def failure(work):
    try:
        work()
        return None
    except Exception as error:
        return type(error).__name__


# Written by the SDK: older than the time to live, then current ones, then an older one that must not win.
store.write_to_online_store("driver_hourly_stats", rows([1003], [0.125], timedelta(hours=30)))
store.write_to_online_store("driver_hourly_stats", rows([1001, 1002], [0.25, 0.75], timedelta(hours=2)))
store.push("driver_stats_push_source", rows([1001], [0.5], timedelta(hours=1)), to=PushMode.ONLINE)
store.push("driver_stats_push_source", rows([1001], [0.0625], timedelta(hours=3)), to=PushMode.ONLINE)

all_stats = [f"driver_hourly_stats:{name}" for name in ("conv_rate", "acc_rate", "avg_daily_trips", "on_duty", "name")]
seen["stats"] = read(all_stats, [1001, 1002, 1003, 1004])
seen["full"] = read(["driver_day:reports", "driver_day:latest", "driver_hourly_stats:conv_rate"], [1001], full_feature_names=True)
answer = store.get_online_features(features=all_stats[:1], entity_rows=[{"driver_id": one} for one in (1001, 1003, 1004)])
seen["statuses"] = [ServingService_pb2.FieldStatus.Name(status) for status in answer.proto.results[1].statuses]
seen["frame"] = json.loads(answer.to_df().to_json(orient="records"))
seen["unknown view"] = failure(lambda: read(["nobody:x"], [1001]))
seen["service"] = read(store.get_feature_service("driver_activity"), [1001, 1004])
seen["unknown service"] = failure(lambda: read(store.get_feature_service("drivers_v1"), [1001]))
seen["refused rows"] = failure(lambda: store.write_to_online_store("driver_hourly_stats", rows([1001], [7.5], timedelta(hours=1))))

# The SDK's own reading of rows, view by view, as older code paths do.
online_store = store._get_provider().online_store
from feast.protos.feast.types.EntityKey_pb2 import EntityKey

entity_keys = [EntityKey(join_keys=["driver_id"], entity_values=[Value(int64_val=one)]) for one in (1001, 1004)]
read_rows = online_store.online_read(store.config, stats, entity_keys, ["conv_rate", "on_duty"])
seen["online_read"] = [
    {name: (value.WhichOneof("val"), getattr(value, value.WhichOneof("val"))) if value.WhichOneof("val") else None for name, value in values.items()}
    for _, values in read_rows
]
seen["online_read time"] = read_rows[0][0].astimezone(timezone.utc).isoformat()

# Feast's gRPC clients.
channel = grpc.insecure_channel(f"127.0.0.1:{grpc_port}")
request = ServingService_pb2.GetOnlineFeaturesRequest(
    features=ServingService_pb2.FeatureList(val=["driver_hourly_stats:conv_rate", "driver_hourly_stats:name"]),
    entities={"driver_id": RepeatedValue(val=[Value(int64_val=1001), Value(int64_val=1004)])},
)
for name, stub in (
    ("ServingService", ServingService_pb2_grpc.ServingServiceStub(channel)),
    ("GrpcFeatureServer", GrpcServer_pb2_grpc.GrpcFeatureServerStub(channel)),
):
    got = stub.GetOnlineFeatures(request)
    seen[name] = {
        "names": list(got.metadata.feature_names.val),
        "values": [[getattr(value, value.WhichOneof("val")) if value.WhichOneof("val") else None for value in result.values] for result in got.results],
        "statuses": [list(result.statuses) for result in got.results],
        "ages": [(now - time.ToDatetime(tzinfo=timezone.utc)).total_seconds() for time in got.results[1].event_timestamps[:1]],
    }
seen["info"] = ServingService_pb2_grpc.ServingServiceStub(channel).GetFeastServingInfo(ServingService_pb2.GetFeastServingInfoRequest()).version
pushed = GrpcServer_pb2_grpc.GrpcFeatureServerStub(channel).Push(
    GrpcServer_pb2.PushRequest(
        stream_feature_view="driver_stats_push_source",
        to="online",
        features={"driver_id": "1005", "event_timestamp": now.strftime("%Y-%m-%d %H:%M:%S"), "conv_rate": "0.875"},
    )
)
seen["grpc push"] = pushed.status
seen["pushed"] = read(all_stats[:1], [1005])

print(json.dumps(seen))
