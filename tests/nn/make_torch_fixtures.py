#!/usr/bin/python3
"""Writes tests/fixtures/nn/torch.json: what PyTorch computes for our models and layers, in float64.

Needs the distribution's python3-torch and python3-numpy. No weights are stored: both sides fill every tensor
by the same integer hash (`hashed` here, tests/nn/hashed.h there), so only results are kept: logits, losses and,
after three optimizer steps, the sum, the norm and a few elements of each tensor.

The networks are those of torch_models.py.
"""
import json
import math
import os

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

from torch_models import CharLstm, Gpt, LeNet, ResNet, Vit

torch.set_default_dtype(torch.float64)
M32 = np.uint64(0xFFFFFFFF)


def hashed(count, stream):
    """count numbers in [-1, 1), a pure function of (index, stream)."""
    x = (np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B1) + np.uint64(stream) * np.uint64(0x85EBCA6B)) & M32
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
        x = ((x ^ (x >> np.uint64(shift))) * np.uint64(factor)) & M32
    x ^= x >> np.uint64(16)
    return x.astype(np.float64) / 2.0**31 - 1


def numbers(shape, stream, scale=1.0):
    return torch.from_numpy(hashed(int(np.prod(shape)), stream).reshape(shape)) * scale


def integers(shape, stream, below):
    u = (hashed(int(np.prod(shape)), stream) + 1) / 2
    return torch.from_numpy(np.floor(u * below).astype(np.int64).reshape(shape))


def fill(module, gain=math.sqrt(3)):
    """Tensor k of the state gets stream 100 + k; the scale follows from name and shape. A gain of 1 gives weights the
    range of torch's own first values."""
    state = [(n, t) for n, t in module.state_dict().items() if not n.endswith("num_batches_tracked")]
    for k, (name, t) in enumerate(state):
        u = numbers(tuple(t.shape), 100 + k)
        if name.endswith("running_var"):
            u = 1 + 0.5 * u
        elif t.dim() >= 2 and not name.endswith("pos_embed"):
            fan_in = t.shape[1] * int(np.prod(t.shape[2:]))
            u = u * (gain / math.sqrt(fan_in))
        elif t.dim() == 1 and name.endswith("weight"):
            u = 1 + 0.2 * u
        else:
            u = 0.1 * u
        with torch.no_grad():
            t.copy_(u)


def digest(t):
    flat = t.detach().reshape(-1)
    picks = integers((min(6, flat.numel()),), 7, flat.numel())
    return {"sum": flat.sum().item(), "norm": flat.norm().item(), "max": flat.abs().max().item(),
            "sample": [flat[i].item() for i in picks.tolist()]}


def train(make, batches, optimizer, loss_of, gain, dtype=torch.float64):
    """Losses and the state after a step on each batch."""
    net = make()
    fill(net, gain)
    net.to(dtype)
    opt = optimizer(net.parameters())
    losses = []
    for x, y in batches:
        opt.zero_grad()
        loss = loss_of(net(x.to(dtype) if x.is_floating_point() else x), y)
        loss.backward()
        opt.step()
        losses.append(loss.item())
    return losses, {n: t.double() for n, t in net.state_dict().items() if not n.endswith("num_batches_tracked")}


def run(*args):
    """A run with its digests, and how far PyTorch's own float32 gets from it (but in the bias of keys: its gradient is
    nothing but rounding)."""
    losses, state = train(*args)
    rough = train(*args, dtype=torch.float32)[1]
    rounding = max(((rough[n] - t).norm() / t.norm()).item() for n, t in state.items()
                   if not n.endswith(("qkv.bias", "c_attn.bias")))
    return {"losses": losses, "rounding": rounding, "state": {n: digest(t) for n, t in state.items()}}


def case(spec, data, make, batch, tokens=None, gain=math.sqrt(3), optimizers=("sgd-momentum", "adamw")):
    """One model: the first batch's logits in evaluation and in training mode, then three steps of each optimizer."""
    batches = []
    for step in range(3):
        if tokens:
            x = integers((batch, tokens), 10 + step, data["vocabulary"])
            y = integers((batch, tokens), 20 + step, data["vocabulary"])
        else:
            x = numbers((batch, data["channels"], data["height"], data["width"]), 10 + step, math.sqrt(3))
            y = integers((batch,), 20 + step, data["classes"])
        batches.append((x, y))
    net = make()
    fill(net, gain)
    result = {"spec": spec, "data": data, "batch": batch, "tokens": tokens or 0, "gain": gain, "names": [
        n for n in net.state_dict() if not n.endswith("num_batches_tracked")]}
    with torch.no_grad():
        result["eval_logits"] = net.eval()(batches[0][0])[:2].flatten().tolist()
        result["train_logits"] = net.train()(batches[0][0])[:2].flatten().tolist()
    rules = {"sgd": ("sgd:lr=0.1", lambda p: torch.optim.SGD(p, lr=0.1)),
             "sgd-momentum": ("sgd:lr=0.1,momentum=0.9", lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9)),
             "adamw": ("adamw:lr=0.001,weight_decay=0.01",
                       lambda p: torch.optim.AdamW(p, lr=1e-3, weight_decay=0.01))}
    loss_of = lambda out, y: F.cross_entropy(out.reshape(-1, out.shape[-1]), y.reshape(-1))
    result["runs"] = []
    for name in optimizers:
        text, rule = rules[name]
        result["runs"].append({"optim": text, **run(make, batches, rule, loss_of, gain)})
        print(spec, text, result["runs"][-1]["losses"], "PyTorch float32:", result["runs"][-1]["rounding"])
    return result


