"""Files that may not be used, each refused with its reason; and running one that may."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper

from risk.errors import SettingsError
from router import policy as rooms
from router.actions import A, Choice, choose
from router.features import S
from router.policy import Listed, Policy, PolicyError, load, load_all, read_policies


@pytest.fixture
def twap(repository: Path) -> ModelProto:
    return onnx.load(repository / "policies" / "artifacts" / "twap.onnx")


def listed(raw: bytes) -> dict[str, Listed]:
    digest = hashlib.sha256(raw).hexdigest()
    return {digest: Listed(name="p", file="p.onnx", sha256=digest, strategy=1, temperature=0.0)}


def loaded(path: Path, raw: bytes) -> Policy:
    path.write_bytes(raw)
    return load(path, listed(raw))


def refused(path: Path, raw: bytes) -> str:
    with pytest.raises(PolicyError) as caught:
        loaded(path, raw)
    assert str(caught.value).startswith(f"{path}: ")
    return caught.value.reason


Spoil = Callable[[ModelProto], object]


def node(op: str, inputs: list[str], outputs: list[str], **attributes: object) -> Spoil:
    return lambda model: model.graph.node.extend([helper.make_node(op, inputs, outputs, **attributes)])


def prop(key: str, value: str | None) -> Spoil:
    def spoil(model: ModelProto) -> None:
        props = {p.key: p.value for p in model.metadata_props if p.key != key}
        helper.set_model_props(model, props if value is None else {**props, key: value})

    return spoil


def constant(name: str, shape: tuple[int, ...]) -> TensorProto:
    return numpy_helper.from_array(np.zeros(shape, np.float32), name)


def external(model: ModelProto) -> None:
    tensor = model.graph.initializer[0]
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")


def external_in_attribute(model: ModelProto) -> None:
    value = constant("hidden", (1,))
    value.data_location = TensorProto.EXTERNAL
    node("Constant", [], ["c"], value=value)(model)


def subgraph(model: ModelProto) -> None:
    inner = helper.make_graph([helper.make_node("Identity", ["state"], ["x"])], "inner", [], [
        helper.make_tensor_value_info("x", TensorProto.FLOAT, None)
    ])
    model.graph.node.extend([helper.make_node("Cast", ["state"], ["y"], to=1)])
    model.graph.node[-1].attribute.extend([helper.make_attribute("body", inner)])


def function(model: ModelProto) -> None:
    model.functions.extend([helper.make_function("f", "F", ["x"], ["y"], [], [helper.make_opsetid("", 17)])])


def grows(model: ModelProto) -> None:
    """Concatenation doubles: twenty small nodes would make a tensor of gigabytes."""
    last = "state"
    for k in range(20):
        node("Concat", [last, last], [f"twice{k}"], axis=1)(model)
        last = f"twice{k}"


def wide_input(model: ModelProto) -> None:
    model.graph.input[0].type.tensor_type.shape.dim[1].dim_value = S + 1


def fixed_batch(model: ModelProto) -> None:
    model.graph.output[1].type.tensor_type.shape.dim[0].dim_value = 1


def float_mask(model: ModelProto) -> None:
    model.graph.input[1].type.tensor_type.elem_type = TensorProto.FLOAT


def future_opset(model: ModelProto) -> None:
    model.opset_import[0].version = 99


def other_domain(model: ModelProto) -> None:
    model.opset_import.extend([helper.make_opsetid("com.microsoft", 1)])


def dangling(model: ModelProto) -> None:
    node("Relu", ["nowhere"], ["z"])(model)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (node("Loop", ["", "", "state"], ["l"]), "operator Loop"),
        (node("If", ["state"], ["l"]), "operator If"),
        (node("Expand", ["state", "state"], ["e"]), "operator Expand"),
        (node("Relu", ["state"], ["r"], domain="com.evil"), "operator Relu"),
        (subgraph, "subgraph 'body' in Cast"),
        (function, "model function 'F' is not allowed"),
        (external, "keeps its data outside the file"),
        (external_in_attribute, "tensor 'hidden' keeps its data outside the file"),
        (lambda m: m.graph.sparse_initializer.add(), "sparse"),
        (lambda m: [node("Relu", ["state"], [f"r{k}"])(m) for k in range(300)], "nodes; the limit is 256"),
        (lambda m: m.graph.initializer.extend([constant("big", (1025, 1024))]), "tensor 'big' of shape"),
        (grows, "may be larger than"),
        (wide_input, f"input state has shape ['batch', {S + 1}]; expected ['batch', {S}]"),
        (fixed_batch, "output value has shape [1]; expected ['batch']"),
        (float_mask, "input mask is FLOAT; expected BOOL"),
        (lambda m: m.graph.output.pop(), "outputs are logits, value; expected logits, value, action_value"),
        (future_opset, "opset 99 is not one of"),
        (other_domain, "operators of domain 'com.microsoft'"),
        (dangling, "not a valid model"),
        (prop("feature_hash", "0" * 64), "metadata feature_hash is '000"),
        (prop("action_schema", "theirs"), "metadata action_schema is 'theirs'; this router's is"),
        (prop("temperature", None), "metadata 'temperature' is missing"),
        (prop("evaluation", None), "metadata 'evaluation' is missing"),
    ],
)
def test_a_hostile_or_broken_file_is_refused(
    twap: ModelProto, tmp_path: Path, spoil: Spoil, reason: str
) -> None:
    spoil(twap)
    assert reason in refused(tmp_path / "p.onnx", twap.SerializeToString())


def test_a_file_whose_hash_is_not_listed_is_refused(twap: ModelProto, tmp_path: Path) -> None:
    raw = twap.SerializeToString()
    path = tmp_path / "p.onnx"
    path.write_bytes(raw)
    with pytest.raises(PolicyError, match=f"SHA-256 {hashlib.sha256(raw).hexdigest()} is not on the list"):
        load(path, {})


def test_bytes_that_are_no_model_are_refused(twap: ModelProto, tmp_path: Path) -> None:
    path = tmp_path / "p.onnx"
    assert "not an ONNX file" in refused(path, b"\x08\xff garbage")
    assert "not an ONNX file" in refused(path, twap.SerializeToString()[:-7])
    assert refused(path, b"")


def test_a_file_that_is_absent_or_too_large_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(PolicyError, match="cannot be read: No such file"):
        load(tmp_path / "absent.onnx", {})
    monkeypatch.setattr(rooms, "MAX_FILE_BYTES", 10)
    assert "larger than 10 bytes" in refused(tmp_path / "p.onnx", b"x" * 11)


def test_an_answer_that_ignores_the_mask_is_refused_at_the_start(twap: ModelProto, tmp_path: Path) -> None:
    where = next(n for n in twap.graph.node if n.op_type == "Where")
    where.op_type = "Add"
    where.input[:] = ["raw", "raw"]
    assert "logits are not -inf exactly where" in refused(tmp_path / "p.onnx", twap.SerializeToString())


def test_an_answer_that_is_not_finite_is_refused_at_the_start(twap: ModelProto, tmp_path: Path) -> None:
    mul = next(n for n in twap.graph.node if n.op_type == "Mul")
    mul.op_type = "Div"  # by zero
    assert "action_value is not finite" in refused(tmp_path / "p.onnx", twap.SerializeToString())


def test_a_run_answers_for_the_state_and_mask_it_was_given(twap: ModelProto, tmp_path: Path) -> None:
    policy = loaded(tmp_path / "p.onnx", twap.SerializeToString())
    rng = np.random.default_rng(7)
    for _ in range(20):
        state = rng.uniform(-1, 1, S).astype(np.float32)
        allowed = rng.random(A) < 0.3
        allowed[0] = True
        answer = policy.run(state, allowed)
        assert np.array_equal(np.isneginf(answer.logits), ~allowed)
        assert answer.value.shape == (1,)
        choice = choose(*answer, allowed, 0.0, 0, 0)
        assert isinstance(choice, Choice)
        assert choice.action == int(np.argmax(answer.logits))
        policy.state[:], policy.mask[:] = state, allowed  # filled in place: the same answer
        before = answer.logits.copy()
        assert np.array_equal(policy.run(policy.state, policy.mask).logits, before)


def test_a_policy_knows_its_metadata(twap: ModelProto, tmp_path: Path) -> None:
    policy = loaded(tmp_path / "p.onnx", twap.SerializeToString())
    assert policy.metadata["name"] == "twap"
    assert policy.metadata["training_data"] == "none: schedule"


def test_the_shipped_list_loads_by_strategy_code(repository: Path) -> None:
    policies = load_all(read_policies(repository / "etc" / "policies.toml"))
    assert {code: p.name for code, p in policies.items()} == {
        1001: "twap", 1002: "almgren_chriss", 1003: "submit_and_leave",
    }


def test_an_entry_with_the_file_of_another_is_refused(repository: Path) -> None:
    good = read_policies(repository / "etc" / "policies.toml")
    first, second, _ = good.policy
    swapped = good.model_copy(update={"policy": [first.model_copy(update={"file": second.file}), second]})
    with pytest.raises(SettingsError, match=r"policy twap: almgren_chriss.onnx is the file of policy "):
        load_all(swapped)


def test_a_provider_that_is_not_there_is_never_replaced(twap: ModelProto, tmp_path: Path,
                                                        monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rooms.onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    raw = twap.SerializeToString()
    (tmp_path / "p.onnx").write_bytes(raw)
    with pytest.raises(SettingsError, match="provider = 'cuda': CUDAExecutionProvider is not"):
        load(tmp_path / "p.onnx", listed(raw), "cuda")
