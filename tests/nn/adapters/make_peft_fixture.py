"""Writes tests/fixtures/nn/peft: an adapter as huggingface/peft saves one, of figures that can be followed by hand.

Needs nothing but Python. Names, layouts and keys are those of LoraConfig(r=2, lora_alpha=3, target_modules=["fc1"],
modules_to_save=["fc2"]) on a perceptron 4-4-2; run from the root: python3 tests/nn/adapters/make_peft_fixture.py
"""
import json
import pathlib
import struct

FOLDER = pathlib.Path("tests/fixtures/nn/peft")
TENSORS = {
    "base_model.model.fc1.lora_A.weight": ([2, 4], [1, 0, 0, 0, 0, 1, 0, -1]),
    "base_model.model.fc1.lora_B.weight": ([4, 2], [1, 0, 0, 1, 0.5, 0, 0, 0]),
    "base_model.model.fc2.weight": ([2, 4], [1, 2, 3, 4, -1, -2, -3, -4]),
    "base_model.model.fc2.bias": ([2], [0.25, -0.25]),
}
CONFIG = {
    "alpha_pattern": {}, "auto_mapping": None, "base_model_name_or_path": "", "bias": "none", "fan_in_fan_out": False,
    "inference_mode": True, "init_lora_weights": True, "layers_pattern": None, "layers_to_transform": None, "lora_alpha": 3,
    "lora_dropout": 0.0, "modules_to_save": ["fc2"], "peft_type": "LORA", "r": 2, "rank_pattern": {}, "revision": None,
    "target_modules": ["fc1"], "task_type": None, "use_dora": False, "use_rslora": False,
}


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    header, data = {"__metadata__": {"format": "pt"}}, b""
    for name, (shape, values) in TENSORS.items():
        part = struct.pack(f"<{len(values)}f", *values)
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(data), len(data) + len(part)]}
        data += part
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    (FOLDER / "adapter_model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)
    (FOLDER / "adapter_config.json").write_text(json.dumps(CONFIG, indent=2, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
