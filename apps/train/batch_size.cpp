#include "apps/train/batch_size.h"

#include "core/error.h"

namespace gradus {

AdaptiveBatch BatchSize::rule() const {
  const Spec spec = parse_spec(text);
  if (spec.name != "adaptive" || !spec.inner.empty())
    fail<UsageError>("batch size '{}': neither a number of examples nor adaptive:key=value,...", text);
  AdaptiveBatch rule;
  set_options(rule, spec.options, "batch size adaptive");
  if (rule.most < rule.first)
    fail<UsageError>("batch size adaptive: most = {} is less than first = {}", rule.most, rule.first);
  return rule;
}

BatchSize::operator int64() const {
  if (adaptive()) return rule().first;
  int64 size = 0;
  parse_option(text, &size, at_least(1), "batch_size");
  return size;
}

void BatchSize::check() const {
  const int64 first = *this;
  static_cast<void>(first);
}

}  // namespace gradus
