"""ONNX policies: read, check, run. A file is used only if its hash is on the list and everything in it fits.

The file is read once; what was hashed is what is parsed and what is run. Checks go from cheap to dear and
each refusal (PolicyError) names the file, the rule and the value. No loops, no subgraphs, no functions,
no other domain's operators, no data outside the file, and no tensor that grows beyond a bound: so a run takes
bounded time and memory. What an answer means, and whether it may be used, is router.actions.choose.

    inputs   state float32[batch, S], mask bool[batch, A]
    outputs  logits (-inf where masked) and action_value float32[batch, A], value float32[batch]
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal, NamedTuple, Self

import numpy as np
import onnx
import onnx.shape_inference
import onnxruntime
from onnx import AttributeProto, ModelProto, TensorProto, ValueInfoProto
from pydantic import BaseModel, ConfigDict, Field, model_validator

from risk.errors import SettingsError, read_settings
from router.actions import ACTION_HASH, ACTION_SCHEMA, Answers
from router.actions import A as ACTION_COUNT
from router.book import Flags
from router.features import FEATURE_HASH, FEATURE_SCHEMA, S, State

MAX_FILE_BYTES = 16 << 20
MAX_NODES = 256
MAX_ELEMENTS = 1 << 20  # of any tensor, for a batch of one
OPSETS = range(13, 23)
OPERATORS = frozenset({
    "Abs", "Add", "And", "Cast", "Clip", "Concat", "Constant", "Div", "Equal", "Exp", "Flatten", "Gather",
    "Gemm", "Greater", "GreaterOrEqual", "Identity", "LayerNormalization", "LeakyRelu", "Less", "LessOrEqual",
    "Log", "LogSoftmax", "MatMul", "Max", "Min", "Mul", "Neg", "Not", "Or", "ReduceMax", "ReduceMean",
    "ReduceSum", "Relu", "Reshape", "Sigmoid", "Sign", "Slice", "Softmax", "Sqrt", "Squeeze", "Sub", "Tanh",
    "Transpose", "Unsqueeze", "Where",
})
ATTRIBUTES = frozenset({
    AttributeProto.FLOAT, AttributeProto.INT, AttributeProto.STRING, AttributeProto.TENSOR,
    AttributeProto.FLOATS, AttributeProto.INTS,
})
INPUTS = {"state": (TensorProto.FLOAT, S), "mask": (TensorProto.BOOL, ACTION_COUNT)}
OUTPUTS = {
    "logits": (TensorProto.FLOAT, ACTION_COUNT),
    "value": (TensorProto.FLOAT, None),
    "action_value": (TensorProto.FLOAT, ACTION_COUNT),
}
SCHEMAS = {
    "feature_schema": FEATURE_SCHEMA,
    "feature_hash": FEATURE_HASH,
    "action_schema": ACTION_SCHEMA,
    "action_hash": ACTION_HASH,
}
METADATA = (
    "name", *SCHEMAS, "temperature", "reward_calibration", "training_data", "seed", "commit", "evaluation",
)
PROVIDERS = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
}
Provider = Literal["cpu", "cuda", "tensorrt"]


class PolicyError(SettingsError):
    """The file may not be used as a policy; the text names the file, the rule and the value."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


class Listed(BaseModel):
    """One policy of the allow-list."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: Annotated[str, Field(pattern=r"^[a-z0-9_]{1,64}$")]
    file: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,128}\.onnx$")]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    strategy: Annotated[int, Field(ge=1, le=9999)]  # TargetStrategy(847)
    temperature: Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]


class PolicySettings(BaseModel):
    """etc/policies.toml: which policies may run, and on what."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    directory: str
    provider: Provider
    policy: Annotated[list[Listed], Field(min_length=1, max_length=64)]

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        for field in ("name", "file", "sha256", "strategy"):
            values = [getattr(entry, field) for entry in self.policy]
            twice = next((value for value in values if values.count(value) > 1), None)
            if twice is not None:
                raise ValueError(f"policy.{field} {twice} is listed twice")
        return self


class Answer(NamedTuple):
    """What a policy said: views of its output buffers, valid until its next run."""

    logits: Answers  # float32[A]
    value: Answers  # float32[1]
    action_value: Answers  # float32[A]