def layer(name, make, x, call=None):
    """A layer's output and the gradients of sum(output * hashed) in its input and parameters."""
    module = make()
    fill(module)
    x = x.clone().requires_grad_()
    y = (call or (lambda m, v: m(v)))(module, x)
    (y * numbers(tuple(y.shape), 5)).sum().backward()
    return {"name": name, "shape": list(y.shape), "output": digest(y), "input_grad": digest(x.grad),
            "grads": {n: digest(p.grad) for n, p in module.named_parameters()},
            "buffers": {n: digest(b) for n, b in module.named_buffers() if not n.endswith("tracked")}}


def main():
    images = lambda c, s, classes: {"channels": c, "height": s, "width": s, "classes": classes}
    models = [
        case("lenet", images(1, 28, 10), LeNet, 8, gain=1.0, optimizers=("sgd", "sgd-momentum", "adamw")),
        case("resnet20", images(3, 16, 10), lambda: ResNet(20, 16, 10), 4),
        case("vit:patch=4,dim=32,depth=3,heads=4", images(3, 16, 10), lambda: Vit(16, 4, 32, 3, 4, 10), 4),
        case("gpt:block=16,dim=32,layers=3,heads=4", {"vocabulary": 13}, lambda: Gpt(13, 16, 32, 3, 4), 4, tokens=16),
        case("char-lstm:block=8,dim=6,hidden=10,layers=2", {"vocabulary": 13}, lambda: CharLstm(13, 6, 10, 2), 4,
             tokens=8),
    ]
    planes = numbers((2, 6, 7, 5), 3)
    rows = numbers((3, 4, 6), 4)
    layers = [
        layer("linear", lambda: nn.Linear(6, 5), rows),
        layer("conv2d", lambda: nn.Conv2d(6, 8, 3, stride=2, padding=1, dilation=1, groups=2), planes),
        layer("conv2d-depthwise", lambda: nn.Conv2d(6, 12, 3, padding=2, dilation=2, groups=6, bias=False), planes),
        layer("conv_transpose2d", lambda: nn.ConvTranspose2d(6, 4, 3, stride=2, padding=1, output_padding=1, groups=2),
              planes),
        layer("max_pool2d", lambda: nn.MaxPool2d(3, 2, 1), planes),
        layer("avg_pool2d", lambda: nn.AvgPool2d(3, 2, 1), planes),
        layer("upsample-nearest", lambda: nn.Upsample(scale_factor=2), planes),
        layer("upsample-bilinear", lambda: nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False), planes),
        layer("batch_norm2d", lambda: nn.BatchNorm2d(6), planes),
        layer("group_norm", lambda: nn.GroupNorm(3, 6), planes),
        layer("layer_norm", lambda: nn.LayerNorm(6), rows),
        layer("lstm", lambda: nn.LSTM(6, 4, 2, batch_first=True), rows, lambda m, v: m(v)[0]),
        layer("lstm_cell", lambda: nn.LSTMCell(6, 4), numbers((3, 6), 6), lambda m, v: m(v, m(v))[0]),
        layer("gru_cell", lambda: nn.GRUCell(6, 4), numbers((3, 6), 6), lambda m, v: m(v, m(v))),
    ]
    acts = {"relu": F.relu, "leaky_relu": F.leaky_relu, "relu6": F.relu6, "elu": F.elu, "selu": F.selu, "gelu": F.gelu,
            "silu": F.silu, "mish": F.mish, "softplus": F.softplus, "softsign": F.softsign, "tanh": torch.tanh,
            "sigmoid": torch.sigmoid, "hard_tanh": F.hardtanh, "hard_sigmoid": F.hardsigmoid, "hard_swish": F.hardswish,
            "gelu_tanh": lambda v: 0.5 * v * (1 + torch.tanh(math.sqrt(2 / math.pi) * (v + 0.044715 * v**3))),
            "sin": torch.sin, "square_relu": lambda v: F.relu(v) ** 2, "identity": lambda v: v}
    points = numbers((12,), 8, 8.0)
    activations = {name: f(points).tolist() for name, f in acts.items()}

    a, b, c = (numbers((5, 4), s, 2.0) for s in (31, 32, 33))
    labels = integers((5,), 34, 4)
    p = numbers((5, 4), 35, 1.0).softmax(1)
    losses = {
        "bce_with_logits": F.binary_cross_entropy_with_logits(a, (b > 0).double()).item(),
        "l1_loss": F.l1_loss(a, b).item(),
        "huber_loss": F.huber_loss(a, b, delta=0.7).item(),
        "kl_loss": F.kl_div(a.log_softmax(1), p, reduction="batchmean").item(),
        "hinge_loss": F.multi_margin_loss(a, labels, margin=0.8).item(),
        "triplet_loss": F.triplet_margin_loss(a, b, c, margin=1.5, eps=0).item(),
        "info_nce": F.cross_entropy(F.normalize(a) @ F.normalize(b).T / 0.2, torch.arange(5)).item(),
        "distillation_loss": 9 * F.kl_div((a / 3).log_softmax(1), (b / 3).softmax(1), reduction="batchmean").item(),
        "cross_entropy_smooth": F.cross_entropy(a, labels, label_smoothing=0.1).item(),
    }
    here = os.path.dirname(os.path.abspath(__file__))
    path = os.path.join(here, "..", "fixtures", "nn", "torch.json")
    with open(path, "w") as f:
        json.dump({"source": "PyTorch " + torch.__version__ + ", float64; tests/nn/make_torch_fixtures.py",
                   "models": models, "layers": layers, "activations": activations, "losses": losses}, f)
        f.write("\n")


if __name__ == "__main__":
    main()
