// Activations computed again in the backward pass instead of being kept: more time for less memory.
//
// Paper: Chen, Xu, Zhang, Guestrin, "Training Deep Nets with Sublinear Memory Cost", 2016, arXiv 1604.06174. Of a block only its input
// is kept; when the backward pass comes to it, the block runs once more, recorded this time, and is differentiated. Of L blocks L inputs
// and the activations of one block are alive at once, for one more forward pass of the blocks.
//
// The same bits: the second run draws the dropout masks of the first and leaves running statistics alone.
#pragma once

#include "nn/module.h"

namespace gradus {

/// Has the blocks of a model computed again: the items of its outermost lists (ModuleList, Sequential) that are made of layers
/// themselves, all but the very last, whose activations are the first to be asked for. Returns how many there are. Throws UsageError for a model that has none, and for one whose blocks take more than one input.
int64 recompute_blocks(Module& model);

/// module(x) as a call that keeps nothing but its inputs: x and the module's parameters. Gradients of every order and forward mode are
/// those of module(x). What reaches a block by other ways (a tensor that a hook holds) counts as constant.
Tensor recomputed_call(Module& module, const Input& x);

}  // namespace gradus
