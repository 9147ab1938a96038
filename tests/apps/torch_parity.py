#!/usr/bin/python3
"""The command line against PyTorch: lenet, resnet20, vit and gpt at their default sizes.

  torch_parity.py compare GRADUS [DATA]   runs the program GRADUS on weights that PyTorch drew, prints the distances
  torch_parity.py fixtures                writes tests/fixtures/apps/torch_parity.json for tests/apps/torch_parity_test.cpp

Compared are the logits of `eval --logits` (for resnet20 also with --train-mode) and, after three steps of
`train --no-shuffle`, every weight and running statistic. The distance of logits is max |a-b| / max |b|, of weights
|a-b| / |b| (Adam makes steps of full size out of gradients that are nothing but rounding, so single elements prove
little). PyTorch computes in float64; what its own float32 is away from that is printed beside.

Needs the distribution's python3-torch and python3-numpy. DATA is a folder with mnist, cifar10 and tinyshakespeare;
without it, data are drawn here, in the files' own formats, so nothing has to be downloaded. In `fixtures`, weights and data come from
the hash that tests/nn/hashed.h has, too, so that only results are stored.
"""
import json
import os
import struct
import subprocess
import sys
import tempfile

import numpy as np
import torch
import torch.nn.functional as F

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(HERE, "..", "nn"))
from make_torch_fixtures import Gpt, LeNet, ResNet, Vit, digest, fill, hashed  # noqa: E402  (sets float64)

STEPS = 3
ALPHABET = bytes(range(32, 97))  # 65 characters, sorted
CIFAR_MEAN, CIFAR_STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
OPTIMIZERS = {
    "sgd:lr=0.1,momentum=0.9": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9),
    "adamw:lr=0.001,weight_decay=0.01": lambda p: torch.optim.AdamW(p, lr=1e-3, weight_decay=0.01),
}
MODELS = {
    # name: (data, network, range of hashed weights)
    "lenet": ("mnist", LeNet, 1.0),
    "resnet20": ("cifar10", lambda: ResNet(20, 16, 10), 3**0.5),
    "vit": ("cifar10", lambda: Vit(32, 4, 128, 6, 4, 10), 1.0),
    "gpt": ("text", lambda: Gpt(len(ALPHABET), 64, 128, 4, 4), 1.0),
}


def draw(count, stream, below):
    return np.floor((hashed(count, stream) + 1) / 2 * below).astype(np.int64)