class Policy:
    """A loaded policy and its buffers. `state` and `mask` may be filled in place before `run`."""

    def __init__(
        self, listed: Listed, metadata: Mapping[str, str], session: onnxruntime.InferenceSession
    ) -> None:
        self.name = listed.name
        self.sha256 = listed.sha256
        self.strategy = listed.strategy
        self.temperature = listed.temperature
        self.metadata = dict(metadata)
        self.state: State = np.zeros(S, np.float32)
        self.mask: Flags = np.zeros(ACTION_COUNT, np.bool_)
        self.answer = Answer(
            np.zeros(ACTION_COUNT, np.float32), np.zeros(1, np.float32), np.zeros(ACTION_COUNT, np.float32)
        )
        self._session = session
        self._binding = session.io_binding()
        for name, array in (("state", self.state), ("mask", self.mask)):
            self._binding.bind_input(name, "cpu", 0, array.dtype, (1, array.size), array.ctypes.data)
        for name, array in zip(OUTPUTS, self.answer, strict=True):
            shape = (1,) if name == "value" else (1, array.size)
            self._binding.bind_output(name, "cpu", 0, array.dtype, shape, array.ctypes.data)

    def run(self, state: State, mask: Flags) -> Answer:
        """Run on float32[S] and bool[A] (copied, unless they are this policy's own buffers)."""
        if state is not self.state:
            self.state[:] = state
        if mask is not self.mask:
            self.mask[:] = mask
        self._session.run_with_iobinding(self._binding)
        return self.answer


def read_policies(path: Path) -> PolicySettings:
    """The allow-list, with `directory` taken from the file's own folder; SettingsError names the fault."""
    settings = read_settings(path, PolicySettings)
    return settings.model_copy(update={"directory": str((path.parent / settings.directory).resolve())})


def load_all(settings: PolicySettings) -> dict[int, Policy]:
    """Every policy on the list, by strategy code (847); PolicyError at the first that does not fit."""
    allow = {entry.sha256: entry for entry in settings.policy}
    found: dict[int, Policy] = {}
    for entry in settings.policy:
        policy = load(Path(settings.directory) / entry.file, allow, settings.provider)
        if policy.name != entry.name:
            raise SettingsError(f"policy {entry.name}: {entry.file} is the file of policy {policy.name}")
        found[entry.strategy] = policy
    return found


def load(path: Path, allow: Mapping[str, Listed], provider: Provider = "cpu") -> Policy:
    """Read and check one file, and make it ready to run. `allow`: the list by SHA-256."""
    raw = _read(path)
    digest = hashlib.sha256(raw).hexdigest()
    if digest not in allow:
        others = [entry.sha256 for entry in allow.values() if entry.file == path.name]
        listed = f" ({path.name} is listed with {others[0]})" if others else ""
        raise PolicyError(path, f"SHA-256 {digest} is not on the list of policies{listed}")
    metadata = check(path, raw)
    policy = Policy(allow[digest], metadata, _session(path, raw, provider))
    _try_out(path, policy)
    return policy


def check(path: Path, raw: bytes) -> dict[str, str]:
    """Everything that can be told without running it; returns the metadata. PolicyError names the fault."""
    try:
        model = onnx.load_model_from_string(raw)
    except Exception:  # protobuf's error, from a package without types
        raise PolicyError(path, "not an ONNX file (protobuf does not parse)") from None
    for reason in _faults(model):
        raise PolicyError(path, reason)
    return {prop.key: prop.value for prop in model.metadata_props}


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise PolicyError(path, f"cannot be read: {error.strerror}") from None
    if len(raw) > MAX_FILE_BYTES:
        raise PolicyError(path, f"larger than {MAX_FILE_BYTES} bytes")
    return raw


def _faults(model: ModelProto) -> Iterator[str]:
    """What is wrong with a model, in the order in which it is safe to look."""
    graph = model.graph
    for opset in model.opset_import:
        if opset.domain not in ("", "ai.onnx"):
            yield f"operators of domain {opset.domain!r} are not allowed"
        elif opset.version not in OPSETS:
            yield f"opset {opset.version} is not one of {OPSETS.start} to {OPSETS.stop - 1}"
    if model.functions:
        yield f"model function {model.functions[0].name!r} is not allowed"
    if model.training_info or graph.sparse_initializer or graph.quantization_annotation:
        yield "training information, sparse or quantised tensors are not allowed"
    if len(graph.node) > MAX_NODES:
        yield f"{len(graph.node)} nodes; the limit is {MAX_NODES}"
    tensors = list(graph.initializer)
    for node in graph.node:
        if node.domain not in ("", "ai.onnx") or node.op_type not in OPERATORS:
            yield f"operator {node.op_type} (node {node.name!r}) is not on the list"
        for attribute in node.attribute:
            if attribute.type in (AttributeProto.GRAPH, AttributeProto.GRAPHS):
                yield f"subgraph {attribute.name!r} in {node.op_type} (node {node.name!r}) is not allowed"
            elif attribute.type not in ATTRIBUTES:
                yield f"attribute {attribute.name!r} in {node.op_type} (node {node.name!r}): type not allowed"
            if attribute.HasField("t"):
                tensors.append(attribute.t)
    for tensor in tensors:
        if tensor.data_location == TensorProto.EXTERNAL or tensor.external_data:
            yield f"tensor {tensor.name!r} keeps its data outside the file"
        if min(tensor.dims, default=0) < 0 or math.prod(tensor.dims) > MAX_ELEMENTS:
            yield f"tensor {tensor.name!r} of shape {list(tensor.dims)} has more than {MAX_ELEMENTS} elements"
    yield from _signature("input", graph.input, INPUTS)
    yield from _signature("output", graph.output, OUTPUTS)
    yield from _metadata({prop.key: prop.value for prop in model.metadata_props})
    yield from _sizes(model)


