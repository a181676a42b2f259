"""Exact Shapley values of ONNX models by the package shap. Reads a list of `{"model", "background", "instances"}` from a file."""

import json
import sys

import numpy
import onnxruntime
import shap



def explain(asked):
    session = onnxruntime.InferenceSession(asked["model"])

    def score(rows):
        return session.run(None, {"numeric": rows.astype(numpy.float32)})[0][:, 0].astype(numpy.float64)

    background = numpy.array(asked["background"])
    masker = shap.maskers.Independent(background, max_samples=len(background))
    explained = shap.explainers.ExactExplainer(score, masker)(numpy.array(asked["instances"]))
    return {"values": explained.values.tolist(), "base": numpy.ravel(explained.base_values).tolist()}


with open(sys.argv[1], encoding="utf-8") as file:
    print(json.dumps([explain(each) for each in json.load(file)]))
