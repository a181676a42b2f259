"""What SciPy and River say of samples, counts, p-values and streams. Reads one JSON document and writes one."""

import json
import sys

import numpy as np
from river import drift
from scipy import stats


class Recorder:
    """Stands in for the generator of KSWIN: the places it is told."""

    def __init__(self, places):
        self.places = places
        self.at = 0

    def sample(self, population, k):
        chosen = self.places[self.at % len(self.places)]
        self.at += 1
        assert len(chosen) == k and max(chosen) < len(population)
        return chosen


def alarms(detector, values):
    seen = []
    for i, value in enumerate(values):
        detector.update(value)
        if detector.drift_detected:
            seen.append(i)
    return seen


def kswin(case):
    detector = drift.KSWIN(alpha=case["alpha"], window_size=case["windowRows"], stat_size=case["testRows"])
    recorder = Recorder(case["places"])
    reset = detector._reset

    def keep():
        reset()
        detector._rng = recorder

    detector._reset = keep
    detector._rng = recorder
    return alarms(detector, case["values"])


def two_samples(a, b):
    exact = stats.ks_2samp(a, b, method="exact")
    finite = stats.ks_2samp(a, b, method="asymp")
    return {
        "statistic": exact.statistic,
        "exact": exact.pvalue,
        "finite": finite.pvalue,
        "wasserstein": stats.wasserstein_distance(a, b),
    }


def two_counts(a, b):
    table = np.array([a, b])
    table = table[:, table.sum(axis=0) > 0]
    chi2 = stats.chi2_contingency(table, correction=False)
    g = stats.chi2_contingency(table, correction=False, lambda_="log-likelihood")
    return {"chi2": [chi2.statistic, chi2.pvalue], "g": [g.statistic, g.pvalue]}


given = json.load(sys.stdin)
json.dump(
    {
        "samples": [two_samples(*pair) for pair in given["samples"]],
        "counts": [two_counts(*pair) for pair in given["counts"]],
        "discoveries": [
            {m: stats.false_discovery_control(ps, method=m).tolist() for m in ("bh", "by")} for ps in given["discoveries"]
        ],
        "adwin": [
            alarms(
                drift.ADWIN(
                    delta=case["delta"],
                    clock=case["clock"],
                    max_buckets=case["bucketsMax"],
                    min_window_length=case["sideMin"],
                    grace_period=case["graceRows"],
                ),
                case["values"],
            )
            for case in given["adwin"]
        ],
        "pageHinkley": [
            alarms(
                drift.PageHinkley(
                    min_instances=case["rowsMin"],
                    delta=case["delta"],
                    threshold=case["threshold"],
                    alpha=case["alpha"],
                    mode=case["direction"],
                ),
                case["values"],
            )
            for case in given["pageHinkley"]
        ],
        "kswin": [kswin(case) for case in given["kswin"]],
    },
    sys.stdout,
)