def _signature(
    kind: str, found: Sequence[ValueInfoProto], expected: Mapping[str, tuple[int, int | None]]
) -> Iterator[str]:
    """Names, order, types and shapes, as in the module's head."""
    names = [value.name for value in found]
    if names != list(expected):
        yield f"{kind}s are {', '.join(names) or 'none'}; expected {', '.join(expected)}"
        return
    for value in found:
        element, width = expected[value.name]
        tensor = value.type.tensor_type
        if tensor.elem_type != element:
            yield (
                f"{kind} {value.name} is {TensorProto.DataType.Name(tensor.elem_type)}; "
                f"expected {TensorProto.DataType.Name(element)}"
            )
        dims = [dim.dim_value if dim.HasField("dim_value") else "batch" for dim in tensor.shape.dim]
        wanted = ["batch"] if width is None else ["batch", width]
        if dims != wanted:
            yield f"{kind} {value.name} has shape {dims}; expected {wanted}"


def _metadata(found: Mapping[str, str]) -> Iterator[str]:
    for key in METADATA:
        if key not in found:
            yield f"metadata {key!r} is missing"
            return
    for key, expected in SCHEMAS.items():
        if found[key] != expected:
            yield f"metadata {key} is {found[key]!r}; this router's is {expected!r}"


def _sizes(model: ModelProto) -> Iterator[str]:
    """Every tensor between must have a known shape within the bound: nothing may grow while it runs."""
    try:
        onnx.checker.check_model(model)
        inferred = onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        yield f"not a valid model: {str(error).splitlines()[0]}"
        return
    values = (*inferred.graph.value_info, *inferred.graph.output)
    known = {value.name: value.type.tensor_type for value in values}
    for node in inferred.graph.node:
        for name in node.output:
            tensor = known.get(name)
            if tensor is None or not tensor.HasField("shape"):
                yield f"the shape of {name!r} (from {node.op_type}) cannot be told before a run"
                return
            dims = [dim.dim_value for dim in tensor.shape.dim]
            unknown = [dim for dim in tensor.shape.dim[1:] if not dim.HasField("dim_value")]
            if unknown or math.prod(max(dim, 1) for dim in dims) > MAX_ELEMENTS:
                yield f"{name!r} (from {node.op_type}) may be larger than {MAX_ELEMENTS} elements"
                return


def _session(path: Path, raw: bytes, provider: Provider) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    options.log_severity_level = 3
    wanted = PROVIDERS[provider]
    if wanted not in onnxruntime.get_available_providers():
        raise SettingsError(f"{path}: provider = {provider!r}: {wanted} is not available here")
    try:
        session = onnxruntime.InferenceSession(raw, options, providers=[wanted])
    except Exception as error:  # ONNX Runtime's own exceptions share no public base
        raise PolicyError(path, f"ONNX Runtime refuses it: {str(error).splitlines()[0]}") from None
    if session.get_providers()[0] != wanted:
        raise SettingsError(f"{path}: provider = {provider!r}: {wanted} did not start")
    return session


def _try_out(path: Path, policy: Policy) -> None:
    """One run with only null allowed: the answer must have the contract's form."""
    policy.mask[0] = True
    try:
        logits, value, action_value = policy.run(policy.state, policy.mask)
    except Exception as error:  # as above
        raise PolicyError(path, f"it does not run: {str(error).splitlines()[0]}") from None
    policy.mask[0] = False
    if not (np.isfinite(logits[0]) and np.all(np.isneginf(logits[1:]))):
        raise PolicyError(path, "logits are not -inf exactly where the mask says so")
    if not (np.isfinite(value).all() and np.isfinite(action_value).all()):
        raise PolicyError(path, "value or action_value is not finite")
