#include "autograd/parameter.h"

namespace gradus {

const char* kind_name(ParamKind kind) {
  switch (kind) {
    case ParamKind::kWeight:
      return "weight";
    case ParamKind::kBias:
      return "bias";
    case ParamKind::kNorm:
      return "norm";
    case ParamKind::kEmbedding:
      return "embedding";
    case ParamKind::kHead:
      return "head";
  }
  return "?";
}

ParameterPtr make_parameter(std::string name, ParamKind kind, const Tensor& value) {
  auto p = std::make_shared<Parameter>();
  p->name = std::move(name);
  p->kind = kind;
  p->value = variable(value);
  return p;
}

}  // namespace gradus
