// What the functions of this family share: networks "W1, b1, ..., Wn, bn" as inputs and outputs of a case.
#pragma once

#include <string>
#include <vector>

#include "apps/papers/case_function.h"
#include "autograd/functional/functional.h"
#include "nn/layers/activation.h"

namespace gradus {

/// "logistic" and "threshold" beside the names of the table.
Activation case_activation(const std::string& name);
/// "v_W1", "v_b1", ... in order: PREFIXW1, PREFIXb1, PREFIXW2, ... Throws DataError where they do not come in pairs.
std::vector<Tensor> dense_inputs(const CaseValues& in, const std::string& prefix = "");
/// The same names as outputs.
void set_dense(CaseValues& out, const std::string& prefix, const std::vector<Tensor>& tensors);
/// Row s of the leading axis, without that axis.
Tensor row_of(const Tensor& x, int64 s);
IntTensor row_of(const IntTensor& x, int64 s);
/// Mean cross-entropy of the network on a batch, as a function of its parameters.
Function dense_loss(const Activation& act, const Tensor& x, const IntTensor& y);
/// Tensors as they are at first, in storage of their own.
std::vector<Tensor> copies_of(const std::vector<Tensor>& tensors);

}  // namespace gradus
