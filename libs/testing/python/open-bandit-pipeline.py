"""Estimates by Open Bandit Pipeline for the logs on standard input: a JSON array of objects with reward, action, pscore, policy, fitted and
clip. Prints an array with ipw, snipw, dm and dr of each.

Only the estimators are imported: the package itself asks for torch and for scikit-learn 1.1.3, which these do not use.
"""

import importlib.metadata
import json
import sys
import types

root = importlib.metadata.distribution("obp").locate_file("obp")
for name in ("obp", "obp.ope"):
    package = types.ModuleType(name)
    package.__path__ = [str(root.joinpath(*name.split(".")[1:]))]
    sys.modules[name] = package
torch = types.ModuleType("torch")
torch.tensor = torch.Tensor = type("Tensor", (), {})
sys.modules["torch"] = torch

import numpy as np  # noqa: E402
from obp.ope.estimators import (  # noqa: E402
    DirectMethod,
    DoublyRobust,
    InverseProbabilityWeighting,
    SelfNormalizedInverseProbabilityWeighting,
)


def estimates(log):
    clip = np.inf if log["clip"] is None else float(log["clip"])
    policy = np.array(log["policy"], dtype=float)[:, :, np.newaxis]
    action = np.array(log["action"], dtype=int)
    pscore = np.array(log["pscore"], dtype=float)
    common = {"action_dist": policy, "action": action, "reward": np.array(log["reward"], dtype=float)}
    fitted = {"estimated_rewards_by_reg_model": np.array(log["fitted"], dtype=float)[:, :, np.newaxis]}
    # Their self-normalised estimator does not clip. Propensities that make its weights the clipped ones do it.
    logged = policy[np.arange(len(action)), action, 0]
    clipped = np.where(logged / pscore > clip, logged / clip, pscore)
    return {
        "ipw": InverseProbabilityWeighting(lambda_=clip).estimate_policy_value(pscore=pscore, **common),
        "snipw": SelfNormalizedInverseProbabilityWeighting().estimate_policy_value(pscore=clipped, **common),
        "dm": DirectMethod().estimate_policy_value(**common, **fitted),
        "dr": DoublyRobust(lambda_=clip).estimate_policy_value(pscore=pscore, **common, **fitted),
    }


print(json.dumps([estimates(log) for log in json.load(sys.stdin)]))