class Images:
    """Train and test images with labels: `n` and `m` of them."""

    def __init__(self, name, n, m):
        self.name, self.shape = name, (1, 28, 28) if name == "mnist" else (3, 32, 32)
        size = int(np.prod(self.shape))
        self.x = draw((n + m) * size, 1, 256).astype(np.uint8).reshape((n + m,) + self.shape)
        self.y = draw(n + m, 2, 10)
        self.n, self.m = n, m

    def write(self, root):
        folder = os.path.join(root, self.name)
        os.makedirs(folder)
        put = lambda name, *parts: open(os.path.join(folder, name), "wb").write(b"".join(parts))
        n = self.n
        labels = self.y.astype(np.uint8)
        if self.name == "mnist":
            for name, x, y in (("train", self.x[:n], labels[:n]), ("t10k", self.x[n:], labels[n:])):
                put(name + "-images-idx3-ubyte", struct.pack(">4i", 0x803, len(x), 28, 28), x.tobytes())
                put(name + "-labels-idx1-ubyte", struct.pack(">2i", 0x801, len(y)), y.tobytes())
            return self.name
        records = lambda a, b: b"".join(labels[i:i + 1].tobytes() + self.x[i].tobytes() for i in range(a, b))
        for k in range(5):
            put(f"data_batch_{k + 1}.bin", records(k * n // 5, (k + 1) * n // 5))
        put("test_batch.bin", records(n, n + self.m))
        return self.name

    def batch(self, rows):
        mean, std = ((0.1307,), (0.3081,)) if self.name == "mnist" else (CIFAR_MEAN, CIFAR_STD)
        mean, std = (torch.tensor(v).reshape(1, -1, 1, 1) for v in (mean, std))
        return (torch.from_numpy(self.x[rows]).double() / 255 - mean) / std, torch.from_numpy(self.y[rows])

    def train_batch(self, step, size):
        return self.batch(slice(step * size, (step + 1) * size))

    def test_batch(self, count):
        return self.batch(slice(self.n, self.n + count))


class RealImages(Images):
    """The first `n` training images (of which whole CIFAR files are what the program reads) and `m` test images."""

    def __init__(self, name, n, m, root):
        self.name, self.n, self.m = name, n, m
        read = lambda file, skip: np.fromfile(os.path.join(root, name, file), np.uint8)[skip:]
        if name == "mnist":
            x = [read(f + "-images-idx3-ubyte", 16).reshape(-1, 1, 28, 28) for f in ("train", "t10k")]
            y = [read(f + "-labels-idx1-ubyte", 8) for f in ("train", "t10k")]
        else:
            both = [read(f, 0).reshape(-1, 3073) for f in ("data_batch_1.bin", "test_batch.bin")]
            x, y = [b[:, 1:].reshape(-1, 3, 32, 32) for b in both], [b[:, 0] for b in both]
        self.x = np.concatenate([x[0][:n], x[1][:m]])
        self.y = np.concatenate([y[0][:n], y[1][:m]]).astype(np.int64)

    def write(self, root):
        return self.name


class Text:
    """A text whose first 90 % are trained on; windows of 64 characters."""

    block = 64

    def __init__(self, length):
        self.ids = np.concatenate([np.arange(len(ALPHABET)), draw(length - len(ALPHABET), 1, len(ALPHABET))])
        self.cut = length * 9 // 10

    def write(self, root):
        path = os.path.join(root, "text.txt")
        open(path, "wb").write(bytes(ALPHABET[i] for i in self.ids))
        return "text:path=" + path

    def windows(self, start, count):
        at = [start + k * self.block for k in range(count)]
        take = lambda shift: torch.from_numpy(np.stack([self.ids[a + shift:a + shift + self.block] for a in at]))
        return take(0), take(1)

    def train_batch(self, step, size):
        return self.windows(step * size * self.block, size)

    def test_batch(self, count):
        return self.windows(self.cut, count)


class RealText(Text):
    def __init__(self, root):
        text = np.fromfile(os.path.join(root, "tinyshakespeare", "input.txt"), np.uint8)
        self.ids = np.searchsorted(np.unique(text), text)
        self.cut = len(text) * 9 // 10

    def write(self, root):
        return "tinyshakespeare"


def make_data(name, batch, tests, root=None):
    if root:
        return RealText(root) if name == "text" else RealImages(name, STEPS * batch, tests, root)
    if name != "text":
        return Images(name, 5 * batch, tests)
    return Text(max(4 * (STEPS * batch + tests), 10 * (tests + 1)) * Text.block)


def state_of(net):
    return {n: t for n, t in net.state_dict().items() if not n.endswith("num_batches_tracked")}


def loss_of(logits, y):
    return F.cross_entropy(logits.reshape(-1, logits.shape[-1]), y.reshape(-1))


def logits_of(net, x, training=False):
    before = {n: t.clone() for n, t in net.state_dict().items()}
    with torch.no_grad():
        logits = net.train(training)(x)
    net.load_state_dict(before)  # running statistics as they were
    return logits


def trained(make, start, data, batch, rule, steps=STEPS, dtype=torch.float64):
    net = make().to(dtype).train()
    net.load_state_dict(start, strict=False)
    optimizer = rule(net.parameters())
    losses = []
    for step in range(steps):
        x, y = data.train_batch(step, batch)
        x = x.to(dtype) if x.is_floating_point() else x
        optimizer.zero_grad()
        loss = loss_of(net(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses, state_of(net)


def write_safetensors(path, tensors):
    header, at, parts = {}, 0, []
    for name, t in tensors.items():
        raw = t.detach().numpy().astype("<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": list(t.shape), "data_offsets": [at, at + len(raw)]}
        at += len(raw)
        parts.append(raw)
    text = json.dumps(header).encode()
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + b"".join(parts))


def read_safetensors(path):
    raw = open(path, "rb").read()
    size = struct.unpack("<Q", raw[:8])[0]
    header, body = json.loads(raw[8:8 + size]), raw[8 + size:]
    kinds = {"F32": "<f4", "F64": "<f8", "I64": "<i8"}
    return {n: np.frombuffer(body[h["data_offsets"][0]:h["data_offsets"][1]], kinds[h["dtype"]]).reshape(h["shape"])
            for n, h in header.items() if n != "__metadata__"}


def distance(ours, theirs):
    theirs = theirs.detach().numpy()
    return float(np.abs(ours.astype(np.float64) - theirs).max() / np.abs(theirs).max())


def without_keys(name, t):
    """A bias of queries, keys and values without its middle third. A bias of the keys changes no softmax, so its
    gradient is zero but for rounding, and Adam divides rounding by rounding."""
    return torch.cat([t[:t.shape[0] // 3], t[2 * (t.shape[0] // 3):]]) if name.endswith(("qkv.bias", "c_attn.bias")) else t


def first_weights(make):
    """PyTorch's first values, rounded to float; what it leaves at 0 and 1 would hide mistakes, so that is drawn, too."""
    torch.manual_seed(1)
    start = {n: t.clone() for n, t in state_of(make()).items()}
    for name, t in start.items():
        if name.endswith("running_mean") or name == "pos_embed" or (name.endswith("bias") and not t.any()):
            t.normal_(0, 0.02)
        elif name.endswith("running_var"):
            t.uniform_(0.5, 1.5)
        t.copy_(t.float().double())
    return start


def weight_distance(name, ours, theirs):
    ours, theirs = (without_keys(name, t.double()) for t in (ours, theirs))
    return ((ours - theirs).norm() / theirs.norm()).item()


def compare(gradus, real=None):
    passed = True
    for model, (data_name, make, _) in MODELS.items():
        batch, tests = (12, 24) if data_name == "text" else (64, 128)
        data = make_data(data_name, batch, tests, real)
        start = first_weights(make)
        net = make()
        net.load_state_dict(start, strict=False)
        with tempfile.TemporaryDirectory() as root:
            spec, weights, out = data.write(root), os.path.join(root, "start.safetensors"), os.path.join(root, "out.safetensors")
            write_safetensors(weights, start)

            def run(command, *more):
                subprocess.run([gradus, command, "--data", spec, "--data-dir", real or root, "--model", model, "--init",
                                weights, *more], check=True, stdout=subprocess.DEVNULL)

            for training in (False, True) if model == "resnet20" else (False,):
                run("eval", "--logits", out, "--limit", str(tests), "--batch-size", str(tests),
                    *(["--train-mode"] if training else []))
                theirs = logits_of(net, data.test_batch(tests)[0], training)
                d = distance(read_safetensors(out)["logits"], theirs)
                passed = passed and d < 1e-4
                print(f"{model:9} logits{', train mode' if training else '':12} {list(theirs.shape)}  {d:.1e}")
            for optim, rule in OPTIMIZERS.items():
                for steps in (1, STEPS):
                    run("train", "--optim", optim, "--no-shuffle", "--batch-size", str(batch), "--steps", str(steps),
                        "--quiet", "--save", out, "--out", os.path.join(root, f"run-{optim[:3]}-{steps}"))
                    ours = {n: torch.from_numpy(t.copy()) for n, t in read_safetensors(out).items()}
                    exact, rough = (trained(make, start, data, batch, rule, steps, d)[1] for d in (torch.float64, torch.float32))
                    assert set(ours) == set(exact)
                    own = {n: weight_distance(n, ours[n], t) for n, t in exact.items()}
                    floor = max(weight_distance(n, rough[n], t) for n, t in exact.items())
                    worst = max(own, key=own.get)
                    passed = passed and own[worst] < max(1e-3, 3 * floor)
                    print(f"{model:9} {optim:33} {steps} steps, {len(exact)} tensors, worst {own[worst]:.1e} ({worst});"
                          f" PyTorch float32 {floor:.1e}", flush=True)
    print("passed" if passed else "MISMATCH: logits beyond 1e-4, or weights beyond 1e-3 and thrice PyTorch's own rounding")
    return 0 if passed else 4


def fixtures():
    cases = []
    for model, (data_name, make, gain) in MODELS.items():
        batch, tests = (2, 2) if data_name == "text" else (8, 8)
        data = make_data(data_name, batch, tests)
        net = make()
        fill(net, gain)
        start = {n: t.clone() for n, t in state_of(net).items()}
        case = {"model": model, "data": data_name, "batch": batch, "tests": tests, "gain": gain, "logits": {}, "runs": []}
        if data_name == "text":
            case["length"] = len(data.ids)
        for mode in ("eval", "train"):
            logits = logits_of(net, data.test_batch(tests)[0], mode == "train")
            case["logits"][mode] = {"shape": list(logits.shape), "first": logits.flatten()[:80].tolist(), **digest(logits)}
        # Twenty batch norms over a batch of 8 magnify float's rounding about a hundredfold a step; so there is one step, too.
        for steps in (1, STEPS) if model == "resnet20" else (STEPS,):
            for optim, rule in OPTIMIZERS.items():
                losses, state = trained(make, start, data, batch, rule, steps)
                rough = trained(make, start, data, batch, rule, steps, torch.float32)[1]
                rounding = max(weight_distance(n, rough[n], t) for n, t in state.items())
                case["runs"].append({"optim": optim, "steps": steps, "losses": losses, "rounding": rounding,
                                     "state": {n: digest(without_keys(n, t)) for n, t in state.items()}})
                print(model, optim, losses, "PyTorch float32:", rounding)
        cases.append(case)
    with open(os.path.join(HERE, "..", "fixtures", "apps", "torch_parity.json"), "w") as f:
        json.dump({"source": f"PyTorch {torch.__version__}, float64; tests/apps/torch_parity.py", "cases": cases}, f)
        f.write("\n")


if __name__ == "__main__":
    if sys.argv[1:2] == ["compare"] and len(sys.argv) in (3, 4):
        sys.exit(compare(*sys.argv[2:]))
    if sys.argv[1:] == ["fixtures"]:
        sys.exit(fixtures())
    print(__doc__, file=sys.stderr)
    sys.exit(2)
