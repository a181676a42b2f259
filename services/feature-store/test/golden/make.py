"""Makes the golden point-in-time joins of this folder with pandas and with Feast, by nothing of Everloop's own.

    python make.py <folder>            the golden files (a python with libs/testing/python/feast.txt)
    python make.py <folder> --big      and 100,000 rows with their answers as Parquet, for the conformance test

Events have an event time, a time at which they became known, a partition and an offset; the newest event counts, of those with one time the
one that was known last, then the one of the higher partition, then of the higher offset.
"""

import json
import sys
import tempfile
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd

TTL_MS = 3_600_000
START_MS = 1_767_225_600_000  # 2026-01-01T00:00Z


def make(entities: int, events: int, rows: int, step_s: int, seed: int):
    """Ties, gaps, late events; entities without any event (a tenth), and with none before a row's time."""
    random = np.random.default_rng(seed)
    span = 48 * 3_600
    # Whole steps, so that times collide and ages are exactly the time to live; the second half of the entities begins late.
    entity = random.integers(0, entities - entities // 10, events)
    begins = np.where(entity % 2 == 0, 0, span // 3)
    time = START_MS + ((begins + random.random(events) * (span - begins)) // step_s).astype("int64") * step_s * 1_000
    # A gap of eight hours without events.
    gap = (time >= START_MS + 20 * 3_600_000) & (time < START_MS + 28 * 3_600_000)
    time = np.where(gap, time - 8 * 3_600_000, time)
    late = np.where(random.random(events) < 0.3, (random.random(events) * 18_000 // step_s).astype("int64") * step_s * 1_000, 0)
    table = pd.DataFrame(
        {
            "entity": [f"e{number}" for number in entity],
            "time_ms": time,
            "known_ms": time + late,
            "part": random.integers(0, 3, events),
            "value": np.where(random.random(events) < 0.1, np.nan, np.round(random.normal(0, 100, events), 3)),
            "text": [f"t{number}" for number in range(events)],
        }
    )
    table = table.sort_values("known_ms", kind="stable").reset_index(drop=True)
    table.insert(4, "off", table.groupby("part").cumcount())
    asked = pd.DataFrame(
        {
            "row": np.arange(rows),
            "entity": [f"e{number}" for number in random.integers(0, entities, rows)],
            "as_of_ms": START_MS + ((random.random(rows) * (span + 7_200) - 3_600) // (step_s // 2)).astype("int64") * (step_s // 2) * 1_000,
        }
    )
    return table, asked


ORDER = ["time_ms", "known_ms", "part", "off"]


def joined(asked: pd.DataFrame, events: pd.DataFrame, on: str) -> pd.DataFrame:
    left = asked.sort_values("as_of_ms", kind="stable")
    right = events.sort_values(on, kind="stable")
    found = pd.merge_asof(left, right, left_on="as_of_ms", right_on=on, by="entity", direction="backward")
    age = found["as_of_ms"] - found["time_ms"]
    found["status"] = np.where(found["time_ms"].isna(), 3, np.where(age <= TTL_MS, 1, 4))
    found.loc[found["status"] != 1, ["value", "text"]] = None
    found["value_status"] = np.where((found["status"] == 1) & found["value"].isna(), 2, found["status"])
    found["text_status"] = found["status"]
    columns = ["row", "value", "value_status", "text", "text_status"]
    return found.sort_values("row")[columns].reset_index(drop=True)


def latest(asked: pd.DataFrame, events: pd.DataFrame) -> pd.DataFrame:
    """Whatever is known today: the newest event with an event time up to the row's."""
    newest = events.sort_values(ORDER).drop_duplicates(["entity", "time_ms"], keep="last")
    return joined(asked, newest, "time_ms")


def bitemporal(asked: pd.DataFrame, events: pd.DataFrame) -> pd.DataFrame:
    """Only what was known at the row's time: a table of the best event so far, by the time at which it became the best."""
    best = []
    for _, one in events.sort_values(["known_ms", "part", "off"]).groupby("entity", sort=True):
        top = None
        for event in one.itertuples(index=False):
            rank = (event.time_ms, event.known_ms, event.part, event.off)
            if top is None or rank > top[0]:
                top = (rank, event)
            best.append({**top[1]._asdict(), "since_ms": event.known_ms})
    table = pd.DataFrame(best).drop_duplicates(["entity", "since_ms"], keep="last")
    return joined(asked, table, "since_ms")


def feast(asked: pd.DataFrame, events: pd.DataFrame, store_type: str) -> pd.DataFrame:
    """The same question to Feast: event_timestamp, created_timestamp, ttl; it has no notion of what was known."""
    from feast import Entity, FeatureStore, FeatureView, Field, FileSource, RepoConfig, ValueType
    from feast.types import Float64, String

    with tempfile.TemporaryDirectory() as folder:
        source = events.assign(
            event_timestamp=pd.to_datetime(events["time_ms"], unit="ms", utc=True),
            created=pd.to_datetime(events["known_ms"], unit="ms", utc=True),
        )
        path = str(Path(folder) / "events.parquet")
        source[["entity", "event_timestamp", "created", "value", "text"]].to_parquet(path)
        config = RepoConfig(
            project="golden",
            provider="local",
            registry=str(Path(folder) / "registry.db"),
            offline_store={"type": store_type},
            online_store=None,
            entity_key_serialization_version=3,
        )
        store = FeatureStore(config=config)
        key = Entity(name="entity", join_keys=["entity"], value_type=ValueType.STRING)
        view = FeatureView(
            name="v",
            entities=[key],
            ttl=timedelta(milliseconds=TTL_MS),
            schema=[Field(name="value", dtype=Float64), Field(name="text", dtype=String)],
            source=FileSource(path=path, timestamp_field="event_timestamp", created_timestamp_column="created"),
        )
        store.apply([key, view])
        spine = asked.assign(event_timestamp=pd.to_datetime(asked["as_of_ms"], unit="ms", utc=True))
        answer = store.get_historical_features(
            entity_df=spine[["row", "entity", "event_timestamp"]], features=["v:value", "v:text"]
        ).to_df()
    return answer.sort_values("row")[["row", "value", "text"]].reset_index(drop=True)


def untied(events: pd.DataFrame) -> pd.DataFrame:
    """Feast breaks ties by the created timestamp only: of events that agree in both, ours is the last one."""
    return events.sort_values(ORDER).drop_duplicates(["entity", "time_ms", "known_ms"], keep="last")


def small(folder: Path) -> None:
    import feast as feast_package

    events, asked = make(entities=20, events=400, rows=300, step_s=900, seed=7)
    events.to_csv(folder / "events.csv", index=False)
    asked.to_csv(folder / "spine.csv", index=False)
    latest(asked, events).to_csv(folder / "latest.csv", index=False)
    bitemporal(asked, events).to_csv(folder / "bitemporal.csv", index=False)
    feast(asked, untied(events), "duckdb").to_csv(folder / "feast.csv", index=False)
    versions = {"pandas": pd.__version__, "feast": feast_package.__version__, "numpy": np.__version__}
    (folder / "versions.json").write_text(json.dumps(versions, indent=2) + "\n")


def big(folder: Path) -> None:
    events, asked = make(entities=2_000, events=100_000, rows=100_000, step_s=60, seed=11)
    events.to_parquet(folder / "events.parquet")
    asked.to_parquet(folder / "spine.parquet")
    latest(asked, events).to_parquet(folder / "latest.parquet")
    bitemporal(asked, events).to_parquet(folder / "bitemporal.parquet")
    for store_type in ("duckdb", "dask"):
        feast(asked, untied(events), store_type).to_parquet(folder / f"feast-{store_type}.parquet")


target = Path(sys.argv[1])
small(target)
if "--big" in sys.argv:
    big(target)
