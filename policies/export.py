"""Policies as ONNX files: the contract's frame around a graph, its metadata, and bytes that never vary.

A graph says how raw scores come from `state`; `assemble` adds the mask, the names, the metadata and the
versions. Nothing of the machine or the moment gets into the file, so the same source gives the same bytes
(a test rebuilds every shipped file). `dense` makes networks of a given size for the benchmark.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper

from router.actions import (
    ACTION_HASH,
    ACTION_SCHEMA,
    CROSS,
    FIRST,
    IMPROVE,
    MID,
    NULL,
    WITHDRAW,
    A,
    decode,
    encode,
)
from router.features import FEATURE_HASH, FEATURE_SCHEMA, S

OPSET = 17
IR_VERSION = 8
Weights = npt.NDArray[np.float32]


def tensor(name: str, values: object) -> TensorProto:
    """A float32 constant of the graph."""
    return numpy_helper.from_array(np.asarray(values, np.float32), name)


def metadata(name: str, about: Mapping[str, str]) -> dict[str, str]:
    """What the loader asks of every file; `about` gives the rest (temperature, training data, ...)."""
    return {
        "name": name,
        "feature_schema": FEATURE_SCHEMA,
        "feature_hash": FEATURE_HASH,
        "action_schema": ACTION_SCHEMA,
        "action_hash": ACTION_HASH,
        **about,
    }


def assemble(
    name: str, nodes: Sequence[NodeProto], constants: Sequence[TensorProto], about: Mapping[str, str]
) -> ModelProto:
    """The whole model. `nodes` make raw[batch, A], value[batch] and action_value[batch, A] from state."""
    graph: GraphProto = helper.make_graph(
        [*nodes, helper.make_node("Where", ["mask", "raw", "masked"], ["logits"], name="mask")],
        name,
        [
            helper.make_tensor_value_info("state", TensorProto.FLOAT, ["batch", S]),
            helper.make_tensor_value_info("mask", TensorProto.BOOL, ["batch", A]),
        ],
        [
            helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", A]),
            helper.make_tensor_value_info("value", TensorProto.FLOAT, ["batch"]),
            helper.make_tensor_value_info("action_value", TensorProto.FLOAT, ["batch", A]),
        ],
        [*constants, tensor("masked", -np.inf)],
    )
    model: ModelProto = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION
    )
    model.producer_name = "sluice"
    helper.set_model_props(model, metadata(name, about))
    onnx.checker.check_model(model, full_check=True)
    return model


def to_bytes(model: ModelProto) -> bytes:
    """The file's content; the same for the same model."""
    return bytes(model.SerializeToString(deterministic=True))


def dense(
    hidden: Sequence[int], path: Path, seed: int = 1, prefer: Sequence[int] = (encode(2, CROSS),)
) -> ModelProto:
    """Write a random network of the given hidden sizes, for measuring; it is not trained and never shipped.

    Its answers still make sense: the allowed ones of `prefer` first, in that order, then other actions that
    join or cross, small ones first, and null only where nothing else is allowed.
    """
    rng = np.random.Generator(np.random.PCG64(seed))
    nodes: list[NodeProto] = []
    constants: list[TensorProto] = []
    last, width = "state", S
    for k, size in enumerate(hidden):
        weights = rng.standard_normal((width, size)) / np.sqrt(width)
        constants += [tensor(f"w{k}", weights), tensor(f"b{k}", np.zeros(size))]
        nodes += [
            helper.make_node("Gemm", [last, f"w{k}", f"b{k}"], [f"z{k}"], name=f"dense{k}"),
            helper.make_node("Relu", [f"z{k}"], [f"h{k}"], name=f"relu{k}"),
        ]
        last, width = f"h{k}", size
    constants += [
        tensor("w_raw", 1e-3 * rng.standard_normal((width, A)) / np.sqrt(width)),
        tensor("b_raw", _preference(prefer)),
        tensor("w_value", rng.standard_normal((width, 1)) / np.sqrt(width)),
        numpy_helper.from_array(np.array([1], np.int64), "last_axis"),
    ]
    nodes += [
        helper.make_node("Gemm", [last, "w_raw", "b_raw"], ["raw"], name="raw"),
        helper.make_node("MatMul", [last, "w_value"], ["values"], name="values"),
        helper.make_node("Squeeze", ["values", "last_axis"], ["value"], name="value"),
        helper.make_node("Add", ["raw", "values"], ["action_value"], name="action_value"),
    ]
    name = "dense_" + "x".join(str(size) for size in hidden)
    about = {
        "temperature": "0",
        "reward_calibration": "none: random weights",
        "training_data": "none: random weights",
        "seed": str(seed),
        "commit": "none: made by policies.export.dense",
        "evaluation": "none: for measuring speed only",
    }
    model = assemble(name, nodes, constants, about)
    path.write_bytes(to_bytes(model))
    return model


def _preference(prefer: Sequence[int]) -> Weights:
    bias = np.zeros(A, np.float32)
    bias[NULL] = bias[WITHDRAW] = -400.0
    for action in range(FIRST, A):
        size, price, slot = decode(action)
        bias[action] = -size - slot - (200.0 if price in (IMPROVE, MID) else 0.0)
    for rank, action in enumerate(prefer):
        bias[action] = 100.0 - rank
    return bias
