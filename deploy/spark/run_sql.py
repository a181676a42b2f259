"""Runs queries of Everloop on Spark: `spark-submit --master <url> run_sql.py <job.json>`.

The job says which Parquet files become which table, what is asked, and where the answers go:

    {"tables": {"rides": ["/data/.../0-99.parquet"]}, "views": [{"name": "spine", "sql": "SELECT ...", "kept": false}],
     "queries": [{"sql": "SELECT ...", "output": "/out/folder"}]}

Only listed files are read, never a whole folder: a file that no manifest lists does not count. `views` are made in their order, may read
`tables` and views before them, and are kept in the cache where several others read them. An answer is a folder of Parquet files; it is whole when it holds a file `_SUCCESS`.
"""

import json
import sys

from pyspark.sql import SparkSession


def main(path: str) -> None:
    with open(path, encoding="utf-8") as file:
        job = json.load(file)
    builder = SparkSession.builder.appName(job.get("name", "everloop"))
    # A timestamp of an other time zone, or a cast that wraps around, must not change a value.
    session = builder.config("spark.sql.session.timeZone", "UTC").config("spark.sql.ansi.enabled", "true").getOrCreate()
    for name, files in job["tables"].items():
        session.read.option("mergeSchema", "true").parquet(*files).createOrReplaceTempView(name)
    for view in job.get("views", []):
        rows = session.sql(view["sql"])
        (rows.cache() if view["kept"] else rows).createOrReplaceTempView(view["name"])
    for query in job["queries"]:
        session.sql(query["sql"]).write.mode("errorifexists").parquet(query["output"])
    session.stop()


main(sys.argv[1])
