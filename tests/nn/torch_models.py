"""The networks that tests and benchmarks compare with, in PyTorch: names and maths of torchvision, timm, nanoGPT and
airbench. Imported by make_torch_fixtures.py here and by ../bench/compare_torch.py."""
import math

import torch
import torch.nn as nn
import torch.nn.functional as F


class Mlp(nn.Sequential):
    def __init__(self, sizes):
        layers = [nn.Flatten()]
        for i, (a, b) in enumerate(zip(sizes, sizes[1:])):
            layers += [nn.Linear(a, b)] + ([nn.ReLU()] if i + 2 < len(sizes) else [])
        super().__init__(*layers)


class LeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 32, 3), nn.Conv2d(32, 64, 3)
        self.fc1, self.fc2 = nn.Linear(9216, 128), nn.Linear(128, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv2(F.relu(self.conv1(x)))), 2)
        return self.fc2(F.relu(self.fc1(torch.flatten(x, 1))))


class BasicBlock(nn.Module):
    def __init__(self, inp, out, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inp, out, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(out)
        self.conv2 = nn.Conv2d(out, out, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(out)
        self.downsample = None
        if stride != 1 or inp != out:
            self.downsample = nn.Sequential(nn.Conv2d(inp, out, 1, stride, bias=False), nn.BatchNorm2d(out))

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet(nn.Module):
    def __init__(self, depth, width, classes):
        super().__init__()
        n = (depth - 2) // 6
        self.conv1 = nn.Conv2d(3, width, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        channels = width
        for stage in range(3):
            blocks = []
            for i in range(n):
                out = width * 2**stage
                blocks.append(BasicBlock(channels, out, 2 if stage and i == 0 else 1))
                channels = out
            setattr(self, f"layer{stage + 1}", nn.Sequential(*blocks))
        self.fc = nn.Linear(channels, classes)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        return self.fc(self.layer3(self.layer2(self.layer1(x))).mean((2, 3)))


class VitAttention(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.heads = heads
        self.qkv, self.proj = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)

    def forward(self, x):
        b, t, c = x.shape
        q, k, v = self.qkv(x).reshape(b, t, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4)
        w = (q @ k.transpose(-2, -1) * (c // self.heads) ** -0.5).softmax(-1)
        return self.proj((w @ v).transpose(1, 2).reshape(b, t, c))


class VitBlock(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.norm1, self.attn = nn.LayerNorm(dim, eps=1e-6), VitAttention(dim, heads)
        self.norm2 = nn.LayerNorm(dim, eps=1e-6)
        self.mlp = nn.ModuleDict({"fc1": nn.Linear(dim, 4 * dim), "fc2": nn.Linear(4 * dim, dim)})

    def forward(self, x):
        x = x + self.attn(self.norm1(x))
        return x + self.mlp["fc2"](F.gelu(self.mlp["fc1"](self.norm2(x))))


class Vit(nn.Module):
    def __init__(self, size, patch, dim, depth, heads, classes):
        super().__init__()
        self.pos_embed = nn.Parameter(torch.zeros(1, (size // patch) ** 2, dim))
        self.patch_embed = nn.ModuleDict({"proj": nn.Conv2d(3, dim, patch, patch)})
        self.blocks = nn.Sequential(*[VitBlock(dim, heads) for _ in range(depth)])
        self.norm, self.head = nn.LayerNorm(dim, eps=1e-6), nn.Linear(dim, classes)

    def forward(self, x):
        x = self.patch_embed["proj"](x).flatten(2).transpose(1, 2) + self.pos_embed
        return self.head(self.norm(self.blocks(x)).mean(1))


class GptAttention(nn.Module):
    def __init__(self, dim, heads, block):
        super().__init__()
        self.heads = heads
        self.c_attn, self.c_proj = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        self.register_buffer("hidden", torch.ones(block, block).triu(1).bool(), persistent=False)

    def forward(self, x):
        b, t, c = x.shape
        q, k, v = (u.view(b, t, self.heads, c // self.heads).transpose(1, 2) for u in self.c_attn(x).split(c, dim=2))
        w = q @ k.transpose(-2, -1) / math.sqrt(c // self.heads)
        w = w.masked_fill(self.hidden[:t, :t], float("-inf")).softmax(-1)
        return self.c_proj((w @ v).transpose(1, 2).reshape(b, t, c))


class GptBlock(nn.Module):
    def __init__(self, dim, heads, block):
        super().__init__()
        self.ln_1, self.attn, self.ln_2 = nn.LayerNorm(dim), GptAttention(dim, heads, block), nn.LayerNorm(dim)
        self.mlp = nn.ModuleDict({"c_fc": nn.Linear(dim, 4 * dim), "c_proj": nn.Linear(4 * dim, dim)})

    def forward(self, x):
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp["c_proj"](F.gelu(self.mlp["c_fc"](self.ln_2(x))))


class Gpt(nn.Module):
    def __init__(self, vocabulary, block, dim, layers, heads):
        super().__init__()
        self.transformer = nn.ModuleDict({
            "wte": nn.Embedding(vocabulary, dim), "wpe": nn.Embedding(block, dim),
            "h": nn.ModuleList([GptBlock(dim, heads, block) for _ in range(layers)]), "ln_f": nn.LayerNorm(dim)})
        self.lm_head = nn.Linear(dim, vocabulary, bias=False)

    def forward(self, ids):
        t = self.transformer
        x = t["wte"](ids) + t["wpe"](torch.arange(ids.shape[1]))
        for block in t["h"]:
            x = block(x)
        return self.lm_head(t["ln_f"](x))


class CharLstm(nn.Module):
    def __init__(self, vocabulary, dim, hidden, layers):
        super().__init__()
        self.embed = nn.Embedding(vocabulary, dim)
        self.lstm = nn.LSTM(dim, hidden, layers, batch_first=True)
        self.head = nn.Linear(hidden, vocabulary)

    def forward(self, ids):
        return self.head(self.lstm(self.embed(ids))[0])


class AirbenchBlock(nn.Module):
    def __init__(self, inp, out):
        super().__init__()
        self.conv1 = nn.Conv2d(inp, out, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(out, eps=1e-12, momentum=0.4)
        self.conv2 = nn.Conv2d(out, out, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(out, eps=1e-12, momentum=0.4)
        self.norm1.weight.requires_grad_(False)
        self.norm2.weight.requires_grad_(False)

    def forward(self, x):
        x = F.gelu(self.norm1(F.max_pool2d(self.conv1(x), 2)))
        return F.gelu(self.norm2(self.conv2(x)))


class Airbench(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.whiten = nn.Conv2d(3, 24, 2)
        self.whiten.weight.requires_grad_(False)
        self.blocks = nn.Sequential(AirbenchBlock(24, 64), AirbenchBlock(64, 256), AirbenchBlock(256, 256))
        self.head = nn.Linear(256, classes, bias=False)

    def forward(self, x):
        x = self.blocks(F.gelu(self.whiten(x)))
        return self.head(F.max_pool2d(x, 3).flatten(1)) / 9


def conv_norm_relu6(inp, out, kernel, stride, groups):
    return nn.Sequential(nn.Conv2d(inp, out, kernel, stride, kernel // 2, groups=groups, bias=False),
                         nn.BatchNorm2d(out), nn.ReLU6(inplace=True))


class InvertedResidual(nn.Module):
    def __init__(self, inp, out, stride, expand):
        super().__init__()
        hidden = inp * expand
        layers = [conv_norm_relu6(inp, hidden, 1, 1, 1)] if expand != 1 else []
        layers += [conv_norm_relu6(hidden, hidden, 3, stride, hidden), nn.Conv2d(hidden, out, 1, bias=False),
                   nn.BatchNorm2d(out)]
        self.conv = nn.Sequential(*layers)
        self.residual = stride == 1 and inp == out

    def forward(self, x):
        return x + self.conv(x) if self.residual else self.conv(x)


class MobileNetMini(nn.Module):
    def __init__(self, classes):
        super().__init__()
        layers, inp, expand = [conv_norm_relu6(3, 16, 3, 1, 1)], 16, 1
        for out, blocks, stride in [(16, 1, 1), (24, 2, 2), (32, 2, 2), (64, 2, 2), (96, 1, 1)]:
            for i in range(blocks):
                layers.append(InvertedResidual(inp, out, 1 if i else stride, expand))
                inp = out
            expand = 4
        self.features = nn.Sequential(*layers, conv_norm_relu6(inp, 256, 1, 1, 1))
        self.classifier = nn.Sequential(nn.Dropout(0), nn.Linear(256, classes))

    def forward(self, x):
        return self.classifier(self.features(x).mean((2, 3)))


class UNetBlock(nn.Module):
    def __init__(self, inp, out, embedding):
        super().__init__()
        groups = lambda c: math.gcd(c, math.gcd(max(1, c // 4), 8))
        self.norm1, self.conv1 = nn.GroupNorm(groups(inp), inp), nn.Conv2d(inp, out, 3, padding=1)
        self.emb = nn.Linear(embedding, out)
        self.norm2, self.conv2 = nn.GroupNorm(groups(out), out), nn.Conv2d(out, out, 3, padding=1)
        self.skip = nn.Identity() if inp == out else nn.Conv2d(inp, out, 1)

    def forward(self, x, e):
        h = self.conv1(F.silu(self.norm1(x))) + self.emb(F.silu(e))[:, :, None, None]
        return self.skip(x) + self.conv2(F.silu(self.norm2(h)))


class SpatialAttention(nn.Module):
    def __init__(self, channels, heads):
        super().__init__()
        self.norm, self.attn = nn.GroupNorm(8, channels), VitAttention(channels, heads)

    def forward(self, x):
        return x + self.attn(self.norm(x).flatten(2).transpose(1, 2)).transpose(1, 2).reshape(x.shape)


class UNet(nn.Module):
    """channels 16, one block a resolution, channels times 1, 2, 2; classes + 1 embeddings."""

    def __init__(self, image_channels, classes, channels=16, mults=(1, 2, 2), heads=4):
        super().__init__()
        e = 4 * channels
        self.width = channels
        self.time1, self.time2, self.classes = nn.Linear(channels, e), nn.Linear(e, e), nn.Embedding(classes + 1, e)
        self.conv_in = nn.Conv2d(image_channels, channels, 3, padding=1)
        self.down, self.shrink, self.up, self.grow = (nn.ModuleList() for _ in range(4))
        skips, c = [channels], channels
        for level, m in enumerate(mults):
            self.down.append(UNetBlock(c, channels * m, e))
            c = channels * m
            skips.append(c)
            if level + 1 < len(mults):
                self.shrink.append(nn.Conv2d(c, c, 3, 2, 1))
                skips.append(c)
        self.mid1, self.mid_attn, self.mid2 = UNetBlock(c, c, e), SpatialAttention(c, heads), UNetBlock(c, c, e)
        for level in reversed(range(len(mults))):
            for _ in range(2):
                self.up.append(UNetBlock(c + skips.pop(), channels * mults[level], e))
                c = channels * mults[level]
            if level:
                self.grow.append(nn.Conv2d(c, c, 3, padding=1))
        self.norm_out, self.conv_out = nn.GroupNorm(math.gcd(c, max(1, c // 4)), c), nn.Conv2d(c, image_channels, 3, padding=1)

    def forward(self, x, time, classes):
        half = self.width // 2
        f = torch.exp(-math.log(10000) * torch.arange(half) / half) * time[:, None] * 1000
        e = self.time2(F.silu(self.time1(torch.cat([f.sin(), f.cos()], 1)))) + self.classes(classes)
        skips = [self.conv_in(x)]
        h = skips[0]
        for level, block in enumerate(self.down):
            h = block(h, e)
            skips.append(h)
            if level < len(self.shrink):
                h = self.shrink[level](h)
                skips.append(h)
        h = self.mid2(self.mid_attn(self.mid1(h, e)), e)
        for i, block in enumerate(self.up):
            h = block(torch.cat([h, skips.pop()], 1), e)
            if i % 2 and i // 2 < len(self.grow):
                h = self.grow[i // 2](F.interpolate(h, scale_factor=2))
        return self.conv_out(F.silu(self.norm_out(h)))
