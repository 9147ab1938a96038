// The entries of the server rules, and how a rule becomes one.
//
// A rule R is a struct with Options (visit) and
//   static void update(Tensor& x, const Tensor& delta, State& s, const Options& o, int64 t)
// or the same with the whole round in place of delta, and where it sets the clients' step size
//   static double client_lr_scale(const State& s, const Options& o)
#pragma once

#include <utility>

#include "optim/server/server_rule.h"

namespace gradus::servers {

template <class R>
class ServerRuleOf final : public ServerRule {
 public:
  ServerRuleOf(std::string name, const OptionList& given) : name_(std::move(name)) {
    set_options(options_, given, "server rule " + name_);
  }
  std::string spec() const override { return Spec{name_, "", option_list(options_)}.str(); }
  double client_lr_scale() const override {
    if constexpr (requires(const State& s) { R::client_lr_scale(s, options_); })
      return R::client_lr_scale(state(), options_);
    else
      return 1;
  }

 private:
  void update(Tensor& x, const ServerRound& round, State& s, int64 t) override {
    if constexpr (requires { R::update(x, round, s, options_, t); })
      R::update(x, round, s, options_, t);
    else
      R::update(x, round.delta, s, options_, t);
  }
  std::string name_;
  typename R::Options options_;
};

template <class R>
ServerRuleEntry server_entry(std::string name, std::string summary, std::string paper,
                             std::string equations) {
  ServerRuleEntry entry{std::move(name),
                        std::move(summary),
                        std::move(paper),
                        std::move(equations),
                        describe_options<typename R::Options>(),
                        {}};
  entry.make = [name = entry.name](const OptionList& given) -> ServerRulePtr {
    return std::make_unique<ServerRuleOf<R>>(name, given);
  };
  return entry;
}

ServerRuleEntry fedavg();
ServerRuleEntry fedavgm();
ServerRuleEntry fedadagrad();
ServerRuleEntry fedadam();
ServerRuleEntry fedyogi();
ServerRuleEntry fedhyper_g();
ServerRuleEntry fedhyper_gm();
ServerRuleEntry fedhyper_sl();
ServerRuleEntry fedexp();
ServerRuleEntry decay_g();
ServerRuleEntry decay_sl();

}  // namespace gradus::servers
